// A process of its own: loads all weights of a model and prints what they take. Arguments: directory, `packed` or `dense`.
import { wasm } from "@denoise-rotator/backend-wasm";
import { openModel, TextGenerator } from "@denoise-rotator/models";

/** What {@link loadWeights} finds. */
export interface LoadedWeights {
  /** Bytes of the weights of all linear layers of the blocks where they lie. */
  readonly siteBytes: number;
  /** Resident memory that loading added, garbage collected. */
  readonly residentBytes: number;
  /** Largest resident memory of the process. */
  readonly peakBytes: number;
  /** Of the token after a prompt of 64. */
  readonly logits: readonly number[];
}

const promptTokens = 64;

async function loadWeights(directory: string, sparse: boolean): Promise<LoadedWeights> {
  await using device = await wasm({ threads: 1 });
  await using model = await openModel(directory, { device, sparse });
  const resident = () => {
    globalThis.gc?.();
    return process.memoryUsage().rss;
  };
  const before = resident();
  using generator = await TextGenerator.load(model, { capacity: promptTokens });
  const residentBytes = resident() - before;
  const peakBytes = 1024 * process.resourceUsage().maxRSS;
  using sequence = generator.start(promptTokens);
  const prompt = Int32Array.from({ length: promptTokens }, (_, i) => (37 * i) % model.vocabularySize);
  const logits = [...(await sequence.append(prompt))];
  return { siteBytes: generator.siteBytes, residentBytes, peakBytes, logits };
}

const [directory, form] = process.argv.slice(2);
console.log(JSON.stringify(await loadWeights(directory!, form === "packed")));
