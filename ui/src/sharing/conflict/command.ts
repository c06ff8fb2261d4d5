// The command line that gives the same answers.
import type { Conflict, ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { quote } from "../../ui/copy";
import { type Answer, type Draft, stateOf } from "./draft";
import { sideWord } from "./sides";

export function resolveCommand(conflict: Conflict, draft: Draft): string {
  const given = conflict.places.flatMap((place) => {
    const answer = draft.answers[place.key];
    return answer && stateOf(place, answer) === "answered" ? [{ place, take: takeWord(conflict, answer) }] : [];
  });
  const first = given[0]?.take ?? "";
  const isOneForAll = given.length === conflict.places.length && !first.startsWith("value:") && given.every(({ take }) => take === first);
  const takes = isOneForAll
    ? ` --take ${first}`
    : given.map(({ place, take }) => ` --choose ${quote(`${placeWord(conflict, place)}=${take}`)}`).join("");
  const said = draft.message ? ` -m ${quote(draft.message)}` : "";
  const looked = conflict.etag ? ` --expect ${quote(conflict.etag)}` : "";
  return `atoll conflict resolve ${quote(conflict.id)}${looked}${takes}${said}${draft.release && !conflict.staysOnNode ? " --publish" : ""}`;
}

function takeWord(conflict: Conflict, answer: Answer): string {
  if (answer.take === "ours" || answer.take === "theirs") return sideWord(conflict, answer.take);
  if (answer.take !== "hunks" && answer.take !== "edit") return answer.take;
  return answer.value ? `value:${answer.value}` : "nothing";
}

/** The path that people know, unless it would not be told apart. */
function placeWord(conflict: Conflict, place: ConflictPlace): string {
  const isPlain = conflict.places.filter((one) => one.path === place.path).length === 1 && !place.path.includes("=");
  return isPlain ? place.path : place.key;
}
