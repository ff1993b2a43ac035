/** What runs in browsers too: everything but files. */
export type { ByteSource } from "./byte-source.js";
export { HubError, type HubErrorCode } from "./errors.js";
export { type HttpSourceOptions, httpSource } from "./http-source.js";
export { memorySource } from "./memory-source.js";
