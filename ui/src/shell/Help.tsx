// The keyboard map and what each person may set.
import { Kbd, Table } from "@mantine/core";
import { useState } from "react";

import { Dialog } from "../ui/Dialog";
import { Checkbox, Segments } from "../ui/fields";
import { timeZone } from "../ui/time";
import { singleKeysAreOn, switchSingleKeys } from "./keys";
import { PLACES } from "./places";

const KEYS: readonly [string, string][] = [
  ["Ctrl K", "Search and go anywhere"],
  ["/", "Focus the list filter"],
  ["?", "This help"],
  ["j, k or arrows", "Next and previous row"],
  ["x or space", "Select the row; with Shift up to it"],
  ["Enter", "Open the row"],
  ["Esc", "Clear the selection, close a dialog"],
  ["F7, Shift F7", "Next and previous field of a conflict"],
  ["Ctrl Enter", "Save or send what is open"],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const [single, setSingle] = useState(singleKeysAreOn());
  const [zone, setZone] = useState<string>(timeZone());
  return (
    <Dialog title="Keyboard and settings" onClose={onClose}>
      <div className="form">
        <Checkbox
          label="Single-key shortcuts"
          description="Turn off if speech or other input triggers them by accident."
          checked={single}
          onChange={(isOn) => {
            switchSingleKeys(isOn);
            setSingle(isOn);
          }}
        />
        <Segments
          label="Times are shown in"
          value={zone}
          choices={[
            { value: "local", label: "My time zone" },
            { value: "utc", label: "UTC" },
          ]}
          onChange={(next) => {
            localStorage.setItem("atoll.zone", next);
            setZone(next);
          }}
        />
        <Table aria-label="Keys">
          <Table.Tbody>
            {[...KEYS, ...PLACES.flatMap(({ places }) => places.map((place) => [place.keys ?? "", `Go to ${place.label}`] as const))].map(
              ([keys, what]) => (
                <Table.Tr key={keys}>
                  <Table.Th scope="row">
                    <Kbd size="xs">{keys}</Kbd>
                  </Table.Th>
                  <Table.Td>{what}</Table.Td>
                </Table.Tr>
              ),
            )}
          </Table.Tbody>
        </Table>
      </div>
    </Dialog>
  );
}
