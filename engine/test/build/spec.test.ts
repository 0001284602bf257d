import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { allOptions } from "./run-both.js";
import { runSpecScript } from "./run-spec-script.js";

const folder = corpusFolder("spec-2.0");

for (const options of allOptions) {
  const title = `the specification's scripts hold for interpreted SSA: ${Object.values(options).join(", ")}`;
  if (folder === undefined) {
    test.skip(`${title} (${missingCorpus("spec-2.0")})`, (t) => t.fail());
    continue;
  }
  test(title, (t) => {
    let passed = 0;
    for (const file of readdirSync(folder)) {
      // The interpreter of SSA knows no vectors.
      if (!file.endsWith(".wast") || file.startsWith("simd")) continue;
      const outcome = runSpecScript(readFileSync(join(folder, file)), file, options);
      t.deepEqual(outcome.failures, []);
      passed += outcome.passed;
    }
    t.true(passed > 20_000);
  });
}
