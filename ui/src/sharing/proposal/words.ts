// What the state of a proposal means, and what can be done about it.
import type { Proposal } from "../../api/generated/atoll/v1/sharing_pb";

export function differenceCount(count: number): string {
  if (count === 0) return "nothing";
  return count === 1 ? "1 place" : `${count.toLocaleString("en")} places`;
}

export function stateWords(proposal: Proposal): string {
  const told = proposal.message === "" ? "" : ` Its node was told: “${proposal.message}”.`;
  if (whyNotDecided(proposal) === undefined && !proposal.runs) {
    return `The edit does not run on its node now. Accept it to make it everybody's, or decline it.${told}`;
  }
  switch (proposal.state) {
    case "proposed":
      return "The edit runs on this node only. Accept it to make it everybody's, or decline it and the node goes back to what is released.";
    case "forked":
      return "The publication keeps edits where they are made: this node runs its own. You may accept it for everybody all the same.";
    case "conflict":
      return "The edit and what is released do not merge. The node keeps its own until somebody decides.";
    case "declined":
      return `The edit was declined: the node goes back to what is released, as soon as it is connected. The edit stays in the history.${told}`;
    case "accepted":
      return "The edit was accepted. It is in the draft, and runs everywhere once that is released.";
    case "released":
      return "The edit is part of what is released.";
    case "rejected":
      return `The edit could not be taken: the node runs what is released. Its content stays in the history.${told}`;
    default:
      return "";
  }
}

/** Why it cannot be decided; the manager has the last word. */
export function whyNotDecided(proposal: Proposal): string | undefined {
  if (proposal.state === "declined") return "It was declined already";
  if (proposal.state === "accepted" || proposal.state === "released") return "It was accepted already";
  if (proposal.state === "rejected") return "It was rejected; its content is in the history";
  return undefined;
}
