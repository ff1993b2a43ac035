export * from "@denoise-rotator/backend-gpujs";
