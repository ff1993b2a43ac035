import type { Command } from "./messages.js";
import { createService } from "./service.js";

const handle = createService((report) => postMessage(report));
addEventListener("message", ({ data }: MessageEvent<Command>) => void handle(data));
