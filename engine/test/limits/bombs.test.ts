// Compile bombs at a fraction of their full size (by hand at full size: bombs.slow). A bomb fails by an error, a wrong
// answer, or by taking a child process longer than a near-linear compiler could need.

import test from "ava";
import { compiledPath, runNode } from "../packages/run-scenario.js";
import { bombs } from "./bombs.js";

/** Depths and counts are affordable in full; bodies and products of locals and blocks are scaled down. */
function quickSize(name: string, full: number): number {
  if (full > 1_000_000) return Math.floor(full / 32);
  if (name.startsWith("locals-")) return Math.floor(full / 16);
  return name === "functions" || name === "entries" ? Math.floor(full / 5) : full;
}

for (const bomb of bombs) {
  test.serial(`bomb: ${bomb.name}`, async (t) => {
    t.timeout(240_000);
    const size = quickSize(bomb.name, bomb.full);
    const script = compiledPath("../limits/run-bomb.js");
    const result = await runNode([script, "backplane", bomb.name, String(size)], { timeout: 200_000 });
    t.is(result.signal, null, `${bomb.name} at ${size} took too long`);
    t.is(result.code, 0, result.stderr.slice(0, 2000));
    const { compile, firstCall, memory } = JSON.parse(result.stdout) as {
      compile: number;
      firstCall: number;
      memory: number;
    };
    t.log(`${size}: ${(compile + firstCall).toFixed(0)} ms, ${(memory / 1e6).toFixed(0)} MB`);
  });
}
