/** Kinds of repositories on the Hugging Face Hub that this project reads. */
export type RepositoryType = "model" | "dataset";

/** A repository on the Hub, as `parseHubName` reads it. */
export interface HubName {
  /** `org/name`. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** A file or folder of the repository, where the name goes on. */
  readonly path: string | undefined;
}

/** `org/name`, `@revision`, `/path`; references of the Hub's own (`refs/pr/1`) may hold slashes. */
const form = /^([^/@]+\/[^/@]+)(?:@(refs\/(?:convert|pr)\/[^/]+|[^/@]+))?(?:\/(.+))?$/;

/** What the Hub allows as either part of a name. */
const part = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?$/;

/**
 * Reads `org/name`, `org/name@revision`, `org/name/path` or `org/name@revision/path`; the revision is `main` where none is
 * given, and a slash in it is written `%2F`. Undefined for what cannot be a name on the Hub, such as `./model`.
 */
export function parseHubName(text: string): HubName | undefined {
  const match = form.exec(text);
  if (!match) return undefined;
  const [, repository, revision = "main", path] = match;
  if (!repository!.split("/").every((name) => part.test(name) && !/--|\.\./.test(name))) return undefined;
  const decoded = decode(revision);
  if (decoded === undefined || !isPlainPath(decoded)) return undefined;
  if (path !== undefined && !isPlainPath(path)) return undefined;
  return { repository: repository!, revision: decoded, path };
}

/**
 * Whether a path stays inside the folder it is joined to, on every system: names between single slashes, none of them
 * `.` or `..`, no backslashes, colons or control characters.
 */
export const isPlainPath = (path: string): boolean =>
  path.length <= 1024 &&
  path.split("/").every((name) => /^[^\\:\p{Cc}]+$/u.test(name) && name !== "." && name !== "..");

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
