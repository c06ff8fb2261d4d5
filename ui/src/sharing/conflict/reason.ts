// Why a place needs a person, in words.
import type { ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { other, type SideNames } from "./sides";

const BOTH = "Each side changed this to a different value.";

export function reasonWords(place: ConflictPlace, sides: SideNames): string {
  switch (place.reason) {
    case "both_changed":
      return BOTH;
    case "edit_and_delete":
      return removalWords(place, sides);
    case "order":
      return "Both sides reordered this list differently.";
    case "text":
      return isManyLines(place) ? "Both sides changed this text, and their lines do not merge automatically." : BOTH;
    case "text_review":
      return "Both sides changed this text in different lines. They merge, but this resource requires a review first.";
    case "semantic":
      return "Each side is valid on its own; merged, they break a rule.";
    default:
      return "This place needs a decision.";
  }
}

function removalWords(place: ConflictPlace, sides: SideNames): string {
  if (place.ours !== "" && place.theirs !== "") return "One side removed this while the other changed it.";
  const remover = place.ours === "" ? "ours" : "theirs";
  const what = place.key === "" ? "deleted this resource" : "removed this";
  const { name } = sides[remover];
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${what} while ${sides[other(remover)].name} changed it. Keep it or remove it.`;
}

function isManyLines(place: ConflictPlace): boolean {
  return [place.ours, place.theirs].some((json) => json.includes("\\n"));
}
