import { create, element } from "./elements.js";
import type { Runner } from "./runner.js";

/** Shows what the browser has, and what it lacks with what that means. */
export function showHost({ host, place }: Runner): void {
  const threads = host.sharedMemory
    ? `shared memory on ${host.cores} cores`
    : "no shared memory: the page is not cross-origin isolated (its server sends no COOP and COEP headers), so wasm has one thread";
  const entries: [string, string, boolean][] = [
    ["Browser", host.engine, true],
    ["WebGPU", host.webgpu, !/^(no WebGPU|WebGPU finds)/.test(host.webgpu)],
    ["WebGL 2", host.webgl, !/^no /.test(host.webgl)],
    ["Threads", threads, host.sharedMemory],
    ["Measured in", place, place === "a worker"],
  ];
  element("dl", "host").replaceChildren(
    ...entries.flatMap(([name, text, present]) => [
      create("dt", name),
      create("dd", text, { className: present ? "" : "lacking" }),
    ]),
  );
}
