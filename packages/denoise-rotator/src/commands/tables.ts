import Table from "cli-table3";

/** A plain table for terminals and logs: no colours, numbers to the right. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [] },
    colAligns: head.map((_, column) => (column === 0 ? "left" : "right")),
  });
  table.push(...rows.map((row) => row.map(String)));
  return table.toString();
}
