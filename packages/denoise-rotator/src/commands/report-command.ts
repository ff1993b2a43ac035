import { dirname, join } from "node:path";
import { atomicWriteFile } from "@denoise-rotator/hub";
import { Command } from "commander";
import { readRecordText, reportName, reportOf } from "../pipeline/record-files.js";

export function reportCommand(): Command {
  return new Command("report")
    .summary("the page of a prune run, made again from its run.json")
    .description(
      "Writes report.html from a run record. RUN is a directory that `prune --out` made, or a run.json; the page goes beside it.",
    )
    .argument("<run>", "directory of a prune run, or its run.json")
    .option("--out <file>", "where the page goes (default: report.html beside the record)")
    .action(runReport);
}

async function runReport(run: string, { out }: { out?: string }): Promise<void> {
  const { file, text } = await readRecordText(run);
  const target = out ?? join(dirname(file), reportName);
  await atomicWriteFile(target, await reportOf(text, file));
  process.stdout.write(`wrote ${target}\n`);
}
