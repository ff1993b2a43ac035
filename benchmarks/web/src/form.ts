import { benchKinds, type WorkSetName, workSet, workSetNames } from "@denoise-rotator/bench";
import { create, element } from "./elements.js";
import type { RunRequest } from "./messages.js";

/** What can be chosen among contenders. */
export interface FormChoices {
  readonly own: readonly string[];
  readonly peers: readonly string[];
}

/** Fills the form from the address: `?set=quick&works=gemm,add-1M&contenders=webgpu,wasm&rounds=3&sample=60&patience=5&baseline=wasm`. */
export function buildForm({ own, peers }: FormChoices, search: URLSearchParams): void {
  const wanted = (key: string) => search.get(key)?.split(",");
  const set = search.get("set") ?? "quick";
  for (const name of workSetNames) addChoice("sets", "radio", name, name === set);
  const works = wanted("works");
  for (const kind of benchKinds) addChoice("works", "checkbox", kind, works?.includes(kind) ?? true);
  // Single works, by name.
  const kinds: readonly string[] = benchKinds;
  for (const name of works ?? []) if (!kinds.includes(name)) addChoice("works", "checkbox", name, true);
  for (const [group, names] of [
    ["own", own],
    ["peers", peers],
  ] as const) {
    for (const name of names) {
      addChoice(group, "checkbox", name, wanted("contenders")?.includes(name) ?? true);
    }
  }
  const baseline = element("select", "baseline");
  for (const name of [...own, ...peers]) baseline.append(create("option", name));
  const first = search.get("baseline");
  if (first !== null && [...own, ...peers].includes(first)) baseline.value = first;
  for (const name of ["rounds", "sample", "patience"]) {
    const value = search.get(name);
    if (value !== null) element("input", name).value = value;
  }
}

function addChoice(group: string, type: "radio" | "checkbox", value: string, checked: boolean): void {
  const label = create("label");
  label.append(create("input", "", { type, name: group, value, checked }), ` ${value}`);
  element("div", group).append(label);
}

const chosen = (group: string): string[] =>
  [...element("div", group).querySelectorAll("input")]
    .filter(({ checked }) => checked)
    .map(({ value }) => value);

/** What the form asks for, or what is missing in it. */
export function readForm(): RunRequest | string {
  const set = chosen("sets")[0] as WorkSetName;
  const inSet = new Set<string>(workSet(set).flatMap(({ kind, name }) => [kind, name]));
  const works = chosen("works").filter((each) => inSet.has(each));
  const contenders = [...chosen("own"), ...chosen("peers")];
  const number = (id: string) => element("input", id).valueAsNumber;
  const rounds = number("rounds");
  const sampleMilliseconds = number("sample");
  const patienceMilliseconds = 1000 * number("patience");
  if (works.length === 0) return "choose a work";
  if (contenders.length === 0) return "choose a backend";
  if (!Number.isInteger(rounds) || rounds < 1) return "rounds: a whole number of at least 1";
  if (!(sampleMilliseconds > 0)) return "milliseconds a sample: a number above 0";
  if (!(patienceMilliseconds > 0)) return "patience: a number of seconds above 0";
  const baseline = element("select", "baseline").value;
  return {
    ...{ set, works, contenders, rounds, sampleMilliseconds, patienceMilliseconds },
    baseline: contenders.includes(baseline) ? baseline : undefined,
  };
}
