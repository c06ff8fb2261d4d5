// The values that nodes would get, lose or get another of, as lines of a list.
import type { ValueChange } from "../api/generated/atoll/v1/common_pb";

/** What every preview says about values. */
export type Foreseen = { values: readonly ValueChange[]; valuesTotal: bigint; notLookedAt: bigint };

type ValueLinesProps = {
  of: Foreseen;
  /** Nobody takes anything from a node that is removed. */
  isRemoval?: boolean;
};

export function ValueLines({ of: { values, valuesTotal, notLookedAt }, isRemoval = false }: ValueLinesProps) {
  const more = valuesTotal - BigInt(values.length);
  return (
    <>
      {values.map((change) => (
        <li key={`${change.node} ${change.set} ${change.name} ${change.access}`}>
          <bdi>{change.node}</bdi>: <bdi>{change.name}</bdi> in <bdi>{change.set}</bdi> {isRemoval ? "stays on the node" : valueWords(change)}
        </li>
      ))}
      {more > 0n ? <li>And {more.toLocaleString("en")} more values.</li> : null}
      {notLookedAt > 0n ? <li>{notLookedAt.toLocaleString("en")} nodes were not checked for changed values.</li> : null}
    </>
  );
}

export function valueWords(change: Pick<ValueChange, "before" | "after" | "sealed" | "access"> & { requiredMissing?: boolean }): string {
  if (!change.requiredMissing) return changeWords(change);
  const had = change.before !== undefined || change.access !== "";
  return had ? `${changeWords(change)}, although it is required` : "is required and would have no value";
}

function changeWords({ before, after, sealed, access }: Pick<ValueChange, "before" | "after" | "sealed" | "access">): string {
  // Another value applies there, or it is in a template.
  if (before === undefined && after === undefined) return access === "lost" ? "could no longer be read there (sensitive)" : "could be read there (sensitive)";
  if (before === undefined) return sealed ? `would ${access === "gained" ? "be gained" : "apply"} (sensitive)` : `would be ${quoted(after)} (no value now)`;
  if (after === undefined) return sealed ? `would ${access === "lost" ? "be lost" : "no longer apply"} (sensitive)` : `would be lost (now ${quoted(before)})`;
  if (before === after) return "would change (sensitive)";
  return `would be ${quoted(after)} instead of ${quoted(before)}`;
}

function quoted(value: string | undefined): string {
  return value === "(sealed)" ? "a sensitive value" : `"${value ?? ""}"`;
}
