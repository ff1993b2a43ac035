export * from "@denoise-rotator/backend-wasm";
