/** Runs tasks one after the other, in the order they came, each when the one before has ended. */
export class TaskQueue {
  #tail: Promise<void> = Promise.resolve();

  /** A task must not reject. */
  push(task: () => Promise<void>): void {
    this.#tail = this.#tail.then(task);
  }

  /** The task's result, after all before it. */
  ask<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.then(
      () => {},
      () => {},
    );
    return result;
  }
}
