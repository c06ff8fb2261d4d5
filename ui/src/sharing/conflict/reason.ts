// Why a place needs a person, in words.
import type { ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { other, type SideNames } from "./sides";

const BOTH = "Both sides changed this value, and not to the same.";

export function reasonWords(place: ConflictPlace, sides: SideNames): string {
  switch (place.reason) {
    case "both_changed":
      return BOTH;
    case "edit_and_delete":
      return removalWords(place, sides);
    case "order":
      return "Both sides moved elements of this list, into different orders.";
    case "text":
      return isManyLines(place) ? "Both sides changed this text, and their lines do not merge by themselves." : BOTH;
    case "text_review":
      return "Both sides changed this text in different lines. They merge, and this resource asks for a look before that is taken.";
    case "semantic":
      return "Each side is right by itself; put together, they break a rule.";
    default:
      return "This place needs a decision.";
  }
}

function removalWords(place: ConflictPlace, sides: SideNames): string {
  if (place.ours !== "" && place.theirs !== "") return "One side took this away while the other changed it.";
  const remover = place.ours === "" ? "ours" : "theirs";
  const what = place.key === "" ? "deleted this resource" : "took this away";
  const { name } = sides[remover];
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${what} while ${sides[other(remover)].name} changed it. Keep it, or let it go.`;
}

function isManyLines(place: ConflictPlace): boolean {
  return [place.ours, place.theirs].some((json) => json.includes("\\n"));
}
