import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { SweepError } from "./errors.js";

/** Keys and indices that lead to a value. */
export type KeyPath = readonly (string | number)[];

/** A YAML file whose values know their lines. */
export class YamlSource {
  readonly file: string;
  readonly value: unknown;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  /** @throws SweepError naming file and line where it is no YAML. */
  constructor(text: string, file: string) {
    this.file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines });
    const [error] = this.#document.errors;
    if (error) {
      const [message] = error.message.split(" at line");
      throw new SweepError(`${file}:${error.linePos?.[0].line ?? 1}: ${message}`);
    }
    this.value = this.#document.toJS({ maxAliasCount: 100 });
  }

  /** An error about what is at `path`. */
  error(path: KeyPath, why: string): SweepError {
    const key = path
      .map((part, i) => (typeof part === "number" ? `[${part + 1}]` : i > 0 ? `.${part}` : part))
      .join("");
    return new SweepError(`${this.file}:${this.#lineOf(path)}: ${key ? `${key}: ` : ""}${why}`);
  }

  /** Line of the key or entry, or of the closest one around it. */
  #lineOf(path: KeyPath): number {
    let node: unknown = this.#document.contents;
    let offset = 0;
    for (const part of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => (isScalar(key) ? key.value : key) === part);
        if (!pair) break;
        offset = (pair.key as Node).range?.[0] ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof part === "number") {
        node = node.items[part];
        offset = (node as Node | undefined)?.range?.[0] ?? offset;
      } else break;
    }
    return this.#lines.linePos(offset).line || 1;
  }
}
