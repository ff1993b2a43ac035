import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { atomicWriteFile, OutputDirectory } from "../src/index.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hub-outputs-"));
});
afterEach(async () => {
  await chmod(folder, 0o755);
  await rm(folder, { recursive: true });
});

describe("atomicWriteFile", () => {
  it("should replace a file as a whole and leave nothing else", async () => {
    const path = join(folder, "run.json");
    await atomicWriteFile(path, "first");
    await atomicWriteFile(path, Uint8Array.of(65, 66));
    expect(await readFile(path, "utf8")).toBe("AB");
    expect(await readdir(folder)).toEqual(["run.json"]);
  });

  it("should remove what a killed process left of the same file, and nothing else", async () => {
    const { pid: dead } = spawnSync(process.execPath, ["--version"]);
    const kept = [`.run.json.tmp-${process.pid}-00000001`, `.other.json.tmp-${dead}-00000002`];
    for (const name of [...kept, `.run.json.tmp-${dead}-00000003`]) await writeFile(join(folder, name), "");
    await atomicWriteFile(join(folder, "run.json"), "{}");
    expect((await readdir(folder)).sort()).toEqual([...kept, "run.json"].sort());
  });

  it("should name the path it cannot write and leave nothing", async () => {
    await mkdir(join(folder, "taken", "inside"), { recursive: true });
    await expect(atomicWriteFile(join(folder, "taken"), "x")).rejects.toMatchObject({ code: "WRITE_FAILED" });
    await expect(atomicWriteFile(join(folder, "no", "file"), "x")).rejects.toThrow(
      join(folder, "no", "file"),
    );
    expect(await readdir(folder)).toEqual(["taken"]);
  });
});

describe("OutputDirectory", () => {
  it("should appear only on commit", async () => {
    const target = join(folder, "out");
    const output = await OutputDirectory.create(target);
    await writeFile(output.path("config.json"), "{}");
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^\.out\.tmp-\d+-[0-9a-f]{8}$/)]);
    await output.commit();
    await output.abort();
    expect(await readdir(folder)).toEqual(["out"]);
    expect(await readdir(target)).toEqual(["config.json"]);
    expect(() => output.path("late")).toThrow("committed already");
  });

  it("should vanish, with the folders made for it, when its scope is left without commit", async () => {
    const leave = async () => {
      await using output = await OutputDirectory.create(join(folder, "a", "b", "out"));
      await writeFile(output.path("x"), "x");
      expect(await readdir(join(folder, "a", "b"))).toHaveLength(1);
      throw new Error("stop");
    };
    await expect(leave()).rejects.toThrow("stop");
    expect(await readdir(folder)).toEqual([]);
  });

  it("should vanish at once with abortSync", async () => {
    const output = await OutputDirectory.create(join(folder, "out"));
    await writeFile(output.path("x"), "x");
    output.abortSync();
    expect(await readdir(folder)).toEqual([]);
    await expect(output.commit()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("should refuse what exists, before any work, and keep it until a forced commit", async () => {
    const target = join(folder, "out");
    await mkdir(target);
    await writeFile(join(target, "old"), "old");
    await expect(OutputDirectory.create(target)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    const output = await OutputDirectory.create(target, { force: true });
    await writeFile(output.path("new"), "new");
    expect(await readdir(target)).toEqual(["old"]);
    await output.commit();
    expect(await readdir(target)).toEqual(["new"]);
    expect(await readdir(folder)).toEqual(["out"]);
  });

  it("should keep what appeared at its place meanwhile", async () => {
    const target = join(folder, "out");
    const output = await OutputDirectory.create(target);
    await mkdir(target);
    await expect(output.commit()).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    await output.abort();
    expect(await readdir(folder)).toEqual(["out"]);
  });

  it("should refuse a read-only parent at create, for the superuser too", async () => {
    await chmod(folder, 0o555);
    const created = OutputDirectory.create(join(folder, "out"));
    await expect(created).rejects.toMatchObject({
      code: "NOT_WRITABLE",
      message: expect.stringContaining(folder),
    });
    await expect(OutputDirectory.create(join(folder, "a", "out"))).rejects.toMatchObject({
      code: "NOT_WRITABLE",
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it("should refuse a file as parent", async () => {
    await writeFile(join(folder, "file"), "");
    const created = OutputDirectory.create(join(folder, "file", "out"));
    await expect(created).rejects.toMatchObject({ code: "NOT_WRITABLE" });
  });

  it("should never replace a folder that holds the current one", async () => {
    for (const path of [process.cwd(), dirname(process.cwd()), "/"]) {
      const created = OutputDirectory.create(path, { force: true });
      await expect(created).rejects.toMatchObject({ code: "OUTPUT_REFUSED" });
      expect((await stat(path)).isDirectory()).toBe(true);
    }
  });
});
