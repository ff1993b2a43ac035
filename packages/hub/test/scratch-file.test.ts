import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ScratchFile } from "../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-scratch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (seed: number, size: number) =>
  Uint8Array.from({ length: size }, (_, i) => seed * 31 + i * 7);

describe("ScratchFile", () => {
  it("should give back what was written, whatever is freed between", () => {
    const steps = fc.array(fc.record({ size: fc.integer({ min: 1, max: 4 }), free: fc.nat({ max: 3 }) }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (script) => {
        using file = new ScratchFile(folder);
        const held: { extent: ReturnType<ScratchFile["write"]>; bytes: Uint8Array }[] = [];
        for (const [seed, { size, free }] of script.entries()) {
          const bytes = bytesOf(seed, 16 * size);
          held.push({ extent: file.write(bytes), bytes });
          for (const { extent } of held.splice(0, free)) file.free(extent);
          expect(file.used).toBe(held.reduce((sum, { extent }) => sum + extent.bytes, 0));
        }
        for (const { extent, bytes } of held) {
          const into = new Uint8Array(bytes.length - 3);
          file.read(extent, 3, into);
          expect(into).toEqual(bytes.subarray(3));
        }
      }),
    );
  });

  it("should use freed places again", () => {
    using file = new ScratchFile(folder);
    const [first, second] = [file.write(bytesOf(1, 32)), file.write(bytesOf(2, 32))];
    file.free(first);
    expect(file.write(bytesOf(3, 32)).offset).toBe(first.offset);
    file.free(second);
    expect(file.write(bytesOf(3, 16)).offset).toBe(64);
  });

  it("should leave nothing behind, not even when the process is killed", () => {
    using file = new ScratchFile(folder);
    file.write(bytesOf(0, 10));
    expect(readdirSync(folder)).toEqual([]);
    file.close();
    expect(() => file.write(bytesOf(0, 10))).toThrow(
      expect.objectContaining({ name: "HubError", code: "CLOSED" }),
    );
  });

  it("should name a folder that cannot take it", () => {
    const missing = join(folder, "missing");
    expect(() => new ScratchFile(missing)).toThrow(
      expect.objectContaining({ code: "NOT_WRITABLE", message: expect.stringContaining(missing) }),
    );
  });
});
