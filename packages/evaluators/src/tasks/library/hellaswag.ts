import { capitalize, strip } from "../python-text.js";
import { type Row, type Task, TaskError } from "../task.js";

export const hellaswag: Task = {
  name: "hellaswag",
  version: "1.0",
  citation: "Zellers et al., HellaSwag: can a machine really finish your sentence?, arXiv 1905.07830",
  dataset: { id: "Rowan/hellaswag", split: "validation", fewShotSplit: "train" },
  prepare,
  kind: "choices",
  prompt: "{query}",
  choices: "{endings}",
  answer: "{label}",
  metrics: ["acc", "acc_norm"],
};

function prepare(row: Row): Row {
  const { activity_label: activity, ctx_a: first, ctx_b: second, endings } = row;
  if (typeof activity !== "string" || typeof first !== "string" || typeof second !== "string") {
    throw new TaskError("activity_label, ctx_a and ctx_b are to be texts");
  }
  if (!Array.isArray(endings) || !endings.every((ending) => typeof ending === "string")) {
    throw new TaskError("endings is to be a list of texts");
  }
  const query = clean(`${activity}: ${first} ${capitalize(second)}`);
  return { query, endings: endings.map(clean), label: row.label };
}

/** Brackets are what the crawl of WikiHow left. */
const clean = (text: string): string =>
  strip(text)
    .replaceAll(" [title]", ". ")
    .replaceAll(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ");
