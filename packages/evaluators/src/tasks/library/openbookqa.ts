import type { Task } from "../task.js";

export const openbookqa: Task = {
  name: "openbookqa",
  version: "1.0",
  citation: "Mihaylov et al., Can a suit of armor conduct electricity?, arXiv 1809.02789",
  dataset: { id: "allenai/openbookqa", config: "main", split: "test", fewShotSplit: "train" },
  prepare: (row) => ({ ...row, answerKey: String(row.answerKey).trimStart() }),
  kind: "choices",
  prompt: "{question_stem}",
  choices: "{choices.text}",
  answer: { value: "{answerKey}", among: "{choices.label}" },
  metrics: ["acc", "acc_norm"],
};
