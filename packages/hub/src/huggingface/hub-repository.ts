import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { HubError } from "../errors.js";
import { downloadBlob, hasSize } from "./download-blob.js";
import { HubConnection, type Patience } from "./hub-connection.js";
import { commitOnHub, folderOnHub, type ListedFile, type RepositoryFile } from "./hub-listing.js";
import { type HubName, parseHubName, type RepositoryType } from "./hub-name.js";
import { type Environment, type HubSettings, hubSettings } from "./hub-settings.js";
import { isCommit, RepositoryCache } from "./repository-cache.js";

export interface HubProgress {
  /** `org/name`. */
  readonly repository: string;
  /** The file whose bytes came last. */
  readonly file: string;
  /** Bytes of all files asked for that are there, and how many there will be. */
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface OpenRepositoryOptions {
  /** Default `model`. */
  readonly type?: RepositoryType;
  /** Where settings come from, see `hubSettings`; default the process's environment. */
  readonly environment?: Environment;
  readonly onProgress?: ((progress: HubProgress) => void) | undefined;
  /** Told what does not stop the work: repeated requests, a cached copy instead of an unreachable Hub. */
  readonly onNotice?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Partial<Patience>;
}

/** Files that are fetched at once. */
const lanes = 4;

/**
 * A repository on the Hugging Face Hub at one commit, together with what this machine's cache has of it.
 *
 * ```ts
 * const repository = await HubRepository.open("Qwen/Qwen2.5-0.5B");
 * const [config] = await repository.fetch(["config.json"]); // local paths
 * ```
 */
export class HubRepository {
  readonly name: HubName;
  readonly type: RepositoryType;
  readonly commit: string;
  /** Whether the Hub is asked; otherwise only what the cache holds exists. */
  readonly connected: boolean;
  readonly #settings: HubSettings;
  readonly #cache: RepositoryCache;
  readonly #connection: HubConnection;
  readonly #options: OpenRepositoryOptions;
  readonly #folders = new Map<string, Promise<ListedFile[]>>();

  private constructor(source: Source, commit: string, connected: boolean) {
    this.name = source.name;
    this.type = source.type;
    this.commit = commit;
    this.connected = connected;
    this.#settings = source.settings;
    this.#cache = source.cache;
    this.#connection = source.connection;
    this.#options = source.options;
  }

  /**
   * Looks up the commit of `org/name[@revision][/path]`. Offline, or where the Hub cannot be reached, the commit of
   * the last time is taken.
   *
   * @throws {HubError} `NOT_FOUND`, `ACCESS_DENIED`, `UNREACHABLE`, `OFFLINE`, naming the repository and what to do.
   */
  static async open(text: string | HubName, options: OpenRepositoryOptions = {}): Promise<HubRepository> {
    const source = await sourceOf(text, options);
    const { name, settings, cache, connection } = source;
    if (isCommit(name.revision)) return new HubRepository(source, name.revision, !settings.offline);
    const known = await cache.commitOf(name.revision);
    if (settings.offline) {
      if (known) return new HubRepository(source, known, false);
      throw absent(source, `revision "${name.revision}"`);
    }
    try {
      const commit = await commitOnHub(connection, { ...name, type: source.type }, name.revision);
      return new HubRepository(source, commit, true);
    } catch (error) {
      if (!known || !(error instanceof HubError) || error.code !== "UNREACHABLE") throw error;
      options.onNotice?.(`${error.message}. Going on with what the cache has of it (commit ${known})`);
      return new HubRepository(source, known, false);
    }
  }

  /** Local folder of the commit; holds what has been fetched. */
  get snapshot(): string {
    return this.#cache.snapshot(this.commit);
  }

  /** The files of a folder, by default the repository's own; unconnected, those that the cache has. */
  list(folder = ""): Promise<readonly RepositoryFile[]> {
    return this.connected ? this.#listed(folder) : this.#cache.list(this.commit, folder);
  }

