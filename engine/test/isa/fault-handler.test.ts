/** The fault handler, in processes of their own: traps, the host's own traps, and faults that are nobody's. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import test from "ava";

const child = fileURLToPath(new URL("./fault-child.js", import.meta.url));

function run(action: string): { out: string; error: string; signal: string | null; status: number | null } {
  const result = spawnSync(process.execPath, [child, action], { encoding: "utf8", timeout: 300_000 });
  return { out: result.stdout, error: result.stderr, signal: result.signal, status: result.status };
}

for (const [action, output] of [
  ["trap", "traps\nhost traps\n"],
  ["worker", "worker\nafter\n"],
  ["signature", "found\n"],
  ["sentIgnored", "alive\n"],
] as const) {
  test(`${action}: the process goes on`, (t) => {
    const { out, error, signal, status } = run(action);
    t.is(out, output, error);
    t.is(signal, null);
    t.is(status, 0);
  });
}

for (const action of ["unrecorded", "outside", "outsideDefault", "outsideIgnored", "sent", "sentDefault"]) {
  test(`${action}: the process ends by the signal, as without the handler`, (t) => {
    const { out, error, signal } = run(action);
    t.is(out, "now\n", error);
    t.is(signal, "SIGSEGV");
  });
}
