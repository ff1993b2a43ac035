import type { RunState } from "./run-state.js";

/**
 * Runs the body of an attempt. When it fails, or the process exits before it ends, what finished blocks came to stays and
 * anything less is removed.
 */
export async function whileKept<T>(
  state: RunState,
  notice: ((text: string) => void) | undefined,
  body: () => Promise<T>,
): Promise<T> {
  const abandon = () => void state.abandonSync();
  process.once("exit", abandon);
  try {
    return await body();
  } catch (error) {
    const kept = state.abandonSync();
    if (kept === undefined) throw error;
    const how = `${kept} kept; the same command with --resume goes on from there`;
    if (error instanceof Error && error.name === "AbortError") {
      throw new DOMException(`interrupted; ${how}`, "AbortError");
    }
    notice?.(how);
    throw error;
  } finally {
    process.off("exit", abandon);
    state.abandonSync();
    await state.close();
  }
}
