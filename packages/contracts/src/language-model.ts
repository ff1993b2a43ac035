/** What evaluators need of a model. */
export interface LanguageModel {
  readonly name: string;
  readonly vocabularySize: number;
  /** Longest window the model was made for, in tokens. */
  readonly contextLength: number;
  /**
   * ln p(token i | tokens before it) for i ≥ 1 of every window, in order; the k-th array has `windows[k].length − 1`
   * entries. Windows stream block by block: one block's weights are in memory at a time. All windows have one length.
   *
   * @throws NonFiniteError naming the window where logits are NaN or infinite.
   */
  logLikelihoods(windows: readonly Int32Array[], options?: LogLikelihoodOptions): AsyncIterable<Float32Array>;
  /**
   * How likely each continuation is after its context; results are in the order of the requests, which may have any
   * lengths. A model need not have this; without it there are no zero-shot tasks. Blocks stream as in `logLikelihoods`.
   *
   * The model reads all tokens but the last, so a request of more than `contextLength` + 1 loses tokens from the left of
   * its context, and says how many. An implementation may run a shared prefix of contexts once.
   *
   * @throws OptionError naming the request whose context or continuation is empty, or whose continuation alone is longer
   *   than the model's context; NonFiniteError naming the request whose logits are NaN or infinite.
   */
  scoreContinuations?(
    requests: readonly ContinuationRequest[],
    options?: LogLikelihoodOptions,
  ): Promise<ContinuationScore[]>;
}

/** What comes first and what may follow, as token ids; both hold at least one. */
export interface ContinuationRequest {
  readonly context: Int32Array;
  readonly continuation: Int32Array;
}

export interface ContinuationScore {
  /** Σ ln p(token | all tokens before it) over the continuation. */
  readonly logLikelihood: number;
  /** Whether greedy decoding of the context gives the continuation: no other token is likelier at any place. */
  readonly greedy: boolean;
  /** Tokens cut from the left of the context, since the model takes no more. */
  readonly dropped: number;
}

export interface LogLikelihoodOptions {
  /** Called as blocks are done; `done` and `total` count blocks. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}
