export * from "@denoise-rotator/backend-webgpu";
