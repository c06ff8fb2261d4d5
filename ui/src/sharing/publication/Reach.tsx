// What saving a publication would change, while it is being written.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDebouncedValue } from "@mantine/hooks";

import { api } from "../../api/client";
import type { PreviewPublicationResponse } from "../../api/generated/atoll/v1/sharing_pb";
import { Note, ProblemNote } from "../../ui/feedback";
import { ValueLines } from "../ValueChanges";
import { ASKS_FIRST, nodesWords } from "../WhatChanges";
import { publicationOf, reachWords, type Wish, whyNotSaved } from "./wish";

const PAUSE_MS = 250;

/** What the manager says about a wish; asked again after each pause in typing. */
export function useReach(wish: Wish) {
  const [asked] = useDebouncedValue(wish, PAUSE_MS);
  return useQuery({
    queryKey: ["publications", "preview", asked],
    queryFn: ({ signal }) => api.sharing.previewPublication({ publication: publicationOf(asked) }, { signal }),
    enabled: whyNotSaved(asked) === undefined,
    placeholderData: keepPreviousData,
  });
}

type ReachProps = { reach: ReturnType<typeof useReach>; whyNot: string | undefined };

export function Reach({ reach, whyNot }: ReachProps) {
  return (
    <section className="publication-reach" aria-label="What saving would change" aria-live="polite">
      {whyNot ? (
        <p className="publication-line">{whyNot} to see which nodes it reaches.</p>
      ) : reach.error ? (
        <ProblemNote error={reach.error} onRetry={() => void reach.refetch()} />
      ) : reach.data ? (
        <Answered of={reach.data} />
      ) : (
        <p className="publication-line">Counting the nodes…</p>
      )}
    </section>
  );
}

function Answered({ of }: { of: PreviewPublicationResponse }) {
  const lines = nodesWords({ nodes: of.changed, cordoned: of.cordoned, ownEdits: of.ownEdits, stoppedEdits: of.stoppedEdits });
  return (
    <>
      <p className="publication-line">
        <strong>{reachWords(of)}</strong>
      </p>
      <Names title="New" names={of.gainedNodes} count={of.gained} />
      <Names title="Lost" names={of.lostNodes} count={of.lost} />
      {lines.length > 0 || of.valuesTotal > 0n ? (
        <ul className="reach-list">
          {lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
          <ValueLines of={of} />
        </ul>
      ) : null}
      {of.problem ? <Note title="It cannot be saved as it is">{sentence(of.problem)}</Note> : null}
      {of.refusal ? <p className="form-notice">{ASKS_FIRST}</p> : null}
    </>
  );
}

function Names({ title, names, count }: { title: string; names: readonly string[]; count: bigint }) {
  if (names.length === 0) return null;
  const more = Number(count) - names.length;
  return (
    <p className="publication-line">
      {title}:{" "}
      {names.map((name, at) => (
        <span key={name}>
          {at > 0 ? ", " : ""}
          <bdi>{name}</bdi>
        </span>
      ))}
      {more > 0 ? ` and ${more.toLocaleString("en")} more` : ""}
    </p>
  );
}

export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
