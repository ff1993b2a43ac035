import { spawn } from "node:child_process";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppendLog, partialPath, ResumableOutput, temporaryPath } from "../src/index.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hub-resumable-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("AppendLog", () => {
  it("should give back what was appended, and count a line cut short as never written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        async (records, cut) => {
          const path = join(folder, "log");
          await rm(path, { force: true });
          await using log = await AppendLog.open<unknown>(path);
          await Promise.all(records.map((record) => log.append(record)));
          const bytes = await readFile(path);
          const length = cut % (bytes.length + 1);
          await writeFile(path, bytes.subarray(0, length));
          const whole = bytes.subarray(0, length).filter((byte) => byte === 10).length;
          await using again = await AppendLog.open<unknown>(path);
          expect(JSON.stringify(again.records)).toBe(JSON.stringify(records.slice(0, whole)));
          await again.append("more");
          expect((await readFile(path, "utf8")).split("\n").at(-2)).toBe('"more"');
        },
      ),
      { numRuns: 50 },
    );
  });

  it("should name the line that is no JSON, unless it is the last", async () => {
    const path = join(folder, "log");
    await writeFile(path, "1\n\0\0\n");
    await using log = await AppendLog.open(path);
    expect(log.records).toEqual([1]);
    await appendFile(path, "{\n2\n");
    await expect(AppendLog.open(path)).rejects.toMatchObject({
      code: "DAMAGED",
      message: expect.stringContaining(`${path}: line 2`),
    });
  });
});

describe("ResumableOutput", () => {
  it("should go on from what an earlier attempt left, and appear only on commit", async () => {
    const target = join(folder, "deep", "out");
    const first = await ResumableOutput.open(target);
    expect(first.found).toBe(false);
    await writeFile(join(first.contents, "a"), "a");
    await writeFile(temporaryPath(join(first.contents, "report.html")), "half");
    await writeFile(first.path("journal"), "1");
    first.keepSync();
    const second = await ResumableOutput.open(target);
    expect(second.found).toBe(true);
    await writeFile(join(second.contents, "b"), "b");
    await second.commit(false);
    expect(await readdir(join(folder, "deep"))).toEqual(["out"]);
    expect(await readdir(target)).toEqual(["a", "b"]);
  });

  it("should remove everything when given up, and what was there before when cleared", async () => {
    const output = await ResumableOutput.open(join(folder, "deep", "out"));
    await writeFile(output.path("journal"), "1");
    await mkdir(output.path("streams"));
    await output.clear();
    expect((await readdir(output.workingPath)).sort()).toEqual(["contents", "lock"]);
    output.discardSync();
    output.discardSync();
    expect(await readdir(folder)).toEqual([]);
  });

  it("should replace what exists by force only, whichever of the renames a crash came after", async () => {
    const target = join(folder, "out");
    const old = async () => {
      await rm(target, { recursive: true, force: true });
      await mkdir(target);
      await writeFile(join(target, "old"), "old");
    };
    await old();
    const output = await ResumableOutput.open(target);
    await expect(output.checkReplaceable(false)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await expect(output.commit(false)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await writeFile(join(output.contents, "new"), "new");
    // As after the first rename.
    await mkdir(output.path("replaced"));
    await rm(target, { recursive: true });
    await output.commit(true);
    expect(await readdir(folder)).toEqual(["out"]);
    expect(await readdir(target)).toEqual(["new"]);
    await old();
    const forced = await ResumableOutput.open(target);
    await writeFile(join(forced.contents, "newer"), "newer");
    await forced.commit(true);
    expect(await readdir(target)).toEqual(["newer"]);
    expect(await readdir(folder)).toEqual(["out"]);
  });

  it("should refuse a second worker, and take over from a dead one", async () => {
    const target = join(folder, "out");
    const output = await ResumableOutput.open(target);
    await expect(ResumableOutput.open(target)).rejects.toMatchObject({
      code: "LOCKED",
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
    });
    const lock = join(partialPath(target), "lock");
    const held = JSON.parse(await readFile(lock, "utf8"));
    const child = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => child.on("exit", resolve));
    const dead = { ...held, pid: child.pid, nonce: "dead" };
    // Dead; of an earlier process with this number; of an earlier start of the machine; torn by a crash.
    const stale = [dead, { ...held, born: "0", nonce: "n" }, { ...held, boot: "before", nonce: "n" }];
    const linux = held.born !== undefined;
    for (const content of linux
      ? [...stale.map((each) => JSON.stringify(each)), "{"]
      : [JSON.stringify(dead)]) {
      await writeFile(lock, content);
      const next = await ResumableOutput.open(target);
      next.keepSync();
    }
    await writeFile(lock, JSON.stringify({ ...dead, host: "elsewhere" }));
    await expect(ResumableOutput.open(target)).rejects.toMatchObject({ code: "LOCKED" });
    output.discardSync();
  });
});
