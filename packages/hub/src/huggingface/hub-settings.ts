import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { HubError } from "../errors.js";

/** Where the Hub is, what this machine keeps of it, and who asks. */
export interface HubSettings {
  /** Address without a slash at its end. */
  readonly endpoint: string;
  /** Folder of Hugging Face's cache: `models--org--name` and its siblings. */
  readonly cacheDirectory: string;
  readonly token: string | undefined;
  /** Use what the cache holds and no network. */
  readonly offline: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settings by the variables that Hugging Face's own tools read: `HF_ENDPOINT`; `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`,
 * `XDG_CACHE_HOME`; `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_HUB_OFFLINE`,
 * `TRANSFORMERS_OFFLINE`.
 *
 * @throws {HubError} `READ_FAILED` for an endpoint that is no http(s) address, or a token file that cannot be read.
 */
export async function hubSettings(environment: Environment = process.env): Promise<HubSettings> {
  const home =
    pathFrom(environment.HF_HOME) ??
    join(pathFrom(environment.XDG_CACHE_HOME) ?? join(homedir(), ".cache"), "huggingface");
  return {
    endpoint: endpointFrom(environment.HF_ENDPOINT || "https://huggingface.co"),
    cacheDirectory:
      pathFrom(environment.HF_HUB_CACHE) ?? pathFrom(environment.HUGGINGFACE_HUB_CACHE) ?? join(home, "hub"),
    token: await tokenFrom(environment, home),
    offline: isTrue(environment.HF_HUB_OFFLINE || environment.TRANSFORMERS_OFFLINE),
  };
}

function endpointFrom(text: string): string {
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(text)) return text.replace(/\/+$/, "");
  throw new HubError(
    "READ_FAILED",
    `HF_ENDPOINT "${text}" is no address; give one as https://huggingface.co`,
  );
}

async function tokenFrom(environment: Environment, home: string): Promise<string | undefined> {
  const given = environment.HF_TOKEN || environment.HUGGING_FACE_HUB_TOKEN;
  if (given?.trim()) return given.trim();
  if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const path = pathFrom(environment.HF_TOKEN_PATH) ?? join(home, "token");
  try {
    return (await readFile(path, "utf8")).trim() || undefined;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new HubError("READ_FAILED", `${path}: the Hub's token cannot be read (${code}); set HF_TOKEN`, {
      cause,
    });
  }
}

const pathFrom = (text: string | undefined): string | undefined =>
  text ? text.replace(/^~(?=$|[/\\])/, homedir()) : undefined;

const isTrue = (text: string | undefined): boolean => /^(1|on|yes|true)$/i.test(text ?? "");
