import { DatasetError } from "./errors.js";
import { limits } from "./limits.js";

export interface Line {
  readonly text: string;
  /** 1-based. */
  readonly number: number;
}

/** Lines of a text, without their ends (\n or \r\n). A last empty line counts for nothing. */
export async function* linesOf(path: string, chunks: AsyncIterable<string>): AsyncGenerator<Line> {
  let rest = "";
  let number = 0;
  for await (const chunk of chunks) {
    const pieces = (rest + chunk).split("\n");
    rest = pieces.pop()!;
    for (const piece of pieces) yield { text: piece.replace(/\r$/, ""), number: ++number };
    if (rest.length > limits.lineLength) {
      throw new DatasetError(
        "LIMIT",
        `${path}, line ${number + 1}: more than ${limits.lineLength} characters; is it a file of lines?`,
      );
    }
  }
  if (rest !== "") yield { text: rest.replace(/\r$/, ""), number: number + 1 };
}
