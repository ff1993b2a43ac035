import Table from "cli-table3";

/** No lines between the rows. */
const unruled = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

/** A plain table for terminals and logs: no colours, numbers to the right. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  { ruled = true }: { readonly ruled?: boolean } = {},
): string {
  const table = new Table({
    ...(ruled ? {} : { chars: unruled }),
    head: [...head],
    style: { head: [], border: [] },
    colAligns: head.map((_, column) => (column === 0 ? "left" : "right")),
  });
  table.push(...rows.map((row) => row.map(String)));
  return table.toString();
}
