import { documents, type Split } from "./texts.js";

/** A row of the task `continuation`. */
export interface ContinuationRow {
  readonly context: string;
  /** One follows the context, three are from elsewhere in the same document. */
  readonly endings: readonly string[];
  /** Index of the one that follows. */
  readonly label: number;
}

const contextWords = 24;
const endingWords = 5;
/** Words from one context's begin to the next one's. */
const strideWords = 200;

/**
 * The rows of the task `continuation`: of each document every 200th word on, 24 words of context and the 5 that follow,
 * among the 5 words at the same distance from the places a quarter, a half and three quarters of the document further on
 * (from its end back to its beginning). Nothing is random; the order is such that the first n are from all documents.
 */
export async function continuationRows(split: Split = "test"): Promise<ContinuationRow[]> {
  const places: { readonly words: readonly string[]; readonly start: number }[] = [];
  for (const text of await documents(split)) {
    const words = text.split(/\s+/);
    const last = words.length - contextWords - endingWords;
    for (let start = 0; start <= last; start += strideWords) places.push({ words, start });
  }
  return spread(places).map(({ words, start }, index) => rowAt(words, start, index % 4));
}

function rowAt(words: readonly string[], start: number, label: number): ContinuationRow {
  const middle = start + contextWords;
  const places = words.length - endingWords + 1;
  const endings = [0, 1, 2, 3].map((quarter) => {
    const place = (middle + Math.floor((quarter * places) / 4)) % places;
    return words.slice(place, place + endingWords).join(" ");
  });
  [endings[0], endings[label]] = [endings[label]!, endings[0]!];
  return { context: words.slice(start, middle).join(" "), endings, label };
}

/** All of a list in the order of the fractional parts of i·φ, whose beginnings are evenly spread over it. */
function spread<T>(items: readonly T[]): T[] {
  const golden = (Math.sqrt(5) - 1) / 2;
  const keyed = items.map((item, i) => ({ item, key: (i * golden) % 1 }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
