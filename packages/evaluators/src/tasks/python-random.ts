const words = 624;
const middle = 397;

/**
 * The part of Python's `random.Random(seed)` that draws samples: the Mersenne Twister (Matsumoto and Nishimura, ACM TOMACS 1998)
 * as Python seeds and reads it. So few-shot examples are those that lm-evaluation-harness draws.
 */
export class PythonRandom {
  readonly #state = new Uint32Array(words);
  #next = words;

  /** @param seed integer in 0…2³² − 1. */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < words; i++) state[i] = Math.imul(1812433253, mixed(state[i - 1]!)) + i;
    // init_by_array of the one word of the seed.
    let i = 1;
    for (let step = 0; step < words; step++) {
      state[i] = (state[i]! ^ Math.imul(mixed(state[i - 1]!), 1664525)) + seed;
      i = this.#step(i);
    }
    for (let step = 1; step < words; step++) {
      state[i] = (state[i]! ^ Math.imul(mixed(state[i - 1]!), 1566083941)) - i;
      i = this.#step(i);
    }
    state[0] = 0x80000000;
  }

  /** Distinct indices below `total`, as `random.sample(range(total), count)` gives them. */
  sample(total: number, count: number): number[] {
    const small = count > 5 ? 21 + 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 21;
    if (total > small) {
      const taken = new Set<number>();
      while (taken.size < count) taken.add(this.#below(total));
      return [...taken];
    }
    const pool = Array.from({ length: total }, (_, index) => index);
    return Array.from({ length: count }, (_, drawn) => {
      const place = this.#below(total - drawn);
      const index = pool[place]!;
      pool[place] = pool[total - drawn - 1]!;
      return index;
    });
  }

  #step(i: number): number {
    if (i + 1 < words) return i + 1;
    this.#state[0] = this.#state[words - 1]!;
    return 1;
  }

  /** Uniform below `bound`: as many bits as it has, until they fit. */
  #below(bound: number): number {
    const bits = 32 - Math.clz32(bound);
    for (;;) {
      const value = this.#word() >>> (32 - bits);
      if (value < bound) return value;
    }
  }

  #word(): number {
    if (this.#next === words) this.#refill();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < words; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % words]! & 0x7fffffff);
      state[i] = state[(i + middle) % words]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}

const mixed = (word: number) => word ^ (word >>> 30);
