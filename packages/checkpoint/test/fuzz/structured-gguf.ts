import fc from "fast-check";
import { type GgufFileTensor, type GgufValue, ggufFile, tinyGguf } from "../gguf-file.js";

const tiny = tinyGguf();
const keys = [
  ...tiny.metadata!.map(([key]) => key),
  "general.alignment",
  "llama.rope.scaling.type",
  "llama.expert_count",
];

const value: fc.Arbitrary<GgufValue> = fc.oneof(
  fc.constantFrom<GgufValue>(
    0,
    1,
    2,
    8,
    31,
    2 ** 32 - 1,
    0.5,
    -1,
    Number.NaN,
    true,
    2n ** 64n - 1n,
    "",
    "llama",
  ),
  fc.constantFrom<GgufValue>("qwen2", "gpt2", "linear", "yarn", "smollm", "llama-bpe"),
  fc.string({ maxLength: 40 }),
  fc.array(fc.string({ unit: "grapheme", maxLength: 8 }), { maxLength: 20 }),
  fc.array(fc.constantFrom(0, 1, 3, 6, 0.5, -2), { maxLength: 20 }),
);
const size = fc.constantFrom<number | bigint>(0, 1, 2, 4, 8, 12, 16, 32, 256, 2 ** 31, 2 ** 32, 2n ** 63n);
const tensor: fc.Arbitrary<Partial<GgufFileTensor>> = fc.record(
  {
    name: fc.constantFrom(
      "rope_freqs.weight",
      "output.weight",
      "blk.1.attn_q.weight",
      "blk.0.attn_q.bias",
      "x",
    ),
    sizes: fc.array(size, { maxLength: 5 }),
    type: fc.constantFrom(0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 30, 5, 99),
    offset: fc.constantFrom<number | bigint>(0, 1, 32, 4096, 2 ** 40, 2n ** 64n - 32n),
    data: fc.uint8Array({ maxLength: 300 }),
  },
  { requiredKeys: [] },
);

/** Files whose structure is right and whose content is not: metadata replaced or added, tensors changed or added. */
export const structuredGguf: fc.Arbitrary<Uint8Array> = fc
  .record({
    changes: fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 4 }),
    tensors: fc.array(fc.tuple(fc.nat({ max: 15 }), tensor), { maxLength: 3 }),
    version: fc.constantFrom(2, 3, 3, 3, 3),
    counts: fc.record(
      { tensors: fc.constantFrom(0, 1, 12, 2 ** 40), keys: fc.constantFrom(0, 1, 15, 2 ** 40) },
      { requiredKeys: [] },
    ),
    lie: fc.nat({ max: 9 }),
  })
  .map(({ changes, tensors, version, counts, lie }) => {
    const metadata = [...new Map([...tiny.metadata!, ...changes])];
    const list: GgufFileTensor[] = [...tiny.tensors!];
    for (const [at, change] of tensors) {
      const base = list[at] ?? { name: "output.weight", sizes: [8, 12], data: new Uint8Array(384) };
      list[Math.min(at, list.length)] = { ...base, ...change };
    }
    return ggufFile({ version, metadata, tensors: list, ...(lie === 0 ? { counts } : {}) });
  });
