import { editDistance } from "@denoise-rotator/core";
import { protocols } from "../protocols/protocol.js";
import { arcChallenge, arcEasy } from "./library/arc.js";
import { boolq } from "./library/boolq.js";
import { continuation } from "./library/continuation.js";
import { hellaswag } from "./library/hellaswag.js";
import { lambadaOpenai } from "./library/lambada.js";
import { openbookqa } from "./library/openbookqa.js";
import { piqa } from "./library/piqa.js";
import { winogrande } from "./library/winogrande.js";
import { type Task, TaskError } from "./task.js";

/** The tasks of this package, by the names lm-evaluation-harness gives them. */
export const builtInTasks: readonly Task[] = [
  piqa,
  hellaswag,
  arcEasy,
  arcChallenge,
  winogrande,
  boolq,
  openbookqa,
  lambadaOpenai,
  continuation,
];

/** Throws {@link TaskError} with a suggestion where no task has the name. */
export function findTask(name: string, tasks: readonly Task[] = builtInTasks): Task {
  const found = tasks.find((task) => task.name === name);
  if (found) return found;
  const names = tasks.map((task) => task.name);
  const near = [...names].sort((a, b) => editDistance(name, a) - editDistance(name, b))[0];
  const close = near !== undefined && editDistance(name, near) <= Math.max(2, Math.floor(near.length / 3));
  throw new TaskError(
    `there is no task "${name}"${close ? ` (did you mean "${near}"?)` : ""}; there are: ${names.join(", ")}, the texts ${protocols.map((protocol) => protocol.name).join(", ")}, and modules of your own (./my-task.mjs)`,
  );
}
