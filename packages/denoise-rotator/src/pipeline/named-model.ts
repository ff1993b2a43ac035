import { lstat } from "node:fs/promises";
import { fetchCheckpoint } from "@denoise-rotator/checkpoint";
import type { Backend } from "@denoise-rotator/core";
import { HubError, parseHubName } from "@denoise-rotator/hub";
import { type Model, openModel } from "@denoise-rotator/models";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import type { FetchOptions } from "./fetch-options.js";

export const embeddedName = "tiny";

/** How a model is opened. */
export interface DenseOption {
  /** Whether weights that are 2:4 are multiplied as dense ones, also where the backend has kernels for them. */
  readonly dense?: boolean | undefined;
}

/** Opens the model that a name stands for, see {@link locateModel}. */
export async function openNamedModel(
  name: string,
  device: Backend,
  { dense = false, ...options }: FetchOptions & DenseOption = {},
): Promise<Model> {
  const path = await locateModel(name, options);
  return openModel(path, { device, ...(dense ? { sparse: false } : {}) });
}

/**
 * The local path of a model's directory or GGUF file. What exists under the name on this machine wins; `tiny` is the embedded model;
 * `org/name`, `org/name@revision` and `org/name/file.gguf` are fetched from the Hugging Face Hub.
 *
 * @throws HubError where it is neither, saying how the name was read.
 */
export async function locateModel(name: string, options: FetchOptions = {}): Promise<string> {
  if (name === embeddedName) return modelDirectory;
  if (await lstat(name).catch(() => undefined)) return name;
  const hubName = parseHubName(name);
  if (!hubName) {
    throw new HubError(
      "NOT_FOUND",
      `${name}: no such directory or file here, and no name on the Hub (org/name, org/name@revision, org/name/file.gguf)`,
    );
  }
  try {
    return await fetchCheckpoint(hubName, options);
  } catch (error) {
    if (!(error instanceof HubError) || (error.code !== "NOT_FOUND" && error.code !== "ACCESS_DENIED"))
      throw error;
    throw new HubError(error.code, `${name}: no such directory or file here; on the Hub, ${error.message}`, {
      cause: error,
    });
  }
}
