// How far one is, and the way from question to question.
import { ChevronLeft, ChevronRight } from "lucide-react";

import type { ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { answeredCount, type Draft, type PlaceState, stateOf } from "./draft";
import type { Side } from "./hunks";
import { PlaceName } from "./PlaceName";
import { other, type SideNames } from "./sides";

type ProgressProps = {
  places: readonly ConflictPlace[];
  draft: Draft;
  sides: SideNames;
  onNext: () => void;
  onPrevious: () => void;
  onRest: (side: Side) => void;
};

export function Progress({ places, draft, sides, onNext, onPrevious, onRest }: ProgressProps) {
  const answered = answeredCount(places, draft);
  const isDone = answered === places.length ? "Every field is resolved" : undefined;
  const isAlone = places.length < 2 ? "There is only one field" : undefined;
  return (
    <div className="conflict-progress">
      <span role="status" className="conflict-count">
        {answered} of {places.length} answered
      </span>
      <Button size="xs" icon={ChevronLeft} disabledReason={isAlone} onClick={onPrevious}>
        Previous (Shift F7)
      </Button>
      <Button size="xs" icon={ChevronRight} disabledReason={isAlone} onClick={onNext}>
        Next (F7)
      </Button>
      <span className="shell-spacer" />
      {[sides.first, other(sides.first)].map((side) => (
        <Button key={side} size="xs" disabledReason={isDone} onClick={() => onRest(side)}>
          Take {sides[side].name} for the rest
        </Button>
      ))}
    </div>
  );
}

const STATES: Record<PlaceState, string> = { open: "open", answered: "answered", changed: "look again" };

type ListProps = { places: readonly ConflictPlace[]; draft: Draft; current: number; onGo: (index: number) => void };

export function QuestionList({ places, draft, current, onGo }: ListProps) {
  return (
    <nav aria-label="Fields" className="conflict-list">
      <ol>
        {places.map((place, index) => {
          const state = stateOf(place, draft.answers[place.key]);
          return (
            <li key={place.key}>
              <button type="button" aria-current={index === current ? "step" : undefined} onClick={() => onGo(index)}>
                <span className="conflict-list-name">
                  {index + 1}. <PlaceName path={place.path} />
                </span>
                <span className={`conflict-list-state is-${state}`}>{STATES[state]}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
