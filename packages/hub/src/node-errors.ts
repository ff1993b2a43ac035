/** The system's code (`ENOENT`, `EACCES`, …) of a failed file operation. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "unknown";
}
