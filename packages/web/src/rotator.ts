export * from "@denoise-rotator/rotator";
