// What the state of a proposal means, and what can be done about it.
import type { Proposal } from "../../api/generated/atoll/v1/sharing_pb";

export function differenceCount(count: number): string {
  if (count === 0) return "nothing";
  return count === 1 ? "1 place" : `${count.toLocaleString("en")} places`;
}

export function stateWords(proposal: Proposal): string {
  // Where it waits and its publication locks it or no longer brings the resource.
  if (proposal.message.startsWith("does not run here")) {
    return `The edit ${proposal.message}. Accept it to make it everybody's, or decline it.`;
  }
  if (proposal.state === "declined" && proposal.message.startsWith("turned down")) {
    return `The edit was ${proposal.message}: the node runs what is released. The edit stays in the history.`;
  }
  switch (proposal.state) {
    case "proposed":
      return "The edit runs on this node only. Accept it to make it everybody's, or decline it and the node goes back to what is released.";
    case "forked":
      return "The publication keeps edits where they are made: this node runs its own. You may accept it for everybody all the same.";
    case "conflict":
      return "The edit and what is released do not merge. The node keeps its own until somebody decides.";
    case "declined":
      return "The edit was declined: the node runs what is released. The edit stays in the history.";
    case "accepted":
      return "The edit was accepted. It runs everywhere with the next release.";
    case "released":
      return "The edit is part of what is released.";
    case "unapplied":
      return "The edit does not run on its node: nobody knows what it was made from, or the resource is locked there. Accept it to make it everybody's.";
    case "rejected":
      return "The edit could not be taken: the node runs what is released. Its content stays in the history.";
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
