import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DatasetError, openDataset } from "@denoise-rotator/datasets";
import type { PerplexityProtocol } from "@denoise-rotator/evaluators";
import type { FetchOptions } from "../pipeline/fetch-options.js";

/**
 * The texts of a protocol's rows: from `folder`, where it is given, or what that has under the protocol's name; else from the Hub and its cache.
 * @throws DatasetError or HubError naming file, column or repository, and what to do.
 */
export async function* protocolRows(
  protocol: Pick<PerplexityProtocol, "name" | "dataset">,
  folder: string | undefined,
  hub: FetchOptions,
  option = "--data",
): AsyncGenerator<string> {
  const { id, revision, config, split, files, column } = protocol.dataset;
  const onHub = revision === undefined ? id : `${id}@${revision}`;
  const source = folder === undefined ? onHub : await within(folder, protocol.name, option);
  const dataset = await openDataset(source, { config, split, files, columns: [column], hub });
  let index = 0;
  for await (const row of dataset.rows()) {
    const text = row[column];
    if (typeof text !== "string") {
      throw new DatasetError(
        "COLUMNS",
        `${dataset.name}, row ${index}: column ${column} holds ${text === null ? "null" : typeof text}, not text`,
      );
    }
    index++;
    yield text;
  }
}

/** The folder of that name in `folder`, or `folder` itself. */
async function within(folder: string, name: string, option: string): Promise<string> {
  const stats = await stat(folder).catch(() => undefined);
  if (!stats) throw new DatasetError("NOT_FOUND", `${option} ${folder}: no such file or folder`);
  const inner = join(folder, name);
  return (await stat(inner).catch(() => undefined))?.isDirectory() ? inner : folder;
}
