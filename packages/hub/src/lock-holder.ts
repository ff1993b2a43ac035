import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { isRunning } from "./process-alive.js";

/** A process, so that its number on another day, or after a restart of the machine, is not taken for it. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** Start of the machine, and of the process on it, where the system tells. */
  readonly boot?: string | undefined;
  readonly born?: string | undefined;
  /** Differs between two locks of one process. */
  readonly nonce: string;
}

/** This process. */
export async function thisProcess(nonce: string): Promise<LockHolder> {
  return {
    pid: process.pid,
    host: hostname(),
    boot: await bootOfMachine(),
    born: await birthOf(process.pid),
    nonce,
  };
}

/** Whether the process has surely ended. Of another machine nothing is sure. */
export async function hasEnded(holder: LockHolder): Promise<boolean> {
  if (holder.host !== hostname()) return false;
  const boot = await bootOfMachine();
  if (holder.boot !== undefined && boot !== undefined && holder.boot !== boot) return true;
  if (!isRunning(holder.pid)) return true;
  const born = await birthOf(holder.pid);
  return holder.born !== undefined && born !== undefined && holder.born !== born;
}

const bootOfMachine = () =>
  readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );

/** Linux: clock ticks from the machine's start to the process's; `undefined` elsewhere. A zombie has ended: "ended". */
async function birthOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  // The command, in parentheses, may hold anything; state is the 3rd field, the start the 22nd.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? "ended" : fields[19];
}
