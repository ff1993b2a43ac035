/** What a packed weight `….weight` is called in the file: its kept values and their positions. */
export const packedNames = (name: string) => ({ values: `${name}_values`, positions: `${name}_positions` });
