import { type Row, type Task, TaskError } from "../task.js";

export const lambadaOpenai: Task = {
  name: "lambada_openai",
  version: "1.0",
  citation: "Paperno et al., The LAMBADA dataset, arXiv 1606.06031, as OpenAI prepared it",
  dataset: {
    id: "EleutherAI/lambada_openai",
    config: "default",
    split: "test",
    // Beside it are translations.
    files: ["data/lambada_test.jsonl"],
  },
  prepare,
  kind: "continuation",
  prompt: "{context}",
  continuation: "{word}",
  metrics: ["perplexity", "acc"],
};

/** The last word, whatever stands after the last space, is to be said. */
function prepare({ text }: Row): Row {
  if (typeof text !== "string") throw new TaskError("text is to be a text");
  const space = text.lastIndexOf(" ");
  return { context: space < 0 ? "" : text.slice(0, space), word: text.slice(space + 1) };
}
