import { CheckpointError } from "./errors.js";

/** Reads checked values out of a parsed JSON object; every error names the file and the key. */
export class ConfigFields {
  readonly #file: string;
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #prefix: string;

  constructor(file: string, json: Readonly<Record<string, unknown>>, prefix = "") {
    this.#file = file;
    this.#json = json;
    this.#prefix = prefix;
  }

  /** Neither absent nor null. */
  has(key: string): boolean {
    return this.#json[key] !== undefined && this.#json[key] !== null;
  }

  raw(key: string): unknown {
    return this.#json[key];
  }

  error(key: string, why: string): CheckpointError {
    return new CheckpointError("CONFIG", `${this.#file}: ${this.#prefix}${key} ${why}`);
  }

  /** A value that must pass `accepts`; without a fallback it must be there. */
  #value<T>(key: string, what: string, accepts: (value: unknown) => value is T, fallback?: T): T {
    const value = this.#json[key];
    if (!this.has(key)) {
      if (fallback !== undefined) return fallback;
      throw this.error(key, `is missing, it must be ${what}`);
    }
    if (accepts(value)) return value;
    throw this.error(key, `is ${shown(value)}, it must be ${what}`);
  }

  positiveInteger(key: string, fallback?: number): number {
    return this.#value(
      key,
      "a positive integer",
      (v): v is number => Number.isSafeInteger(v) && (v as number) > 0,
      fallback,
    );
  }

  nonNegativeInteger(key: string, fallback?: number): number {
    return this.#value(
      key,
      "an integer of at least 0",
      (v): v is number => Number.isSafeInteger(v) && (v as number) >= 0,
      fallback,
    );
  }

  positiveNumber(key: string, fallback?: number): number {
    return this.#value(
      key,
      "a positive number",
      (v): v is number => Number.isFinite(v) && (v as number) > 0,
      fallback,
    );
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#value(key, "true or false", (v): v is boolean => typeof v === "boolean", fallback);
  }

  string(key: string, fallback?: string): string {
    return this.#value(key, "a string", (v): v is string => typeof v === "string", fallback);
  }

  /** A list of some of `allowed`, or undefined where it is absent or null. */
  strings<T extends string>(key: string, allowed: readonly T[]): readonly T[] | undefined {
    if (!this.has(key)) return undefined;
    const isList = (v: unknown): v is T[] => Array.isArray(v) && v.every((x) => allowed.includes(x as T));
    return this.#value(key, `a list of ${allowed.join(", ")}`, isList);
  }

  /** An object under `key`, or undefined where it is absent or null. */
  object(key: string): ConfigFields | undefined {
    const value = this.#json[key];
    if (!this.has(key)) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) {
      throw this.error(key, `is ${shown(value)}, it must be an object`);
    }
    return new ConfigFields(this.#file, value as Record<string, unknown>, `${this.#prefix}${key}.`);
  }

  /** A token id or a list of them; none is an empty list. */
  tokenIds(key: string): readonly number[] {
    if (!this.has(key)) return [];
    const value = this.#json[key];
    const ids: unknown[] = Array.isArray(value) ? value : [value];
    if (ids.every((id): id is number => Number.isSafeInteger(id) && (id as number) >= 0)) return ids;
    throw this.error(key, `is ${shown(value)}, it must be a token id or a list of them`);
  }
}

/** A value from a stranger's file, on one short line. */
export function shown(value: unknown): string {
  if (typeof value === "object" && value !== null && !isShallow(value)) return "nested";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Whether no element is an object: deep nesting would exhaust the stack when printed. */
const isShallow = (value: object): boolean =>
  Object.values(value).every((x) => typeof x !== "object" || x === null);
