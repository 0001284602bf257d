/**
 * The command `npm run -s spec -- DIR_OR_FILE... [--explicit-bounds] [--namespace node|backplane]`:
 * a line per failure, at the end `N passed, N failed, N skipped` in assertions. Exit code 1 upon a failure,
 * 2 upon wrong arguments.
 */

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";

import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { namespaceByName } from "../support/namespace.js";
import { findScripts, runSpec } from "./run-folder.js";

function fail(message: string): never {
  process.stderr.write(`spec: ${message}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        "explicit-bounds": { type: "boolean", default: false },
        ahead: { type: "boolean", default: false },
        namespace: { type: "string", default: "backplane" },
      },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}

const { values, positionals } = readArguments();
const paths =
  positionals.length > 0 ? positionals : [corpusFolder("spec-2.0") ?? fail(missingCorpus("spec-2.0"))];
const scripts = paths.flatMap((path) =>
  existsSync(path) ? findScripts(path) : fail(`no such file: ${path}`),
);
const namespace = await namespaceByName(values.namespace, {
  bounds: values["explicit-bounds"] ? "explicit" : "guard",
  compile: values.ahead ? "ahead" : "lazy",
});
const totals = runSpec(namespace, scripts, {
  report: (line) => process.stdout.write(`${line}\n`),
});
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;
