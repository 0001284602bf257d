/**
 * What TypeScript says of mistakes, in both decorator modes: each golden file is a module, and the diagnostics that it
 * gives, with lines counted from the top of the input. One program for each mode checks all of them.
 */
import { join } from "node:path";
import test from "ava";
import ts from "typescript";
import { goldenFiles, goldenTests, projectRoot } from "../../engine/test/golden/harness.js";

const folder = "../../../sdk/test/types";

/** The options that the guides recommend, and the libraries that the SDK's sources need. */
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
  types: ["node"],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
};

/** Also to be without faults in both modes. */
const runTimeFixture = join(projectRoot(), "sdk/test/decorators/kv-host.ts");

/** Modules of the golden files by path, as if they lay where their imports lead to the SDK's sources. */
const modules = new Map(goldenFiles(folder).map(({ path, input }) => [`${path}.ts`, input]));
const pathOf = new Map([...modules].map(([path, input]) => [input, path]));
const paths = [...modules.keys(), runTimeFixture];

/** Both programs read the same files: what was parsed for one serves the other. */
const parsed = new Map<string, ts.SourceFile | undefined>();

function diagnosticsOf(experimentalDecorators: boolean): Map<string, string> {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => modules.has(name) || fileExists(name);
  host.readFile = (name) => modules.get(name) ?? readFile(name);
  host.getSourceFile = (name, languageVersion) => {
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, languageVersion));
    return parsed.get(name);
  };
  const program = ts.createProgram(paths, { ...options, experimentalDecorators }, host);
  return new Map(
    paths.map((path) => {
      const source = program.getSourceFile(path);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return [path, found.map(format).join("")];
    }),
  );
}

function format(diagnostic: ts.Diagnostic): string {
  const { file, start = 0, code, messageText, relatedInformation = [] } = diagnostic;
  const { line, character } = file!.getLineAndCharacterOfPosition(start);
  const related = relatedInformation
    // Where something is declared is of no interest here.
    .filter((information) => information.file?.fileName === file?.fileName)
    .map((information) => `  note: ${ts.flattenDiagnosticMessageText(information.messageText, "\n")}\n`);
  const text = ts.flattenDiagnosticMessageText(messageText, "\n");
  return `${line + 1}:${character + 1} TS${code}: ${text}\n${related.join("")}`;
}

let legacy: Map<string, string> | undefined;
let standard: Map<string, string> | undefined;

function inBothModes(path: string): string {
  const inLegacy = (legacy ??= diagnosticsOf(true)).get(path) || "no errors\n";
  const inStandard = (standard ??= diagnosticsOf(false)).get(path) || "no errors\n";
  if (inLegacy === inStandard) return inLegacy;
  return `legacy decorators:\n${inLegacy}standard decorators:\n${inStandard}`;
}

goldenTests(test, folder, (_stage, input) => inBothModes(pathOf.get(input)!));

test("the fixture of the run-time tests", (t) => t.is(inBothModes(runTimeFixture), "no errors\n"));
