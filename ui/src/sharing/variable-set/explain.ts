// The answers as rows: one for each name, and under an open one every value that was considered.
import type { ConsideredValue, EffectiveVariable } from "../../api/generated/atoll/v1/sharing_pb";

export type AnswerRow = { kind: "answer"; id: string; variable: EffectiveVariable; isOpen: boolean };
export type StepRow = { kind: "step"; id: string; variable: EffectiveVariable; step: ConsideredValue; number: number; role: StepRole };
export type Row = AnswerRow | StepRow;

/** What became of a considered value. */
export type StepRole = "wins" | "ties" | "loses" | "elsewhere";

export function rowsOf(variables: readonly EffectiveVariable[], words: string, open: ReadonlySet<string>): Row[] {
  const wanted = words.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return variables
    .filter((variable) => wanted.every((word) => variable.name.toLowerCase().includes(word)))
    .flatMap((variable) => withSteps(variable, open));
}

function withSteps(variable: EffectiveVariable, open: ReadonlySet<string>): Row[] {
  const id = `${variable.set}\n${variable.name}`;
  const isOpen = open.has(id);
  const answer: AnswerRow = { kind: "answer", id, variable, isOpen };
  if (!isOpen) return [answer];
  const steps = variable.considered.map((step, index): StepRow => ({
    kind: "step",
    id: `${id}\n${index}`,
    variable,
    step,
    number: index + 1,
    role: roleOf(variable, step, index),
  }));
  return [answer, ...steps];
}

/** The manager puts the winner first; where two are equally specific nobody wins. */
function roleOf(variable: EffectiveVariable, step: ConsideredValue, index: number): StepRole {
  if (!step.applies) return "elsewhere";
  if (variable.outcome === "ambiguous") return "ties";
  return index === 0 ? "wins" : "loses";
}

export const ROLE_WORDS: Record<StepRole, string> = {
  wins: "Wins",
  ties: "Applies, with another",
  loses: "Applies, and loses",
  elsewhere: "Does not apply",
};
