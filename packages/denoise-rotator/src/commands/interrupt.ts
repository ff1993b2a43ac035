/** A signal that Ctrl-C (and SIGTERM) raises; a second Ctrl-C exits at once. Call `restore` when done. */
export function interruptible(): { signal: AbortSignal; restore: () => void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130); // exit hooks remove unfinished output
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    restore() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
