// WASI's own conformance suite, if its corpus is there. `npm run -s wasi` runs it in all ways; here, in two.

import { basename } from "node:path";
import test from "ava";
import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { programsIn, runProgram, ways } from "./testsuite.js";

const folder = corpusFolder("wasi-p1");
const [guardSynchronous, , , explicitAsynchronous] = ways;

for (const way of [guardSynchronous!, explicitAsynchronous!]) {
  const title = `the conformance suite: ${way.bounds} bounds, ${way.call}`;
  if (folder === undefined) {
    test.skip(`${title}; ${missingCorpus("wasi-p1")}`, (t) => t.fail());
    continue;
  }
  test.serial(title, async (t) => {
    const programs = programsIn(folder);
    t.is(programs.length, 72);
    for (const program of programs) t.is(await runProgram(program, way), undefined, basename(program));
  });
}
