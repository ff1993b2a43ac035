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
  /** How far the inputs are from the dense model's; after `DecoderBlock.trackDense`. */
  readonly drift?: InputDrift | OutputDrift | undefined;
}

/**
 * What pruning before a layer did to its inputs X `[in, tokens]`, X′ being those of the dense model for the same tokens.
 * f32, summed over the calibration tokens.
 */
export interface InputDrift {
  /** (X′ − X)·Xᵀ `[in, in]`. */
  readonly inputs: Tensor;
  /**
   * (R′ − R)·Xᵀ `[out, in]` for the residual streams R′, R `[out, tokens]` to which the layer's output is added; of
   * layers whose output is.
   */
  readonly residual: Tensor | undefined;
}

/**
 * The same for one layer with its weight W as it was at the capture, where `[in, in]` would be too large to be held beside
 * H: what was lost of the layer's outputs and the residual stream before it.
 */
export interface OutputDrift {
  /** (W·(X′ − X) + R′ − R)·Xᵀ `[out, in]`. */
  readonly outputs: Tensor;
}

/** A linear layer `y = W·x + b` as those see it who only read. */
export interface ReadonlySite {
  /** Full name of the weight's layer, such as `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly role: SiteRole;
  /** `[out, in]`, f32. Owned by the site: replace it with {@link LinearSite.setWeight}. */
  readonly weight: Tensor;
  /** `[out]`, f32. */
  readonly bias: Tensor | undefined;
  /** Of the last capture; `undefined` before the first. Sites that read the same input share one object. */
  readonly statistics: SiteStatistics | undefined;
}

/** A linear layer that can be rotated and pruned. */
export interface LinearSite extends ReadonlySite {
  /** Takes ownership of `weight` (same shape) and disposes of the old one. */
  setWeight(weight: Tensor): void;
  setBias(bias: Tensor): void;
  /** Takes ownership of the tensors of `statistics`. The same object may be given to several sites. */
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
    if (statistics) checkStatistics(this.name, statistics, this.#weight.shape[0]!, inputs);
    if (this.#statistics !== statistics) disposeStatistics(this.#statistics, statistics);
    this.#statistics = statistics;
  }

  dispose(): void {
    this.#weight.dispose();
    this.#bias?.dispose();
    disposeStatistics(this.#statistics);
  }
}

const tensorsOf = ({ gram, drift }: SiteStatistics): (Tensor | undefined)[] => {
  if (!drift) return [gram];
  return "outputs" in drift ? [gram, drift.outputs] : [gram, drift.inputs, drift.residual];
};

/** Frees the tensors of `old` that `next` does not hold. */
export function disposeStatistics(old: SiteStatistics | undefined, next?: SiteStatistics): void {
  const held = next ? tensorsOf(next) : [];
  for (const x of old ? tensorsOf(old) : []) if (!held.includes(x)) x?.dispose();
}

function checkStatistics(
  name: string,
  { gram, drift }: SiteStatistics,
  outputs: number,
  inputs: number,
): void {
  checkShape(`${name}: H`, gram, [inputs, inputs]);
  if (!drift) return;
  if ("outputs" in drift) {
    checkShape(`${name}: the drift of its outputs`, drift.outputs, [outputs, inputs]);
    return;
  }
  checkShape(`${name}: the drift of its inputs`, drift.inputs, [inputs, inputs]);
  if (drift.residual)
    checkShape(`${name}: the drift of the residual stream`, drift.residual, [outputs, inputs]);
}

function checkShape(what: string, x: Tensor, shape: readonly number[]): void {
  if (x.shape.length !== shape.length || x.shape.some((dim, axis) => dim !== shape[axis])) {
    throw new ShapeError(`${what}: shape [${x.shape}] where [${shape}] is needed`);
  }
}

/** The statistics of a site, or an error that says how to get them. */
export function requireStatistics(site: Pick<ReadonlySite, "name" | "statistics">): SiteStatistics {
  if (!site.statistics) throw new OptionError(`${site.name} has no statistics: await block.capture() first`);
  return site.statistics;
}
