import { HubError } from "../errors.js";

/** What a request was for, for messages. */
export interface Subject {
  /** `org/name`, or `datasets/org/name`: what follows the endpoint in the address of its page. */
  readonly page: string;
  readonly revision: string;
  readonly endpoint: string;
  readonly hasToken: boolean;
}

/** The error for an answer that is none, naming the repository (and file) and what to do. The body is given up. */
export async function failureOf(response: Response, subject: Subject, file?: string): Promise<HubError> {
  await response.body?.cancel().catch(() => {});
  const { page, revision, endpoint, hasToken } = subject;
  const what = file === undefined ? page : `${page}/${file}`;
  const code = response.headers.get("x-error-code");
  const { status } = response;
  if (code === "GatedRepo") {
    const token = hasToken ? "with the account of your token" : "and set HF_TOKEN";
    return denied(`${what}: the repository is gated; accept its licence at ${endpoint}/${page} ${token}`);
  }
  if (code === "RevisionNotFound") return missing(`${page}: has no revision "${revision}" on ${endpoint}`);
  if (code === "EntryNotFound") return missing(`${what}: is not in revision "${revision}" on ${endpoint}`);
  if (status === 401 || code === "RepoNotFound") {
    return hasToken
      ? denied(
          `${what}: ${endpoint} has no such repository, or your token (HF_TOKEN) may not read it (${status})`,
        )
      : denied(
          `${what}: ${endpoint} has no such repository, or it is private: then set HF_TOKEN (${status})`,
        );
  }
  if (status === 403) {
    return denied(
      `${what}: ${endpoint} refuses access (403); ${hasToken ? "your token may not read it" : "set HF_TOKEN"}`,
    );
  }
  if (status === 404) return missing(`${what}: not found on ${endpoint} (404)`);
  if (status === 429) {
    return new HubError(
      "READ_FAILED",
      `${what}: ${endpoint} limits how often it answers (429); try again later${hasToken ? "" : " or set HF_TOKEN"}`,
    );
  }
  return new HubError("READ_FAILED", `${what}: ${endpoint} answered ${status}; try again later`);
}

const denied = (message: string): HubError => new HubError("ACCESS_DENIED", message);
const missing = (message: string): HubError => new HubError("NOT_FOUND", message);
