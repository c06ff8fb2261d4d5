// What the state of a proposal means, and what can be done about it.
import type { Proposal } from "../../api/generated/atoll/v1/sharing_pb";

export function differenceCount(count: number): string {
  if (count === 0) return "nothing";
  return count === 1 ? "1 place" : `${count.toLocaleString("en")} places`;
}

export function stateWords(proposal: Proposal): string {
  const told = proposal.message === "" ? "" : ` For its node: “${proposal.message}”.`;
  if (whyNotDecided(proposal) === undefined && !proposal.runs) {
    return `The edit does not run on its node now. Accept it to share it, or decline it.${told}`;
  }
  switch (proposal.state) {
    case "proposed":
      return `The edit runs on this node only. Accept it to share it, or decline it to return the node to the release.${because(proposal)}`;
    case "forked":
      return "The publication keeps edits on the node that made them. You can still accept this one to share it.";
    case "conflict":
      return "The edit does not merge with the shared resource. The node keeps its edit until the conflict is resolved.";
    case "declined":
      if (proposal.message.startsWith("taken back")) return "The edit was taken back before it was released: what is released contains none of it. It stays in the history.";
      return `The edit was declined: the node goes back to the release once it hears of it, a cordoned one when it is uncordoned. The edit stays in the history.${told}`;
    case "accepted":
      return "The edit was accepted. It is in the draft, and nodes get it once the draft is released.";
    case "released":
      return endOf(proposal);
    case "rejected":
      return `The edit was rejected: the node runs the release. Its content stays in the history.${told}`;
    default:
      return "";
  }
}

/** A release may contain an edit in part, and an edit may be undone where it was made. */
function endOf({ message }: Proposal): string {
  if (message.startsWith("undone")) return "The edit was undone on its node. Nothing of it is left to decide.";
  if (message.startsWith("released in part")) return `The edit is part of what is released, but not all of it: ${message.slice("released in part: ".length)}.`;
  return "The edit is part of what is released.";
}

const AWAITS = "awaits approval: ";

/** Why an edit waits that would be released at once. What it takes back is said by itself. */
function because({ message, takesBack }: Proposal): string {
  if (message.includes("is released after")) return " It is released by itself after what it was made from.";
  const at = message.indexOf(AWAITS);
  return at < 0 || takesBack.length > 0 ? "" : ` It was not released at once, because ${message.slice(at + AWAITS.length)}.`;
}

/** Why it cannot be decided; the manager has the last word. */
export function whyNotDecided(proposal: Proposal): string | undefined {
  if (proposal.state === "declined") return "Already declined";
  if (proposal.state === "accepted" || proposal.state === "released") return "Already accepted";
  if (proposal.state === "rejected") return "Already rejected; its content is in the history";
  return undefined;
}
