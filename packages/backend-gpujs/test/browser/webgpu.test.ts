import { afterAll, beforeAll, describe, it } from "vitest";
import { describeMode } from "../conformance.js";

describeMode("webgpu", { describe, it, beforeAll, afterAll });
