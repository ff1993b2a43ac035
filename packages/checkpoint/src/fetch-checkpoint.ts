import { join } from "node:path";
import { fileSource, type HubName, HubRepository, type OpenRepositoryOptions } from "@denoise-rotator/hub";
import { CheckpointError } from "./errors.js";
import { readJsonObject } from "./json-file.js";
import { limits } from "./limits.js";
import { companionFiles } from "./safetensors-checkpoint.js";
import { indexFile, parseShardIndex, singleFile } from "./shard-index.js";

/**
 * Fetches a checkpoint from the Hugging Face Hub into its cache, as far as it is not there yet, and gives the local path for
 * `openCheckpoint`: of the folder, or of the GGUF file that the name ends in. Of a repository come `config.json`, what belongs to the
 * tokenizer, licences, and the safetensors that the index names; no copies of the weights in other formats.
 *
 * @param name `org/name`, `org/name@revision`, `org/name/file.gguf`
 * @throws {HubError} naming repository and file; {@link CheckpointError} `NOT_FOUND` for a repository without a checkpoint.
 */
export async function fetchCheckpoint(
  name: string | HubName,
  options: Omit<OpenRepositoryOptions, "type"> = {},
): Promise<string> {
  const repository = await HubRepository.open(name, { ...options, type: "model" });
  const { path } = repository.name;
  if (path !== undefined) return fetchGguf(repository, path);
  const present = new Set((await repository.list()).map((file) => file.path));
  const beside = ["config.json", ...companionFiles].filter((file) => present.has(file));
  if (present.has(singleFile)) await repository.fetch([...beside, singleFile]);
  else if (present.has(indexFile)) {
    await repository.fetch([...beside, indexFile]);
    await repository.fetch(await shardsOf(repository.snapshot));
  } else throw noWeights(repository, [...present]);
  if (present.has("config.json")) return repository.snapshot;
  throw new CheckpointError("NOT_FOUND", `${named(repository)}: has no config.json; is it a model?`);
}

async function fetchGguf(repository: HubRepository, path: string): Promise<string> {
  if (/\.gguf$/i.test(path)) return (await repository.fetch([path]))[0]!;
  throw new CheckpointError(
    "NOT_FOUND",
    `${named(repository)}/${path}: give the repository alone, or a file in it that ends in .gguf`,
  );
}

async function shardsOf(directory: string): Promise<string[]> {
  const file = join(directory, indexFile);
  const json = await readJsonObject(await fileSource(file), limits.indexBytes);
  return [...new Set(parseShardIndex(file, json).values())];
}

function noWeights(repository: HubRepository, present: readonly string[]): CheckpointError {
  const gguf = present.filter((file) => /\.gguf$/i.test(file));
  const pickled = present.filter((file) => /\.(bin|pth|pt|msgpack|h5)$/.test(file));
  const lack = `${named(repository)}: ${repository.connected ? "has" : "the cache has"} neither ${singleFile} nor ${indexFile}`;
  if (gguf.length > 0) {
    const shown = gguf.slice(0, 8).join(", ") + (gguf.length > 8 ? ", …" : "");
    const example = `${repository.name.repository}/${gguf[0]}`;
    return new CheckpointError(
      "NOT_FOUND",
      `${lack}; name one of its GGUF files, e.g. ${example} (${shown})`,
    );
  }
  if (pickled.length > 0) {
    const why = "formats that can run code are not read; convert it to safetensors";
    return new CheckpointError("NOT_FOUND", `${lack}, but ${pickled.slice(0, 3).join(", ")}; ${why}`);
  }
  const what = repository.connected ? "is it a model?" : "fetch it with a network first";
  return new CheckpointError("NOT_FOUND", `${lack}; ${what}`);
}

const named = ({ name }: HubRepository): string =>
  name.revision === "main" ? name.repository : `${name.repository}@${name.revision}`;
