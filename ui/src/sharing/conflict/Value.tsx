// A value at a place, alone or against what it was before.
import { TextDiff } from "../../ui/TextDiff";
import { holdsSealed, isOrder, parsed, shownJson, textOf } from "./place";

/** Longest single line that is shown as it is instead of line by line. */
const SHORT = 120;

type ValueProps = {
  label: string;
  path: string;
  json: string;
  /** What to compare it with; nothing shows it as it is. */
  base?: string | undefined;
  /** What an absent value means. */
  absent?: string;
  names: ReadonlyMap<string, string>;
};

export function Value({ label, path, json, base, absent = "Nothing: it is not there", names }: ValueProps) {
  if (json === "") return <p className="conflict-absent">{absent}</p>;
  if (isOrder(path)) return <Order label={label} keys={parsed(json)} names={names} />;
  const text = shownJson(json);
  if (text === "") return <p className="conflict-absent">An empty text</p>;
  if (parsed(json) === null) return <p className="conflict-absent">Null: explicitly no value</p>;
  const isLong = text.includes("\n") || text.length > SHORT;
  if (base && isLong && !isWholeSealed(json)) return <TextDiff label={label} from={shownJson(base)} to={text} />;
  if (base && !isLong && textOf(base) !== undefined && textOf(json) !== undefined) return <TextDiff label={label} from={shownJson(base)} to={text} />;
  return (
    <pre className="conflict-value" tabIndex={isLong ? 0 : undefined} aria-label={isLong ? label : undefined} role={isLong ? "region" : undefined}>
      {text}
    </pre>
  );
}

function isWholeSealed(json: string): boolean {
  return holdsSealed(json) && shownJson(json) === "a sealed value";
}

/** The elements of a list in an order; those whose name is not known by the manager's key for them. */
export function Order({ label, keys, names }: { label: string; keys: unknown; names: ReadonlyMap<string, string> }) {
  const list = Array.isArray(keys) ? keys.map(String) : [];
  return (
    <ol className="conflict-order" aria-label={label}>
      {list.map((key) => (
        <li key={key}>
          <bdi>{names.get(key) ?? key}</bdi>
        </li>
      ))}
    </ol>
  );
}
