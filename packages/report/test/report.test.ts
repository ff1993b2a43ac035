import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRunRecord, RecordError, renderReport } from "../src/index.js";
import { given, type MutableRecord, many, plain, tiny, tinyText } from "./records.js";

const sections = (page: string) => [...page.matchAll(/<section id="([^"]+)"/g)].map(([, id]) => id);
const alternatives = (page: string) =>
  [...page.matchAll(/<svg[^>]* role="img"[^>]*>|<svg[^>]*>/g)].map(
    ([tag]) => / aria-label="([^"]*)"/.exec(tag)?.[1],
  );
const all = ["perplexity", "importance", "layers", "learning", "pruning", "cost", "settings"];

describe("renderReport", () => {
  const page = renderReport(parseRunRecord(tinyText));

  it("should be one document that needs nothing else", () => {
    expect(page.startsWith("<!doctype html>")).toBe(true);
    expect(sections(page)).toEqual(all);
    expect(page).not.toMatch(/<script|<link rel="stylesheet"|@import|url\((?!data:)/);
    expect(page.match(/(?:src|href)="[^"]*"/g)).toEqual(['href="data:,"']);
    expect(new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)).size).toBe(
      [...page.matchAll(/ id="/g)].length,
    );
  });

  it("should give every figure a text instead", () => {
    const found = alternatives(page);
    expect(found.length).toBeGreaterThan(20);
    for (const alternative of found) expect(alternative).toMatch(/\S.{20,}/);
  });

  it("should say what the record says", () => {
    const { evaluation, blocks } = tiny();
    for (const { perplexity } of [evaluation!.dense, evaluation!.pruned, evaluation!.plain!]) {
      expect(page).toContain(perplexity.toFixed(2));
    }
    const { dense, pruned, plain: baseline } = evaluation!;
    const gap = (baseline!.perplexity - pruned.perplexity) / (baseline!.perplexity - dense.perplexity);
    expect(page).toContain(`${(100 * gap).toFixed(0)}\u202f%<small>`);
    const site = blocks[2]!.sites[0]!;
    expect(page).toContain(`<td>${site.error.toPrecision(3)}</td>`);
    expect(page).toContain("denoise-rotator prune tiny --out tiny-2of4 --eval --eval-plain");
    expect(page).not.toMatch(/NaN|undefined|\[object|Infinity/);
  });

  it("should give the same bytes for the same record, in whatever order pages are made", () => {
    expect(renderReport(plain())).toBe(renderReport(plain()));
    expect(renderReport(tiny())).toBe(page);
  });

  it("should say why a part is missing, instead of an empty figure", () => {
    const unrotated = renderReport(plain());
    expect(sections(unrotated)).toEqual(all);
    expect(unrotated).toContain("Magnitude 2:4 without rotation");
    expect(unrotated).toContain("prune with --eval");
    expect(unrotated.match(/this run rotated nothing \(--rotate none\)/g)).toHaveLength(3);
    expect(alternatives(unrotated).join()).toMatch(/were kept: 50/);
    const fromFile = renderReport(given());
    expect(fromFile.match(/the rotations came from saved\.safetensors/g)).toHaveLength(3);
    expect(fromFile).toMatch(/changed the outputs of no block|nothing was learned/);
    for (const bare of [unrotated, fromFile]) expect(bare).not.toMatch(/NaN|undefined|\[object|Infinity/);
  });

  it("should tell a plain figure that was not measured from one that was", () => {
    const record = tiny();
    record.evaluation!.plain = null;
    const unmeasured = renderReport(record);
    expect(unmeasured).toContain("was not measured");
    expect(unmeasured).not.toContain("<dt>gap closed</dt>");
  });

  it("should show nothing pruned, one block, and a pattern that a site breaks", () => {
    const record = tiny();
    const [first] = record.blocks;
    const one = renderReport({ ...record, maskValid: false, blocks: [first!] });
    expect(one).toContain("breaks its pattern");
    expect(one).not.toMatch(/NaN|undefined/);
    const none = {
      ...record,
      blocks: record.blocks.map((block) => ({ ...block, sites: [], picture: null })),
    };
    none.options = { ...none.options, pruner: "none" };
    const dense = renderReport(none);
    expect(dense).toContain("No site was pruned in this run.");
    expect(dense).not.toMatch(/NaN|undefined/);
  });

  it("should have room for many blocks", () => {
    const page32 = renderReport(many());
    expect(page32).toMatch(/Sparsity by site and block/);
    expect(page32.match(/<title>block 31, /g)!.length).toBeGreaterThanOrEqual(7 * 4);
    expect(page32.length).toBeLessThan(1_000_000);
  });

  it("should let no text of a record become markup", () => {
    const texts = fc.oneof(
      fc.constantFrom(
        `<script>alert(1)</script>`,
        `"><img src=x onerror=alert(1)>`,
        `</style><b>`,
        `' & <!--`,
      ),
      fc.string(),
    );
    const tagsOf = (text: string) => text.match(/<[a-z!/][^\s>]*/gi)!.join();
    const wanted = tagsOf(renderReport(plain()));
    fc.assert(
      fc.property(texts, (text) => {
        const record = plain();
        Object.assign(record.options, { model: text, calibration: text, out: text });
        record.repeat = ["prune", text];
        record.model.family = text;
        record.versions = { [text || "x"]: text || "1" };
        record.backend = { name: text, description: { adapter: text } };
        record.blocks[0]!.picture!.name = text;
        expect(tagsOf(renderReport(record))).toBe(wanted);
      }),
      { numRuns: 12 },
    );
  });

  it("should escape roles, stages and names in figures too", () => {
    const record = tiny();
    const evil = `<i x="1">'&`;
    record.stages = { [evil]: { seconds: 1, flops: 0 } };
    for (const { sites } of record.blocks) sites[0]!.role = evil;
    record.blocks[0]!.picture!.role = evil;
    const escaped = renderReport(record);
    expect(escaped.includes("<i x")).toBe(false);
    expect(escaped).toMatch(/aria-label="Time by stage: &lt;i x=&quot;1&quot;&gt;/);
  });
});

describe("parseRunRecord", () => {
  it.each([
    ["{", /no JSON/],
    ["null", /schemaVersion/],
    ['{"schemaVersion":1}', /schemaVersion 1 where 2 is needed.*run prune again/],
    ['{"schemaVersion":2}', /not what prune writes \(command: /],
  ])("should refuse %s", (text, message) => {
    expect(() => parseRunRecord(text)).toThrow(RecordError);
    expect(() => parseRunRecord(text)).toThrow(message);
  });

  it("should name the field that is wrong", () => {
    const damaged = (change: (record: MutableRecord) => void) => {
      const record = tiny();
      change(record);
      return () => parseRunRecord(JSON.stringify(record));
    };
    expect(damaged(({ blocks }) => Object.assign(blocks[1]!.sites[2]!, { error: "0" }))).toThrow(
      /blocks\.1\.sites\.2\.error/,
    );
    expect(damaged(({ blocks }) => void blocks[0]!.picture!.importance!.layer.after.pop())).toThrow(
      /blocks\.0\.picture\.importance\.layer: its rows differ in length/,
    );
    expect(damaged(() => {})).not.toThrow();
  });
});
