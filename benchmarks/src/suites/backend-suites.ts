import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { markdownTable, textTable } from "@denoise-rotator/bench";
import { insertIntoFile } from "../ablation/insert-table.js";
import { type MeasuredBackend, measuredBackendNames } from "../backends/measured-backends.js";
import { type CommandLine, UsageError } from "../command-line.js";
import { type AgreementResult, agreementRows, runAgreement } from "./agreement.js";
import { type NumericsResult, numericsNotes, numericsRows, runNumerics } from "./numerics.js";
import { runSoak, type SoakResult, soakRows } from "./soak.js";

export type BackendSuite = "numerics" | "soak" | "agreement";
type Result = NumericsResult | SoakResult | AgreementResult;

const document = fileURLToPath(new URL("../../../docs/numerics.md", import.meta.url));
/** The demo's settings, and what software adapters manage in minutes. */
const settings = {
  full: ["--eval-windows", "360"],
  standard: ["--samples", "16", "--seqlen", "128", "--steps", "20", "--eval-windows", "24"],
  quick: ["--samples", "4", "--seqlen", "128", "--steps", "3", "--eval-windows", "4", "--skip", "1,2,3"],
};

/**
 * Measures backends one after another. `kept` is the path of the result so far: rows of it that are not measured anew stay.
 * With `writeDocs` the tables go into `docs/numerics.md`.
 */
export async function runBackendSuite(
  suite: BackendSuite,
  options: CommandLine,
  kept: string,
  progress: (line: string) => void,
): Promise<{ readonly result: Result; readonly text: string }> {
  const names = namesOf(options.contenders);
  const before = existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : undefined;
  const { quick, full, only } = options;
  const result =
    suite === "numerics"
      ? await runNumerics(names, quick ? 10 : 100, before, progress)
      : suite === "soak"
        ? await runSoak(names, quick ? 800 : 20_000, before, progress)
        : await runAgreement({
            ...{ names, only, kept: before, progress, signal: new AbortController().signal },
            settings: full ? settings.full : quick ? settings.quick : settings.standard,
          });
  const rows = rowsOf(result);
  if (options.writeDocs) {
    insertIntoFile(document, suite, markdownTable(rows));
    if (result.suite === "numerics") insertIntoFile(document, "numerics notes", numericsNotes(result));
  }
  return { result, text: textTable(rows) };
}

function namesOf(wanted: readonly string[] | undefined): readonly MeasuredBackend[] {
  const unknown = wanted?.find((name) => !(measuredBackendNames as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--contenders ${unknown}: choose from ${measuredBackendNames.join(", ")}`);
  }
  return (wanted as MeasuredBackend[] | undefined) ?? measuredBackendNames;
}

function rowsOf(result: Result): string[][] {
  if (result.suite === "numerics") return numericsRows(result);
  return result.suite === "soak" ? soakRows(result) : agreementRows(result);
}
