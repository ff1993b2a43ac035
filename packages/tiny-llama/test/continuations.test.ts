import { beforeAll, describe, expect, it } from "vitest";
import { type ContinuationRow, continuationRows, documents } from "../src/index.js";

describe("continuationRows", () => {
  let rows: ContinuationRow[];
  let texts: string[];
  beforeAll(async () => {
    rows = await continuationRows();
    texts = (await documents("test")).map((text) => text.split(/\s+/).join(" "));
  });

  it("should have one ending that follows and three that do not, all of the same document", () => {
    expect(rows.length).toBeGreaterThan(800);
    for (const { context, endings, label } of rows) {
      expect(new Set(endings).size).toBe(4);
      const text = texts.find((candidate) => candidate.includes(`${context} ${endings[label]}`));
      expect(text, context).toBeDefined();
      for (const ending of endings) expect(text).toContain(ending);
      for (const [i, ending] of endings.entries()) {
        expect(text!.includes(`${context} ${ending}`)).toBe(i === label);
      }
    }
  });

  it("should have each place right equally often, and the first rows from many documents", () => {
    const first = rows.slice(0, 100);
    for (const label of [0, 1, 2, 3]) {
      expect(first.filter((row) => row.label === label).length).toBe(25);
    }
    const from = first.map(({ context }) => texts.findIndex((text) => text.includes(context)));
    expect(new Set(from).size).toBeGreaterThan(20);
  });
});
