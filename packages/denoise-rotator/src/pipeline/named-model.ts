import type { Backend } from "@denoise-rotator/core";
import { type Model, openModel } from "@denoise-rotator/models";
import { modelDirectory } from "@denoise-rotator/tiny-llama";

export const embeddedName = "tiny";

/** Opens a checkpoint directory or a GGUF file; `tiny` names the embedded model. */
export const openNamedModel = (name: string, device: Backend): Promise<Model> =>
  openModel(name === embeddedName ? modelDirectory : name, { device });
