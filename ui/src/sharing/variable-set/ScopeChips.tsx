// Where a value applies, in short.
import { isEverywhere, type Scope, SCOPE_KEYS, scopeText } from "./values";

export function ScopeChips({ of }: { of: Scope }) {
  if (isEverywhere(of)) return <span className="resource-dim">everywhere</span>;
  return (
    <span className="scope-chips" title={scopeText(of)}>
      {SCOPE_KEYS.filter(({ key }) => of[key].length > 0).map(({ key, field }) => (
        <span key={key} className="label">
          {field}: <bdi>{of[key].join(" or ")}</bdi>
        </span>
      ))}
    </span>
  );
}
