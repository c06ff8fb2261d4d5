// Now, by the manager's clock: ages are right even where the browser's clock is wrong.

/** How often ages on the page are drawn anew. */
const TICK_MS = 10_000;
/** A smaller change of the distance between the clocks is the network's, not the clocks'. */
const NOTICED_MS = 2_000;

const listeners = new Set<() => void>();
let aheadMs = 0;
let tick = 0;
let timer: ReturnType<typeof setInterval> | undefined;

function draw(): void {
  tick += 1;
  listeners.forEach((listener) => listener());
}

/** Takes up what the manager's clock said just now. */
export function setManagerClock(nowMs: number): void {
  const nextMs = nowMs - Date.now();
  const isNoticed = Math.abs(nextMs - aheadMs) > NOTICED_MS;
  aheadMs = nextMs;
  if (isNoticed) draw();
}

export function managerNow(): number {
  return Date.now() + aheadMs;
}

/** One clock for all ages on the page; it stands still while nobody shows one. */
export function subscribeClock(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(draw, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

export function clockTick(): number {
  return tick;
}
