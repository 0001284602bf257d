// By hand: survival.test at full size. Usage: node dist/engine/test/limits/survival.slow.js [node|backplane] [FILTER]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compiledPath, runNode } from "../packages/run-scenario.js";

const [engine = "backplane", filter = ""] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "backplane-profile-"));
const profile = ["--cpu-prof", "--cpu-prof-interval", "100", "--cpu-prof-dir", folder];

const runs: [string, string[], string, string[]][] = [
  ["every trap 10,000 times", [], "trap-storm", ["10000"]],
  ["10,000 overflows under the profiler", profile, "overflow-storm", ["10000"]],
  [
    "10,000 overflows in a worker and 10,000 in the main thread",
    profile,
    "overflow-storm",
    ["10000", "worker"],
  ],
  ["50 workers ended in the middle of a call", [], "terminated-worker", ["50"]],
  ["10,000 pairs", ["--expose-gc"], "references", ["pairs", "10000"]],
  ["a million references through one call", ["--expose-gc"], "references", ["stream", "1000000"]],
  ["a million references held", ["--expose-gc"], "references", ["kept", "1000000"]],
];

let failed = 0;
for (const [name, options, script, args] of runs.filter(([name]) => name.includes(filter))) {
  const start = Date.now();
  const result = await runNode([...options, compiledPath(`../limits/${script}.js`), engine, ...args], {
    timeout: 600_000,
  });
  const ended = result.signal ?? (result.code === 0 ? "passed" : `exit code ${result.code}`);
  if (result.code !== 0) failed++;
  console.log(
    `${name}: ${ended}, ${((Date.now() - start) / 1000).toFixed(1)} s\n    ${result.stdout.slice(0, 600)}${result.stderr.slice(-1500)}`,
  );
}
rmSync(folder, { recursive: true, force: true });
process.exitCode = failed === 0 ? 0 : 1;
