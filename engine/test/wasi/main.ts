/**
 * `npm run -s wasi -- FOLDER`: all programs of a folder, and a line for each that fails. The conformance suite's programs
 * run in every way to call them; sightglass's, which have their output beside them, through the command line. Exit code
 * 0 if all pass.
 */
import { relative } from "node:path";
import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { hasExpectedOutput, leftOut, nameOf, runBenchmark } from "./sightglass.js";
import { programsIn, runProgram, ways } from "./testsuite.js";

const folder = process.argv[2] ?? corpusFolder("wasi-p1") ?? missing();

function missing(): never {
  console.error(missingCorpus("wasi-p1"));
  process.exit(1);
}

async function runAll(
  programs: readonly string[],
  title: string,
  run: (program: string) => Promise<string | undefined>,
): Promise<void> {
  let passed = 0;
  for (const program of programs) {
    const wrong = await run(program);
    if (wrong === undefined) passed++;
    else console.log(`${relative(folder, program)}: ${wrong}`);
  }
  console.log(`${title}: ${passed} of ${programs.length} passed`);
  if (passed < programs.length || programs.length === 0) process.exitCode = 1;
}

const programs = programsIn(folder);
const benchmarks = programs.filter(hasExpectedOutput);
if (benchmarks.length > 0) {
  for (const [name, why] of leftOut) console.log(`${name}: left out, ${why}`);
  const able = benchmarks.filter((program) => !leftOut.has(nameOf(program)));
  await runAll(able, "through the command line", runBenchmark);
} else {
  for (const way of ways) {
    await runAll(programs, `${way.bounds} bounds, ${way.call}`, (program) => runProgram(program, way));
  }
}
