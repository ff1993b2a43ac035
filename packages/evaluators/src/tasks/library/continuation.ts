import type { Task } from "../task.js";

/** The true continuation of a held-out text among four; the rows are with the embedded model, nothing is downloaded. */
export const continuation: Task = {
  name: "continuation",
  version: "1.0",
  dataset: { id: "embedded", split: "test" },
  kind: "choices",
  prompt: "{context}",
  choices: "{endings}",
  answer: "{label}",
  metrics: ["acc", "acc_norm"],
};
