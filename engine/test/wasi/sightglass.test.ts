// The quicker ones of sightglass's programs, if the corpus is there; `npm run -s wasi -- FOLDER` runs all.

import { join } from "node:path";
import test from "ava";
import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { runBenchmark } from "./sightglass.js";

const corpus = "bench/sightglass";
const folder = corpusFolder(corpus);
const quick = [
  "shootout/shootout-gimli",
  "shootout/shootout-minicsv",
  "shootout/shootout-memmove",
  "blake3-scalar/benchmark",
];

for (const name of quick) {
  const title = `${name}: prints what it should`;
  if (folder === undefined) test.skip(`${title}; ${missingCorpus(corpus)}`, (t) => t.fail());
  else test.serial(title, async (t) => t.is(await runBenchmark(join(folder, `${name}.wasm`)), undefined));
}
