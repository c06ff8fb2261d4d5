// Short words about acts that were done or failed and that have no form to stand in.
import { CloseButton, Portal } from "@mantine/core";
import { useSyncExternalStore } from "react";

import { problemOf } from "../api/problem";

type Toast = { id: number; title: string; text: string; isFailure: boolean };

/** Failures stay until they are closed; good news goes by itself. */
const SHOWN_MS = 6_000;
const MOST = 4;

let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function change(next: readonly Toast[]): void {
  toasts = next.slice(-MOST);
  listeners.forEach((listener) => listener());
}

function close(id: number): void {
  change(toasts.filter((toast) => toast.id !== id));
}

function show(title: string, text: string, isFailure: boolean): void {
  const id = nextId++;
  const others = toasts.filter((toast) => toast.title !== title || toast.text !== text);
  change([...others, { id, title, text, isFailure }]);
  if (!isFailure) setTimeout(() => close(id), SHOWN_MS);
}

export function tellDone(title: string, text = ""): void {
  show(title, text, false);
}

export function tellProblem(error: unknown): void {
  const problem = problemOf(error, true);
  show(problem.title, problem.text, true);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <Portal>
      <section className="toasts" aria-label="Notices" aria-live="polite">
        {shown.map((toast) => (
          <div key={toast.id} className={toast.isFailure ? "toast is-failure" : "toast"} role={toast.isFailure ? "alert" : "status"}>
            <strong>{toast.title}</strong>
            <span className="toast-text">{toast.text}</span>
            <CloseButton className="toast-close" size="sm" aria-label="Close notice" onClick={() => close(toast.id)} />
          </div>
        ))}
      </section>
    </Portal>
  );
}
