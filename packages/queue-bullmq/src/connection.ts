import { DenoiseRotatorError } from "@denoise-rotator/core";
import { Redis } from "ioredis";

/** Where jobs wait unless said otherwise. */
export const defaultQueueName = "denoise-rotator";

/** Redis cannot be reached; the message names the address. */
export class RedisError extends DenoiseRotatorError {
  constructor(message: string, options?: ErrorOptions) {
    super("REDIS", message, options);
  }
}

/**
 * A connection that has answered once; later it is restored for as long as it takes.
 *
 * @throws RedisError naming the address, without its password.
 */
export async function connect(url: string): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => null });
  // What is reported of a lost connection: it is retried, see below.
  redis.on("error", () => {});
  try {
    await redis.connect();
    await redis.ping();
  } catch (cause) {
    redis.disconnect();
    const { host } = new URL(url);
    throw new RedisError(
      `--redis ${host}: cannot be reached (${(cause as Error).message}); is redis-server running there?`,
      {
        cause,
      },
    );
  }
  redis.options.retryStrategy = (attempt: number) => Math.min(1000 * attempt, 10_000);
  return redis;
}
