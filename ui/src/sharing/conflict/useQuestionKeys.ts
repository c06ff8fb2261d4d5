// Keys of the questions: they work while something is typed, unlike the single keys of other pages.
import { useEffect, useRef } from "react";

type Acts = { next: () => void; previous: () => void; submit: () => void };

export function useQuestionKeys(acts: Acts): void {
  const current = useRef(acts);
  useEffect(() => {
    current.current = acts;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLElement && event.target.closest("[role=dialog]")) return;
      if (event.key === "F7") {
        if (event.shiftKey) current.current.previous();
        else current.current.next();
      } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) current.current.submit();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press, { capture: true });
    return () => window.removeEventListener("keydown", press, { capture: true });
  }, []);
}
