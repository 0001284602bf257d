/**
 * `npm run -s wasi -- FOLDER`: the conformance suite's programs, each in every way to call it, and a line for each that
 * fails. Exit code 0 if all pass.
 */
import { relative } from "node:path";
import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { programsIn, runProgram, ways } from "./testsuite.js";

const folder = process.argv[2] ?? corpusFolder("wasi-p1");
if (folder === undefined) {
  console.error(missingCorpus("wasi-p1"));
  process.exit(1);
}
const programs = programsIn(folder);
for (const way of ways) {
  let passed = 0;
  for (const program of programs) {
    const wrong = await runProgram(program, way);
    if (wrong === undefined) passed++;
    else console.log(`${relative(folder, program)}: ${wrong}`);
  }
  console.log(`${way.bounds} bounds, ${way.call}: ${passed} of ${programs.length} passed`);
  if (passed < programs.length || programs.length === 0) process.exitCode = 1;
}
