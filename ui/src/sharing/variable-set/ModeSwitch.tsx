// Two questions that are easily taken for one: what is written at a scope, and what a node gets in the end.
import { useEffect, useRef } from "react";

import { Segments } from "../../ui/fields";

type Mode = "values" | "effective";
type ModeSwitchProps = { mode: Mode; onMode: (mode: Mode) => void };

/** Set while the switch changes the tab, so that the focus goes on with it. */
let isSwitching = false;

export function ModeSwitch({ mode, onMode }: ModeSwitchProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isSwitching) place.current?.querySelector<HTMLInputElement>("input:checked")?.focus();
    isSwitching = false;
  }, []);
  const change = (next: string) => {
    isSwitching = true;
    onMode(next === "effective" ? "effective" : "values");
  };
  return (
    <div className="form" ref={place}>
      <Segments
        label="Which values to show"
        value={mode}
        onChange={change}
        choices={[
          { value: "values", label: "Defined at a scope" },
          { value: "effective", label: "Effective for a node or place" },
        ]}
      />
      <p className="page-lead">
        {mode === "values"
          ? "The values as defined in the set. A scope filter matches the exact scope: values for everywhere are not listed, although they may apply there too."
          : "What a node or place gets in the end: one answer for each name, with every value that was considered."}
      </p>
    </div>
  );
}
