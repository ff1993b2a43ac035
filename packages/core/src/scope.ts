interface Handle {
  dispose(): void;
}

/** Handles made inside the innermost `tidy`. */
const scopes: Set<Handle>[] = [];

export const registerInScope = (handle: Handle): void => {
  scopes.at(-1)?.add(handle);
};
export const forgetInScope = (handle: Handle): void => {
  for (const scope of scopes) scope.delete(handle);
};

/** Runs `body` outside every scope: what it makes is owned by the caller alone. */
export function unscoped<T>(body: () => T): T {
  const saved = scopes.splice(0);
  try {
    return body();
  } finally {
    scopes.push(...saved);
  }
}

type NotPromise<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * Runs `body` and disposes of every tensor made in it but those it returns (directly, or in arrays, maps and plain
 * objects). Synchronous: a scope cannot span an `await`, and the type rejects bodies that return a promise.
 */
export function tidy<T>(body: () => NotPromise<T> & T): T {
  const scope = new Set<Handle>();
  scopes.push(scope);
  let kept: Set<unknown>;
  let result: T;
  try {
    result = body();
    kept = collect(result, new Set());
  } catch (error) {
    scopes.pop();
    for (const handle of scope) handle.dispose();
    throw error;
  }
  scopes.pop();
  for (const handle of scope) {
    if (kept.has(handle)) registerInScope(handle);
    else handle.dispose();
  }
  return result;
}

function collect(value: unknown, into: Set<unknown>): Set<unknown> {
  if (typeof value !== "object" || value === null || into.has(value)) return into;
  into.add(value);
  if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (value instanceof Map) for (const item of value.values()) collect(item, into);
  else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, into);
  }
  return into;
}
