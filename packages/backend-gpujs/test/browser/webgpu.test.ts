import { afterAll, beforeAll, describe, it } from "vitest";
import { describeMode } from "../conformance.js";

// Node runs more of them.
describeMode("webgpu", { describe, it, beforeAll, afterAll }, { runs: 8 });
