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
}

export interface LogLikelihoodOptions {
  /** Called as blocks are done; `done` and `total` count blocks. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}
