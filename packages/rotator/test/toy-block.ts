import {
  type DecoderBlock,
  type HeadLayout,
  Site,
  type SiteRole,
  siteOf,
  siteRoles,
  siteShapes,
} from "@denoise-rotator/contracts";
import {
  attention,
  type Backend,
  type CreationOptions,
  type DType,
  gram,
  ones,
  Random,
  rmsNorm,
  swiglu,
  type Tensor,
  tensor,
  tidy,
} from "@denoise-rotator/core";

export interface ToyOptions {
  hidden?: number;
  heads?: HeadLayout;
  intermediate?: number;
  tokens?: number;
  seed?: number;
  dtype?: DType;
  backend?: Backend;
  biases?: boolean;
  /** Query head i reads key/value head i mod n, which is not what `heads` declares. */
  interleaved?: boolean;
  norms?: boolean;
  /** Added to one channel of the first token: a massive activation. */
  massive?: number;
  /** Added to one channel of every token. */
  outlier?: number;
}

export const gqa: HeadLayout = { count: 4, keyValueCount: 2, dim: 4 };
export const mha: HeadLayout = { count: 4, keyValueCount: 4, dim: 4 };

/** A real decoder block (RMSNorm, grouped attention, SwiGLU) without positions, on random weights and inputs. */
export class ToyBlock implements DecoderBlock {
  readonly name = "toy.0";
  readonly index = 0;
  readonly hiddenSize: number;
  readonly heads: HeadLayout;
  readonly sites: readonly Site[];
  readonly groups = [["qProj", "kProj", "vProj"], ["oProj"], ["gateProj", "upProj"], ["downProj"]] as const;
  residualBasis: Tensor | undefined;
  readonly inputs: Tensor;
  gain: Tensor;
  readonly interleaved: boolean;

  constructor(options: ToyOptions = {}) {
    const { hidden = 16, heads = gqa, intermediate = 24, tokens = 40, seed = 1, dtype = "f64" } = options;
    const random = new Random(seed);
    const init: CreationOptions = { dtype, ...(options.backend ? { backend: options.backend } : {}) };
    const shapes = siteShapes({ hiddenSize: hidden, heads, intermediate });
    this.hiddenSize = hidden;
    this.heads = heads;
    this.interleaved = options.interleaved ?? false;
    this.sites = siteRoles.map((role) => {
      const [out, inputs] = shapes[role];
      const weight = random.normal([out, inputs], { ...init, deviation: inputs ** -0.5 });
      const bias = options.biases ? random.normal([out], { ...init, deviation: 0.3 }) : undefined;
      return new Site({ name: `toy.0.${role}`, role, weight, bias });
    });
    // Correlated inputs whose channels differ in energy, as a model's do.
    this.inputs = tidy(() => {
      const mix = random.normal([hidden, hidden], { ...init, deviation: hidden ** -0.5 });
      const energy = random.normal([hidden], init).exp();
      const x = random.normal([tokens, hidden], init).matmul(mix).mul(energy);
      const peak = Array.from(
        { length: tokens * hidden },
        (_, i) => (i === 3 ? (options.massive ?? 0) : 0) + (i % hidden === 5 ? (options.outlier ?? 0) : 0),
      );
      return x.add(tensor(peak, init).reshape([tokens, hidden]));
    });
    this.gain = options.norms
      ? random.uniform([hidden], { ...init, low: 0.5, high: 2 })
      : ones([hidden], init);
  }

  setResidualBasis(basis: Tensor | undefined): void {
    if (basis !== this.residualBasis) this.residualBasis?.dispose();
    this.residualBasis = basis;
  }

  async foldNorms(): Promise<void> {
    for (const role of ["qProj", "kProj", "vProj", "gateProj", "upProj"] as const) {
      const site = siteOf(this, role);
      site.setWeight(site.weight.mul(this.gain));
    }
    this.gain.dispose();
    this.gain = ones([this.hiddenSize], { dtype: this.inputs.dtype });
  }

  async capture(roles: readonly SiteRole[] = siteRoles): Promise<void> {
    for (const group of this.groups) {
      if (!group.some((role) => roles.includes(role))) continue;
      const H = tidy(() => gram(this.#forward()[group[0]]!));
      const statistics = { gram: H, tokens: this.inputs.shape[0]! };
      for (const role of group) siteOf(this, role).setStatistics(statistics);
    }
  }

  async sampleOutputs(): Promise<Tensor> {
    return tidy(() => this.#forward().output!);
  }

  #forward(): Partial<Record<SiteRole | "output", Tensor>> {
    const apply = (role: SiteRole, x: Tensor) => {
      const { weight, bias } = siteOf(this, role);
      const y = x.matmul(weight.transpose());
      return bias ? y.add(bias) : y;
    };
    const { keyValueCount, count, dim } = this.heads;
    const basis = this.residualBasis;
    const x = basis ? this.inputs.matmul(basis) : this.inputs;
    const read = rmsNorm(x, this.gain, 1e-6);
    const split = (y: Tensor, n: number) => y.reshape([1, -1, n, dim]).transpose(1, 2);
    const repeats = count / keyValueCount;
    const queries = split(apply("qProj", read), count);
    const arranged = this.interleaved
      ? queries.reshape([1, repeats, keyValueCount, -1, dim]).transpose(1, 2).reshape(queries.shape)
      : queries;
    const mixed = attention(
      arranged,
      split(apply("kProj", read), keyValueCount),
      split(apply("vProj", read), keyValueCount),
    );
    const restored = this.interleaved
      ? mixed.reshape([1, keyValueCount, repeats, -1, dim]).transpose(1, 2).reshape(mixed.shape)
      : mixed;
    const heads = restored.transpose(1, 2).reshape([-1, count * dim]);
    const middle = x.add(apply("oProj", heads));
    const read2 = rmsNorm(middle, this.gain, 1e-6);
    const inner = swiglu(apply("gateProj", read2), apply("upProj", read2));
    const end = middle.add(apply("downProj", inner));
    const output = basis ? end.matmul(basis.transpose()) : end;
    return { qProj: read, oProj: heads, gateProj: read2, downProj: inner, output };
  }

  dispose(): void {
    for (const site of this.sites) site.dispose();
    this.residualBasis?.dispose();
    this.inputs.dispose();
    this.gain.dispose();
  }
}
