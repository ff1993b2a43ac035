/** What can be freed. */
interface Disposable {
  dispose(): void;
}

/** Results computed once and freed together; lives as long as one group of sites is pruned. */
export class SharedWork {
  readonly #made = new Map<object, Map<object, Promise<Disposable>>>();

  /** What `make` gave `owner` (a pruner) for `key` (such as H) the first time. Stays owned here: do not dispose of it. */
  once<T extends Disposable>(owner: object, key: object, make: () => Promise<T>): Promise<T> {
    const ofOwner = this.#made.get(owner) ?? new Map<object, Promise<Disposable>>();
    this.#made.set(owner, ofOwner);
    const known = ofOwner.get(key) as Promise<T> | undefined;
    if (known) return known;
    const made = make();
    ofOwner.set(key, made);
    return made;
  }

  /** Frees what was made for `owner`. */
  async release(owner: object): Promise<void> {
    const ofOwner = this.#made.get(owner);
    this.#made.delete(owner);
    await disposeAll([...(ofOwner?.values() ?? [])]);
  }

  /** Frees everything made. */
  async dispose(): Promise<void> {
    const pending = [...this.#made.values()].flatMap((ofOwner) => [...ofOwner.values()]);
    this.#made.clear();
    await disposeAll(pending);
  }
}

/** What failed has nothing to free, its error went to whoever asked. */
async function disposeAll(pending: readonly Promise<Disposable>[]): Promise<void> {
  for (const result of await Promise.allSettled(pending)) {
    if (result.status === "fulfilled") result.value.dispose();
  }
}

/** Runs `body` with `shared`, or with one of its own that it frees. */
export async function withSharedWork<T>(
  shared: SharedWork | undefined,
  body: (shared: SharedWork) => Promise<T>,
): Promise<T> {
  if (shared) return body(shared);
  const own = new SharedWork();
  try {
    return await body(own);
  } finally {
    await own.dispose();
  }
}
