/**
 * Runs sightglass's benchmark programs through the command line, each with its own folder as `.`, and compares what they
 * print with the files beside them. Their imports `bench.start` and `bench.end` do nothing.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { runCli } from "../cli/run-cli.js";

/** Programs that can't run from the corpus, and why. */
export const leftOut: ReadonlyMap<string, string> = new Map([
  ["pulldown-cmark", "its input isn't in the corpora"],
]);

/** A program's name: its folder's, where that holds one program only. */
export function nameOf(program: string): string {
  const name = basename(program, ".wasm");
  return name === "benchmark" ? basename(dirname(program)) : name;
}

export function hasExpectedOutput(program: string): boolean {
  return existsSync(program.replace(/\.wasm$/, ".stdout.expected"));
}

/** What a program did wrong; undefined if nothing. */
export async function runBenchmark(program: string): Promise<string | undefined> {
  const options = ["--unknown-imports", "default", "--dir", `${dirname(program)}::.`];
  const result = await runCli(["run", ...options, program]);
  if (result.code !== 0) return `exit code ${result.code}; ${result.stderr}`;
  for (const stream of ["stdout", "stderr"] as const) {
    const file = program.replace(/\.wasm$/, `.${stream}.expected`);
    if (existsSync(file) && result[stream] !== readFileSync(file, "utf8")) {
      return `${stream} differs: ${JSON.stringify(result[stream].slice(0, 200))}`;
    }
  }
  return undefined;
}
