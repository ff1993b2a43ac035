import { type Command, Option } from "commander";
import { type BackendName, type BackendTuning, backendNames, gpuModes } from "../pipeline/backends.js";
import { integer } from "./options.js";

/** What {@link addBackendOptions} gives an action. */
export interface BackendFlags extends Omit<BackendTuning, "threads"> {
  readonly backend: BackendName;
}

/** Where tensors live, and how the backend computes. An option that the chosen backend does not take is a usage error. */
export function addBackendOptions(command: Command): Command {
  return command
    .addOption(new Option("--backend <name>", "where tensors live").choices(backendNames).default("wasm"))
    .option("--turbo", "wasm: experimental 256-bit kernels (Node 22 or newer on x64)")
    .option("--adapter <name>", "webgpu: part of the name of the GPU to open (default: the system's choice)")
    .option("--f16", "webgpu: multiply in 16 bits, where the GPU can (less exact, faster)")
    .addOption(
      new Option("--gpu-mode <name>", "gpujs: what its kernels run on (default: the first there is)").choices(
        gpuModes,
      ),
    );
}

/** Adds `--threads`, for commands that run on one backend. */
export function addThreadsOption(command: Command): Command {
  return command.option(
    "--threads <n>",
    "wasm: threads (default: what the machine has, at most 8)",
    integer(1),
  );
}

/** Adds `--dense`, for commands that run models. */
export const addDenseOption = (command: Command): Command =>
  command.option(
    "--dense",
    "multiply 2:4 weights as dense ones, also where the backend has kernels for them",
  );
