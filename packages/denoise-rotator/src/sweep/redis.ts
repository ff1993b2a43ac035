import { OptionError } from "@denoise-rotator/core";

/** The package that reaches Redis, which only `--redis` needs. Throws OptionError where it is not installed. */
export async function redisPackage(): Promise<typeof import("@denoise-rotator/queue-bullmq")> {
  try {
    return await import("@denoise-rotator/queue-bullmq");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new OptionError(
      "--redis: needs the package @denoise-rotator/queue-bullmq; install it beside this one",
    );
  }
}
