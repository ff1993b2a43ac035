import {
  type Backend,
  cpu,
  fromArray,
  groupEntropyInto,
  prunedEnergyInto,
  type Tensor,
  tidy,
  zeros,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { expectClose } from "../compare.js";
import { type Destination, execute } from "../execute.js";
import { type HostOperand, hostOperand, type Layout, valuesOf } from "../host-operand.js";
import { type ConformanceCase, propertyCase, type Settings } from "../kernel-case.js";
import { dims, layouts, seeds } from "../layouts.js";
import { draw, ordinary, tied } from "../values.js";

const f32 = (layout: Layout): Destination => ({ dtype: "f32", layout });
/** The cpu backend rounds every step to f32 and adds up in f64: masks agree with it bit by bit. */
const onCpu = (x: HostOperand): Tensor =>
  fromArray(valuesOf(x), x.layout.shape, { dtype: "f32", backend: cpu });
const read = async (x: Tensor): Promise<Float64Array> => Float64Array.from(await x.read());

const prunedSamples = fc
  .record({
    inputAxis: fc.constantFrom<0 | 1>(0, 1),
    group: fc.oneof(fc.constantFrom(4, 8, 16), fc.integer({ min: 1, max: 20 })),
    groups: fc.integer({ min: 0, max: 5 }),
    others: dims(11),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .chain(({ inputAxis, group, groups, others, share }) => {
    const inputs = group * groups;
    const shape = inputAxis === 1 ? [others, inputs] : [inputs, others];
    return fc.record({
      y: layouts(shape),
      h: layouts([inputs]),
      out: layouts(shape, { strides: "dense" }),
      energy: layouts([inputs], { strides: "dense" }),
      seed: seeds,
      scaled: fc.boolean(),
      ties: fc.boolean(),
      options: fc.constant({ inputAxis, group, count: Math.round(share * group) }),
    });
  });

function prunedEnergyCase(settings: Settings): ConformanceCase {
  return propertyCase(
    "fused prunedEnergy",
    "prunedEnergy",
    { ...settings, runs: settings.runs * 2 },
    () => prunedSamples,
    async (backend: Backend, { y, h, out, energy, seed, scaled, ties, options }) => {
      const values = ties ? tied : ordinary;
      const inputs = [
        hostOperand("f32", y, draw(seed, values)),
        hostOperand("f32", h, draw(seed + 1, ties ? tied : (random) => random.next())),
      ];
      const [half, energies] = await execute(backend, {
        inputs,
        outs: [f32(out), f32(energy)],
        invoke: (kernels, [y, h], [out, energy]) =>
          kernels.prunedEnergy!(y!, scaled ? h : undefined, out!, energy!, options),
      });
      using expected = onCpu(inputs[0]!);
      using scale = onCpu(inputs[1]!);
      using sums = prunedEnergyInto(expected, { ...options, h: scaled ? scale : undefined });
      const exact = { ulps: 0 };
      const context = (what: string, { shape }: Layout) => ({ what, dtype: "f32" as const, shape });
      expectClose(half!, await read(expected), context("prunedEnergy, out", out), exact);
      const sizes = await read(sums);
      expectClose(
        energies!,
        sizes,
        context("prunedEnergy, energy", energy),
        settings.tolerances.prunedEnergy,
        sizes.map((size) => Math.abs(size)),
        sizes.map((size) => Math.abs(size)),
      );
    },
  );
}

const entropySamples = fc
  .record({ axis: fc.constantFrom<0 | 1>(0, 1), rows: dims(23), columns: dims(23), wide: fc.boolean() })
  .chain(({ axis, rows, columns, wide }) => {
    const shape = wide ? [rows, columns + 64] : [rows, columns];
    return fc.record({
      y: layouts(shape),
      h: layouts([shape[axis]!]),
      out: layouts(shape, { strides: "dense" }),
      energy: layouts([shape[axis]!], { strides: "dense" }),
      entropies: layouts([shape[1 - axis]!], { strides: "dense" }),
      seed: seeds,
      scaled: fc.boolean(),
      options: fc.record({ axis: fc.constant(axis), accumulate: fc.boolean() }),
    });
  });

function groupEntropyCase(settings: Settings): ConformanceCase {
  return propertyCase(
    "fused groupEntropy",
    "groupEntropy",
    { ...settings, runs: settings.runs * 2 },
    () => entropySamples,
    async (backend: Backend, { y, h, out, energy, entropies, seed, scaled, options }) => {
      // Zeros now and then, also whole groups of them; nothing so small that p underflows.
      const sparse = draw(seed, (random) => {
        const value = random.next() < 0.3 ? 0 : random.nextNormal();
        return Math.abs(value) < 1e-3 ? 0 : value;
      });
      const inputs = [
        hostOperand("f32", y, sparse),
        hostOperand(
          "f32",
          h,
          draw(seed + 1, (random) => 0.1 + random.next()),
        ),
      ];
      const before = hostOperand("f32", out, draw(seed + 2, ordinary));
      const [half, energies, values] = await execute(backend, {
        inputs,
        outs: [options.accumulate ? before : f32(out), f32(energy), f32(entropies)],
        invoke: (kernels, [y, h], [out, energy, entropies]) =>
          kernels.groupEntropy!(y!, scaled ? h : undefined, out!, energy!, entropies!, options),
      });
      const wide = (x: HostOperand) => fromArray(valuesOf(x), x.layout.shape, { dtype: "f64", backend: cpu });
      using weights = wide(inputs[0]!);
      using scale = wide(inputs[1]!);
      using target = options.accumulate ? wide(before) : zeros(out.shape, { dtype: "f64", backend: cpu });
      const expected = groupEntropyInto(target, weights, { ...options, h: scaled ? scale : undefined });
      using sizes = tidy(() => target.abs().add(weights.abs()));
      try {
        const tolerance = settings.tolerances.groupEntropy;
        const check = async (
          actual: Float64Array,
          x: Tensor,
          { shape }: Layout,
          what: string,
          size?: Tensor,
        ) =>
          expectClose(
            actual,
            await read(x),
            { what: `groupEntropy, ${what}`, dtype: "f32", shape },
            tolerance,
            size ? await read(size) : undefined,
          );
        await check(half!, target, out, "out", sizes);
        await check(energies!, expected.energy, energy, "energy");
        await check(values!, expected.entropies, entropies, "entropies");
      } finally {
        expected.energy.dispose();
        expected.entropies.dispose();
      }
    },
  );
}

/** What rotations minimise, fused, against core's composition; kernels the backend leaves out are skipped. */
export const importanceCases = (settings: Settings): ConformanceCase[] => [
  prunedEnergyCase(settings),
  groupEntropyCase(settings),
];
