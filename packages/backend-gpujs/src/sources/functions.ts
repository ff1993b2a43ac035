import type { LibraryFunction } from "../library/library.js";

/*
 * Elementary functions in single precision. Those of graphics drivers may err by hundreds of units in the last place and
 * lose NaN and infinities; these use nothing but arithmetic and floor. The minimax polynomials for reduced arguments are
 * those of the Cephes library (Moshier, Methods and Programs for Mathematical Functions, 1989).
 */

const floats = (source: string, ...names: readonly string[]): LibraryFunction => ({
  source,
  settings: { argumentTypes: Object.fromEntries(names.map((name) => [name, "Float"])), returnType: "Number" },
});

/** 2^e for whole |e| < 128, exactly: by the bits of |e|. */
const powerOfTwo = floats(
  `function powerOfTwo(e) {
    let base = 2;
    if (e < 0) { base = 0.5; }
    let left = Math.abs(e);
    let power = 1;
    for (let bit = 0; bit < 7; bit++) {
      let half = Math.floor(left * 0.5);
      if (left - half - half > 0.5) { power = power * base; }
      base = base * base;
      left = half;
    }
    return power;
  }`,
  "e",
);

/** e^x: x = n·ln 2 + r (Cody & Waite), then 2^n in two factors so that neither over- nor underflows early. */
const exponential = floats(
  `function exponential(x) {
    let y = x;
    if (y > 104.5) { y = 104.5; }
    if (y < -104.5) { y = -104.5; }
    let n = Math.floor(y * 1.4426950408889634 + 0.5);
    let r = y - n * 0.693359375;
    r = r + n * 0.00021219444005469058;
    let p = r * 0.0001987569150 + 0.0013981999507;
    p = p * r + 0.0083334519073;
    p = p * r + 0.041665795894;
    p = p * r + 0.16666665459;
    p = p * r + 0.50000001201;
    p = p * r * r + r + 1;
    let half = Math.floor(n * 0.5);
    return p * powerOfTwo(half) * powerOfTwo(n - half);
  }`,
  "x",
);

/** ln x: x = m·2^e with √½ < m ≤ √2. */
const logarithm = floats(
  `function logarithm(x, inf, nan) {
    if (x === 0) { return -inf; }
    if (x < 0) { return nan; }
    if (x > 3.4028234663852886e38) { return x; }
    let normal = x;
    let shift = 0;
    if (x < 1.1754943508222875e-38) { normal = x * 16777216; shift = 24; }
    let e = Math.floor(Math.log2(normal));
    if (e < -126) { e = -126; }
    if (e > 126) { e = 126; }
    let m = normal * powerOfTwo(-e);
    e = e - shift;
    if (m >= 2) { m = m * 0.5; e = e + 1; }
    if (m < 1) { m = m + m; e = e - 1; }
    if (m > 1.4142135623730951) { m = m * 0.5; e = e + 1; }
    let f = m - 1;
    let z = f * f;
    let p = f * 0.070376836292 - 0.11514610310;
    p = p * f + 0.11676998740;
    p = p * f - 0.12420140846;
    p = p * f + 0.14249322787;
    p = p * f - 0.16668057665;
    p = p * f + 0.20000714765;
    p = p * f - 0.24999993993;
    p = p * f + 0.33333331174;
    let y = p * f * z - e * 0.00021219444005469058 - z * 0.5;
    return f + y + e * 0.693359375;
  }`,
  "x",
  "inf",
  "nan",
);

/** tanh x. */
const hyperbolicTangent = floats(
  `function hyperbolicTangent(x) {
    let size = Math.abs(x);
    if (size < 0.625) {
      let z = x * x;
      let p = 0.0206390887954 - z * 0.00570498872745;
      p = p * z - 0.0537397155531;
      p = p * z + 0.133314422036;
      p = p * z - 0.333332819422;
      return x + p * z * x;
    }
    let t = 1 - 2 / (exponential(size + size) + 1);
    if (x < 0) { return -t; }
    return t;
  }`,
  "x",
);

/** cos x, or sin x where `quarter` is 3: x = n·π/2 + r in three parts, good for |x| up to some thousands. */
const cosine = floats(
  `function cosine(x, quarter) {
    let n = Math.floor(x * 0.6366197723675814 + 0.5);
    let r = x - n * 1.5703125;
    r = r - n * 0.0004837512969970703;
    r = r - n * 0.00000007549789948768648;
    let turn = n + quarter;
    let turns = Math.floor(turn * 0.25);
    turn = turn - turns * 4;
    let z = r * r;
    let s = r * (((z * -0.00019515295891 + 0.0083321608736) * z - 0.16666654611) * z) + r;
    let c = ((z * 0.00002443315711809948 - 0.001388731625493765) * z + 0.04166664568298827) * z * z - z * 0.5 + 1;
    if (turn > 2.5) { return s; }
    if (turn > 1.5) { return -c; }
    if (turn > 0.5) { return -s; }
    return c;
  }`,
  "x",
  "quarter",
);

/** a^b by way of e^(b·ln |a|), with the exceptional cases of IEEE 754. */
const raise = floats(
  `function raise(a, b, inf, nan) {
    if (b === 0) { return 1; }
    if (a === 1) { return 1; }
    if (!(a === a)) { return nan; }
    if (!(b === b)) { return nan; }
    let size = Math.abs(a);
    let power = Math.abs(b);
    let whole = 0;
    let odd = 0;
    if (power >= 16777216) { whole = 1; }
    if (power < 16777216) {
      let low = Math.floor(power);
      let half = Math.floor(power * 0.5);
      if (low === power) {
        whole = 1;
        if (power - half - half > 0.5) { odd = 1; }
      }
    }
    if (power > 3.4028234663852886e38) {
      if (size === 1) { return 1; }
      if (size > 1) { if (b > 0) { return inf; } return 0; }
      if (b > 0) { return 0; }
      return inf;
    }
    if (size === 0) {
      if (b > 0) { if (odd > 0.5) { return a; } return 0; }
      if (odd > 0.5) { return 1 / a; }
      return inf;
    }
    if (a < 0) { if (whole < 0.5) { if (size <= 3.4028234663852886e38) { return nan; } } }
    let result = exponential(b * logarithm(size, inf, nan));
    if (size > 3.4028234663852886e38) {
      result = inf;
      if (b < 0) { result = 0; }
    }
    if (a < 0) { if (odd > 0.5) { return -result; } }
    return result;
  }`,
  "a",
  "b",
  "inf",
  "nan",
);

/** To the nearest whole number, ties to even; keeps the sign of zero. */
const roundToEven = floats(
  `function roundToEven(x) {
    let size = Math.abs(x);
    if (!(size < 8388608)) { return x; }
    if (size === 0) { return x; }
    let low = Math.floor(size);
    let part = size - low;
    let half = Math.floor(low * 0.5);
    let result = low;
    if (part > 0.5) { result = low + 1; }
    if (part === 0.5) { if (low - half - half > 0.5) { result = low + 1; } }
    if (x < 0) { return -result; }
    return result;
  }`,
  "x",
);

/** Functions with all that they call, callees first. */
export const mathFunctions = {
  exponential: [powerOfTwo, exponential],
  logarithm: [powerOfTwo, logarithm],
  hyperbolicTangent: [powerOfTwo, exponential, hyperbolicTangent],
  cosine: [cosine],
  raise: [powerOfTwo, exponential, logarithm, raise],
  roundToEven: [roundToEven],
} as const;
