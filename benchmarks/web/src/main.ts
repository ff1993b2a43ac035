import {
  type BenchProgress,
  type BenchResult,
  type BenchRow,
  benchReport,
  parseBenchResult,
  withBaseline,
} from "@denoise-rotator/bench";
import { ownNames, peerNames } from "./contenders.js";
import { element } from "./elements.js";
import { buildForm, readForm } from "./form.js";
import { showHost } from "./host-list.js";
import type { Report } from "./messages.js";
import type { Metric } from "./plot.js";
import { showResult, showRows } from "./result-view.js";
import { createRunner } from "./runner.js";

const buttons = {
  run: element("button", "run"),
  stop: element("button", "stop"),
  download: element("button", "download"),
  copy: element("button", "copy"),
};
const progressBar = element("progress", "progress");
const baseline = element("select", "baseline");
const metric = element("select", "metric");
const say = (text: string) => {
  element("span", "status").textContent = text;
};

let result: BenchResult | undefined;
let rows: BenchRow[] = [];

const search = new URLSearchParams(location.search);
buildForm({ own: ownNames, peers: peerNames }, search);
const runner = await createRunner();
showHost(runner);
setRunning(false);

element("form", "form").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
buttons.stop.addEventListener("click", () => {
  say("stopping after this sample");
  runner.stop();
});
buttons.download.addEventListener("click", () => {
  if (result) save(`bench-${result.date.slice(0, 10)}.json`, `${JSON.stringify(result, null, 2)}\n`);
});
buttons.copy.addEventListener("click", () => {
  if (result)
    void navigator.clipboard.writeText(benchReport(result, "markdown")).then(() => say("copied"), complain);
});
metric.addEventListener("change", () => result && show(result));
baseline.addEventListener("change", () => {
  if (result?.contenders.some(({ name }) => name === baseline.value))
    show(withBaseline(result, baseline.value));
});
element("input", "open").addEventListener("change", async ({ target }) => {
  const file = (target as HTMLInputElement).files?.[0];
  if (!file) return;
  try {
    show(parseBenchResult(JSON.parse(await file.text())));
    say(`${file.name}, measured elsewhere perhaps`);
  } catch (error) {
    complain(error);
  }
});
if (search.has("run")) start();

function start(): void {
  const request = readForm();
  if (typeof request === "string") {
    say(request);
    return;
  }
  result = undefined;
  rows = [];
  showRows(rows, null);
  setRunning(true);
  runner.run(request, onReport);
}

function onReport(report: Report): void {
  if (report.type === "progress") follow(report.progress);
  if (report.type === "ended") say(report.message);
  if (report.type === "result") {
    show(report.result);
    say("done");
  }
  if (report.type === "result" || report.type === "ended") setRunning(false);
}

function follow(progress: BenchProgress): void {
  if (progress.type === "opening") {
    say(`opening ${progress.contender}`);
    return;
  }
  progressBar.value = progress.share;
  if (progress.type === "preparing") say(`${progress.work}: preparing ${progress.contender}`);
  if (progress.type === "measuring") say(`${progress.work}: round ${progress.round}`);
  if (progress.type === "rows") {
    rows.push(...progress.rows);
    showRows(rows, rows.some(({ contender }) => contender === baseline.value) ? baseline.value : null);
  }
}

function show(shown: BenchResult): void {
  result = shown;
  buttons.download.disabled = false;
  buttons.copy.disabled = false;
  showResult(shown, metric.value as Metric);
}

function setRunning(running: boolean): void {
  buttons.run.disabled = running;
  buttons.stop.disabled = !running;
  progressBar.hidden = !running;
  if (running) {
    buttons.download.disabled = true;
    buttons.copy.disabled = true;
  }
}

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function complain(error: unknown): void {
  say(error instanceof Error ? error.message : String(error));
}
