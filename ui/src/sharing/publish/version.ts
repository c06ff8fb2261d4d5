// Versions as they are counted up, and who would follow.
import type { Publication } from "../../api/generated/atoll/v1/sharing_pb";

export type Step = "major" | "minor" | "patch";

const SHAPE = /^(\d+)\.(\d+)\.(\d+)$/;

type Parts = [number, number, number];

export function partsOf(version: string): Parts | undefined {
  const match = SHAPE.exec(version);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined;
}

/** The version after the latest one. The first is 1.0.0 whichever number is counted up. */
export function nextVersion(latest: string, step: Step): string {
  const parts = partsOf(latest);
  if (!parts) return "1.0.0";
  const [major, minor, patch] = parts;
  if (step === "major") return `${major + 1}.0.0`;
  return step === "minor" ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
}

/** Why a version that was typed cannot be taken. */
export function versionProblem(version: string, latest: string): string | undefined {
  const parts = partsOf(version);
  if (!parts) return "Enter a version such as 1.4.0";
  const before = partsOf(latest);
  return before && !isHigher(parts, before) ? `It must be higher than ${latest}` : undefined;
}

function isHigher(one: Parts, other: Parts): boolean {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at >= 0 && (one[at] ?? 0) > (other[at] ?? 0);
}

export type Carrier = { name: string; nodes: number; pinned: string };

/** The publications that carry a resource; those that pin it stay where they are. */
export function carriersOf(publications: readonly Publication[], resourceId: string): Carrier[] {
  return publications.flatMap((publication) => {
    const item = publication.items.find((one) => one.resourceId === resourceId);
    return item ? [{ name: publication.name, nodes: Number(publication.nodes), pinned: item.policy === "pin" ? item.version : "" }] : [];
  });
}

/** How many nodes would follow, in words. A node that two publications reach is counted once only where the sum is known. */
export function followersText(carriers: readonly Carrier[], total: number): string {
  const following = carriers.filter((carrier) => carrier.pinned === "");
  if (following.length === 0) return "No node follows.";
  const sum = following.reduce((nodes, carrier) => nodes + carrier.nodes, 0);
  const isExact = following.length === carriers.length;
  const nodes = isExact ? total : Math.min(sum, total);
  const said = `${nodes.toLocaleString("en")} ${nodes === 1 ? "node" : "nodes"}`;
  return isExact ? `Nodes that follow: ${said}.` : `Nodes that follow: at most ${said}. Nodes whose publication pins a version stay on it.`;
}
