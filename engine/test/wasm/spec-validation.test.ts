/**
 * The specification's scripts, as far as validation goes: every binary module in them, and whether it is to
 * be accepted, is malformed or is invalid. Modules that are to be linked or run count as accepted.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "ava";
import { decodeModule, validateModule, WasmFormatError } from "../../wasm/index.js";
import { corporaFolder, filesBelow } from "./corpora.js";

interface ScriptModule {
  readonly bytes: Uint8Array;
  readonly expected: "valid" | "malformed" | "invalid";
  readonly line: number;
}

/** Finds `(module binary ...)` and `(module definition binary ...)` and the assertion around each. */
function scriptModules(script: string): ScriptModule[] {
  const modules: ScriptModule[] = [];
  const pattern =
    /(?:\((assert_malformed|assert_invalid)\s+)?\(module\s+(?:definition\s+)?(?:\$\S+\s+)?binary((?:\s*"[^"]*")*)\s*\)/g;
  for (const match of script.matchAll(pattern)) {
    const expected =
      match[1] === undefined ? "valid" : match[1] === "assert_invalid" ? "invalid" : "malformed";
    const line = script.slice(0, match.index).split("\n").length;
    modules.push({ bytes: unquote(match[2]), expected, line });
  }
  return modules;
}

/** The scripts write every byte as `\hh`. */
function unquote(strings: string): Uint8Array {
  return Uint8Array.from(strings.matchAll(/\\([0-9a-f]{2})/g), (match) => Number.parseInt(match[1], 16));
}

function verdict(bytes: Uint8Array): string {
  try {
    validateModule(decodeModule(bytes));
    return "valid";
  } catch (error) {
    if (!(error instanceof WasmFormatError)) throw error;
    return `${error.family} (${error.code}): ${error.message}`;
  }
}

/** A number of locals beyond 2**32 is malformed for the specification, beyond a limit here. */
function agrees(expected: string, found: string): boolean {
  return found.startsWith(expected) || (expected === "malformed" && found.startsWith("limit"));
}

const folder = join(corporaFolder(), "spec-2.0");
const title = "the specification's modules are accepted and refused as its scripts say";
const present = existsSync(folder);

(present ? test : test.skip)(present ? title : `${title} (no spec-2.0; set BACKPLANE_CORPORA)`, (t) => {
  const counts = { valid: 0, malformed: 0, invalid: 0 };
  const wrong: string[] = [];
  for (const file of filesBelow(folder, ".wast")) {
    for (const { bytes, expected, line } of scriptModules(readFileSync(file, "latin1"))) {
      counts[expected]++;
      const found = verdict(bytes);
      if (!agrees(expected, found))
        wrong.push(`${basename(file)}:${line}: expected ${expected}, found ${found}`);
    }
  }
  t.deepEqual(wrong, []);
  t.log(`${counts.valid} valid, ${counts.malformed} malformed, ${counts.invalid} invalid modules`);
  t.true(counts.valid > 1000 && counts.malformed > 500 && counts.invalid > 1000, JSON.stringify(counts));
});
