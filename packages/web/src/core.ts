export * from "@denoise-rotator/core";
