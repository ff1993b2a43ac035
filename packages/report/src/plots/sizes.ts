/** Pixels across the page's column. */
export const wide = 880;

/** One of four panels in a row. */
export const panelSize = {
  ...{ width: 214, height: 168, marginLeft: 54, marginRight: 10, marginTop: 8, marginBottom: 38 },
} as const;

/** Labels of axes in their middle. */
export const centred = { labelAnchor: "center", labelArrow: "none" } as const;
