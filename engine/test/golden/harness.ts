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

export interface GoldenFile {
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

/** The `*.golden` files of a folder, given by its path from `engine/test/golden`. */
export function goldenFiles(folder: string): GoldenFile[] {
  const directory = join(projectRoot(), "engine/test/golden", folder);
  const names = readdirSync(directory).filter((n) => n.endsWith(".golden"));
  return names.sort().map((name) => read(join(directory, name), name));
}

/**
 * Declares one test for each `*.golden` file of a folder, given by its path from `engine/test/golden`.
 * @param run gives a stage's text for an input's
 */
export function goldenTests(
  test: TestFn,
  folder: string,
  run: (stage: string, input: string) => string,
): void {
  const files = goldenFiles(folder);
  test(`${folder}: there are golden files`, (t) => t.true(files.length > 0));
  for (const file of files) {
    test(`${folder}/${file.name}`, (t) => {
      const got = run(file.stage, file.input);
      if (process.env.BACKPLANE_GOLDEN === "write") {
        writeFileSync(file.path, `stage: ${file.stage}\n---- input\n${file.input}---- expected\n${got}`);
      }
      t.is(got, process.env.BACKPLANE_GOLDEN === "write" ? got : file.expected);
    });
  }
}
