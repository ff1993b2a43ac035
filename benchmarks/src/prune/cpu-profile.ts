/** What V8's `--cpu-prof` writes, as far as it is used here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Node that was running, by sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

export interface Share {
  readonly name: string;
  readonly seconds: number;
  readonly share: number;
}

/**
 * Time by kernel: that of every sample goes to the innermost function on its stack that is one of `kernels`, else to
 * `host` (JavaScript outside kernels). Idle time and the program's start do not count. Descending.
 */
export function timeByKernel(profile: CpuProfile, kernels: ReadonlySet<string>): Share[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const names = new Map<number, string | undefined>();
  const nameOf = (id: number): string | undefined => {
    const { functionName } = nodes.get(id)!.callFrame;
    if (functionName === "(idle)" || functionName === "(program)") return undefined;
    if (functionName === "(garbage collector)") return "garbage collection";
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { functionName: name } = nodes.get(at)!.callFrame;
      if (kernels.has(name)) return name;
    }
    return "host";
  };
  const totals = new Map<string, number>();
  profile.samples.forEach((id, i) => {
    if (!names.has(id)) names.set(id, nameOf(id));
    const name = names.get(id);
    if (name !== undefined) totals.set(name, (totals.get(name) ?? 0) + profile.timeDeltas[i]! / 1e6);
  });
  return shares(totals);
}

/** Seconds by name as shares of their sum, the largest first. */
export function shares(seconds: Iterable<readonly [string, number]>): Share[] {
  const all = [...seconds];
  const total = all.reduce((sum, [, value]) => sum + value, 0);
  return all
    .map(([name, value]) => ({ name, seconds: value, share: value / total }))
    .sort((a, b) => b.seconds - a.seconds);
}
