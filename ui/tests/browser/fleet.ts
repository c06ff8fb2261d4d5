// A real manager, real agents and the real command line, in a temporary directory and on private ports.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const programs = () => process.env["ATOLL_PROGRAMS"] ?? resolve(import.meta.dirname, "../../../target/debug");
/** Longest wait for something that must come about. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 50;

export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`it did not come about that ${what}`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer();
    server.on("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? found(address.port) : failed(new Error("no port"))));
    });
  });
}

class Program {
  #child: ChildProcess | undefined;

  start(name: string, args: string[], log: string, environment: Record<string, string> = {}): void {
    const child = spawn(join(programs(), name), args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    const output = createWriteStream(log, { flags: "a" });
    child.stdout?.pipe(output);
    child.stderr?.pipe(output);
    this.#child = child;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }
}

export class Agent {
  readonly name: string;
  readonly #fleet: Fleet;
  readonly #program = new Program();

  constructor(fleet: Fleet, name: string) {
    this.#fleet = fleet;
    this.name = name;
  }

  start(token?: string): void {
    const data = this.#fleet.path(this.name);
    const args = ["run", "--name", this.name, "--data-dir", data, "--files-dir", `${data}-files`];
    this.#program.start("atoll-agent", args, `${data}.log`, token ? { ATOLL_AGENT_TOKEN: token } : {});
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }

  /** Edits a document's file in place, as an administrator of the server does. */
  async edit(kind: string, name: string, change: (document: Record<string, unknown>) => void): Promise<void> {
    const { path, document } = await this.#file(kind, name);
    change(document);
    await writeFile(path, JSON.stringify(document, null, 2));
  }

  async document(kind: string, name: string): Promise<Record<string, unknown>> {
    return (await this.#file(kind, name)).document;
  }

  #file(kind: string, name: string): Promise<{ path: string; document: Record<string, unknown> }> {
    const directory = `${this.#fleet.path(this.name)}-files/${kind}`;
    return eventually(`${this.name} has ${name}`, async () => {
      for (const file of await readdir(directory).catch(() => [])) {
        if (!file.endsWith(".json")) continue;
        const path = join(directory, file);
        const document: unknown = await readFile(path, "utf8").then(JSON.parse).catch(() => undefined);
        if (document && typeof document === "object" && "Name" in document && document.Name === name) {
          return { path, document: document as Record<string, unknown> };
        }
      }
      return undefined;
    });
  }
}

export class Fleet {
  readonly directory: string;
  readonly server: string;
  readonly #ports: { node: number; metrics: number };
  readonly #manager = new Program();
  readonly #agents: Agent[] = [];
  readonly #flags: string[];
  readonly #admin: number;

  private constructor(directory: string, admin: number, node: number, metrics: number, flags: string[]) {
    this.#flags = flags;
    this.directory = directory;
    this.#admin = admin;
    this.server = flags.includes("--admin-tls") ? `https://localhost:${admin}` : `http://127.0.0.1:${admin}`;
    this.#ports = { node, metrics };
  }

  static async start(...flags: string[]): Promise<Fleet> {
    const directory = await mkdtemp(join(tmpdir(), "atoll-browser-"));
    const fleet = new Fleet(directory, await freePort(), await freePort(), await freePort(), flags);
    await mkdir(fleet.path("manager"));
    await fleet.startManager();
    return fleet;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async startManager(): Promise<void> {
    const args = ["serve", "--data-directory", this.path("manager"), "--admin-listen", `127.0.0.1:${this.#admin}`];
    const ports = ["--node-listen", `127.0.0.1:${this.#ports.node}`, "--metrics-listen", `127.0.0.1:${this.#ports.metrics}`];
    this.#manager.start("atoll-manager", [...args, ...ports, ...this.#flags], this.path("manager.log"));
    await eventually("the manager is ready", async () => {
      // Over TLS the certificate is the manager's own; the command line knows its root, and is asked instead.
      if (this.server.startsWith("https")) return this.cli("whoami").then(() => true, () => undefined);
      const answer = await fetch(`${this.server}/readyz`).catch(() => undefined);
      return answer?.ok ? true : undefined;
    });
  }

  stopManager(): Promise<void> {
    return this.#manager.stop();
  }

  /** One call of the command line; gives what it printed. */
  async cli(...args: string[]): Promise<string> {
    return this.#cli(join(this.path("manager"), "admin.token"), args);
  }

  /** The same, in another administrator's name. */
  async as(name: string): Promise<(...args: string[]) => Promise<string>> {
    const file = this.path(`${name}.token`);
    await writeFile(file, await this.cli("token", "create", name));
    return (...args) => this.#cli(file, args);
  }

  async #cli(tokenFile: string, args: string[]): Promise<string> {
    const environment = { ...process.env, ATOLL_SERVER: this.server, ATOLL_TOKEN_FILE: tokenFile, ATOLL_CA_FILE: this.path("manager/root.pem") };
    const { stdout } = await run(join(programs(), "atoll"), args, { env: environment, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.cli(...args, "-o", "json")) as T;
  }

  async write(name: string, document: unknown): Promise<string> {
    const path = this.path(name);
    await writeFile(path, JSON.stringify(document));
    return path;
  }

  /** Starts an agent that joins, and waits until it is there. */
  async join(name: string, group: string, ...labels: string[]): Promise<Agent> {
    if (group !== "/") await this.cli("group", "create", group);
    const given = labels.flatMap((label) => ["--label", label]);
    const agent = this.agent(name);
    agent.start(await this.cli("enroll", "token", "create", "--group", group, ...given));
    await this.cli("node", "wait", name, "--timeout", "30s");
    return agent;
  }

  /** An agent that is not started yet. */
  agent(name: string): Agent {
    const agent = new Agent(this, name);
    this.#agents.push(agent);
    return agent;
  }

  /** Imports and releases a template or variable set. */
  async publish(kind: "template" | "vars", document: { Name: string }): Promise<void> {
    await this.cli(kind, "import", await this.write("publish.json", document), "--publish");
  }

  async synced(): Promise<void> {
    await this.cli("sync", "status", "--wait", "--timeout", "30s");
  }

  async stop(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await this.#manager.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A template as people write them. */
export function template(name: string, script = "echo one\necho two\n", extra: Record<string, unknown> = {}): { Name: string } & Record<string, unknown> {
  return {
    Name: name,
    Description: "Says something.",
    ActionType: "Octopus.Script",
    Version: 1,
    Properties: {
      "Octopus.Action.Script.ScriptSource": "Inline",
      "Octopus.Action.Script.Syntax": "Bash",
      "Octopus.Action.Script.ScriptBody": script,
    },
    Parameters: [
      {
        Id: "77c6f0a4-6a0b-4c57-8d59-8d8d2c1a7e01",
        Name: "Say.What",
        Label: "What to say",
        HelpText: "A short text.",
        DefaultValue: "hello",
        DisplaySettings: { "Octopus.ControlType": "SingleLineText" },
      },
    ],
    ...extra,
  };
}
