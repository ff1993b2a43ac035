import { fileURLToPath } from "node:url";
import { build, preview } from "vite";

const root = fileURLToPath(new URL("../../web/", import.meta.url));

/** Builds the page as static files into `folder` (default: `web/dist`); any server of files can show it. */
export async function buildPage(folder?: string): Promise<void> {
  await build({
    root,
    configFile: `${root}vite.config.ts`,
    logLevel: "warn",
    ...(folder === undefined ? {} : { build: { outDir: folder, emptyOutDir: true } }),
  });
}

export interface ServedPage {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the built page with the headers that threads need. Default port: 4173, or the next one free. */
export async function servePage(port?: number): Promise<ServedPage> {
  const server = await preview({
    root,
    configFile: `${root}vite.config.ts`,
    logLevel: "warn",
    preview: { ...(port === undefined ? {} : { port, strictPort: true }) },
  });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error("the page's server has no address");
  return { url, close: () => server.close() };
}
