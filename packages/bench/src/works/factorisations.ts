import type { Dense, Work, WorkCheck } from "../contender.js";
import { Distance, rowOf, rowTimesMatrix } from "./products.js";
import { spread, uniform } from "./random.js";

/** Operation counts are the textbook's for the factorisation alone (Golub & Van Loan), QR with Q formed. */
export const cholesky = (n: number): Work => square("cholesky", n, n ** 3 / 3);
export const qr = (n: number): Work => square("qr", n, (8 / 3) * n ** 3);
export const symmetricEigen = (n: number): Work => square("symmetricEigen", n, 0);
export const triangularInverse = (n: number): Work => square("triangularInverse", n, n ** 3 / 3);

const square = (kind: Work["kind"], n: number, flops: number): Work => ({
  name: `${kind}-${n}`,
  kind,
  sizes: [n],
  flops,
  bytes: 0,
});

const checkedRows = 16;

/** A well-conditioned symmetric positive definite matrix: n·I/12 plus a symmetric matrix of uniform numbers. */
function positiveDefinite(n: number): Dense {
  const a = uniform([n, n], 1);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) a.data[i * n + j] = a.data[j * n + i]!;
    a.data[i * n + i]! += n / 12 + Math.sqrt(n);
  }
  return a;
}

/** Symmetric, with eigenvalues of both signs. */
function symmetric(n: number): Dense {
  const a = uniform([n, n], 1);
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a.data[i * n + j] = a.data[j * n + i]!;
  return a;
}

/** Lower triangular with a dominant diagonal. */
function lowerTriangular(n: number): Dense {
  const a = uniform([n, n], 1);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) a.data[i * n + j]! *= j > i ? 0 : 1 / Math.sqrt(n);
    a.data[i * n + i]! += 1;
  }
  return a;
}

function transposed({ shape, data }: Dense): Dense {
  const [m, n] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[j * m + i] = data[i * n + j]!;
  return { shape: [n, m], data: out };
}

/** ‖A − L·Lᵀ‖_F / ‖A‖_F over a spread of rows. */
export const choleskyCheck: WorkCheck = {
  inputs: ({ sizes: [n] }) => [positiveDefinite(n!)],
  error({ sizes: [n] }, [a], [l]) {
    // What lies above the diagonal is no part of L, whatever a library leaves there.
    const L = { shape: l!.shape, data: l!.data.slice() };
    for (let i = 0; i < n!; i++) L.data.fill(0, i * n! + i + 1, (i + 1) * n!);
    const upper = transposed(L);
    return productDistance(L, upper, a!);
  },
  tolerance: 1e-5,
};

/** The larger of ‖A − Q·R‖_F / ‖A‖_F and ‖QᵀQ − I‖_F / √rows, over a spread of rows and columns. */
export const qrCheck: WorkCheck = {
  inputs: ({ sizes: [n] }) => [uniform([n!, n!], 1)],
  error: (_, [a], [q, r]) => Math.max(productDistance(q!, r!, a!), unorthogonality(q!)),
  tolerance: 1e-4,
};

/** values ascending, vectors as columns: the larger of ‖V·Λ·Vᵀ − A‖_F / ‖A‖_F and V's departure from orthogonality. */
export const symmetricEigenCheck: WorkCheck = {
  inputs: ({ sizes: [n] }) => [symmetric(n!)],
  error({ sizes: [n] }, [a], [values, vectors]) {
    const turned = transposed(vectors!);
    const scaled = { shape: vectors!.shape, data: vectors!.data.map((x, i) => x * values!.data[i % n!]!) };
    return Math.max(productDistance(scaled, turned, a!), unorthogonality(vectors!));
  },
  tolerance: 1e-4,
};

/** ‖L·X − I‖_F / √rows over a spread of rows. */
export const triangularInverseCheck: WorkCheck = {
  inputs: ({ sizes: [n] }) => [lowerTriangular(n!)],
  error: ({ sizes: [n] }, [l], [x]) => productDistance(l!, x!, identity(n!)),
  tolerance: 1e-5,
};

export function identity(n: number): Dense {
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = 1;
  return { shape: [n, n], data };
}

/** ‖L·R − A‖_F / ‖A‖_F over a spread of rows. */
function productDistance(left: Dense, right: Dense, a: Dense): number {
  const distance = new Distance();
  for (const i of spread(a.shape[0]!, checkedRows)) {
    distance.add(rowTimesMatrix(rowOf(left, i), right.data, right.shape[1]!), rowOf(a, i));
  }
  return distance.relative;
}

export const unorthogonality = (q: Dense): number => productDistance(transposed(q), q, identity(q.shape[1]!));
