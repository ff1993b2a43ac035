import { type Row, TaskError, type Template } from "./task.js";

const columnPattern = /\{\{|\}\}|\{([^{}]*)\}/g;
const single = /^\{([^{}]+)\}$/;

/** The text of a template. Throws {@link TaskError} naming a column that is absent or is neither text nor number. */
export function fillTemplate(template: Template, row: Row): string {
  return template.replace(columnPattern, (found, column: string | undefined) => {
    if (column === undefined) return found[0]!;
    const value = columnOf(column, row);
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "bigint") return String(value);
    throw new TaskError(`column "${column}" is ${kindOf(value)} where text is needed`);
  });
}

/** What a template that names one column stands for, unchanged; other templates give their text. */
export function valueOf(template: Template, row: Row): unknown {
  const column = single.exec(template)?.[1];
  return column === undefined ? fillTemplate(template, row) : columnOf(column, row);
}

/** The texts of templates, or the list that one names. */
export function textsOf(templates: readonly Template[] | Template, row: Row): string[] {
  if (typeof templates !== "string") return templates.map((template) => fillTemplate(template, row));
  const values = valueOf(templates, row);
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  throw new TaskError(
    `${templates} is ${Array.isArray(values) ? "a list that is not all text" : kindOf(values)} where a list of texts is needed`,
  );
}

function columnOf(path: string, row: Row): unknown {
  let value: unknown = row;
  let at = "";
  for (const name of path.split(".")) {
    const fields = typeof value === "object" && value !== null ? (value as Row) : {};
    if (!Object.hasOwn(fields, name)) {
      const there = Object.keys(fields).join(", ");
      throw new TaskError(
        `there is no column "${at}${name}"; ${there ? `there are: ${there}` : `"${path.slice(0, at.length - 1)}" has no fields`}`,
      );
    }
    value = fields[name];
    at += `${name}.`;
  }
  return value;
}

const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return "empty";
  return Array.isArray(value) ? "a list" : `of type ${typeof value}`;
};
