import { activationDTypes } from "@denoise-rotator/models";
import { type Command, InvalidArgumentError, Option } from "commander";
import { formatBytes, parseBytes } from "../pipeline/memory/format-bytes.js";
import { type MemoryPlan, shortage } from "../pipeline/memory/memory-plan.js";
import { totalOf } from "../pipeline/memory/stage-budget.js";
import type { PruneOptions } from "../pipeline/options.js";
import { formatTable } from "./tables.js";

export type MemoryFlags = Pick<PruneOptions, "memory" | "scratch" | "activations">;

export function bytes(text: string): number {
  try {
    return parseBytes(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export function addMemoryOptions(command: Command): Command {
  return command
    .option(
      "--memory <size>",
      "what the process may take, such as 4GiB; activations beyond it go to disk (default: 3/4 of the machine's)",
      bytes,
    )
    .option("--scratch <directory>", "where those go (default: beside the output)")
    .addOption(
      new Option("--activations <dtype>", "how activations are kept; bf16 halves them and rounds")
        .choices(activationDTypes)
        .default("f32"),
    );
}

/** The budget as tables: what stages hold on the device, what the process holds besides, and what follows. */
export function describePlan(plan: MemoryPlan): string {
  const { device, host, activations, least, limit } = plan;
  const stages = device.stages.map((stage) => [
    stage.stage,
    ...[stage.weights, stage.statistics, stage.solver, stage.activations, totalOf(stage)].map(formatBytes),
  ]);
  const where = device.inProcess ? "in this process" : "on the device";
  const ends = device.limit === undefined ? "" : `, ends at ${formatBytes(device.limit)}`;
  const { total, inMemory } = activations;
  const parts: [string, string][] = [
    ...(device.inProcess
      ? [["tensors, at most", formatBytes(totalOf(device.peak))] as [string, string]]
      : []),
    ...host.map(({ what, bytes }): [string, string] => [what, formatBytes(bytes)]),
    ["together", formatBytes(least)],
    ["--memory", formatBytes(limit)],
    ["activations", formatBytes(total)],
    ["of these on disk", formatBytes(Math.max(0, total - inMemory))],
  ];
  const lack = shortage(plan);
  return [
    `tensors ${where} (${device.name}${ends}), by stage:`,
    formatTable(["stage", "weights", "statistics", "solver", "activations", "together"], stages, {
      ruled: false,
    }),
    formatTable(["the process", "at most"], parts, { ruled: false }),
    lack === undefined ? "fits" : `does not fit: ${lack}`,
  ].join("\n");
}
