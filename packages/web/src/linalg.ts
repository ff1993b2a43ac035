export * from "@denoise-rotator/linalg";
