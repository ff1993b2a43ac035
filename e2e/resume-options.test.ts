import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createCpuBackend } from "@denoise-rotator/core";
import { type PruneOptions, pruneModel } from "@denoise-rotator/denoise-rotator";
import { documents } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeRandomCheckpoint } from "./random-checkpoint.js";

const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-resume-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

let options: PruneOptions;
beforeAll(async () => {
  const shape = { hidden: 32, heads: 2, keyValueHeads: 1, intermediate: 64, vocabulary: 2048 };
  await writeRandomCheckpoint(at("model"), shape, 3, 1e6);
  const [text] = await documents("test");
  writeFileSync(at("text.txt"), text!.slice(0, 2000));
  options = {
    ...{ model: at("model"), calibration: at("text.txt"), samples: 2, sequenceLength: 32, steps: 2 },
    ...{ pruner: "wanda", backend: createCpuBackend(), out: at("out") },
  };
});

/** Runs until block `block` is about to be pruned, and is then aborted. */
async function interrupted(block: number, extra: Partial<PruneOptions> = {}): Promise<Error> {
  const controller = new AbortController();
  const run = pruneModel({
    ...{ ...options, ...extra, signal: controller.signal },
    onProgress: (event) => {
      if (event.stage === "prune" && event.block === block) controller.abort();
    },
  });
  return run.then(
    () => expect.fail("the run was not aborted"),
    (error: Error) => error,
  );
}

async function noticesOf(extra: Partial<PruneOptions>) {
  const notices: string[] = [];
  const record = await pruneModel({ ...options, ...extra, onNotice: (notice) => notices.push(notice) });
  return { notices, record };
}

describe("prune --resume", () => {
  it("should leave nothing of a run that ended before its first block", async () => {
    const before = readdirSync(folder).sort();
    expect((await interrupted(1)).name).toBe("AbortError");
    expect(readdirSync(folder).sort()).toEqual(before);
    await expect(pruneModel({ ...options, skip: ["7"] })).rejects.toThrow("--skip 7");
    await expect(pruneModel({ ...options, out: undefined, resume: true } as never)).rejects.toThrow(
      "--resume: needs --out",
    );
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it("should start afresh where there is nothing, keep finished blocks, and do nothing once finished", async () => {
    const error = await interrupted(3, { resume: true });
    expect(error).toMatchObject({ name: "AbortError" });
    expect(error.message).toBe(
      "interrupted; 2 blocks kept; the same command with --resume goes on from there",
    );
    expect(existsSync(at("out"))).toBe(false);
    await expect(pruneModel(options)).rejects.toMatchObject({
      code: "INTERRUPTED",
      message: expect.stringMatching(/2 blocks.*--resume.*--force/),
    });

    const { notices, record } = await noticesOf({ resume: true });
    expect(notices).toEqual(["resuming: 2 blocks done before"]);
    expect(record).toMatchObject({ attempts: 2, maskValid: true });
    expect(record.blocks).toHaveLength(3);
    expect(JSON.parse(readFileSync(at("out/run.json"), "utf8"))).toEqual(JSON.parse(JSON.stringify(record)));
    expect(existsSync(at(".out.partial"))).toBe(false);

    const again = await noticesOf({ resume: true });
    expect(again.notices).toEqual([`${at("out")} is finished already: nothing to do`]);
    expect(again.record.seconds).toBe(record.seconds);
    await expect(pruneModel({ ...options, resume: true, steps: 3 })).rejects.toThrow(/^--steps 3: .* has 2;/);
    const replaced = await noticesOf({ resume: true, steps: 3, force: true });
    expect(replaced.notices).toEqual([`nothing to resume at ${at("out")}: starting afresh`]);
    rmSync(at("out"), { recursive: true });
  });

  it("should refuse what would change the bytes, naming it, and a second process", async () => {
    await interrupted(2);
    const resumed = (extra: Partial<PruneOptions>) => pruneModel({ ...options, resume: true, ...extra });
    await expect(resumed({ sequenceLength: 16 })).rejects.toMatchObject({
      code: "OPTION",
      message: expect.stringMatching(/^--seqlen 16: the run to resume has 32;/),
    });
    await expect(resumed({ pruner: "magnitude" })).rejects.toThrow(/^--pruner magnitude: .* has wanda;/);
    await expect(resumed({ seed: 1 })).rejects.toThrow(/^--seed 1: .* has none;/);
    await expect(resumed({ backend: "wasm" })).rejects.toThrow(/^--backend wasm: .* has cpu;/);

    const journal = at(".out.partial/journal.jsonl");
    const text = readFileSync(journal, "utf8");
    for (const [from, to, message] of [
      [`"node":"${process.versions.node}"`, '"node":"1.2.3"', "the version of node was 1.2.3"],
      ['"version":1', '"version":99', "kept by another version"],
      [
        '"name":"config.json","bytes":',
        '"name":"config.json","bytes":1',
        "the model: config.json has changed",
      ],
    ] as const) {
      expect(text).toContain(from);
      writeFileSync(journal, text.replace(from, to));
      await expect(resumed({})).rejects.toThrow(message);
    }
    writeFileSync(journal, text);

    const date = new Date(2001, 1, 1);
    utimesSync(at("text.txt"), date, date);
    await expect(resumed({})).rejects.toThrow("--calibration: text.txt has changed");
    const stamp = /"name":"text.txt","bytes":\d+,"modified":([\d.]+)/.exec(text)![1];
    utimesSync(at("text.txt"), Number(stamp) / 1000, Number(stamp) / 1000);
    writeFileSync(journal, text.replace(stamp!, String(new Date(Number(stamp)).getTime())));

    const lock = at(".out.partial/lock");
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname(), nonce: "other" }));
    await expect(resumed({})).rejects.toMatchObject({ code: "LOCKED" });
    rmSync(lock);

    const { notices } = await noticesOf({ force: true });
    expect(notices).toEqual([]);
  });
});
