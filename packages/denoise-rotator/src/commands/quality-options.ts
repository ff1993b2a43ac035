import { refinements } from "@denoise-rotator/pruners";
import { type Command, Option } from "commander";
import { allocations } from "../pipeline/options.js";
import { qualityNames } from "../pipeline/quality.js";
import { integer } from "./options.js";

/** How much is done for quality beyond the pruner. What is left out follows from `--quality`. */
export function addQualityOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--quality <name>", "fast, default (refine, match) or best (all, on more text)")
        .choices(qualityNames)
        .default("default"),
    )
    .addOption(
      new Option("--refine <method>", "pcg: solve anew for the kept weights; none").choices(refinements),
    )
    .option("--match", "aim at the dense model's outputs with the pruned model's inputs")
    .option("--no-match", "aim at the dense weights")
    .option("--reconstruct <steps>", "learn each block's kept weights together; 0 is none", integer(0))
    .option("--transport", "correct each block's outputs by a linear map (with --rotate per-block)")
    .option("--no-transport", "leave outputs as they are")
    .addOption(
      new Option("--allocation <name>", "how an unstructured share is spread over layers")
        .choices(allocations)
        .default("uniform"),
    );
}
