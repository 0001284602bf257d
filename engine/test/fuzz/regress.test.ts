/**
 * Every module in `engine/test/regress` runs on this engine as on Node's own, lazily and ahead, with both kinds of
 * bounds checks. The folder collects what fuzzing found; a name is `SOURCE-SEED.wasm`, and the seed decides
 * the arguments that made it fail. Bytes that are no module are compared as damaged ones.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import test from "ava";

import { projectRoot } from "../support/corpora.js";
import { backplaneNamespace, nodeNamespace } from "../support/namespace.js";
import { compareDamaged, openOracle } from "./compare-damaged.js";
import { compareEngines } from "./compare-engines.js";

const folder = join(projectRoot(), "engine", "test", "regress");
const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".wasm")) : [];

function seedOf(file: string): number {
  return Number(/-(\d+)\.wasm$/.exec(file)?.[1] ?? 0);
}

for (const bounds of ["guard", "explicit"] as const) {
  for (const compile of ["lazy", "ahead"] as const) {
    test(`${files.length} modules that failed once, ${bounds}, ${compile}`, async (t) => {
      t.timeout(120_000);
      const candidate = await backplaneNamespace({ bounds, compile });
      const oracle = await openOracle();
      for (const file of files) {
        const bytes = readFileSync(join(folder, file));
        const seed = seedOf(file);
        if (file.startsWith("damaged-") || !nodeNamespace.validate(bytes)) {
          const outcome = compareDamaged(nodeNamespace, candidate, bytes, oracle, seed);
          t.not(outcome.kind, "wrong", `${file}: ${"what" in outcome ? outcome.what : ""}`);
          continue;
        }
        t.is(compareEngines(nodeNamespace, candidate, bytes, { seed }).difference, undefined, file);
      }
      t.pass();
    });
  }
}
