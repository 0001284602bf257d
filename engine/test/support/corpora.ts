/**
 * Where the test corpora lie.
 *
 * In: nothing but the place of this file and the variable `BACKPLANE_CORPORA`. Out: absolute paths, or
 * `undefined` where a corpus is absent: the caller then says that it skips, and why.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the package `backplane`, found upwards from this file (compiled output may lie anywhere in it). */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === "backplane")
      return folder;
    const parent = dirname(folder);
    if (parent === folder) throw new Error("no package.json of backplane above the tests");
    folder = parent;
  }
}

/** The folder of one corpus, as `corpusFolder("spec-2.0")`; `undefined` if it isn't on this machine. */
export function corpusFolder(name: string): string | undefined {
  const base = process.env.BACKPLANE_CORPORA ?? join(projectRoot(), "..", "shared", "corpora");
  const folder = resolve(base, name);
  return existsSync(folder) ? folder : undefined;
}

/** The sentence a test logs when `corpusFolder(name)` gave nothing. */
export function missingCorpus(name: string): string {
  return `skipped: no corpus ${name} in ../shared/corpora nor in BACKPLANE_CORPORA`;
}
