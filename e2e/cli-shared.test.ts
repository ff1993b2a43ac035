import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quick, runIn, writeCalibration } from "./command-line.js";

const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-shared-"));
beforeAll(() => writeCalibration(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (...args: string[]) => runIn(folder, ...args);

describe("denoise-rotator prune --rotate shared", () => {
  it("should write an ordinary checkpoint, from saved rotations too", { timeout: 180_000 }, () => {
    const [out, again, rotation] = ["shared", "shared-again", "shared.safetensors"].map((name) =>
      join(folder, name),
    );
    const shared = [...quick, "--pruner", "wanda", "--rotate", "shared", "--skip", "1,2.downProj"];
    const { status, stdout, stderr } = run(
      "prune",
      "tiny",
      "--out",
      out!,
      "--save-rotation",
      rotation!,
      ...shared,
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const record = JSON.parse(stdout);
    expect(record.maskValid).toBe(true);
    expect(record.invarianceError).toBeLessThan(1e-4);
    expect(record.sharedRotation.best).toBeLessThan(record.sharedRotation.unrotated);
    expect(record.sharedRotation.trace).toHaveLength(4);
    const [first, skipped] = record.blocks;
    expect(first.sites[0].entropy.after).toBeLessThan(first.sites[0].entropy.before);
    expect(skipped.sites).toEqual([]);
    expect(first.picture.importance.layer.after).toHaveLength(64);
    const tenth = record.heldShares.indexOf(0.1);
    expect(first.sites[0].held.after[tenth]).toBeGreaterThan(first.sites[0].held.before[tenth]);
    const kept = first.picture.kept.join("");
    expect(kept.replaceAll("0", "").length / kept.length).toBe(0.5);
    const page = readFileSync(join(out!, "report.html"), "utf8");
    const copy = join(folder, "again.html");
    expect(run("report", out!, "--out", copy).stdout).toBe(`wrote ${copy}\n`);
    expect(readFileSync(copy, "utf8")).toBe(page);
    expect(run("report", folder).stderr).toMatch(/run\.json: cannot be read \(ENOENT\); give a directory/);
    expect(page).toContain("rotations that all blocks share");
    expect(page).toContain("one rotation for all blocks");
    expect(skipped.rotation.invarianceError).toBeLessThan(1e-4);
    expect(readdirSync(out!).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "report.html",
      "run.json",
      "tokenizer.json",
    ]);
    const config = JSON.parse(readFileSync(join(out!, "config.json"), "utf8"));
    expect(config).toMatchObject({ model_type: "llama", tie_word_embeddings: false });
    expect(run("inspect", out!).stdout).toMatch(/^llama: /);

    expect(run("prune", "tiny", "--out", again!, "--rotation", rotation!, ...shared).status).toBe(0);
    const weights = (directory: string) => readFileSync(join(directory, "model.safetensors"));
    expect(weights(again!).equals(weights(out!))).toBe(true);
  });

  it("should refuse what cannot share", { timeout: 180_000 }, () => {
    const own = join(folder, "own.safetensors");
    run("prune", "tiny", "--out", join(folder, "own"), "--save-rotation", own, ...quick);
    const refused = run("prune", "tiny", "--rotation", own, "--rotate", "shared", ...quick);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("do not share R1");
    const all = run("prune", "tiny", "--rotate", "shared", "--skip", "0,1,2,3", ...quick);
    expect(all.stderr).toContain("--skip leaves no block to learn from");
    const twice = run("prune", join(folder, "own"), "--rotate", "shared", ...quick);
    expect(twice.stderr).toContain("was rotated block by block before");
    const maps = run("prune", "tiny", "--rotate", "shared", "--transport", ...quick);
    expect(maps.stderr).toContain("--transport");
  });
});
