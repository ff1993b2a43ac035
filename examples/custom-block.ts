/**
 * A decoder block that is in no model file: two query heads on one key/value head, no norms, weights of your own. All
 * that rotation and pruning need of it is the `DecoderBlock` contract.
 */

import { type DecoderBlock, Site, type SiteRole, siteOf } from "@denoise-rotator/contracts";
import { attention, gram, Random, swiglu, type Tensor, tidy } from "@denoise-rotator/core";

const hiddenSize = 16;
const heads = { count: 4, keyValueCount: 2, dim: 4 } as const;
const intermediate = 24;
const tokens = 64;

const shapes: Record<SiteRole, [number, number]> = {
  qProj: [heads.count * heads.dim, hiddenSize],
  kProj: [heads.keyValueCount * heads.dim, hiddenSize],
  vProj: [heads.keyValueCount * heads.dim, hiddenSize],
  oProj: [hiddenSize, heads.count * heads.dim],
  gateProj: [intermediate, hiddenSize],
  upProj: [intermediate, hiddenSize],
  downProj: [hiddenSize, intermediate],
};

/** What each group of sites reads, and what the block gives. */
interface Activations {
  readonly inputs: Record<SiteRole, Tensor>;
  readonly output: Tensor;
}

export class ToyBlock implements DecoderBlock {
  readonly name = "toy.0";
  readonly index = 0;
  readonly hiddenSize = hiddenSize;
  readonly heads = heads;
  readonly groups = [["qProj", "kProj", "vProj"], ["oProj"], ["gateProj", "upProj"], ["downProj"]] as const;
  readonly sites: readonly Site[];
  residualBasis: Tensor | undefined;
  /** Calibration inputs `[tokens, hidden]`, correlated as real activations are. */
  readonly #x: Tensor;

  constructor(seed: number) {
    const random = new Random(seed);
    this.sites = Object.entries(shapes).map(
      ([role, shape]) =>
        new Site({
          name: `toy.0.${role}`,
          role: role as SiteRole,
          weight: random.normal(shape, { deviation: 0.3 }),
        }),
    );
    this.#x = tidy(() =>
      random
        .normal([tokens, hiddenSize])
        .matmul(random.normal([hiddenSize, hiddenSize]))
        .mul(0.2),
    );
  }

  setResidualBasis(basis: Tensor | undefined): void {
    this.residualBasis?.dispose();
    this.residualBasis = basis;
  }

  /** No norms here, so nothing to fold. A block with RMSNorm multiplies its gains into the weights that read them. */
  async foldNorms(): Promise<void> {}

  async capture(roles: readonly SiteRole[] = this.groups.flat()): Promise<void> {
    for (const group of this.groups) {
      const asked = group.filter((role) => roles.includes(role));
      if (asked.length === 0) continue;
      const statistics = { gram: tidy(() => gram(this.#run().inputs[asked[0]!])), tokens };
      for (const site of this.sites) if (asked.includes(site.role as never)) site.setStatistics(statistics);
    }
  }

  async sampleOutputs(): Promise<Tensor> {
    return tidy(() => this.#run().output);
  }

  #run(): Activations {
    const apply = (role: SiteRole, x: Tensor) => x.matmul(siteOf(this, role).weight.transpose());
    const split = (x: Tensor, count: number) => x.reshape([1, tokens, count, heads.dim]).transpose(1, 2);
    const basis = this.residualBasis;
    const x = basis ? this.#x.matmul(basis) : this.#x;
    const mixed = attention(
      split(apply("qProj", x), heads.count),
      split(apply("kProj", x), heads.keyValueCount),
      split(apply("vProj", x), heads.keyValueCount),
    );
    const joined = mixed.transpose(1, 2).reshape([tokens, heads.count * heads.dim]);
    const middle = x.add(apply("oProj", joined));
    const gated = swiglu(apply("gateProj", middle), apply("upProj", middle));
    const output = middle.add(apply("downProj", gated));
    return {
      inputs: {
        qProj: x,
        kProj: x,
        vProj: x,
        oProj: joined,
        gateProj: middle,
        upProj: middle,
        downProj: gated,
      },
      output: basis ? output.matmul(basis.transpose()) : output,
    };
  }

  dispose(): void {
    for (const site of this.sites) site.dispose();
    this.#x.dispose();
    this.residualBasis?.dispose();
  }
}
