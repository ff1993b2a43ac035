import { createHash } from "node:crypto";

/** What a repository of the local Hub holds. */
export interface HubRepositoryFiles {
  readonly type?: "model" | "dataset";
  /** `org/name`. */
  readonly name: string;
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** Paths stored as large files; default those that end in .safetensors, .gguf, .bin, .parquet, .gz. */
  readonly large?: RegExp;
  /** Tags and branches; default `main` only. */
  readonly revisions?: readonly string[];
  /** Asks for a token whose account accepted the licence. */
  readonly gated?: boolean;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The name git gives to contents. */
export const gitOid = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

const large = /\.(safetensors|gguf|bin|parquet|gz)$/;

/** A file as the tree route tells of it. */
export interface StoredFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Contents of the pointer that git keeps of a large file, else of the file. */
  readonly oid: string;
  readonly lfs: string | undefined;
}

export class StoredRepository {
  readonly type: "model" | "dataset";
  readonly name: string;
  readonly gated: boolean;
  readonly commit: string;
  readonly files = new Map<string, StoredFile>();
  readonly #revisions: readonly string[];

  constructor(source: HubRepositoryFiles) {
    this.type = source.type ?? "model";
    this.name = source.name;
    this.gated = source.gated ?? false;
    this.#revisions = source.revisions ?? ["main"];
    for (const [path, content] of Object.entries(source.files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const lfs = (source.large ?? large).test(path) ? sha256(bytes) : undefined;
      const inGit = lfs ? new TextEncoder().encode(pointer(lfs, bytes.length)) : bytes;
      this.files.set(path, { path, bytes, oid: gitOid(inGit), lfs });
    }
    this.commit = gitOid(
      Buffer.from(JSON.stringify([...this.files.values()].map(({ path, oid }) => [path, oid]))),
    );
  }

  knows(revision: string): boolean {
    return revision === this.commit || this.#revisions.includes(revision);
  }

  /** What lies in a folder, as the tree route answers; undefined if there is no such folder. */
  tree(folder: string, recursive: boolean): object[] | undefined {
    const prefix = folder === "" ? "" : `${folder}/`;
    const entries = new Map<string, object>();
    for (const { path, bytes, oid, lfs } of this.files.values()) {
      if (!path.startsWith(prefix)) continue;
      const [inside, ...deeper] = path.slice(prefix.length).split("/");
      if (deeper.length > 0) {
        const directory = `${prefix}${inside}`;
        entries.set(directory, {
          type: "directory",
          oid: gitOid(Buffer.from(directory)),
          size: 0,
          path: directory,
        });
        if (!recursive) continue;
      }
      const details = lfs ? { lfs: { oid: lfs, size: bytes.length, pointerSize: 134 } } : {};
      entries.set(path, { type: "file", oid, size: bytes.length, path, ...details });
    }
    return entries.size > 0 || folder === "" ? [...entries.values()] : undefined;
  }
}

const pointer = (oid: string, size: number): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`;
