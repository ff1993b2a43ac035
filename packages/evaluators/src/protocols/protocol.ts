/** A text whose perplexity others measure too, and how they do it, as data. */
export interface PerplexityProtocol {
  /** As it is named in `--tasks`. */
  readonly name: string;
  /** Changes whenever results do. */
  readonly version: string;
  /** Where the form is from. */
  readonly citation: string;
  readonly dataset: {
    /** Name on the Hugging Face Hub, `owner/name`. */
    readonly id: string;
    readonly revision?: string;
    readonly config: string;
    readonly split: string;
    /** The files of the repository that are read. */
    readonly files: readonly string[];
    /** The column that holds text. */
    readonly column: string;
  };
  /** Rows at most, from the first on; default all. */
  readonly rows?: number;
  /** What stands between two rows. */
  readonly separator: string;
  /** Windows at most; default all. */
  readonly windows?: number;
  /** Whether a row begins a document, for the bootstrap. */
  readonly beginsDocument: (row: string, index: number) => boolean;
}

/** Sentences that count as one document, where a data set does not say where documents end. */
const sentencesTogether = 20;

/** The protocols of the pruning literature, in the form of the code published with SparseGPT, Wanda and GPTQ. */
export const protocols: readonly PerplexityProtocol[] = [
  {
    name: "wikitext2",
    version: "1",
    citation:
      "WikiText-2 (raw), test split joined by blank lines, windows end to end: SparseGPT (arXiv 2301.00774), Wanda (arXiv 2306.11695)",
    dataset: {
      id: "Salesforce/wikitext",
      config: "wikitext-2-raw-v1",
      split: "test",
      files: ["wikitext-2-raw-v1/test-00000-of-00001.parquet"],
      column: "text",
    },
    separator: "\n\n",
    beginsDocument: (row) => /^ = [^=].* = \n?$/.test(row),
  },
  {
    name: "c4",
    version: "1",
    citation:
      "C4, the first 1100 documents of the first validation file joined by spaces, 256 windows at most: SparseGPT, Wanda",
    dataset: {
      id: "allenai/c4",
      config: "en",
      split: "validation",
      files: ["en/c4-validation.00000-of-00008.json.gz"],
      column: "text",
    },
    rows: 1100,
    separator: " ",
    windows: 256,
    beginsDocument: () => true,
  },
  {
    name: "ptb",
    version: "1",
    citation: "Penn Treebank, test split, sentences joined by spaces, windows end to end: SparseGPT, Wanda",
    dataset: {
      id: "ptb-text-only/ptb_text_only",
      revision: "refs/convert/parquet",
      config: "penn_treebank",
      split: "test",
      files: ["penn_treebank/test/0000.parquet"],
      column: "sentence",
    },
    separator: " ",
    beginsDocument: (_, index) => index % sentencesTogether === 0,
  },
];

export const findProtocol = (name: string): PerplexityProtocol | undefined =>
  protocols.find((protocol) => protocol.name === name);
