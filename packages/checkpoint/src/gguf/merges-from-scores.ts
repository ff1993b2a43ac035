/**
 * The merges of a SentencePiece BPE vocabulary, which keeps only a score for each token: any two tokens that make a third
 * may merge into it, those with the highest score first. Ties go by the scores of the parts, then by place.
 *
 * @param scores of each token, by its id.
 */
export function mergesFromScores(tokens: readonly string[], scores: readonly number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const score = (token: string) => scores[ids.get(token)!]!;
  const merges: { readonly pair: [string, string]; readonly score: number }[] = [];
  for (const [id, token] of tokens.entries()) {
    const pairs: [string, string][] = [];
    for (const cut of cuts(token)) {
      const left = token.slice(0, cut);
      const right = token.slice(cut);
      if (ids.has(left) && ids.has(right)) pairs.push([left, right]);
    }
    pairs.sort((a, b) => score(b[0]) - score(a[0]) || score(b[1]) - score(a[1]));
    for (const pair of pairs) merges.push({ pair, score: scores[id]! });
  }
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair);
}

/** Where a token can be cut: between two characters, not inside one. */
function* cuts(token: string): Generator<number> {
  let at = 0;
  for (const character of token) {
    if (at > 0) yield at;
    at += character.length;
  }
}
