// What addresses carry after the question mark. Every view can be sent to somebody else as it is.
export type ListSearch = { filter?: string; order?: string };

type Raw = Record<string, unknown>;

/** Longest text taken from an address. */
const TEXT_LIMIT = 2_000;

export function text(raw: Raw, key: string): string | undefined {
  const value = raw[key];
  const read = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
  return typeof read === "string" && read !== "" ? read.slice(0, TEXT_LIMIT) : undefined;
}

/** Reads the named texts and drops everything else. */
export function texts<K extends string>(...keys: K[]): (raw: Raw) => { [key in K]?: string } {
  return (raw) => {
    const found: { [key in K]?: string } = {};
    for (const key of keys) {
      const value = text(raw, key);
      if (value !== undefined) found[key] = value;
    }
    return found;
  };
}

export const listSearch: (raw: Raw) => ListSearch = texts("filter", "order");

/** An address without what is empty: the default is not written down. */
export function withoutEmpty<T extends object>(search: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== "")) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
