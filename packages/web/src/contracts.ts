export * from "@denoise-rotator/contracts";
