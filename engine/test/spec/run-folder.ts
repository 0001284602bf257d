/**
 * Runs specification test scripts from files and folders.
 *
 * In: paths and a WebAssembly namespace. Out: totals, with a line per failure through `report`.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";

import type { Namespace } from "../support/namespace.js";
import { runScript } from "./run-script.js";

export interface SpecTotals {
  passed: number;
  failed: number;
  skipped: number;
}

export interface SpecOptions {
  /** gets `script:line: message` for every failure */
  readonly report?: (line: string) => void;
}

/** The scripts under `path`: itself, or every `*.wast` of a folder by name. */
export function findScripts(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((file) => file.endsWith(".wast"))
    .sort()
    .map((file) => join(path, file));
}

/**
 * Runs scripts in the given order.
 *
 * @example
 * const totals = runSpec(nodeNamespace, findScripts("spec-2.0"), { report: console.error });
 */
export function runSpec(
  namespace: Namespace,
  scripts: readonly string[],
  options: SpecOptions = {},
): SpecTotals {
  const totals: SpecTotals = { passed: 0, failed: 0, skipped: 0 };
  for (const file of scripts) {
    const source = readFileSync(file);
    try {
      const outcome = runScript(namespace, source, file);
      totals.passed += outcome.passed;
      totals.failed += outcome.failed;
      totals.skipped += outcome.skipped;
      for (const failure of outcome.failures) {
        options.report?.(`${basename(file)}:${failure.line}: ${failure.message}`);
      }
    } catch (error) {
      totals.failed++;
      options.report?.(`${basename(file)}: ${String(error)}`);
    }
  }
  return totals;
}
