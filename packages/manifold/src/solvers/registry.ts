import { editDistance, OptionError } from "@denoise-rotator/core";
import { bodyAdam } from "./adam.js";
import { type MuonOptions, muon } from "./muon.js";
import { qrAdam } from "./qr-adam.js";
import { riemannianAdam, riemannianSgd } from "./riemannian.js";
import type { Solver } from "./solver.js";

/** Names that {@link createSolver} knows. */
export const solverNames = ["muon", "adam", "qr-adam", "riemannian-adam", "riemannian-sgd"] as const;
export type SolverName = (typeof solverNames)[number];

/** A solver by name, with its defaults; `options` that a solver does not have are refused. */
export function createSolver(name: SolverName, options: MuonOptions = {}): Solver {
  const { newtonSchulzSteps, momentum, ...rest } = options;
  const refused = [
    ...(newtonSchulzSteps === undefined || name === "muon" ? [] : ["newtonSchulzSteps"]),
    ...(momentum === undefined || name === "muon" || name === "riemannian-sgd" ? [] : ["momentum"]),
  ];
  if (refused.length > 0) throw new OptionError(`solver ${name} has no ${refused.join(" and no ")}`);
  switch (name) {
    case "muon":
      return muon(options);
    case "adam":
      return bodyAdam(rest);
    case "qr-adam":
      return qrAdam(rest);
    case "riemannian-adam":
      return riemannianAdam(rest);
    case "riemannian-sgd":
      return riemannianSgd(momentum === undefined ? rest : { ...rest, momentum });
    default: {
      const near = [...solverNames].sort((a, b) => editDistance(name, a) - editDistance(name, b))[0];
      throw new OptionError(`solver ${name}: did you mean ${near}? There are ${solverNames.join(", ")}`);
    }
  }
}
