import { HubError } from "../errors.js";
import { type BlobEtag, isBlobEtag } from "./blob-hash.js";
import type { HubConnection } from "./hub-connection.js";
import { isPlainPath, type RepositoryType } from "./hub-name.js";
import { isCommit } from "./repository-cache.js";

/** A file of a repository. */
export interface RepositoryFile {
  /** Path in the repository, with slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

export interface ListedFile extends RepositoryFile {
  readonly etag: BlobEtag;
}

/** Files of one folder at most. */
const mostFiles = 200_000;

interface Repository {
  readonly type: RepositoryType;
  readonly repository: string;
}

/** The commit that a revision is at now. */
export async function commitOnHub(
  connection: HubConnection,
  { type, repository }: Repository,
  revision: string,
): Promise<string> {
  const hub = await import("@huggingface/hub");
  const request = { ...common(connection), name: repository, revision, additionalFields: ["sha" as const] };
  const { sha } = await asHubError(connection, () =>
    type === "model" ? hub.modelInfo(request) : hub.datasetInfo(request),
  );
  if (isCommit(sha)) return sha;
  throw notAHub(connection, `gives "${sha}" as the commit of ${revision}`);
}

/** The files of a folder of a commit, without those of folders in it. */
export async function folderOnHub(
  connection: HubConnection,
  { type, repository }: Repository,
  commit: string,
  folder: string,
): Promise<ListedFile[]> {
  const { listFiles } = await import("@huggingface/hub");
  const request = {
    ...common(connection, folder || undefined),
    repo: { type, name: repository },
    revision: commit,
  };
  return asHubError(connection, async () => {
    const files: ListedFile[] = [];
    for await (const entry of listFiles(folder ? { ...request, path: folder } : request)) {
      if (entry.type !== "file") continue;
      files.push(checked(connection, entry));
      if (files.length > mostFiles) throw notAHub(connection, `lists more than ${mostFiles} files`);
    }
    return files;
  });
}

function checked(
  connection: HubConnection,
  { path, size, oid, lfs }: { path: string; size: number; oid?: string; lfs?: { oid: string; size: number } },
): ListedFile {
  const file = { path, size: lfs?.size ?? size, etag: lfs?.oid ?? oid };
  if (typeof path !== "string" || !isPlainPath(path)) {
    throw notAHub(connection, `lists a file ${JSON.stringify(path)}, whose name leads elsewhere`);
  }
  if (!Number.isSafeInteger(file.size) || file.size < 0 || !isBlobEtag(file.etag)) {
    throw notAHub(connection, `lists ${path} without size or checksum`);
  }
  return { ...file, etag: file.etag };
}

/** Requests of the library go through the connection, which adds the token, repeats, and throws errors of ours. */
const common = (connection: HubConnection, file?: string) => ({
  hubUrl: connection.subject.endpoint,
  fetch: ((url: string | URL, init?: RequestInit) =>
    connection.get(String(url), init?.headers, file)) as typeof fetch,
});

async function asHubError<T>(connection: HubConnection, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    connection.signal?.throwIfAborted();
    if (cause instanceof HubError) throw cause;
    throw notAHub(connection, `answers otherwise than the Hub does (${(cause as Error).message})`, cause);
  }
}

const notAHub = ({ subject }: HubConnection, what: string, cause?: unknown): HubError =>
  new HubError("READ_FAILED", `${subject.page}: ${subject.endpoint} ${what}; check HF_ENDPOINT`, { cause });
