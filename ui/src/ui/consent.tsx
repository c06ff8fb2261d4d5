// Consequences that the manager refuses unless they are said to be meant: the refusal names them, and a tick says it.
import { type ReactNode, useState } from "react";

import { problemOf } from "../api/problem";
import { Checkbox } from "./fields";

/** What was said to be meant, as the contract calls it. */
export type Words = { widen: boolean; withDrafts: boolean };

type Word = keyof Words;

const ASKED: Record<string, { word: Word; label: string; description: string; flag: string }> = {
  WIDENS_SECRET: {
    word: "widen",
    label: "Allow more nodes to read the sensitive value",
    description: "The nodes named above will be able to read it.",
    flag: "--widen",
  },
  RELEASES_DRAFTS: {
    word: "withDrafts",
    label: "Also release other people's drafts",
    description: "The drafts named above are released together with this.",
    flag: "--with-drafts",
  },
};

/** What to send along, and the tick to show once the manager has asked for it. */
export function useConsent(error: unknown): { words: Words; tick: ReactNode; flags: string } {
  const [reason, setReason] = useState<string>();
  const [words, setWords] = useState<Words>({ widen: false, withDrafts: false });
  const latest = error ? problemOf(error).reason : undefined;
  // The question stays when the refusal is gone: whoever types on has still to answer it.
  if (latest !== undefined && latest in ASKED && latest !== reason) setReason(latest);
  const asked = reason === undefined ? undefined : ASKED[reason];
  const flags = Object.values(ASKED)
    .filter(({ word }) => words[word])
    .map(({ flag }) => ` ${flag}`)
    .join("");
  const tick = asked ? (
    <Checkbox
      label={asked.label}
      description={asked.description}
      checked={words[asked.word]}
      onChange={(checked) => setWords({ ...words, [asked.word]: checked })}
    />
  ) : null;
  return { words, tick, flags };
}
