export * from "@denoise-rotator/pruners";
