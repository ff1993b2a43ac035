import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type HubRepositoryFiles, type StoredFile, StoredRepository } from "./repository.js";

/** What goes wrong with one answer: the bytes of a file, or any route. */
export type Fault =
  /** The connection breaks after so many bytes of the answer. */
  | { readonly kind: "cut"; readonly after: number }
  | { readonly kind: "status"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The whole file although a range was asked for. */
  | { readonly kind: "ignore-range" }
  /** Other bytes of the same length. */
  | { readonly kind: "other-bytes" }
  /** A file so many bytes longer (or shorter) than listed. */
  | { readonly kind: "other-length"; readonly by: number }
  /** No byte after the first so many, and no end. */
  | { readonly kind: "stall"; readonly after: number };

export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** Whether it went to the server that large files are redirected to. */
  readonly storage: boolean;
}

export interface HubServerOptions {
  /** The one token that is accepted. */
  readonly token?: string;
  /** Entries of one page of a listing. */
  readonly pageSize?: number;
}

export interface HubServer {
  /** For `HF_ENDPOINT`. */
  readonly url: string;
  readonly requests: RequestRecord[];
  /** The next answers to requests whose path ends so (`/config.json`, `/revision/main`), one fault each. */
  fail(pathEnd: string, ...faults: Fault[]): void;
  /** Forgets the faults that have not happened. */
  heal(): void;
  commit(name: string): string;
  close(): Promise<void>;
}

/**
 * Serves repositories on this machine by the routes of the Hugging Face Hub: `/api/models/org/name/revision/…`, `…/tree/…`,
 * `/org/name/resolve/…` (large files by a redirect to another origin), the same under `datasets`.
 */
export async function serveHub(
  repositories: readonly HubRepositoryFiles[],
  options: HubServerOptions = {},
): Promise<HubServer> {
  const stored = repositories.map((source) => new StoredRepository(source));
  const requests: RequestRecord[] = [];
  const faults: { pathEnd: string; fault: Fault }[] = [];
  const takeFault = (path: string) => {
    const index = faults.findIndex(({ pathEnd }) => path.endsWith(pathEnd));
    return index < 0 ? undefined : faults.splice(index, 1)[0]!.fault;
  };
  const note = (request: IncomingMessage, storage: boolean) => {
    const { range, authorization } = request.headers;
    const path = decodeURIComponent(new URL(request.url!, "http://hub").pathname);
    requests.push({ method: request.method!, path, range, authorization, storage });
    return path;
  };

  const storage = createServer((request, response) => {
    const path = note(request, true);
    const file = stored
      .flatMap(({ files }) => [...files.values()])
      .find(({ lfs }) => path.startsWith(`/${lfs}/`));
    if (!file) return void response.writeHead(403).end();
    send(request, response, file, takeFault(path), {});
  });
  const storageUrl = await listen(storage);

  const hub = createServer((request, response) => {
    const path = note(request, false);
    const route = routeOf(path);
    const repository = route && stored.find(({ name, type }) => name === route.name && type === route.type);
    // A fault in a large file's bytes belongs to the storage.
    const large = route?.kind === "resolve" && repository?.files.get(route.path)?.lfs !== undefined;
    const fault = large ? undefined : takeFault(path);
    if (fault?.kind === "status") return void response.writeHead(fault.status, fault.headers).end();
    if (fault?.kind === "cut" && route?.kind !== "resolve") return void response.destroy();
    const refusal = refused(request, route, repository, options.token);
    if (refusal) return void response.writeHead(refusal.status, refusal.headers).end();
    answer(request, response, { route: route!, repository: repository!, storageUrl, fault, options });
  });
  const url = await listen(hub);
  return {
    url,
    requests,
    fail: (pathEnd, ...list) => void faults.push(...list.map((fault) => ({ pathEnd, fault }))),
    heal: () => void faults.splice(0),
    commit: (name) => stored.find((repository) => repository.name === name)!.commit,
    close: () => Promise.all([shut(hub), shut(storage)]).then(() => {}),
  };
}

interface Route {
  readonly type: "model" | "dataset";
  readonly name: string;
  readonly kind: "revision" | "tree" | "resolve";
  readonly revision: string;
  readonly path: string;
}

function routeOf(path: string): Route | undefined {
  const api =
    /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(revision|tree)\/((?:refs\/(?:pr|convert)\/)?[^/]+)(?:\/(.*))?$/.exec(
      path,
    );
  if (api) {
    const [, type, name, kind, revision, folder = ""] = api;
    return { type: type!.slice(0, -1), name, kind, revision, path: folder } as Route;
  }
  const file = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/((?:refs\/(?:pr|convert)\/)?[^/]+)\/(.+)$/.exec(
    path,
  );
  if (!file) return undefined;
  const [, dataset, name, revision, inside] = file;
  return { type: dataset ? "dataset" : "model", name, kind: "resolve", revision, path: inside } as Route;
}

