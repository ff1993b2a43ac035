import type { Task } from "../task.js";

export const piqa: Task = {
  name: "piqa",
  version: "1.0",
  citation: "Bisk et al., PIQA: reasoning about physical commonsense in natural language, arXiv 1911.11641",
  dataset: { id: "baber/piqa", split: "validation", fewShotSplit: "train" },
  kind: "choices",
  prompt: "Question: {goal}\nAnswer:",
  choices: ["{sol1}", "{sol2}"],
  answer: "{label}",
  metrics: ["acc", "acc_norm"],
};
