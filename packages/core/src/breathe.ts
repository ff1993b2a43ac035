let lastTurn = 0;
const turnMilliseconds = 50;

/**
 * Lets the host's event loop run if it has not had a turn for 50 ms: code that only awaits synchronous backends would
 * otherwise keep signals, timers and rendering waiting.
 */
export async function breathe(): Promise<void> {
  const now = performance.now();
  if (now - lastTurn < turnMilliseconds) return;
  await new Promise((resolve) => setTimeout(resolve, 0));
  lastTurn = performance.now();
}
