import { strip } from "../python-text.js";
import { type Row, type Task, TaskError } from "../task.js";

export const winogrande: Task = {
  name: "winogrande",
  version: "1.0",
  citation:
    "Sakaguchi et al., WinoGrande: an adversarial Winograd schema challenge at scale, arXiv 1907.10641",
  dataset: {
    id: "allenai/winogrande",
    config: "winogrande_xl",
    split: "validation",
    fewShotSplit: "train",
  },
  prepare,
  kind: "contexts",
  contexts: ["{before}{option1}", "{before}{option2}"],
  continuation: "{after}",
  answer: "{index}",
  metrics: ["acc"],
};

function prepare({ sentence, option1, option2, answer }: Row): Row {
  const blank = typeof sentence === "string" ? sentence.indexOf("_") : -1;
  if (typeof sentence !== "string" || blank < 0) throw new TaskError('sentence is to be a text with a "_"');
  if (answer !== "1" && answer !== "2") {
    throw new TaskError(`answer is ${JSON.stringify(answer)} where "1" or "2" is needed`);
  }
  return {
    before: sentence.slice(0, blank),
    after: strip(sentence.slice(blank + 1)),
    index: answer === "1" ? 0 : 1,
    option1,
    option2,
  };
}
