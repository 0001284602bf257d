/**
 * Golden tests: a file holds a stage's name, its input and the text expected of it; one behaviour per file.
 *
 *     stage: fold
 *     ---- input
 *     ...
 *     ---- expected
 *     ...
 *
 * `BACKPLANE_GOLDEN=write` rewrites what is expected; the diff is the review.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestFn } from "ava";

/** The project's root: tests run from a build folder of unknown depth. */
export function projectRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (readdirSync(folder).includes("package.json")) return folder;
  }
}

interface GoldenFile {
  readonly path: string;
  readonly name: string;
  readonly stage: string;
  readonly input: string;
  readonly expected: string;
}

function read(path: string, name: string): GoldenFile {
  const text = readFileSync(path, "utf8");
  const match = /^stage: (\S+)\n---- input\n([\s\S]*?)(?:---- expected\n([\s\S]*))?$/.exec(text);
  if (match === null) throw new Error(`${path}: expected "stage: NAME", "---- input" and "---- expected"`);
  return { path, name, stage: match[1]!, input: match[2]!, expected: match[3] ?? "" };
}

/**
 * Declares one test for each `*.golden` file in a folder below `engine/test/golden`.
 * @param run gives a stage's text for an input's
 */
export function goldenTests(
  test: TestFn,
  folder: string,
  run: (stage: string, input: string) => string,
): void {
  const directory = join(projectRoot(), "engine/test/golden", folder);
  const names = readdirSync(directory)
    .filter((n) => n.endsWith(".golden"))
    .sort();
  test(`${folder}: there are golden files`, (t) => t.true(names.length > 0));
  for (const name of names) {
    test(`${folder}/${name}`, (t) => {
      const file = read(join(directory, name), name);
      const got = run(file.stage, file.input);
      if (process.env.BACKPLANE_GOLDEN === "write") {
        writeFileSync(file.path, `stage: ${file.stage}\n---- input\n${file.input}---- expected\n${got}`);
      }
      t.is(got, process.env.BACKPLANE_GOLDEN === "write" ? got : file.expected);
    });
  }
}
