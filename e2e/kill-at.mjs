// Preloaded with `--import`: counts what the process does to the file system and ends it with SIGKILL at one of those
// operations, after half of the bytes where it is a write. Between two of them nothing on the disk changes, so these are all
// moments that a later process can tell apart.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const at = Number(process.env.KILL_AT ?? Number.POSITIVE_INFINITY);
let count = 0;

const die = () => {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => {});
};

/** `half` does a part of the operation. */
function counted(owner, name, half) {
  const original = owner[name];
  owner[name] = async function (...args) {
    if (++count !== at) return original.apply(this, args);
    await half?.call(this, ...args);
    return die();
  };
}

const handle = await fs.open(process.execPath, "r");
const prototype = Object.getPrototypeOf(handle);
await handle.close();
const { write } = prototype;
counted(prototype, "write", function (bytes, offset, length, position) {
  return write.call(this, bytes, offset, Math.floor(length / 2), position);
});
counted(prototype, "appendFile", function (bytes) {
  return write.call(this, bytes, 0, Math.floor(bytes.length / 2), null);
});
for (const name of ["truncate", "sync", "datasync", "writeFile"]) counted(prototype, name);
for (const name of ["rename", "mkdir", "rm", "link", "copyFile", "writeFile"]) counted(fs, name);
syncBuiltinESMExports();

process.on("exit", () => {
  if (process.env.KILL_COUNT) process.stderr.write(`operations: ${count}\n`);
});
