/**
 * Runs the tests and closes with `N passed, N failed, N skipped` on a line of its own. What other runs came to is added if
 * BACKPLANE_COUNTS names a file of theirs ({ passed, failed, skipped } as JSON): the line then counts everything.
 */
import { readFileSync } from "node:fs";
import { runAva } from "./run-ava.mjs";

const counts = await runAva(process.argv.slice(2));
const passedHere = counts.passed > 0;
if (process.env.BACKPLANE_COUNTS) {
  const others = JSON.parse(readFileSync(process.env.BACKPLANE_COUNTS, "utf8"));
  for (const kind of ["passed", "failed", "skipped"]) counts[kind] += others[kind];
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 && passedHere ? 0 : 1;
