import {
  type Backend,
  byteWidth,
  createCpuBackend,
  type FusedKernels,
  type Operand,
  sizeOf,
  typedView,
} from "@denoise-rotator/core";

/** What kernels see of an operand: its element at a multi-index. */
type Reader = (...index: number[]) => number;

/** The cpu backend with every fused kernel, written from the contract's wording with loops and nothing shared with core. */
export function createFusedCpu(): Backend & { kernels: FusedKernels } {
  const backend = createCpuBackend();

  const reader = ({ buffer, dtype, shape, strides, offset }: Operand): Reader => {
    if (sizeOf(shape) === 0) return () => Number.NaN;
    const last = shape.reduce((at, dim, axis) => at + (dim - 1) * strides[axis]!, offset);
    const bytes = backend.readSync!(buffer, 0, (last + 1) * byteWidth(dtype));
    const elements = typedView(dtype, bytes.buffer, bytes.byteOffset, last + 1);
    return (...index) => elements[index.reduce((at, i, axis) => at + i * strides[axis]!, offset)]!;
  };
  const write = ({ buffer, offset }: Operand, values: ArrayLike<number>, at = 0) =>
    backend.write(buffer, 4 * (offset + at), new Uint8Array(Float32Array.from(values).buffer));
  /** Calls `row` with every index of the leading axes, writing what it returns one after the other. */
  const eachRow = (shape: readonly number[], out: Operand, row: (...leading: number[]) => number[]) => {
    const written: number[] = [];
    const visit = (leading: number[]) => {
      if (leading.length === shape.length) written.push(...row(...leading));
      else for (let i = 0; i < shape[leading.length]!; i++) visit([...leading, i]);
    };
    visit([]);
    write(out, written);
  };
  const range = (n: number) => Array.from({ length: n }, (_, i) => i);
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const weights = (scores: readonly number[]): number[] => {
    const shift = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - shift));
    return powers.map((power) => power / total(powers));
  };
  /** The rows of `x` along its last axis. */
  const rows = (x: Operand, out: Operand, f: (row: number[], leading: number[]) => number[]) => {
    const at = reader(x);
    eachRow(x.shape.slice(0, -1), out, (...leading) =>
      f(
        range(x.shape.at(-1)!).map((i) => at(...leading, i)),
        leading,
      ),
    );
  };

  const kernels: FusedKernels = {
    softmax: (x, out) => rows(x, out, weights),
    crossEntropy(logits, targets, out) {
      const target = reader(targets);
      rows(logits, out, (row, leading) => {
        const p = weights(row)[target(...leading)];
        return [p === undefined ? Number.NaN : -Math.log(p)];
      });
    },
    rmsNorm(x, gain, out, { eps }) {
      const g = reader(gain);
      rows(x, out, (row) => {
        const rms = Math.sqrt(total(row.map((value) => value ** 2)) / row.length + eps);
        return row.map((value, i) => (value / rms) * g(i));
      });
    },
    rope(x, cos, sin, out) {
      const [c, s] = [reader(cos), reader(sin)];
      rows(x, out, (row, leading) => {
        const t = leading.at(-1)!;
        const half = row.length / 2;
        return row.map((value, i) =>
          i < half
            ? value * c(t, i) - row[i + half]! * s(t, i)
            : value * c(t, i - half) + row[i - half]! * s(t, i - half),
        );
      });
    },
    attention(q, k, v, out, { scale, causal }) {
      const [keys, values] = [reader(k), reader(v)];
      const perGroup = q.shape[1]! / k.shape[1]!;
      const [t, s] = [q.shape[2]!, k.shape[2]!];
      rows(q, out, (query, [b, head, i]) => {
        const g = Math.floor(head! / perGroup);
        const seen = range(causal ? Math.max(0, i! + s - t + 1) : s);
        // The softmax of nothing.
        if (seen.length === 0) return query.map(() => Number.NaN);
        const p = weights(seen.map((j) => scale * total(query.map((value, d) => value * keys(b!, g, j, d)))));
        return query.map((_, d) => total(seen.map((j) => p[j]! * values(b!, g, j, d))));
      });
    },
    swiglu(gate, up, out) {
      const [a, b] = [reader(gate), reader(up)];
      eachRow(gate.shape, out, (...at) => [(a(...at) / (1 + Math.exp(-a(...at)))) * b(...at)]);
    },
    rowEntropy: (x, out) =>
      rows(x, out, (row) => {
        const sum = total(row);
        const p = row.map((value) => value / sum);
        return [-total(p.map((share) => (share === 0 ? 0 : share * Math.log(share))))];
      }),
    prunedEnergy(y, h, out, energy, { inputAxis, group, count }) {
      const [n, d] = y.shape as [number, number];
      const at = reader(y);
      const scale = h ? reader(h) : () => 1;
      // Element i of the inputs, j of the others.
      const get = (i: number, j: number) => (inputAxis === 1 ? at(j, i) : at(i, j));
      const [inputs, others] = inputAxis === 1 ? [d, n] : [n, d];
      const S = (i: number, j: number) => Math.fround(Math.fround(get(i, j) ** 2) * scale(i));
      const before = (a: number, b: number, j: number) => {
        const [p, q] = [S(a, j), S(b, j)];
        if (Number.isNaN(p) || Number.isNaN(q)) return Number.isNaN(p) ? Number.isNaN(q) && a < b : true;
        return p < q || (p === q && a < b);
      };
      const pruned = range(inputs).map((i) => {
        const first = i - (i % group);
        const rest = range(group).map((k) => first + k);
        return range(others).map((j) => (rest.filter((k) => before(k, i, j)).length < count ? get(i, j) : 0));
      });
      const half = range(n).map((r) =>
        range(d).map((c) => {
          const [i, j] = inputAxis === 1 ? [c, r] : [r, c];
          return pruned[i]![j]! * scale(i);
        }),
      );
      const sums = pruned.map((row, i) => total(row.map((value, j) => Math.fround(value * get(i, j)))));
      write(out, half.flat());
      write(energy, sums);
    },
    groupEntropy(y, h, out, energy, entropies, { axis, accumulate }) {
      const [n, d] = y.shape as [number, number];
      const [at, before] = [reader(y), accumulate ? reader(out) : () => 0];
      const scale = h ? reader(h) : () => 1;
      const get = (i: number, g: number) => (axis === 1 ? at(g, i) : at(i, g));
      const [length, groups] = axis === 1 ? [d, n] : [n, d];
      const found = range(groups).map((g) => {
        const S = range(length).map((i) => get(i, g) ** 2 * scale(i));
        const sum = total(S);
        const logs = S.map((value) => Math.log(Math.max(1e-30, sum === 0 ? 0 : value / sum)));
        const entropy = sum === 0 ? 0 : -total(S.map((value, i) => (value / sum) * logs[i]!));
        return { entropy, slopes: logs.map((log) => (sum === 0 ? 0 : -(log + entropy) / sum)) };
      });
      const half = range(n).map((r) =>
        range(d).map((c) => {
          const [i, g] = axis === 1 ? [c, r] : [r, c];
          return before(r, c) + found[g]!.slopes[i]! * get(i, g) * scale(i);
        }),
      );
      write(out, half.flat());
      write(
        energy,
        range(length).map((i) => total(found.map(({ slopes }, g) => slopes[i]! * get(i, g) ** 2))),
      );
      write(
        entropies,
        found.map(({ entropy }) => entropy),
      );
    },
    syrk(x, out, { accumulate, alpha }) {
      const [at, before] = [reader(x), accumulate ? reader(out) : () => 0];
      const [n, d] = x.shape as [number, number];
      for (const i of range(d)) {
        const row = range(d).map(
          (j) => before(i, j) + alpha * total(range(n).map((r) => at(r, i) * at(r, j))),
        );
        write(out, row, i * out.strides[0]!);
      }
    },
    tridiagonalPanel(a, v, w, factors) {
      const at = reader(a);
      const [k, n] = v.shape as [number, number];
      const place = (out: Operand, values: number[][]) => {
        values.forEach((row, i) => {
          write(out, row, i * out.strides[0]!);
        });
      };
      const x = range(n).map((i) => range(n).map((j) => at(Math.min(i, j), Math.max(i, j))));
      const [vs, ws, form]: number[][][] = [[], [], [[], [], []]];
      for (const j of range(k)) {
        const tail = Math.sqrt(total(range(n).map((i) => (i > j + 1 ? x[j]![i]! ** 2 : 0))));
        const alpha = x[j]![j + 1]!;
        const beta = tail === 0 ? alpha : -Math.sign(alpha || 1) * Math.hypot(alpha, tail);
        const tau = tail === 0 ? 0 : (beta - alpha) / beta;
        const u = range(n).map((i) =>
          i <= j ? 0 : i === j + 1 ? 1 : tail === 0 ? 0 : x[j]![i]! / (alpha - beta),
        );
        const product = range(n).map((i) => tau * total(u.map((value, c) => value * x[i]![c]!)));
        const half = 0.5 * tau * total(u.map((value, i) => value * product[i]!));
        const y = product.map((value, i) => (i <= j ? 0 : value - half * u[i]!));
        for (const [i, value] of [x[j]![j]!, beta, tau].entries()) form![i]!.push(value);
        vs!.push(u);
        ws!.push(y);
        for (const i of range(n)) for (const c of range(n)) x[i]![c]! -= u[i]! * y[c]! + y[i]! * u[c]!;
      }
      place(v, vs!);
      place(w, ws!);
      place(factors, form!);
    },
  };
  return { ...backend, name: "fused-cpu", kernels: { ...backend.kernels, ...kernels } };
}
