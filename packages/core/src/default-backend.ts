import type { Backend } from "./backend.js";
import { cpu } from "./cpu/index.js";

let current: Backend | undefined;

/** The backend new tensors live on where none is named: `cpu` unless {@link setDefaultBackend} chose another. */
export const defaultBackend = (): Backend => current ?? cpu;

export const setDefaultBackend = (backend: Backend | undefined): void => {
  current = backend;
};
