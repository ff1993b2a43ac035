// A contender that adds its two inputs after waiting; `wrong` adds one more, `absent` is not there, `dies` ends itself.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [kind, wait] = process.argv.slice(2);
const reply = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const floats = (path) => new Float32Array(new Uint8Array(readFileSync(path)).buffer);

console.log("a greeting that is no JSON");
if (kind === "absent") reply({ type: "unsupported", reason: "not installed" });
else reply({ type: "ready", versions: { [kind]: "1.2.3" } });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.type === "measure") {
    reply({ type: "measured", milliseconds: Number(wait) });
    continue;
  }
  if (kind === "dies") {
    console.error("out of memory");
    process.exit(3);
  }
  if (kind === "lacks") {
    reply({ type: "unsupported", reason: `has no ${request.work.kind}` });
    continue;
  }
  const [a, b] = request.inputs.map(({ path }) => floats(path));
  const sum = a.map((x, i) => x + b[i] + (kind === "wrong" ? 1 : 0));
  const path = `${request.results}/0.f32`;
  writeFileSync(path, new Uint8Array(sum.buffer));
  reply({
    type: "prepared",
    milliseconds: Number(wait),
    results: [{ path, shape: request.inputs[0].shape }],
  });
}
