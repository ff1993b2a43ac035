import type { ConfigRules, DecoderConfig } from "@denoise-rotator/checkpoint";
import type { SiteRole } from "@denoise-rotator/contracts";

/** Where a family keeps one linear layer of a block, and whether it has a bias. */
export interface LinearDescription {
  /** Name inside the block, such as `self_attn.q_proj`; tensors are `<name>.weight` and `<name>.bias`. */
  readonly name: string;
  readonly hasBias: (config: DecoderConfig) => boolean;
}

/** Norms of every head's queries and keys, before the rotary embedding. */
export interface HeadNorms {
  /** Inside the block: gain `[headDim]` of the queries' norm. */
  readonly query: string;
  /** Inside the block: gain `[headDim]` of the keys' norm. */
  readonly key: string;
}

/**
 * A decoder family as data: what its `config.json` says and what its tensors are called. Blocks are pre-norm with
 * RMSNorm, RoPE, grouped-query attention and SwiGLU; what else differs between families is said here.
 */
export interface DecoderFamily extends ConfigRules {
  /** What transformers calls its classes by, such as `Qwen2` of `Qwen2ForCausalLM`. */
  readonly className: string;
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
  /** Default: heads are not normalised. */
  readonly headNorms?: HeadNorms;
  /** Inside the block: the change of basis at its entry, in rotated checkpoints (all blocks but the first). */
  readonly inputRotation: string;
  readonly linears: Readonly<Record<SiteRole, LinearDescription>>;
}
