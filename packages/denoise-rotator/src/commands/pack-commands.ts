import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { formatPackedPattern, type PackedPattern, parsePackedPattern } from "@denoise-rotator/checkpoint";
import { type Model, packModel, unpackModel } from "@denoise-rotator/models";
import { Command, InvalidArgumentError } from "commander";
import { withModelOnHost } from "./on-host.js";
import { jsonOption, modelArgument } from "./options.js";

interface RepackFlags {
  readonly out: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function packCommand(): Command {
  return repackCommand("pack", "store an N:M-pruned checkpoint by its kept values")
    .description(
      "Copies a checkpoint with the weights of those linear layers packed that have the pattern: kept values and " +
        "positions, for 2:4 in bf16 9/16 of the bytes. Nothing is lost, `unpack` restores every bit.",
    )
    .option(
      "--pattern <N:M>",
      "what the weights were pruned to; N:M/R where R rows share positions",
      pattern,
      { keep: 2, of: 4 },
    )
    .action((name: string, flags: RepackFlags & { pattern: PackedPattern }) =>
      repack(name, flags, async (model, options) => {
        const packed = await packModel(model, flags.out, { ...options, pattern: flags.pattern });
        return `packed ${packed.length} weights as ${formatPackedPattern(flags.pattern)}`;
      }),
    );
}

export function unpackCommand(): Command {
  return repackCommand("unpack", "restore the plain layout of a packed checkpoint")
    .description(
      "Copies a checkpoint whose weights are stored packed, all of them plain, for any program to read.",
    )
    .action((name: string, flags: RepackFlags) =>
      repack(name, flags, async (model, options) => {
        await unpackModel(model, flags.out, options);
        return "unpacked all weights";
      }),
    );
}

const repackCommand = (name: string, summary: string): Command =>
  new Command(name)
    .summary(summary)
    .argument("<model>", modelArgument)
    .requiredOption("--out <directory>", "where the copy goes")
    .option("--force", "replace what exists at --out")
    .addOption(jsonOption());

function pattern(text: string): PackedPattern {
  try {
    return parsePackedPattern("--pattern", text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function repack(
  name: string,
  { out, force, json }: RepackFlags,
  run: (
    model: Model,
    options: { force: boolean | undefined; signal: AbortSignal | undefined },
  ) => Promise<string>,
): Promise<void> {
  await withModelOnHost(name, json, async (model, signal) => {
    const done = await run(model, { force, signal });
    const [from, to] = [await weightBytes(model.checkpoint.path), await weightBytes(out)];
    process.stdout.write(
      json
        ? `${JSON.stringify({ model: name, out, bytesBefore: from, bytes: to })}\n`
        : `${done}: ${mebibytes(from)} → ${mebibytes(to)} MiB (${((100 * to) / from).toFixed(1)} %)\nwrote ${out}\n`,
    );
  });
}

/** Bytes of the files of weights in a directory, or of a file. */
async function weightBytes(path: string): Promise<number> {
  const whole = await stat(path);
  if (!whole.isDirectory()) return whole.size;
  let bytes = 0;
  for (const file of await readdir(path)) {
    if (file.endsWith(".safetensors")) bytes += (await stat(join(path, file))).size;
  }
  return bytes;
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
