import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Unsupported } from "@denoise-rotator/bench";
import type { Reply, Request } from "./protocol.js";

/** Who takes part, and the command that starts its process. */
export interface ContenderSpec {
  readonly name: string;
  readonly threads: number;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** A contender's process; see `protocol.ts`. Its standard error is kept for the message if it dies. */
export class ContenderProcess {
  readonly spec: ContenderSpec;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #complaint = "";
  #ended: string | undefined;
  #wake: (() => void) | undefined;

  constructor(spec: ContenderSpec) {
    this.spec = spec;
    const [command, ...args] = spec.command;
    this.#child = spawn(command, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...spec.env },
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    this.#child.stderr!.on("data", (chunk) => {
      this.#complaint = (this.#complaint + chunk).slice(-2000);
    });
    this.#child.stdin!.on("error", () => {}); // it died; `close` tells
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("close", (code, signal) => this.#end(`its process ended (${signal ?? code})`));
  }

  /** Throws {@link Unsupported} with the contender's reason, also when it ended or has not answered in time. */
  async expect<T extends Reply["type"]>(type: T, timeout = 120_000): Promise<Extract<Reply, { type: T }>> {
    const timer = setTimeout(() => this.#end(`no answer within ${timeout / 1000} s`), timeout);
    try {
      return await this.#expect(type);
    } finally {
      clearTimeout(timer);
    }
  }

  async #expect<T extends Reply["type"]>(type: T): Promise<Extract<Reply, { type: T }>> {
    for (;;) {
      while (this.#lines.length === 0) {
        if (this.#ended !== undefined) throw new Unsupported(`${this.#ended}${lastLine(this.#complaint)}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      const line = this.#lines.shift()!;
      if (!line.startsWith("{")) continue; // chatter of a library
      const reply = JSON.parse(line) as Reply;
      if (reply.type === "unsupported") throw new Unsupported(reply.reason);
      if (reply.type === type) return reply as Extract<Reply, { type: T }>;
      throw new Error(`${this.spec.name} answered ${reply.type} where ${type} was due`);
    }
  }

  ask<T extends Reply["type"]>(request: Request, type: T, timeout?: number) {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.expect(type, timeout);
  }

  #end(why: string): void {
    this.#ended ??= why;
    this.#wake?.();
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

/** The last line that names an error, or that says anything, as an addition to a sentence. */
function lastLine(text: string): string {
  const lines = text.split("\n").filter((line) => /\S/.test(line) && !/^(Node\.js v|\s+at )/.test(line));
  const line = lines.findLast((each) => /error/i.test(each)) ?? lines.at(-1);
  return line === undefined ? "" : `: ${line.trim()}`;
}
