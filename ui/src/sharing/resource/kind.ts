// The kinds of resources, and how the pages speak of each.
export type Kind = {
  /** Its name in the contract. */
  name: "step_template" | "variable_set";
  noun: string;
  nouns: string;
  title: string;
  /** The word of the command line. */
  command: string;
  list: "/templates" | "/variable-sets";
};

export const TEMPLATE: Kind = {
  name: "step_template",
  noun: "template",
  nouns: "templates",
  title: "Templates",
  command: "template",
  list: "/templates",
};

export const VARIABLE_SET: Kind = {
  name: "variable_set",
  noun: "variable set",
  nouns: "variable sets",
  title: "Variable sets",
  command: "vars",
  list: "/variable-sets",
};

export const KINDS: readonly Kind[] = [TEMPLATE, VARIABLE_SET];

/** Where one resource has its page. */
export function pageOf(kind: Kind): "/templates/$name" | "/variable-sets/$name" {
  return `${kind.list}/$name`;
}

/** Enough of a revision's id to know it by. */
export function shortId(id: string): string {
  return id.slice(0, 10);
}
