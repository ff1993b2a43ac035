// @ts-check
// One thread of the pool: an instance of the kernels over the shared memory that takes tasks for ever. It never returns
// to its event loop; the pool terminates it.
import { spinWhile, takeTasks, word } from "./job.js";

/**
 * @typedef {object} WorkerStart
 * @property {readonly WebAssembly.Module[]} modules
 * @property {WebAssembly.Memory} memory shared
 * @property {number} threadArea start of this thread's area
 * @property {number} controlAt
 * @property {number} controlWords
 * @property {number} tasksAt
 * @property {number} taskBytes
 * @property {number} spinMicroseconds how long to look out for the next job before sleeping
 */

/** @param {WorkerStart} start */
function serve(start) {
  const { modules, memory, threadArea } = start;
  const env = { memory, threadArea };
  const kernels = modules.flatMap((module) => {
    const { exports } = new WebAssembly.Instance(module, { env });
    return /** @type {import("./job.js").Kernel[]} */ (Object.values(exports));
  });
  const control = new Int32Array(memory.buffer, start.controlAt, start.controlWords);
  const table = new Float64Array(memory.buffer, start.tasksAt, start.taskBytes / 8);
  Atomics.add(control, word.started, 1);
  for (let seen = Atomics.load(control, word.generation); ; ) {
    workOnOpenJob(control, table, kernels);
    if (!spinWhile(control, word.generation, seen, start.spinMicroseconds)) {
      Atomics.add(control, word.asleep, 1);
      Atomics.wait(control, word.generation, seen);
      Atomics.sub(control, word.asleep, 1);
    }
    seen = Atomics.load(control, word.generation);
  }
}

/**
 * @param {Int32Array} control
 * @param {Float64Array} table
 * @param {readonly import("./job.js").Kernel[]} kernels
 */
function workOnOpenJob(control, table, kernels) {
  Atomics.add(control, word.active, 1);
  try {
    if (Atomics.load(control, word.open) === 1) takeTasks(control, table, kernels);
  } catch {
    Atomics.add(control, word.failures, 1);
  }
  if (Atomics.sub(control, word.active, 1) === 1) Atomics.notify(control, word.active);
}

const { process } = /** @type {{ process?: { getBuiltinModule?: (id: string) => any } }} */ (globalThis);
const threads = process?.getBuiltinModule?.("node:worker_threads");
if (threads) serve(threads.workerData);
else addEventListener("message", (event) => serve(event.data), { once: true });
