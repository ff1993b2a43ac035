import { join } from "node:path";

/** Where an output's files go, and what is done when all are there, or given up. */
export interface OutputFolder {
  readonly workingPath: string;
  path(file: string): string;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** A folder that exists and is filled in place; whoever made it knows whether it is complete. */
export const folderInPlace = (path: string): OutputFolder => ({
  workingPath: path,
  path: (file) => join(path, file),
  commit: async () => {},
  abort: async () => {},
});
