import { describe, expect, it } from "vitest";
import { smollm2Report } from "../src/report/smollm2-report.js";
import { forms, protocol, smollm2Jobs } from "../src/smollm2/jobs.js";

const row = (pruner: string, form: keyof typeof forms, perplexity: number) => ({
  ...{ pruner, form, perplexity, seconds: 61.2, peakMemoryBytes: 512 * 2 ** 20 },
  stages: {
    prune: { seconds: 22.34, cpuSeconds: 12.34, flops: 1 },
    ...(form === "plain" ? {} : { rotate: { seconds: 3, cpuSeconds: 2.5, flops: 1 } }),
  },
});

describe("smollm2", () => {
  it("should have every pruner in every form once, the plain forms without rotation", () => {
    const names = smollm2Jobs.map(({ pruner, form }) => `${pruner} ${form}`);
    expect(new Set(names).size).toBe(names.length);
    for (const pruner of ["magnitude", "wanda", "sparsegpt"]) {
      for (const form of ["plain", "per-block", "shared"]) expect(names).toContain(`${pruner} ${form}`);
    }
    expect(forms.plain).toContain("none");
  });

  it("should tabulate what there is", () => {
    const text = smollm2Report({
      suite: "smollm2",
      machine: { cpu: "CPU", cores: 2, memoryGiB: 1, platform: "linux x64", vectorBits: null },
      versions: { node: "v24.0.0" },
      file: { name: "x.gguf", bytes: 1 },
      protocol: protocol(true),
      dense: {
        ...{ perplexity: 30.12341, seconds: 1, streamHash: "a" },
        pytorch: { perplexity: 30.12342, streamHash: "a", versions: { torch: "2.0" } },
      },
      rows: [row("sparsegpt", "plain", 90), row("sparsegpt", "per-block", 60), row("wanda", "plain", 100)],
    });
    expect(text).toContain("dense: 30.1234, PyTorch 2.0 30.1234 (token ids equal)");
    expect(text).toContain("| 2:4 | plain | per-block |");
    expect(text).toContain("| magnitude | – | – |");
    expect(text).toContain("| sparsegpt | 90.00 | 60.00 |");
    expect(text).toContain("| sparsegpt, per-block | 15 | 12 | 3 | 512 |");
    expect(text).toContain("| sparsegpt, plain | 12 | 12 | – | 512 |");
  });
});