function refused(
  request: IncomingMessage,
  route: Route | undefined,
  repository: StoredRepository | undefined,
  token: string | undefined,
) {
  const no = (status: number, code: string) => ({ status, headers: { "X-Error-Code": code } });
  const { authorization } = request.headers;
  const known = token !== undefined && authorization === `Bearer ${token}`;
  if (authorization !== undefined && !known) return { status: 401, headers: {} };
  if (!route || !repository) return known ? no(404, "RepoNotFound") : { status: 401, headers: {} };
  if (repository.gated && !known) return no(401, "GatedRepo");
  if (!repository.knows(route.revision)) return no(404, "RevisionNotFound");
  return undefined;
}

interface AnswerContext {
  readonly route: Route;
  readonly repository: StoredRepository;
  readonly storageUrl: string;
  readonly fault: Fault | undefined;
  readonly options: HubServerOptions;
}

function answer(request: IncomingMessage, response: ServerResponse, context: AnswerContext): void {
  const { route, repository } = context;
  if (route.kind === "revision") {
    const siblings = [...repository.files.keys()].map((rfilename) => ({ rfilename }));
    json(response, { _id: "0", id: repository.name, sha: repository.commit, private: false, siblings });
  } else if (route.kind === "tree") answerTree(request, response, context);
  else answerFile(request, response, context);
}

const entryNotFound = (response: ServerResponse, { commit }: StoredRepository) =>
  void response.writeHead(404, { "X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit }).end();

function answerTree(request: IncomingMessage, response: ServerResponse, context: AnswerContext): void {
  const { route, repository, options } = context;
  const { searchParams, pathname } = new URL(request.url!, "http://hub");
  const all = repository.tree(route.path, /^true$/i.test(searchParams.get("recursive") ?? ""));
  if (!all) return void entryNotFound(response, repository);
  const from = Number(searchParams.get("cursor") ?? 0);
  const to = from + (options.pageSize ?? 1000);
  searchParams.set("cursor", String(to));
  const next = `<http://${request.headers.host}${pathname}?${searchParams}>; rel="next"`;
  json(response, all.slice(from, to), to < all.length ? { Link: next } : {});
}

/** A small file itself; for a large one, where it is stored. */
function answerFile(request: IncomingMessage, response: ServerResponse, context: AnswerContext): void {
  const { route, repository, storageUrl, fault } = context;
  const file = repository.files.get(route.path);
  if (!file) return void entryNotFound(response, repository);
  const headers = { "X-Repo-Commit": repository.commit, ETag: `"${file.oid}"` };
  if (file.lfs === undefined) send(request, response, file, fault, headers);
  else {
    const stored = { "X-Linked-Etag": `"${file.lfs}"`, "X-Linked-Size": String(file.bytes.length) };
    const location = `${storageUrl}/${file.lfs}/${route.path}`;
    response.writeHead(302, { ...headers, ...stored, Location: location }).end();
  }
}

/** Sends a file, or the range of it that is asked for. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  file: StoredFile,
  fault: Fault | undefined,
  headers: Readonly<Record<string, string>>,
): void {
  if (fault?.kind === "status") return void response.writeHead(fault.status, fault.headers).end();
  const bytes = faulty(file.bytes, fault);
  const range =
    fault?.kind === "ignore-range" ? undefined : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const first = Number(range?.[1] ?? 0);
  const last = Math.min(bytes.length - 1, Number(range?.[2] || bytes.length - 1));
  if (range && first >= bytes.length) {
    return void response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
  }
  const part = bytes.subarray(first, last + 1);
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "Content-Length": String(part.length),
    "Accept-Ranges": "bytes",
    ...(range ? { "Content-Range": `bytes ${first}-${last}/${bytes.length}` } : {}),
  });
  if (request.method === "HEAD") return void response.end();
  if (fault?.kind === "stall") return void response.write(part.subarray(0, fault.after));
  if (fault?.kind !== "cut") return void response.end(part);
  response.write(part.subarray(0, fault.after), () => setImmediate(() => response.destroy()));
}

function faulty(bytes: Uint8Array, fault: Fault | undefined): Uint8Array {
  if (fault?.kind === "other-bytes") return bytes.map((byte) => byte ^ 1);
  if (fault?.kind !== "other-length") return bytes;
  const changed = new Uint8Array(bytes.length + fault.by);
  changed.set(bytes.subarray(0, changed.length));
  return changed;
}

function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(value));
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const shut = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
