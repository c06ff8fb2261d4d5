// Who stands on which side of a question.
import type { Conflict, ConflictPlace, PlaceAuthor, Revision } from "../../api/generated/atoll/v1/sharing_pb";
import { madeByShort } from "../revision/words";
import type { Side } from "./hunks";

export type SideName = {
  /** In a sentence: `node prod-1`. */
  name: string;
  /** Begins a sentence or a button. */
  title: string;
};

export type SideNames = Record<Side, SideName> & {
  /** The side shown and named first. */
  first: Side;
};

export function other(side: Side): Side {
  return side === "ours" ? "theirs" : "ours";
}

/** Names both sides: a node and the manager, or two administrators by name, or two edits of one by their order. */
export function sideNames(conflict: Conflict): SideNames {
  if (conflict.nodeSide === "ours" || conflict.nodeSide === "theirs") {
    const node = { name: `node ${conflict.node}`, title: `Node ${conflict.node}` };
    const manager = { name: "the manager", title: "Manager" };
    return conflict.nodeSide === "ours"
      ? { ours: node, theirs: manager, first: "theirs" }
      : { ours: manager, theirs: node, first: "ours" };
  }
  const [ours, theirs] = conflict.revisions;
  const first: Side = (ours?.atMs ?? 0n) <= (theirs?.atMs ?? 0n) ? "ours" : "theirs";
  if (ours?.author && theirs?.author && ours.author !== theirs.author) {
    return { ours: by(ours), theirs: by(theirs), first };
  }
  const author = ours?.author ?? theirs?.author ?? "";
  const edit = (which: string): SideName => ({
    name: `the ${which} edit`,
    title: `The ${which} edit${author ? ` by ${author}` : ""}`,
  });
  return first === "ours" ? { ours: edit("earlier"), theirs: edit("later"), first } : { ours: edit("later"), theirs: edit("earlier"), first };
}

function by(revision: Revision): SideName {
  return { name: `${revision.author}'s edit`, title: `${revision.author}'s edit` };
}

/** The word by which the command line knows a side. */
export function sideWord(conflict: Conflict, side: Side): string {
  if (conflict.nodeSide === "") return side;
  return conflict.nodeSide === side ? "node" : "manager";
}

export function authorOf(place: Pick<ConflictPlace, "oursBy" | "theirsBy">, side: Side): PlaceAuthor | undefined {
  return side === "ours" ? place.oursBy : place.theirsBy;
}

/** Whoever made the two sides, for a row of the queue. */
export function authors(conflict: Conflict): string {
  const names = sideNames(conflict);
  const sides: readonly Side[] = [names.first, other(names.first)];
  return sides
    .map((side) => {
      const { author = "", node = "" } = conflict.revisions[side === "ours" ? 0 : 1] ?? {};
      // What another node has made is that node's, whatever it claims; the side is the manager's all the same.
      if (node !== "") return madeByShort({ author, node });
      if (conflict.nodeSide === side) return madeByShort({ author, node: conflict.node });
      if (conflict.nodeSide === "") return author;
      return author ? `${author} at the manager` : "the manager";
    })
    .filter((text) => text !== "")
    .join(" and ");
}
