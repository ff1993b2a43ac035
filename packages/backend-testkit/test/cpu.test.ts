import { createCpuBackend } from "@denoise-rotator/core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { describeBackend } from "../src/index.js";

describeBackend("cpu", createCpuBackend, { describe, it, beforeAll, afterAll });
