// Ten thousand simulated nodes with real connections: the load processes of the manager's own bench.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

/** The parts of a join token's text: version, address of the manager, pin of its root, id and secret. */
export function parts(token: string): { address: string; rootPin: string; id: string; secret: string } {
  const [, address, pin, id, secret] = token.trim().split(".").map((part) => Buffer.from(part, "base64url"));
  if (!address || !pin || !id || !secret) throw new Error("this is no join token");
  const hex = id.toString("hex");
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  return { address: address.toString(), rootPin: pin.toString("hex"), id: uuid, secret: token.trim().split(".")[4] ?? "" };
}

class Worker {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  #waiting: ((line: string) => void)[] = [];

  constructor(program: string) {
    this.#child = spawn(program, ["load"], { stdio: ["pipe", "pipe", "inherit"] }) as unknown as ChildProcessWithoutNullStreams;
    this.#lines = createInterface(this.#child.stdout);
    this.#lines.on("line", (line) => this.#waiting.shift()?.(line));
  }

  async ask(command: object): Promise<void> {
    const answer = new Promise<string>((heard) => this.#waiting.push(heard));
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const reply = JSON.parse(await answer) as { error: string | null };
    if (reply.error) throw new Error(reply.error);
  }

  stop(): void {
    this.#child.kill();
  }
}

const PROCESSES = 2;
const CONCURRENCY = 64;
const SIDE = "manager";

export class Load {
  readonly #workers: Worker[];

  constructor(program: string) {
    this.#workers = Array.from({ length: PROCESSES }, () => new Worker(program));
  }

  async join(token: string, count: number): Promise<void> {
    const { address, rootPin, id, secret } = parts(token);
    await this.#each(() => ({ target: { side: SIDE, address, root_pin: rootPin } }));
    const names = Array.from({ length: count }, (_, index) => `node-${String(index).padStart(5, "0")}`);
    await this.#each((process) => ({
      prepare: { names: names.filter((_, index) => index % PROCESSES === process), token_id: id, token_secret: secret },
    }));
    await this.#each(() => ({ join: { side: SIDE, concurrency: CONCURRENCY } }));
  }

  connect(): Promise<void> {
    return this.#each(() => ({ connect: { side: SIDE, concurrency: CONCURRENCY } }));
  }

  async #each(command: (process: number) => object): Promise<void> {
    await Promise.all(this.#workers.map((worker, index) => worker.ask(command(index))));
  }

  stop(): void {
    this.#workers.forEach((worker) => worker.stop());
  }
}
