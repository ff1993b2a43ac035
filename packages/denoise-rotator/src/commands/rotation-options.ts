import { solverNames } from "@denoise-rotator/manifold";
import { objectiveKinds, rotationPresetNames, rotationStarts } from "@denoise-rotator/rotator";
import { type Command, Option } from "commander";
import { siteWeightings } from "../pipeline/options.js";
import { integer, positive } from "./options.js";

/** How rotations are learned. What is left out follows from `--rotation-preset`. */
export function addRotationOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--rotation-preset <name>",
        "fast (25 steps), default (60), paper (2000 of qr-adam on entropy)",
      ).choices(rotationPresetNames),
    )
    .addOption(new Option("--objective <name>", "what rotations minimise").choices(objectiveKinds))
    .addOption(new Option("--solver <name>", "how rotations are learned").choices(solverNames))
    .option("--steps <n>", "solver steps", integer(1))
    .option("--learning-rate <x>", "the solver's first step size", positive)
    .option("--newton-schulz-steps <n>", "how far muon orthogonalises its direction", integer(0))
    .addOption(new Option("--start <name>", "where learning starts").choices(rotationStarts))
    .option(
      "--rotation-importance <name>",
      "what rotations concentrate: same as the pruner, or that of another",
    )
    .option("--row-sample <share>", "rows that the first 60 % of the steps see (default: all)", positive)
    .addOption(
      new Option(
        "--site-weights <name>",
        "what sites count for in direct (default: by how much errors matter)",
      ).choices(siteWeightings),
    )
    .option("--r1-blocks <k>", "equal diagonal blocks of each residual rotation", integer(1));
}
