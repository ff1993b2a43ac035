import type { LlamaConfig } from "@denoise-rotator/checkpoint";
import type { SiteRole } from "@denoise-rotator/contracts";

/** Where a family keeps one linear layer of a block, and whether it has a bias. */
export interface LinearDescription {
  /** Name inside the block, such as `self_attn.q_proj`; tensors are `<name>.weight` and `<name>.bias`. */
  readonly name: string;
  readonly hasBias: (config: LlamaConfig) => boolean;
}

/**
 * A decoder family as data: the names of its tensors. Blocks are pre-norm with RMSNorm, RoPE, grouped-query attention
 * and SwiGLU; what else differs between families is said here.
 */
export interface DecoderFamily {
  /** `model_type` of its `config.json`. */
  readonly modelType: string;
  readonly embedding: string;
  readonly finalNorm: string;
  /** Absent from the file where embeddings are tied. */
  readonly head: string;
  /** Prefix of the tensors of block `index`, such as `model.layers.0`. */
  readonly blockName: (index: number) => string;
  /** Inside the block: gain of the norm before attention. */
  readonly attentionNorm: string;
  /** Inside the block: gain of the norm before the feed-forward part. */
  readonly feedForwardNorm: string;
  /** Inside the block: the change of basis at its entry, in rotated checkpoints (all blocks but the first). */
  readonly inputRotation: string;
  readonly linears: Readonly<Record<SiteRole, LinearDescription>>;
}
