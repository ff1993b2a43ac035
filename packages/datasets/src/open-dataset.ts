import { stat } from "node:fs/promises";
import { join } from "node:path";
import { HubError, HubRepository, type OpenRepositoryOptions } from "@denoise-rotator/hub";
import { DatasetError } from "./errors.js";
import { localFiles } from "./local-files.js";
import { readRows } from "./read-rows.js";
import type { Row } from "./row.js";
import { filesOfSplit } from "./split-files.js";

export interface OpenDatasetOptions {
  /** `train`, `validation`, `test`, or another name that stands in the files' names. */
  readonly split: string;
  /** Which configuration; the name of a folder. */
  readonly config?: string | undefined;
  /** These files of the repository or folder instead of all that the split has. In a folder, their last names will do. */
  readonly files?: readonly string[] | undefined;
  /** Columns that must be there; of parquet no others are read. Default all. */
  readonly columns?: readonly string[] | undefined;
  /** How files come from the Hub. */
  readonly hub?: Omit<OpenRepositoryOptions, "type">;
}

/** A split of a data set. */
export interface Dataset {
  /** The path or the name on the Hub it was opened by. */
  readonly name: string;
  /** Local paths. */
  readonly files: readonly string[];
  /** From the first on; may be asked for again. */
  rows(): AsyncGenerator<Row>;
}

/**
 * Opens a split: of a file or folder of this machine where one has the name, else of the data set `org/name[@revision]` on the Hugging Face
 * Hub, whose files are fetched into its cache as far as they are not there.
 *
 * @throws {DatasetError} or {@link HubError} naming folder, repository and split, and what there is instead.
 */
export async function openDataset(name: string, options: OpenDatasetOptions): Promise<Dataset> {
  const files = await filesOf(name, options);
  return {
    name,
    files,
    async *rows() {
      for (const file of files) yield* readRows(file, options.columns);
    },
  };
}

async function filesOf(name: string, options: OpenDatasetOptions): Promise<string[]> {
  const stats = await stat(name).catch(() => undefined);
  if (stats?.isFile()) return [name];
  if (stats?.isDirectory()) return filesOfFolder(name, options);
  return filesOfRepository(name, options);
}

async function filesOfFolder(
  folder: string,
  { split, config, files }: OpenDatasetOptions,
): Promise<string[]> {
  const present = await localFiles(folder);
  const named = files?.map(
    (file) =>
      present.find((path) => path === file) ?? present.find((path) => lastName(path) === lastName(file)),
  );
  const found = named?.every((path) => path !== undefined)
    ? named
    : filesOfSplit(present, split, config, folder);
  return found.map((path) => join(folder, path!));
}

async function filesOfRepository(
  name: string,
  { split, config, files, hub }: OpenDatasetOptions,
): Promise<string[]> {
  const repository = await HubRepository.open(name, { ...hub, type: "dataset" }).catch((error: unknown) => {
    if (!(error instanceof HubError) || error.code !== "NOT_FOUND") throw error;
    throw new DatasetError(
      "NOT_FOUND",
      `${name}: no such file or folder here; on the Hub, ${error.message}`,
      { cause: error },
    );
  });
  if (files) return repository.fetch(files);
  // Listing a whole repository can take very long: C4 has 70 000 files.
  const folders = [
    "",
    "data",
    ...(config === undefined ? [] : [config, `${config}/${split}`, `data/${config}`]),
  ];
  const present: string[] = [];
  for (const folder of folders) {
    present.push(...(await repository.list(folder).catch(ifAbsent)).map(({ path }) => path));
  }
  return repository.fetch(inSplit(repository, present, { split, config, name }));
}

function inSplit(
  repository: HubRepository,
  present: readonly string[],
  { split, config, name }: { split: string; config: string | undefined; name: string },
): string[] {
  try {
    return filesOfSplit(present, split, config, name);
  } catch (error) {
    if (repository.connected || !(error instanceof DatasetError)) throw error;
    const hint = `hf download ${repository.name.repository} --repo-type dataset`;
    throw new DatasetError(
      "NOT_FOUND",
      `${error.message}, of what the cache holds; fetch it where there is a network: ${hint}`,
    );
  }
}

const lastName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function ifAbsent(error: unknown): [] {
  if (error instanceof HubError && error.code === "NOT_FOUND") return [];
  throw error;
}
