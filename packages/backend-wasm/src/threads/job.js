// @ts-check
// How threads agree on a job, shared by the pool and its workers. Plain JavaScript, since workers load this as it is.

/**
 * Words of the control block, in 64-byte lines of their own where several threads write.
 *
 * A job is one exported kernel and a table of argument lists. It is open while `open` is 1. A worker enters by adding 1
 * to `active`, looks at `open`, takes tasks from the counter `next` and leaves by subtracting 1. The caller takes tasks
 * too, closes the job when none is left, and waits until `active` is 0: workers that are late hold nobody up.
 */
export const word = /** @type {const} */ ({
  /** Counts jobs; workers sleep on it. */
  generation: 0,
  open: 16,
  active: 32,
  next: 48,
  /** Index of the kernel among the module's exports, numbers in an argument list, and how many lists there are. */
  kernel: 64,
  arity: 65,
  count: 66,
  /** Workers asleep, and ever started. */
  asleep: 80,
  started: 96,
  /** Tasks that trapped. */
  failures: 112,
});

/** Words of the control block. */
export const controlWords = 128;

/** @typedef {(...args: number[]) => void} Kernel */

/**
 * Takes tasks of the open job until there are none.
 * @param {Int32Array} control
 * @param {Float64Array} table argument lists, one after the other
 * @param {readonly Kernel[]} kernels the modules' exports in order
 */
export function takeTasks(control, table, kernels) {
  const kernel = /** @type {Kernel} */ (kernels[/** @type {number} */ (control[word.kernel])]);
  const arity = /** @type {number} */ (control[word.arity]);
  const count = /** @type {number} */ (control[word.count]);
  const args = new Array(arity).fill(0);
  for (let task = takeOne(control); task < count; task = takeOne(control)) {
    for (let i = 0; i < arity; i++) args[i] = table[task * arity + i];
    kernel(...args);
  }
}

/**
 * @param {Int32Array} control
 * @returns {number}
 */
function takeOne(control) {
  return Atomics.add(control, word.next, 1);
}

/** Tells the processor that this is a waiting loop, where the engine can. */
const pause = /** @type {{ pause?: () => void }} */ (/** @type {unknown} */ (Atomics)).pause ?? (() => {});

/**
 * Waits without sleeping until the word differs from `value`, for about `microseconds`.
 * @param {Int32Array} control
 * @param {number} index
 * @param {number} value
 * @param {number} microseconds
 * @returns {boolean} whether it differs
 */
export function spinWhile(control, index, value, microseconds) {
  const until = performance.now() + microseconds / 1000;
  do {
    for (let i = 0; i < 200; i++) {
      if (Atomics.load(control, index) !== value) return true;
      pause();
    }
  } while (performance.now() < until);
  return false;
}
