/** Name of our default, against which ratios are taken. */
export const base = "denoise-rotator";

/** The contender that runs in Python. */
export const pytorch = "pytorch";
