// What a publication is to be, as a form holds it.
import type { MessageInitShape } from "@bufbuild/protobuf";

import type { Selector } from "../../api/generated/atoll/v1/common_pb";
import type { Publication, PublicationItem, PublicationSchema, Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { quote } from "../../ui/copy";
import { labelTexts, readLabels } from "../../ui/Labels";

export type Item = Pick<PublicationItem, "resourceId" | "kind" | "name" | "policy" | "version">;

export type Wish = { name: string; group: string; labels: string[]; priority: string; mode: string; items: Item[] };

export type Mode = {
  value: string;
  label: string;
  /** What becomes of an edit on a node, in a few words. */
  short: string;
  sentence: string;
};

export const MODES: readonly Mode[] = [
  { value: "propose", label: "Propose", short: "(edits run there, pending approval)", sentence: "An edit on a node runs there at once and is shared once an administrator accepts it." },
  { value: "fork", label: "Fork", short: "(edits stay on the node)", sentence: "An edit stays on its node; administrators can see it." },
  { value: "locked", label: "Locked", short: "(edits are refused)", sentence: "A node refuses edits: what is released is what runs." },
  { value: "write_through", label: "Write through", short: "(edits are released at once)", sentence: "An edit on a node is released at once, without approval." },
];

export function modeOf(value: string): Mode {
  return MODES.find((mode) => mode.value === value) ?? { value, label: value, short: "", sentence: "" };
}

/** The priority is a number of 32 bits. */
const PRIORITY_MOST = 2_147_483_647;

export function newWish(): Wish {
  return { name: "", group: "/", labels: [], priority: "0", mode: "propose", items: [] };
}

export function wishOf(publication: Publication): Wish {
  return {
    name: publication.name,
    group: publication.selector?.group || "/",
    labels: labelTexts(publication.selector?.labels ?? {}),
    priority: String(publication.priority),
    mode: publication.editMode,
    items: publication.items.map(({ resourceId, kind, name, policy, version }) => ({ resourceId, kind, name, policy, version })),
  };
}

export function itemOf(resource: Resource): Item {
  return { resourceId: resource.id, kind: resource.kind, name: resource.name, policy: "latest", version: "" };
}

/** Why a wish cannot be sent as it is. The manager checks what needs to be known of the fleet. */
export function whyNotSaved(wish: Wish): string | undefined {
  if (wish.name.trim() === "") return "Enter a name";
  if (!/^[\p{L}\p{N}._-]{1,100}$/u.test(wish.name.trim())) return "A name is 1 to 100 letters, digits, -, _ and .";
  if (wish.group === "") return "Choose a group";
  const labels = readLabels(wish.labels).problem;
  if (labels) return labels;
  if (!/^-?\d+$/.test(wish.priority.trim()) || Math.abs(Number(wish.priority)) > PRIORITY_MOST) return "The priority is a whole number";
  const open = wish.items.find((item) => item.policy === "pin" && item.version === "");
  return open ? `Choose the version ${open.name} is pinned to` : undefined;
}

export function publicationOf(wish: Wish): MessageInitShape<typeof PublicationSchema> {
  return {
    name: wish.name.trim(),
    selector: { group: wish.group, labels: readLabels(wish.labels).labels },
    priority: Number(wish.priority),
    editMode: wish.mode,
    items: wish.items,
  };
}

export function setCommand(wish: Wish): string {
  const words = [
    ["--group", wish.group],
    ...wish.labels.map((label) => ["--label", label]),
    ["--priority", wish.priority.trim()],
    ["--mode", wish.mode.replaceAll("_", "-")],
    ...wish.items.map((item) => [item.kind === "variable_set" ? "--vars" : "--template", item.policy === "pin" ? `${item.name}@${item.version}` : item.name]),
  ];
  return `atoll publication set ${quote(wish.name.trim())}${words.map(([flag, value]) => ` ${flag} ${quote(value ?? "")}`).join("")}`;
}

/** The nodes of a selector in words; labels are shown beside it. */
export function selectorWords(selector: Selector | undefined): string {
  const group = selector?.group || "/";
  const hasLabels = Object.keys(selector?.labels ?? {}).length > 0;
  const where = group === "/" ? "Every node of the fleet" : `Nodes in ${group} and below`;
  return hasLabels ? `${where} that ${group === "/" ? "has" : "have"} the labels` : where;
}

/** The filter of the list of nodes that shows the same nodes. */
export function nodesFilter(selector: Selector | undefined): string {
  const group = selector?.group || "/";
  return [...(group === "/" ? [] : [`group=${group}`]), ...labelTexts(selector?.labels ?? {})].join(" ");
}

type Reach = { nodes: bigint; gained: bigint; lost: bigint };

/** "Reaches 120 nodes: 12 new, 3 lost." */
export function reachWords({ nodes, gained, lost }: Reach): string {
  const count = (number: bigint) => number.toLocaleString("en");
  const whom = nodes === 0n ? "no node" : nodes === 1n ? "1 node" : `${count(nodes)} nodes`;
  if (gained === 0n && lost === 0n) return `Reaches ${whom}: the same nodes as now.`;
  const parts = [...(gained > 0n ? [`${count(gained)} new`] : []), ...(lost > 0n ? [`${count(lost)} lost`] : [])];
  return `Reaches ${whom}: ${parts.join(", ")}.`;
}
