// One act on many nodes. The manager freezes which ones: the number that is confirmed is the number that is acted on.
import { Text } from "@mantine/core";
import { lazy, Suspense, useState } from "react";

import type { ActOnNodesResponse } from "../api/generated/atoll/v1/fleet_pb";
import { Button } from "../ui/Button";
import type { BulkAct } from "./BulkDialog";

const BulkDialog = lazy(() => import("./BulkDialog").then((module) => ({ default: module.BulkDialog })));
const Failures = lazy(() => import("./BulkDialog").then((module) => ({ default: module.Failures })));

const ACTS: readonly { act: BulkAct; label: string }[] = [
  { act: "label", label: "Label" },
  { act: "move", label: "Move" },
  { act: "cordon", label: "Cordon" },
  { act: "uncordon", label: "Uncordon" },
  { act: "remove", label: "Remove" },
];

type BulkBarProps = { selected: ReadonlySet<string>; filter: string; total: number; onClear: () => void };

/** Selected rows, or everything that the filter matches. */
export function BulkBar({ selected, filter, total, onClear }: BulkBarProps) {
  const [isAll, setAll] = useState(false);
  const [act, setAct] = useState<BulkAct>();
  const [failed, setFailed] = useState<ActOnNodesResponse>();
  const count = isAll ? total : selected.size;
  const wanted = isAll ? { filter } : { nodes: [...selected] };
  const clear = () => {
    setAll(false);
    onClear();
  };
  return (
    <>
      {selected.size > 0 ? (
        <div className="bulk" role="region" aria-label="Selection">
          <Text size="sm" role="status">
            {isAll ? `All ${count.toLocaleString("en")} matching nodes selected` : `${count.toLocaleString("en")} selected`}
          </Text>
          {!isAll && total > selected.size ? (
            <Button size="xs" kind="quiet" onClick={() => setAll(true)}>
              Select all {total.toLocaleString("en")} matching
            </Button>
          ) : null}
          {ACTS.map(({ act: one, label }) => (
            <Button key={one} size="xs" kind={one === "remove" ? "danger" : "default"} onClick={() => setAct(one)}>
              {label}
            </Button>
          ))}
          <Button size="xs" kind="quiet" onClick={clear}>
            Clear
          </Button>
        </div>
      ) : null}
      <Suspense>
      {act ? (
        <BulkDialog
          act={act}
          wanted={wanted}
          onClose={() => setAct(undefined)}
          onDone={(result) => {
            if (result.failures.length > 0) setFailed(result);
            clear();
          }}
        />
      ) : null}
      {failed ? <Failures result={failed} onClose={() => setFailed(undefined)} /> : null}
      </Suspense>
    </>
  );
}
