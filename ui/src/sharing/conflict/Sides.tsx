// What was there before, and what each side made of it, beside each other.
import { Title } from "@mantine/core";
import type { ReactNode } from "react";

import type { ConflictPlace, PlaceAuthor } from "../../api/generated/atoll/v1/sharing_pb";
import { Time } from "../../ui/time";
import { madeBy } from "../revision/words";
import { placeText } from "./place";
import { authorOf, other, type SideNames } from "./sides";
import { Value } from "./Value";

type SidesProps = { place: ConflictPlace; sides: SideNames; names: ReadonlyMap<string, string> };

export function Sides({ place, sides, names }: SidesProps) {
  const where = placeText(place.path);
  const shown = { path: place.path, names };
  return (
    <div className="conflict-sides">
      <Panel title="Before">
        <p className="conflict-author">Common ancestor</p>
        <Value {...shown} label={`${where}, before`} json={place.base} absent="Nothing: it was not there" />
      </Panel>
      {[sides.first, other(sides.first)].map((side) => (
        <Panel key={side} title={sides[side].title}>
          <Author by={authorOf(place, side)} />
          <Value
            {...shown}
            label={`${where}, ${sides[side].name}`}
            json={place[side]}
            base={place.base || undefined}
            absent={place.base === "" ? "Nothing: it is not there" : "Removed here"}
          />
        </Panel>
      ))}
    </div>
  );
}

function Panel({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="conflict-side" aria-label={title}>
      <Title order={3} size="h5" className="conflict-side-title">
        <bdi>{title}</bdi>
      </Title>
      {children}
    </section>
  );
}

export function Author({ by }: { by: PlaceAuthor | undefined }) {
  if (!by) return <p className="conflict-author">Author unknown</p>;
  return (
    <p className="conflict-author">
      by <bdi>{madeBy(by)}</bdi>, <Time at={by.atMs} />
      {by.message ? (
        <>
          : <q>{by.message}</q>
        </>
      ) : null}
    </p>
  );
}
