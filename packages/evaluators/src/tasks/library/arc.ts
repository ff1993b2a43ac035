import type { Task } from "../task.js";

const arc = (name: string, config: string): Task => ({
  name,
  version: "1.0",
  citation: "Clark et al., Think you have solved question answering? Try ARC, arXiv 1803.05457",
  dataset: { id: "allenai/ai2_arc", config, split: "test", fewShotSplit: "train" },
  kind: "choices",
  prompt: "Question: {question}\nAnswer:",
  choices: "{choices.text}",
  answer: { value: "{answerKey}", among: "{choices.label}" },
  metrics: ["acc", "acc_norm"],
});

export const arcEasy: Task = arc("arc_easy", "ARC-Easy");
export const arcChallenge: Task = arc("arc_challenge", "ARC-Challenge");
