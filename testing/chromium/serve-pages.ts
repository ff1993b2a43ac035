import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

/** What makes a page cross-origin isolated, so that it may share memory between threads. */
export const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
} as const;

export interface Site {
  /** Text by path, such as `/` or `/task.js`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Folders by the prefix of paths served from them, such as `/` or `/assets/`; ends with a slash. */
  readonly folders?: Readonly<Record<string, string | URL>>;
  /** Whether pages get {@link isolationHeaders}. */
  readonly isolated?: boolean;
  /** Whether other origins may import what is here, as from a content delivery network. */
  readonly shared?: boolean;
}

export interface PageServer {
  /** `http://127.0.0.1:PORT/`. */
  readonly url: string;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Serves files and folders to pages on this machine until closed; a folder's `/` is its index.html. */
export async function servePages(site: Site): Promise<PageServer> {
  const headers = {
    ...(site.isolated ? isolationHeaders : {}),
    ...(site.shared
      ? { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" }
      : {}),
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = pathname.endsWith("/") && !site.files?.[pathname] ? `${pathname}index.html` : pathname;
    const content = site.files?.[path] ?? (await fromFolders(site.folders ?? {}, path));
    const type = path === "/" ? types[".html"] : types[extname(path)];
    // Browsers ask for this one by themselves.
    const absent = path === "/favicon.ico" ? 204 : 404;
    response.writeHead(content === undefined ? absent : 200, {
      ...headers,
      "Content-Type": type ?? "application/octet-stream",
    });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The file of the folder with the longest prefix of `path`. */
async function fromFolders(
  folders: Readonly<Record<string, string | URL>>,
  path: string,
): Promise<Buffer | undefined> {
  const prefixes = Object.keys(folders).filter((prefix) => path.startsWith(prefix));
  const prefix = prefixes.sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return undefined;
  const folder = folders[prefix]!;
  // A leading slash keeps `..` from leaving the folder.
  const inside = normalize(`/${decodeURIComponent(path.slice(prefix.length))}`);
  try {
    return await readFile(join(folder instanceof URL ? fileURLToPath(folder) : folder, inside));
  } catch {
    return undefined;
  }
}
