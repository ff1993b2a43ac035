export { DatasetError, type DatasetErrorCode } from "./errors.js";
export { limits } from "./limits.js";
export { type Dataset, type OpenDatasetOptions, openDataset } from "./open-dataset.js";
export { readRows } from "./read-rows.js";
export type { Row } from "./row.js";
export { filesOfSplit } from "./split-files.js";
