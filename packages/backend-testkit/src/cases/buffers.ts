import { type Backend, type DeviceBuffer, type Kernels, Random } from "@denoise-rotator/core";
import fc from "fast-check";
import { ConformanceError } from "../compare.js";
import { type ConformanceCase, propertyCase, type Settings } from "../kernel-case.js";
import { seeds } from "../layouts.js";

const required: readonly (keyof Kernels)[] = [
  ...(["fill", "copy", "unary", "binary", "select", "reduce", "matmul", "gather", "scatterAdd"] as const),
  ...(["argsort", "smallest", "triangularSolve", "choleskyPanel", "qrPanel"] as const),
];

function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceError(message);
}

async function checkCapabilities(backend: Backend): Promise<void> {
  const { dtypes, hostKernels, maxBufferBytes } = backend.capabilities;
  for (const kernel of [...required, ...hostKernels]) {
    expect(typeof backend.kernels[kernel] === "function", `${backend.name} has no kernel ${kernel}`);
  }
  for (const dtype of ["f32", "i32", "bool"] as const) {
    expect(dtypes.includes(dtype), `${backend.name} does not store ${dtype}`);
  }
  expect(maxBufferBytes > 0, `${backend.name}: maxBufferBytes is ${maxBufferBytes}`);
}

interface Held {
  readonly buffer: DeviceBuffer;
  readonly bytes: Uint8Array;
}

async function expectHeld(
  backend: Backend,
  { buffer, bytes }: Held,
  from: number,
  count: number,
): Promise<void> {
  const want = bytes.slice(from, from + count).toString();
  const got = await backend.read(buffer, from, count);
  expect(got.toString() === want, `read of ${count} bytes at ${from} gives [${got}], expected [${want}]`);
  if (backend.readSync) {
    const sync = backend.readSync(buffer, from, count);
    expect(sync.toString() === want, `readSync of ${count} bytes at ${from} differs from read`);
  }
}

/** Allocates, writes and frees in random order: contents stay apart, the count of bytes is kept, reads are copies. */
async function checkBuffers(backend: Backend, steps: number, seed: number): Promise<void> {
  const random = new Random(seed);
  const held: Held[] = [];
  const release = ({ buffer }: Held) => {
    const before = backend.capabilities.allocatedBytes();
    backend.free(buffer);
    const after = backend.capabilities.allocatedBytes();
    expect(after <= before, `free raised the allocated bytes from ${before} to ${after}`);
  };
  try {
    for (let step = 0; step < steps; step++) {
      if (held.length > 0 && random.next() < 0.4) {
        release(held.splice(random.integer(held.length), 1)[0]!);
        continue;
      }
      const bytes = Uint8Array.from({ length: random.integer(70) }, () => random.integer(256));
      const before = backend.capabilities.allocatedBytes();
      const buffer = backend.allocate(bytes.length);
      held.push({ buffer, bytes });
      const grown = backend.capabilities.allocatedBytes() - before;
      expect(
        grown >= bytes.length,
        `allocating ${bytes.length} bytes raised the allocated bytes by ${grown}`,
      );
      // In two parts, from arrays that are changed afterwards: a write takes the bytes as they are now.
      const cut = random.integer(bytes.length + 1);
      for (const [from, to] of [
        [0, cut],
        [cut, bytes.length],
      ] as const) {
        const part = bytes.slice(from, to);
        backend.write(buffer, from, part);
        part.fill(0);
      }
    }
    backend.flush();
    for (const one of held) {
      await expectHeld(backend, one, 0, one.bytes.length);
      const from = random.integer(one.bytes.length + 1);
      await expectHeld(backend, one, from, one.bytes.length - from);
      (await backend.read(one.buffer, 0, one.bytes.length)).fill(0xee);
      await expectHeld(backend, one, 0, one.bytes.length);
    }
  } finally {
    for (const one of held) release(one);
  }
}

/** What a backend says of itself; allocation, writes, reads. */
export const bufferCases = (settings: Settings): ConformanceCase[] => [
  {
    name: "capabilities and required kernels",
    skip: () => undefined,
    run: checkCapabilities,
  },
  propertyCase(
    "buffers keep their bytes",
    undefined,
    settings,
    () => fc.record({ steps: fc.integer({ min: 1, max: 40 }), seed: seeds }),
    (backend, { steps, seed }) => checkBuffers(backend, steps, seed),
  ),
];
