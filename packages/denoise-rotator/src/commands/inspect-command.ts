import { type DecoderConfig, formatPackedPattern } from "@denoise-rotator/checkpoint";
import { Command } from "commander";
import { planPrune } from "../pipeline/memory/run-plan.js";
import { bytes, describePlan } from "./memory-options.js";
import { withModelOnHost } from "./on-host.js";
import { jsonOption, modelArgument } from "./options.js";
import { formatTable } from "./tables.js";

export function inspectCommand(): Command {
  return new Command("inspect")
    .summary("what a checkpoint holds")
    .description("Architecture, tensors and the sparsity of every linear layer, read by ranges.")
    .argument("<model>", modelArgument)
    .option(
      "--memory [size]",
      "instead print what memory prune takes with its defaults, on wasm; of this size",
      bytes,
    )
    .addOption(jsonOption())
    .action(runInspect);
}

interface InspectFlags {
  readonly json?: boolean;
  /** `true`: the default. */
  readonly memory?: number | true;
}

async function runInspect(name: string, { json, memory }: InspectFlags): Promise<void> {
  if (memory !== undefined) {
    const plan = await planPrune({ model: name, ...(memory === true ? {} : { memory }) });
    process.stdout.write(json ? `${JSON.stringify(plan)}\n` : `${describePlan(plan)}\n`);
    return;
  }
  await withModelOnHost(name, json, async (model) => {
    const { checkpoint, config, family } = model;
    const tensors = [];
    for (const tensor of checkpoint.names) {
      const shape = checkpoint.shape(tensor);
      const values = shape.length === 2 ? await checkpoint.readFloat32(tensor) : undefined;
      const pattern = checkpoint.packing?.(tensor);
      const zeros = values?.reduce((count, value) => count + (value === 0 ? 1 : 0), 0);
      tensors.push({
        name: tensor,
        dtype: checkpoint.dtype(tensor),
        packed: pattern ? formatPackedPattern(pattern) : null,
        shape,
        sparsity: values && zeros !== undefined ? zeros / values.length : null,
      });
    }
    const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    if (json) {
      process.stdout.write(
        `${JSON.stringify({
          model: name,
          family: family.modelType,
          rotated: config.rotated,
          parameters,
          config: config.raw,
          tensors,
        })}\n`,
      );
      return;
    }
    const rows = tensors.map(({ name: tensor, dtype, packed, shape, sparsity }) => [
      tensor,
      packed === null ? dtype : `${dtype} ${packed}`,
      shape.join(" × "),
      sparsity === null ? "" : sparsity.toFixed(3),
    ]);
    process.stdout.write(
      `${family.modelType}${config.rotated ? ", rotated block by block" : ""}: ${parameters} parameters, ${config.layerCount} blocks, hidden ${config.hiddenSize}, ` +
        `${config.headCount} heads / ${config.keyValueHeadCount} key-value heads of ${config.headDim}${features(config)}\n` +
        `${formatTable(["tensor", "dtype", "shape", "zeros"], rows)}\n`,
    );
  });
}

/** What a configuration has besides its sizes, each after a comma. */
function features(config: DecoderConfig): string {
  const { tieWordEmbeddings, ropeScaling, attentionWindows } = config;
  const windowed = attentionWindows.filter((window) => window !== undefined);
  const widths = [...new Set(windowed)].join(", ");
  const found = [
    tieWordEmbeddings ? "tied embeddings" : "",
    ropeScaling ? `rope scaling ${ropeScaling.kind}` : "",
    windowed.length > 0 ? `attention windows of ${widths} in ${windowed.length} blocks` : "",
  ];
  return found.map((feature) => (feature ? `, ${feature}` : "")).join("");
}
