import { describeBackend } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, describe, it } from "vitest";
import { wasm } from "../src/index.js";

/** All but the last 256 MiB of what wasm32 can address: what follows is no positive 32-bit integer any more. */
const taken = 2 ** 32 - 2 ** 28;

// Pages that nothing writes to take no memory.
describeBackend(
  "wasm at addresses above 3.7 GiB",
  async () => {
    const device = await wasm({ threads: 2 });
    device.allocate(taken);
    return device;
  },
  { describe, it, beforeAll, afterAll },
);
