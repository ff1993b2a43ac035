export { atomicWriteFile } from "./atomic-write.js";
export * from "./browser.js";
export { fileSource } from "./file-source.js";
export { OutputDirectory, type OutputDirectoryOptions } from "./output-directory.js";
export { type ScratchExtent, ScratchFile } from "./scratch-file.js";
export { temporaryPath } from "./temporary-path.js";
