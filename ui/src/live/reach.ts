// Whether this tab reaches the manager. The stream is the worker's, and a dead connection looks like a quiet one for a while:
// so what a tab notices by itself is looked into, and nothing stands under "Live" that is not.
import type { LiveState } from "./message";

/** An answer that takes longer is doubted. */
const PROBE_MS = 4_000;
const AGAIN_MS = 1_000;
/** From when on a broken connection is worth a word of warning. */
const STALE_AFTER_MS = 8_000;

type Probe = (signal: AbortSignal) => Promise<unknown>;

export class Reach {
  #probe: Probe;
  #changed: () => void;
  #cutAt: number | undefined;
  #isProbing = false;
  #wait: (durationMs: number) => Promise<void>;

  constructor(probe: Probe, changed: () => void, wait = pause) {
    this.#probe = probe;
    this.#changed = changed;
    this.#wait = wait;
  }

  /** What is to be shown where the stream says this. */
  over(stream: LiveState): LiveState {
    if (this.#cutAt === undefined || stream.kind !== "live") return stream;
    const isStale = Date.now() - this.#cutAt > STALE_AFTER_MS;
    return { kind: isStale ? "stale" : "reconnecting", since: this.#cutAt };
  }

  /** Something speaks against it: a call failed or takes long, or the browser says that it is offline. */
  async doubt(): Promise<void> {
    if (this.#isProbing) return;
    this.#isProbing = true;
    while (!(await this.#answers())) {
      this.#cutAt ??= Date.now();
      this.#changed();
      await this.#wait(AGAIN_MS);
    }
    this.#isProbing = false;
    if (this.#cutAt === undefined) return;
    this.#cutAt = undefined;
    this.#changed();
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#probe(AbortSignal.timeout(PROBE_MS));
      return true;
    } catch {
      return false;
    }
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
