import { expect, it } from "vitest";

it("should pass", () => expect(document.title).toBeTypeOf("string"));

// No timer of the page can end this one.
it("should never end", () => {
  for (;;);
});
