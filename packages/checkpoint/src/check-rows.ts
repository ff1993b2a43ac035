import { CheckpointError } from "./errors.js";

/** Throws unless rows `[begin, end)` lie in a tensor of that shape; `where` names file and tensor. */
export function checkRows(where: string, shape: readonly number[], begin: number, end: number): void {
  const [rows] = shape;
  const valid = Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end;
  if (rows !== undefined && valid && end <= rows) return;
  throw new CheckpointError("WRONG_SHAPE", `${where} of shape [${shape}] has no rows ${begin} to ${end}`);
}