  /**
   * Local paths of files of the repository; what the cache lacks is fetched.
   * @throws {HubError} `NOT_FOUND` for a file the repository lacks, `OFFLINE` for one the cache lacks, and as `downloadBlob`.
   */
  async fetch(paths: readonly string[]): Promise<string[]> {
    if (!this.connected) return Promise.all(paths.map((path) => this.#cached(path)));
    const files = await Promise.all(paths.map((path) => this.#file(path)));
    const present = await Promise.all(files.map((file) => this.#isPresent(file)));
    const missing = files.filter((_, i) => !present[i]);
    await this.#checkSpace(missing);
    await this.#fetchAll(missing);
    await this.#cache.noteCommit(this.name.revision, this.commit);
    return paths.map((path) => join(this.snapshot, path));
  }

  async #fetchAll(files: readonly ListedFile[]): Promise<void> {
    const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
    const arrived = new Map<string, number>();
    const { repository } = this.name;
    const queue = [...files];
    const lane = async () => {
      for (let file = queue.shift(); file; file = queue.shift()) {
        const { path } = file;
        await this.#fetchOne(file, (count) => {
          arrived.set(path, count);
          const bytes = [...arrived.values()].reduce((sum, value) => sum + value, 0);
          this.#options.onProgress?.({ repository, file: path, bytes, totalBytes });
        });
      }
    };
    const results = await Promise.allSettled(Array.from({ length: Math.min(lanes, queue.length) }, lane));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  async #fetchOne({ path, size, etag }: ListedFile, onBytes: (bytes: number) => void): Promise<void> {
    const blob = join(this.#cache.blobs, etag);
    const prefix = this.type === "model" ? "" : `${this.type}s/`;
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    const url = `${this.#settings.endpoint}/${prefix}${this.name.repository}/resolve/${this.commit}/${encoded}`;
    await downloadBlob(this.#connection, { url, file: path, blob, size, onBytes });
    await this.#cache.link(blob, this.commit, path);
  }

  #listed(folder: string): Promise<ListedFile[]> {
    let files = this.#folders.get(folder);
    if (!files) {
      files = folderOnHub(this.#connection, { ...this.name, type: this.type }, this.commit, folder);
      this.#folders.set(folder, files);
    }
    return files;
  }

  async #file(path: string): Promise<ListedFile> {
    const files = await this.#listed(path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "");
    const found = files.find((file) => file.path === path);
    if (found) return found;
    const { page, revision, endpoint } = this.#connection.subject;
    throw new HubError("NOT_FOUND", `${page}/${path}: is not in revision "${revision}" on ${endpoint}`);
  }

  async #cached(path: string): Promise<string> {
    const found = await this.#cache.find(this.commit, path);
    if (found) return found.path;
    throw absent({ name: this.name, type: this.type, cache: this.#cache, settings: this.#settings }, path);
  }

  async #isPresent({ path, size }: ListedFile): Promise<boolean> {
    const found = await this.#cache.find(this.commit, path);
    return found !== undefined && (await hasSize(found.path, size));
  }

  async #checkSpace(files: readonly ListedFile[]): Promise<void> {
    const needed = files.reduce((sum, { size }) => sum + size, 0);
    if (needed === 0) return;
    await mkdir(this.#cache.blobs, { recursive: true }).catch(() => {}); // the download says what is wrong
    const disk = await statfs(this.#cache.blobs).catch(() => undefined);
    if (!disk || disk.bavail * disk.bsize > needed) return;
    const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
    throw new HubError(
      "WRITE_FAILED",
      `${this.name.repository}: ${gib(needed)} are to be fetched, ${this.#settings.cacheDirectory} has ${gib(disk.bavail * disk.bsize)} free; make room or set HF_HUB_CACHE`,
    );
  }
}

interface Source {
  readonly name: HubName;
  readonly type: RepositoryType;
  readonly settings: HubSettings;
  readonly cache: RepositoryCache;
  readonly connection: HubConnection;
  readonly options: OpenRepositoryOptions;
}

async function sourceOf(text: string | HubName, options: OpenRepositoryOptions): Promise<Source> {
  const { type = "model", environment, signal, onNotice, patience } = options;
  const name = typeof text === "string" ? parseHubName(text) : text;
  if (!name) {
    throw new HubError("NOT_FOUND", `"${text}" is no name on the Hub; give org/name or org/name@revision`);
  }
  const settings = await hubSettings(environment);
  const subject = {
    page: type === "model" ? name.repository : `${type}s/${name.repository}`,
    revision: name.revision,
    endpoint: settings.endpoint,
    hasToken: settings.token !== undefined,
  };
  const { token } = settings;
  const connection = new HubConnection(subject, { token, signal, onNotice, ...(patience && { patience }) });
  const cache = new RepositoryCache(settings.cacheDirectory, type, name.repository);
  return { name, type, settings, cache, connection, options };
}

/** The error for what is not in the cache while the Hub is not asked. */
function absent(
  { name, type, cache, settings }: Pick<Source, "name" | "type" | "cache" | "settings">,
  what: string,
): HubError {
  const kind = type === "model" ? "" : ` --repo-type ${type}`;
  const revision = name.revision === "main" ? "" : ` --revision ${name.revision}`;
  const why = settings.offline ? "HF_HUB_OFFLINE is set" : `${settings.endpoint} cannot be reached`;
  return new HubError(
    "OFFLINE",
    `${name.repository}: ${what} is not in the cache (${cache.folder}) and ${why}; fetch it where there is a network: hf download ${name.repository}${kind}${revision}`,
  );
}
