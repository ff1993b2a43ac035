import { availableParallelism } from "node:os";
import { build } from "./build.js";
import { type CommandLine, parseCommandLine, UsageError, usage } from "./command-line.js";
import { defaultResultPath, keepResult } from "./keep-result.js";

/** A suite's result as JSON, and how it reads. */
interface Reported {
  readonly result: object;
  readonly text: string;
}

type MeasuringSuite = Exclude<CommandLine["suite"], "docs">;

const progress = (line: string) => console.error(line);

/** Suites are loaded when asked for: they import packages that must have been built. */
async function run(suite: MeasuringSuite, options: CommandLine): Promise<Reported> {
  const { quick, full } = options;
  switch (suite) {
    case "kernels":
    case "linalg":
    case "solver": {
      const { runWorkSuite } = await import("./suites/work-suite.js");
      const { suiteReport } = await import("./report/suite-report.js");
      const { suiteContenders } = await import("./suites/works.js");
      const known = suiteContenders[suite];
      const unknown = options.contenders?.find((name) => !known.includes(name));
      if (unknown !== undefined) {
        throw new UsageError(`--contenders ${unknown}: choose from ${known.join(", ")}`);
      }
      const threads = threadsOf(options);
      const result = await runWorkSuite(suite, { ...definedOnly(options), quick, full, threads, progress });
      return { result, text: suiteReport(result) };
    }
    case "sparse": {
      const { runSparse } = await import("./suites/sparse.js");
      const { sparseReport } = await import("./report/sparse-report.js");
      const result = await runSparse({
        ...options,
        threads: threadsOf(options),
        kept: resultPath(options),
        progress,
      });
      return { result, text: sparseReport(result) };
    }
    case "prune": {
      if (options.profile) {
        const { runProfile } = await import("./suites/profile.js");
        const { profileReport } = await import("./report/profile-report.js");
        const result = await runProfile(quick, progress);
        return { result, text: profileReport(result) };
      }
      const { pruneReport, runPruneSuite } = await import("./suites/prune.js");
      const result = await runPruneSuite({
        ...definedOnly(options),
        quick,
        threads: threadsOf(options),
        progress,
      });
      return { result, text: pruneReport(result) };
    }
    case "memory": {
      const { memoryReport, runMemorySuite, writeMemoryTable } = await import("./suites/memory.js");
      const kept = resultPath(options);
      const result = await runMemorySuite({ ...definedOnly(options), quick, full, kept, progress });
      if (options.writeDocs) writeMemoryTable(result);
      return { result, text: memoryReport(result) };
    }
    case "webgpu-matmul": {
      const { runWebgpuMatmul, webgpuMatmulReport } = await import("./suites/webgpu-matmul.js");
      const result = await runWebgpuMatmul({ ...definedOnly(options), quick, progress });
      return { result, text: webgpuMatmulReport(result) };
    }
    case "ablation": {
      const { ablationReport, runAblation } = await import("./suites/ablation.js");
      const result = await runAblation({ ...options, progress });
      return { result, text: ablationReport(result) };
    }
    case "smollm2": {
      const { gguf } = options;
      if (gguf === undefined) throw new UsageError("smollm2: give the model's file by --gguf");
      const { runSmollm2 } = await import("./suites/smollm2.js");
      const { smollm2Report } = await import("./report/smollm2-report.js");
      const result = await runSmollm2({ ...options, gguf, progress });
      return { result, text: smollm2Report(result) };
    }
    case "numerics":
    case "soak":
    case "agreement": {
      const { runBackendSuite } = await import("./suites/backend-suites.js");
      return runBackendSuite(suite, options, resultPath(options), progress);
    }
    case "web": {
      const { measureInChromium } = await import("./suites/web.js");
      const { benchReport } = await import("@denoise-rotator/bench");
      const result = await measureInChromium({ ...definedOnly(options), ...options, progress });
      return { result, text: benchReport(result) };
    }
    case "sparse-memory": {
      const { runSparseMemory, sparseMemoryReport } = await import("./suites/sparse-memory.js");
      const result = await runSparseMemory(quick, progress);
      return { result, text: sparseMemoryReport(result) };
    }
    case "sparse-model": {
      const { runSparseModel } = await import("./suites/sparse-model.js");
      const { sparseModelReport } = await import("./report/sparse-model-report.js");
      const result = await runSparseModel({ ...definedOnly(options), quick, full, progress });
      return { result, text: sparseModelReport(result) };
    }
    case "parity": {
      const { runParity } = await import("./suites/parity.js");
      return runParity(options.writeDocs);
    }
    case "reference": {
      const { referenceRows, referenceTable } = await import("./suites/reference.js");
      const { engineVersions, machine } = await import("./machine.js");
      const figures = await referenceRows(quick, progress);
      const result = { suite, machine: machine(), versions: engineVersions(), ...figures };
      return { result, text: referenceTable(figures) };
    }
  }
}

const resultPath = (options: CommandLine) => options.out ?? defaultResultPath(options);

const threadsOf = ({ threads }: CommandLine) => threads ?? (availableParallelism() > 1 ? [1, 2] : [1]);

const definedOnly = ({ only, contenders, rounds }: CommandLine) => ({
  ...(only === undefined ? {} : { only }),
  ...(contenders === undefined ? {} : { contenders }),
  ...(rounds === undefined ? {} : { rounds }),
});

async function main(): Promise<void> {
  const options = parseCommandLine(process.argv.slice(2));
  if (!options) {
    console.log(usage);
    return;
  }
  if (options.suite === "docs") {
    const { writeBenchmarkDocs } = await import("./suites/docs.js");
    console.log(Object.values(writeBenchmarkDocs(progress)).join("\n\n"));
    return;
  }
  progress("building");
  build();
  if (options.suite === "web" && !options.headless) {
    const { serveUntilStopped } = await import("./suites/web.js");
    return serveUntilStopped(options.port, progress);
  }
  const { result, text } = await run(options.suite, options);
  const out = resultPath(options);
  keepResult(out, result);
  progress(`kept in ${out}`);
  console.log(options.json ? JSON.stringify(result, null, 2) : text);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
