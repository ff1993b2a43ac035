import { setTimeout as sleep } from "node:timers/promises";
import { HubError } from "../errors.js";
import { failureOf, type Subject } from "./hub-failures.js";

/** How often and how long a connection tries; times in milliseconds. */
export interface Patience {
  /** Tries of a request without any progress, the first one included. Default 6. */
  readonly attempts: number;
  /** Wait before the second try; it doubles from try to try, to 30 s at most. Default 1000. */
  readonly firstWait: number;
  /** Longest silence of the server. Default 30 000. */
  readonly silence: number;
  /** Longest `Retry-After` that is waited for. Default 300 000. */
  readonly longestWait: number;
}

export const defaultPatience: Patience = {
  attempts: 6,
  firstWait: 1000,
  silence: 30_000,
  longestWait: 300_000,
};

export interface ConnectionOptions {
  readonly token: string | undefined;
  readonly patience?: Partial<Patience>;
  readonly signal?: AbortSignal | undefined;
  /** Told why a request is tried again. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/** Answers that may be others a moment later. */
const passing = new Set([408, 429, 500, 502, 503, 504]);

/** Requests to one endpoint of the Hub: token, time limits, repetition, typed errors. */
export class HubConnection {
  readonly subject: Subject;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
  readonly #options: ConnectionOptions;

  constructor(subject: Subject, options: ConnectionOptions) {
    this.subject = subject;
    this.patience = { ...defaultPatience, ...options.patience };
    this.signal = options.signal;
    this.#options = options;
  }

  /**
   * The answer to a GET, of status 2xx. Redirects are followed; the token goes to the endpoint's origin only.
   * @throws {HubError} naming repository and file. The signal's reason if that aborts.
   */
  async get(
    url: string,
    headers: HeadersInit = {},
    file?: string,
    allow: readonly number[] = [],
  ): Promise<Response> {
    const { attempts } = this.patience;
    for (let attempt = 1; ; attempt++) {
      const last = attempt === attempts;
      let response: Response;
      try {
        response = await this.#once(url, headers);
      } catch (cause) {
        this.signal?.throwIfAborted();
        if (last) throw this.#unreachable(cause, file);
        await this.pause(attempt, file);
        continue;
      }
      if (response.ok || allow.includes(response.status)) return response;
      if (last || !passing.has(response.status)) throw await failureOf(response, this.subject, file);
      const wait = retryAfter(response.headers.get("retry-after"));
      if (wait !== undefined && wait > this.patience.longestWait) {
        throw await failureOf(response, this.subject, file);
      }
      await response.body?.cancel().catch(() => {});
      await this.pause(attempt, file, wait, `the server answered ${response.status}`);
    }
  }

  /** Waits before try `attempt + 1`. */
  async pause(attempt: number, file?: string, least = 0, why = "no answer"): Promise<void> {
    const { firstWait } = this.patience;
    const wait = Math.max(least, Math.min(firstWait * 2 ** (attempt - 1), 30_000));
    const what = file ?? this.subject.page;
    this.#options.onNotice?.(`${what}: ${why}; trying again in ${(wait / 1000).toFixed(0)} s`);
    await sleep(wait, undefined, this.signal ? { signal: this.signal } : {}).catch((error: unknown) => {
      this.signal?.throwIfAborted();
      throw error;
    });
  }

  async #once(url: string, headers: HeadersInit): Promise<Response> {
    const all = new Headers(headers);
    all.set("user-agent", "denoise-rotator");
    const { token } = this.#options;
    const { origin } = new URL(this.subject.endpoint);
    if (token && new URL(url).origin === origin) all.set("authorization", `Bearer ${token}`);
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), this.patience.silence);
    const signals = this.signal ? [this.signal, silence.signal] : [silence.signal];
    try {
      return await fetch(url, { headers: all, signal: AbortSignal.any(signals) });
    } finally {
      clearTimeout(timer);
    }
  }

  #unreachable(cause: unknown, file: string | undefined): HubError {
    const { page, endpoint } = this.subject;
    const why = (cause as { cause?: { code?: string } }).cause?.code ?? "no answer";
    return new HubError(
      "UNREACHABLE",
      `${file === undefined ? page : `${page}/${file}`}: ${endpoint} cannot be reached (${why}); check the network, proxies and HF_ENDPOINT`,
      { cause },
    );
  }
}

/** Milliseconds of a `Retry-After` header: seconds or a date (RFC 9110, 10.2.3). */
export function retryAfter(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
