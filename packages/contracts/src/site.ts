import { OptionError, ShapeError, type Tensor } from "@denoise-rotator/core";

/** The linear layers of a decoder block. */
export const siteRoles = ["qProj", "kProj", "vProj", "oProj", "gateProj", "upProj", "downProj"] as const;
export type SiteRole = (typeof siteRoles)[number];

/** What calibration tells of a layer's inputs X `[in, tokens]`. */
export interface SiteStatistics {
  /** H = X·Xᵀ `[in, in]`, f32, summed (not averaged) over the calibration tokens. */
  readonly gram: Tensor;
  /** Number of calibration tokens in `gram`. */
  readonly tokens: number;
}

/** A linear layer `y = W·x + b` that can be rotated and pruned. */
export interface LinearSite {
  /** Full name of the weight's layer, such as `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly role: SiteRole;
  /** `[out, in]`, f32. Owned by the site: replace it with {@link LinearSite.setWeight}. */
  readonly weight: Tensor;
  /** `[out]`, f32. */
  readonly bias: Tensor | undefined;
  /** Of the last capture; `undefined` before the first. Sites that read the same input share one object. */
  readonly statistics: SiteStatistics | undefined;
  /** Takes ownership of `weight` (same shape) and disposes of the old one. */
  setWeight(weight: Tensor): void;
  setBias(bias: Tensor): void;
  /** Takes ownership of `statistics.gram`. The same object may be given to several sites. */
  setStatistics(statistics: SiteStatistics | undefined): void;
}

/**
 * A site for blocks of your own: holds a weight `[out, in]` and checks what replaces it.
 *
 * @throws ShapeError if a replacement has another shape.
 */
export class Site implements LinearSite {
  readonly name: string;
  readonly role: SiteRole;
  #weight: Tensor;
  #bias: Tensor | undefined;
  #statistics: SiteStatistics | undefined;

  constructor(init: { name: string; role: SiteRole; weight: Tensor; bias?: Tensor | undefined }) {
    if (init.weight.rank !== 2)
      throw new ShapeError(`${init.name}: a weight is [out, in], not rank ${init.weight.rank}`);
    this.name = init.name;
    this.role = init.role;
    this.#weight = init.weight;
    this.#bias = init.bias;
  }

  get weight(): Tensor {
    return this.#weight;
  }
  get bias(): Tensor | undefined {
    return this.#bias;
  }
  get statistics(): SiteStatistics | undefined {
    return this.#statistics;
  }

  setWeight(weight: Tensor): void {
    checkShape(`${this.name}.weight`, weight, this.#weight.shape);
    if (weight !== this.#weight) this.#weight.dispose();
    this.#weight = weight;
  }
  setBias(bias: Tensor): void {
    checkShape(`${this.name}.bias`, bias, [this.#weight.shape[0]!]);
    if (bias !== this.#bias) this.#bias?.dispose();
    this.#bias = bias;
  }
  setStatistics(statistics: SiteStatistics | undefined): void {
    const inputs = this.#weight.shape[1]!;
    if (statistics) checkShape(`${this.name}: H`, statistics.gram, [inputs, inputs]);
    if (this.#statistics?.gram !== statistics?.gram) this.#statistics?.gram.dispose();
    this.#statistics = statistics;
  }

  dispose(): void {
    this.#weight.dispose();
    this.#bias?.dispose();
    this.#statistics?.gram.dispose();
  }
}

function checkShape(what: string, x: Tensor, shape: readonly number[]): void {
  if (x.shape.length !== shape.length || x.shape.some((dim, axis) => dim !== shape[axis])) {
    throw new ShapeError(`${what}: shape [${x.shape}] where [${shape}] is needed`);
  }
}

/** The statistics of a site, or an error that says how to get them. */
export function requireStatistics(site: Pick<LinearSite, "name" | "statistics">): SiteStatistics {
  if (!site.statistics) throw new OptionError(`${site.name} has no statistics: await block.capture() first`);
  return site.statistics;
}
