import type { BlockShape } from "@denoise-rotator/bench";

/** A run of `prune` on random weights whose memory is measured. */
export interface MemoryJob {
  readonly name: string;
  readonly shape: BlockShape;
  readonly vocabulary: number;
  readonly blocks: number;
  readonly flags: readonly string[];
}

const small: BlockShape = { hidden: 192, heads: 3, keyValueHeads: 1, headDim: 64, intermediate: 512 };
const smollm: BlockShape = { hidden: 576, heads: 9, keyValueHeads: 3, headDim: 64, intermediate: 1536 };
const llama1B: BlockShape = { hidden: 2048, heads: 32, keyValueHeads: 8, headDim: 64, intermediate: 8192 };
const llama8B: BlockShape = { hidden: 4096, heads: 32, keyValueHeads: 8, headDim: 128, intermediate: 14336 };

/** Few steps and little text: what is held does not depend on the steps, and hardly on the text. */
const short = ["--steps", "1", "--samples", "4", "--seqlen", "128"];
/** Three batches of 2048 tokens, so that sums and activations are as large as in earnest. */
const wide = ["--steps", "1", "--samples", "3", "--seqlen", "2048"];

export function memoryJobs({
  quick,
  full,
}: {
  readonly quick: boolean;
  readonly full: boolean;
}): MemoryJob[] {
  if (quick) {
    return [4, 8].map((blocks) => ({
      ...{ name: `small-${blocks}`, shape: small, vocabulary: 2048, blocks },
      flags: short,
    }));
  }
  const forms = {
    "": ["--quality", "fast", "--rotate", "none"],
    "-rotated": ["--quality", "fast"],
    "-default": [],
  };
  const jobs: MemoryJob[] = [
    ...[4, 8].map((blocks) => ({
      ...{ name: `smollm2-135m-default-${blocks}`, shape: smollm, vocabulary: 49152, blocks },
      flags: short,
    })),
    ...Object.entries(forms).flatMap(([form, flags]) =>
      [4, 8].map((blocks) => ({
        ...{ name: `llama-3.2-1b${form}-${blocks}`, shape: llama1B, vocabulary: 128256, blocks },
        flags: [...flags, ...short],
      })),
    ),
  ];
  if (!full) return jobs;
  const one = { shape: llama8B, vocabulary: 128256, blocks: 1 };
  return [
    ...jobs,
    { ...one, name: "llama-3-8b-wanda", flags: ["--pruner", "wanda", "--rotate", "none", ...wide] },
    { ...one, name: "llama-3-8b-sparsegpt", flags: ["--quality", "fast", "--rotate", "none", ...wide] },
    { ...one, name: "llama-3-8b-default", flags: wide },
  ];
}
