import { CommanderError } from "commander";

/** Exit codes: 1 what went wrong, 2 wrong usage, 130 interrupted. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (isUsage(error)) return 2;
  return isAbort(error) ? 130 : 1;
}

const isAbort = (error: unknown) => error instanceof Error && error.name === "AbortError";
/** Options that commander could not judge by itself. */
const isUsage = (error: unknown) =>
  error instanceof Error && /^--\w/.test(error.message) && codeOf(error) === "OPTION";
/** The stable code of this project's errors, and of Node's. */
export const codeOf = (error: Error) => (error as { code?: string }).code;

/** One line for people; `DENOISE_ROTATOR_DEBUG=1` adds the stack. */
export function describeError(error: unknown): string {
  if (isAbort(error)) {
    const { message } = error as Error;
    return message.startsWith("interrupted") ? message : "interrupted; no output was left behind";
  }
  if (!(error instanceof Error)) return String(error);
  const known = typeof codeOf(error) === "string";
  const message = error.message.replace(/\s*\n\s*/g, "; ");
  const line = known
    ? message
    : `unexpected ${error.name}: ${message} (set DENOISE_ROTATOR_DEBUG=1 for the stack)`;
  return process.env.DENOISE_ROTATOR_DEBUG ? `${line}\n${error.stack}` : line;
}
