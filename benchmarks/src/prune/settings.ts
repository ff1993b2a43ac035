/** A way to prune that is timed; `flags` of `denoise-rotator prune`. */
export interface PruneSetting {
  readonly name: string;
  readonly flags: readonly string[];
}

/** Name of the setting against which ratios are taken. */
export const defaultSetting = "default";

export const pruneSettings = (quick: boolean): PruneSetting[] => [
  { name: "no rotation", flags: ["--rotate", "none"] },
  { name: "rotation fast", flags: ["--rotation-preset", "fast"] },
  { name: defaultSetting, flags: [] },
  ...(quick
    ? []
    : [
        { name: "quality fast", flags: ["--quality", "fast"] },
        { name: "quality default", flags: ["--quality", "default"] },
        { name: "quality best", flags: ["--quality", "best"] },
        { name: "turbo", flags: ["--turbo"] },
        { name: "paper's recipe, 200 steps", flags: ["--rotation-preset", "paper", "--steps", "200"] },
      ]),
];
