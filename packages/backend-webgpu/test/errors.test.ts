import { BackendError, fromTyped, OptionError, OutOfMemoryError, tensor } from "@denoise-rotator/core";
import { expect, it } from "vitest";
import { Engine } from "../src/engine/engine.js";
import { AdapterLimitError, BufferLimitError, DeviceError, DeviceLostError } from "../src/index.js";
import { openDevice } from "../src/open-device.js";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";
import { limitedInstance, realInstance, watchedInstance } from "./watched-instance.js";

const caught = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail("nothing was thrown"),
    (error) => error as Error,
  );

describeOnDevice("opening", () => {
  it("should refuse limits of memory that are no sizes", async () => {
    await expect(open({ maxMemoryBytes: -1 })).rejects.toThrow(OptionError);
    await expect(open({ maxIdleBytes: 1.5 })).rejects.toThrow(/maxIdleBytes is 1.5/);
  });

  it("should name the limit an adapter lacks", async () => {
    const error = await caught(open({ gpu: await limitedInstance({ maxStorageBuffersPerShaderStage: 4 }) }));
    expect(error).toBeInstanceOf(AdapterLimitError);
    expect(error.message).toMatch(/maxStorageBuffersPerShaderStage is 4, 8 is needed/);
  });

  it("should refuse f16 where the adapter has no shader-f16, and use it where it has", async () => {
    const adapter = await (await realInstance()).requestAdapter();
    if (adapter?.features.has("shader-f16")) {
      const backend = await open({ f16: true });
      expect(backend.capabilities.description.f16).toBe(true);
      await backend.dispose();
    } else {
      const error = await caught(open({ f16: true }));
      expect(error).toBeInstanceOf(AdapterLimitError);
      expect(error.message).toMatch(/shader-f16/);
    }
  });
});

describeOnDevice("memory that is not there", () => {
  it("should refuse a tensor larger than the device binds, naming both sizes", async () => {
    const backend = await open();
    const most = backend.capabilities.maxBufferBytes;
    expect(() => backend.allocate(most + 16)).toThrow(BufferLimitError);
    expect(() => backend.allocate(most + 16)).toThrow(
      new RegExp(`${most + 16} bytes exceeds .* ${most} bytes`),
    );
    await backend.dispose();
  });

  it("should keep maxMemoryBytes, giving idle buffers back before it refuses", async () => {
    const backend = await open({ maxMemoryBytes: 4096 });
    backend.free(backend.allocate(2048));
    const all = backend.allocate(4096);
    expect(() => backend.allocate(1)).toThrow(OutOfMemoryError);
    expect(() => backend.allocate(1)).toThrow(/1 bytes asked for, 4096 allocated, maxMemoryBytes is 4096/);
    backend.free(all);
    backend.free(backend.allocate(1024));
    await backend.dispose();
  });

  it("should tell at the read that the device is out of memory, and work on", async ({ skip }) => {
    const backend = await open();
    if (backend.capabilities.description.vendor !== "google") {
      await backend.dispose();
      skip("only SwiftShader is known to fail with one buffer of the size it promises");
    }
    const huge = backend.allocate(backend.capabilities.maxBufferBytes);
    for (let again = 0; again < 2; again++) {
      const error = await caught(backend.read(huge, 0, 16));
      expect(error).toBeInstanceOf(OutOfMemoryError);
      expect(error.message).toMatch(/allocation of \d+ bytes/);
    }
    backend.free(huge);
    const x = tensor([1, 2, 3], { backend });
    expect(await x.read()).toEqual(Float32Array.of(1, 2, 3));
    x.dispose();
    expect(backend.capabilities.allocatedBytes()).toBe(0);
    await backend.dispose();
  });
});

describeOnDevice("commands the device refuses", () => {
  it("should reject reads enqueued before the report, with the operation's name, and then work on", async () => {
    const engine = new Engine(await openDevice({}), {});
    const buffer = engine.allocate(16);
    engine.writeWords(buffer, 0, new Uint8Array(16).fill(7));
    engine.dispatch({
      op: "nonsense",
      key: "nonsense",
      bindings: { out: { buffer, access: "read_write" } },
      params: {},
      workgroups: [1, 1, 1],
      code: () => "this is not WGSL",
    });
    const reads = [engine.read(buffer, 0, 4), engine.read(buffer, 4, 4)].map(caught);
    for (const error of await Promise.all(reads)) {
      expect(error).toBeInstanceOf(DeviceError);
      expect(error.message).toMatch(/refused nonsense/);
    }
    expect([...(await engine.read(buffer, 8, 4))]).toEqual([7, 7, 7, 7]);
    engine.close();
  });
});

describeOnDevice("a lost device", () => {
  it("should reject pending reads by the operation's name, refuse what follows, and open anew", async () => {
    const { gpu, devices } = await watchedInstance();
    const backend = await open({ gpu });
    const x = fromTyped(Float32Array.of(1, 4, 9), [3], "f32", backend);
    const root = backend.allocate(12);
    const operand = { dtype: "f32", shape: [3], strides: [1], offset: 0 } as const;
    const source = backend.allocate(12);
    backend.write(source, 0, new Uint8Array(12));
    backend.kernels.unary("sqrt", { ...operand, buffer: source }, { ...operand, buffer: root });
    const read = backend.read(root, 0, 12);
    devices[0]!.destroy();
    const error = await caught(read);
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error.message).toMatch(/the result of sqrt was read .*open a new one/);
    await devices[0]!.lost;
    expect(() => x.exp()).toThrow(DeviceLostError);
    expect(() => backend.flush()).toThrow(DeviceLostError);
    await expect(x.read()).rejects.toThrow(DeviceLostError);
    x.dispose();
    backend.free(root);
    await backend.dispose();

    const next = await open({ gpu });
    const y = fromTyped(Float32Array.of(1, 4, 9), [3], "f32", next);
    expect(await y.sqrt().read()).toEqual(Float32Array.of(1, 2, 3));
    await next.dispose();
  });

  it("should reject reads that dispose() overtakes", async () => {
    const backend = await open();
    const x = tensor([1, 2, 3], { backend });
    const read = caught(x.read());
    await backend.dispose();
    const error = await read;
    expect(error).toBeInstanceOf(BackendError);
    expect(error.message).toMatch(/disposed/);
    expect(() => backend.allocate(16)).toThrow(BackendError);
    await backend.dispose();
  });
});
