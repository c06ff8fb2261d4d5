// Where the question "what applies?" is asked from, as part of the page's address.
import { quote } from "../../ui/copy";

export type Place = { node: string; environment: string; role: string; target: string; group: string; words: string };

export const NOWHERE: Place = { node: "", environment: "", role: "", target: "", group: "", words: "" };

export const PLACE_FIELDS = ["environment", "role", "target", "group"] as const;

/** Reads `environment=production word` as the filter of the address has it; values are encoded, for they may hold blanks. */
export function readPlace(node: string, filter: string): Place {
  const place: Place = { ...NOWHERE, node };
  const words: string[] = [];
  for (const term of filter.split(/\s+/).filter((one) => one !== "")) {
    const at = term.indexOf("=");
    const field = PLACE_FIELDS.find((one) => one === term.slice(0, at));
    if (field) place[field] = decode(term.slice(at + 1));
    else words.push(term);
  }
  return { ...place, words: words.join(" ") };
}

export function writePlace(place: Place): { node: string; filter: string } {
  const terms = PLACE_FIELDS.filter((field) => place[field].trim() !== "").map((field) => `${field}=${encodeURIComponent(place[field].trim())}`);
  return { node: place.node.trim(), filter: [...terms, place.words.trim()].filter((term) => term !== "").join(" ") };
}

/** The place in words. */
export function placeText(place: Place): string {
  const given = PLACE_FIELDS.filter((field) => place[field] !== "").map((field) => `${field} ${place[field]}`);
  if (place.node !== "") return `the node ${place.node}${given.length > 0 ? `, taken as ${given.join(", ")}` : ""}`;
  return given.length > 0 ? given.join(", ") : "no place: only values for everywhere apply";
}

export function effectiveCommand(set: string, place: Place): string {
  const given = [["node", place.node] as const, ...PLACE_FIELDS.map((field) => [field, place[field]] as const)].filter(([, value]) => value !== "");
  return `atoll vars effective ${quote(set)}${given.map(([field, value]) => ` --${field} ${quote(value)}`).join("")} --explain`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
