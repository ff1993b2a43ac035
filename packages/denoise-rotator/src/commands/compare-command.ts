import { OptionError } from "@denoise-rotator/core";
import { Command } from "commander";
import {
  type Comparison,
  type ComparisonRow,
  compareEvaluations,
} from "../evaluation/compare-evaluations.js";
import type { ModelEvaluation } from "../evaluation/evaluate-model.js";
import { readEvaluation } from "../evaluation/read-evaluation.js";
import { addTaskOptions, type EvaluateFlags, evaluateModels } from "./eval-command.js";
import { integer, jsonOption } from "./options.js";
import { formatTable } from "./tables.js";

interface CompareFlags extends EvaluateFlags {
  readonly bootstrapSeed: number;
  readonly json?: boolean;
}

export function compareCommand(): Command {
  const command = new Command("compare")
    .summary("whether two models differ, by paired differences")
    .description(
      "Evaluates two models on the same windows and rows, pairs what they came to, and tells the difference with a " +
        "95 % interval (paired bootstrap; for accuracies McNemar's test too). Takes files of `eval --json --samples` as well.",
    )
    .argument("<first>", "checkpoint directory, .gguf file, tiny, or a .json of eval")
    .argument("<second>", "what is compared with it");
  return addTaskOptions(command)
    .option("--bootstrap-seed <n>", "of the resamples", integer(0), 0)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  denoise-rotator compare tiny ./pruned --tasks perplexity,continuation\n" +
        "  denoise-rotator eval tiny --json --samples > tiny.json; denoise-rotator compare tiny.json pruned.json",
    )
    .action(runCompare);
}

async function runCompare(first: string, second: string, flags: CompareFlags): Promise<void> {
  const names = [first, second];
  const files = names.map((name) => name.endsWith(".json"));
  if (files.every(Boolean) && flags.tasks) {
    throw new OptionError("--tasks: two saved evaluations are compared on what both hold; leave it out");
  }
  const saved = await Promise.all(names.map((name, i) => (files[i] ? readEvaluation(name) : undefined)));
  const models = names.filter((_, i) => !files[i]);
  const fresh = models.length > 0 ? await evaluateModels(models, flags, true, flags.json ?? false) : [];
  const [one, other] = saved.map((evaluation) => evaluation ?? fresh.shift()) as [
    ModelEvaluation,
    ModelEvaluation,
  ];
  const comparison = compareEvaluations(one, other, { seed: flags.bootstrapSeed });
  process.stdout.write(`${flags.json ? JSON.stringify(comparison) : comparisonText(comparison)}\n`);
}

function comparisonText({ first, second, rows, left }: Comparison): string {
  const head = ["", first, second, "difference", "95 % interval", "McNemar p", "the second is"];
  const lines = [formatTable(head, rows.map(cells))];
  const [perplexity] = rows.filter(({ task }) => task === "perplexity");
  if (perplexity) {
    const { difference, interval } = perplexity;
    const ratio = [difference, interval.low, interval.high].map((value) => Math.exp(value).toFixed(4));
    lines.push(`perplexity, ${second} over ${first}: ${ratio[0]} (95 % ${ratio[1]} to ${ratio[2]})`);
  }
  lines.push(...left.map((reason) => `not compared: ${reason}`));
  return lines.join("\n");
}

function cells({
  task,
  metric,
  higherIsBetter,
  first,
  second,
  difference,
  interval,
  mcnemar,
  verdict,
  pairs,
}: ComparisonRow): string[] {
  const unit = task === "perplexity" ? "windows" : "rows";
  const name = metric === "ln p" ? (higherIsBetter ? "ln p" : "−ln p") : metric;
  const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
  return [
    `${task} ${name} ${higherIsBetter ? "↑" : "↓"} (${pairs} ${unit})`,
    ...[first.toFixed(4), second.toFixed(4), signed(difference)],
    `${signed(interval.low)} to ${signed(interval.high)}`,
    mcnemar ? mcnemar.p.toPrecision(2) : "",
    verdict,
  ];
}
