import type { Task } from "../task.js";

export const boolq: Task = {
  name: "boolq",
  version: "2.0",
  citation: "Clark et al., BoolQ: the surprising difficulty of natural yes/no questions, arXiv 1905.10044",
  dataset: { id: "aps/super_glue", config: "boolq", split: "validation", fewShotSplit: "train" },
  kind: "choices",
  prompt: "{passage}\nQuestion: {question}?\nAnswer:",
  choices: ["no", "yes"],
  answer: "{label}",
  metrics: ["acc"],
};
