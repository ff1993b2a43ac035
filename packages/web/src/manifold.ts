export * from "@denoise-rotator/manifold";
