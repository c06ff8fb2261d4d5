// How a revision is spoken of.
import type { Revision } from "../../api/generated/atoll/v1/sharing_pb";
import { shortId } from "../resource/kind";

const ORIGINS: Record<string, string> = {
  edit: "Edit",
  import: "Import",
  merge: "Merge",
  resolution: "Conflict resolution",
  rollback: "Restored",
  delete: "Deletion",
};

export function originLabel(origin: string): string {
  return ORIGINS[origin] ?? origin;
}

/** Who made it and where. Which node it was is proven; who sat there is what the node claims. */
export function madeBy(revision: Pick<Revision, "author" | "node">): string {
  if (revision.node === "") return `${revision.author || "somebody"} at the manager`;
  return revision.author === "" ? revision.node : `${revision.node} (claims: ${revision.author})`;
}

/** The same where there is little room: the manager goes without saying. */
export function madeByShort(revision: Pick<Revision, "author" | "node">): string {
  if (revision.node === "" || revision.author === "") return revision.author || revision.node;
  return `${revision.node} (claims: ${revision.author})`;
}

/** What it came from, in words: the table's twin of the graph's lines. */
export function madeFrom(revision: Revision, known: ReadonlyMap<string, Revision>): string {
  const parents = revision.parents.map((id) => {
    const parent = known.get(id);
    return parent && revision.parents.length > 1 ? `${shortId(id)} by ${madeByShort(parent)}` : shortId(id);
  });
  return parents.length === 0 ? "none" : parents.join(" and ");
}

/** The two revisions to compare after one more was chosen: the newest choice and the one before it. */
export function chosen(before: readonly string[], next: ReadonlySet<string>): string[] {
  const added = [...next].filter((id) => !before.includes(id));
  return [...before.filter((id) => next.has(id)), ...added].slice(-2);
}

/** Older first. What is not in the list, such as a version, stays where it is. */
export function inOrder(ids: readonly string[], newestFirst: readonly Revision[]): string[] {
  const at = (id: string) => newestFirst.findIndex((revision) => revision.id === id);
  return [...ids].sort((one, other) => (at(one) < 0 || at(other) < 0 ? 0 : at(other) - at(one)));
}
