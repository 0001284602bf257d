/**
 * `backplane run`: instantiates a module and calls a function of it.
 *
 * What can be told without running anything (imports that nothing provides, a function that isn't there, arguments
 * of the wrong form) is checked first, so a command that fails so has done nothing.
 */
import {
  CompileError,
  createNamespace,
  LinkError,
  type NamespaceOptions,
  RuntimeError,
  trapOf,
  UnsupportedPlatformError,
} from "../index.js";
import { formatFrame } from "../runtime/stack-trace.js";
import { type Export, type FuncType, formatFuncType, type WasmModule } from "../wasm/index.js";
import { CliError, ExitCode, UsageError } from "./errors.js";
import { importType } from "./extern-types.js";
import { decodeFile, fileError, readFile, readingModule } from "./load-module.js";
import { count, listNames, printable, showName } from "./text.js";
import { formatResult, parseArgument, type WasmValue } from "./values.js";

/** As many Wasm frames as a trap's report shows. */
const frameLimit = 20;

const wasiModules: ReadonlySet<string> = new Set(["wasi_snapshot_preview1", "wasi_unstable"]);

interface Call {
  readonly name: string;
  readonly type: FuncType;
  readonly args: readonly WasmValue[];
}

type Options = Readonly<Record<string, string | boolean | undefined>>;

/** Runs a file. Errors: CliError. */
export async function run(file: string, args: readonly string[], options: Options): Promise<ExitCode> {
  const invoke = options["invoke"] as string | undefined;
  if (invoke === undefined && args.length > 0) {
    throw new UsageError(
      `arguments need a function to go to: write --invoke NAME (found "${printable(args[0])}")`,
      "run",
    );
  }
  const clock = new Clock(options["time"] === true);
  const bytes = readFile(file);
  const wasm = decodeFile(file, bytes);
  requireNoImports(file, wasm);
  const call = invoke === undefined ? startCall(file, wasm) : invokedCall(file, wasm, invoke, args);
  clock.lap("read");
  Error.stackTraceLimit = frameLimit;
  try {
    const { Module, Instance } = createNamespace(namespaceOptions(options));
    const module = readingModule(file, () => new Module(bytes));
    clock.lap("compile");
    const instance = new Instance(module, {});
    clock.lap("instantiate");
    if (call !== undefined) printResults(call, callExport(instance.exports[call.name], call));
    else if (wasm.start < 0) noteNothingRan(file, wasm);
    clock.lap("run");
    return ExitCode.done;
  } catch (error) {
    throw asCliError(file, error);
  } finally {
    clock.print();
  }
}

function namespaceOptions(options: Options): NamespaceOptions {
  // The command line's grammar has checked that these are among the choices.
  const { bounds, compile, effort } = options;
  return { bounds, compile, effort } as NamespaceOptions;
}

function requireNoImports(file: string, wasm: WasmModule): void {
  if (wasm.imports.length === 0) return;
  const lines = wasm.imports.map(
    (i) => `\n  ${showName(i.module)}.${showName(i.name)}: ${i.kind} ${importType(wasm, i)}`,
  );
  const wasi = wasm.imports.some((i) => wasiModules.has(i.module));
  const why = wasi
    ? "this module needs WASI, which backplane doesn't provide yet; unresolved"
    : "the command line provides no imports; unresolved";
  throw fileError(file, `${why}: ${count(wasm.imports.length, "import")}${lines.join("")}`);
}

function exportedFunctions(wasm: WasmModule): string[] {
  return wasm.exports.filter(({ kind }) => kind === "function").map(({ name }) => name);
}

function typeOfExport(wasm: WasmModule, { index }: Export): FuncType {
  return wasm.types[wasm.functionTypes[index]];
}

/** The call of `_start`, if that is exported. */
function startCall(file: string, wasm: WasmModule): Call | undefined {
  const found = wasm.exports.find(({ name, kind }) => name === "_start" && kind === "function");
  if (found === undefined) return undefined;
  const type = typeOfExport(wasm, found);
  if (type.params.length > 0) {
    throw fileError(file, `_start must have no parameters to be run, its type is ${formatFuncType(type)}`);
  }
  return { name: "_start", type, args: [] };
}

function invokedCall(file: string, wasm: WasmModule, name: string, args: readonly string[]): Call {
  const found = wasm.exports.find((e) => e.name === name);
  if (found === undefined) {
    const names = exportedFunctions(wasm);
    const hint = names.length === 0 ? "it exports no function" : `it exports ${listNames(names)}`;
    throw fileError(file, `no function is exported as ${showName(name)} (${hint})`);
  }
  if (found.kind !== "function") {
    throw fileError(file, `the export ${showName(name)} is a ${found.kind}, not a function`);
  }
  const type = typeOfExport(wasm, found);
  if (args.length !== type.params.length) {
    const wanted = count(type.params.length, "argument");
    throw new CliError(
      `${showName(name)} takes ${wanted}, ${args.length} given; its type is ${formatFuncType(type)}`,
    );
  }
  return { name, type, args: args.map((text, i) => parseArgument(text, type.params[i], i)) };
}

function callExport(target: unknown, { type, args }: Call): unknown[] {
  const result = (target as (...args: readonly WasmValue[]) => unknown)(...args);
  if (type.results.length === 0) return [];
  return type.results.length === 1 ? [result] : (result as unknown[]);
}

function printResults({ type }: Call, results: readonly unknown[]): void {
  for (let i = 0; i < results.length; i++) {
    process.stdout.write(`${formatResult(results[i], type.results[i])}\n`);
  }
}

function noteNothingRan(file: string, wasm: WasmModule): void {
  const names = exportedFunctions(wasm);
  const hint =
    names.length === 0 ? "" : `; to call a function, name it: --invoke with one of ${listNames(names)}`;
  process.stderr.write(`note: ${printable(file)} has no start function and no export _start${hint}\n`);
}

/** Errors of a module's become messages; those of this program's stay what they are. */
function asCliError(file: string, error: unknown): unknown {
  const trap = trapOf(error);
  if (trap !== undefined || error instanceof RuntimeError) {
    const frames = (trap?.frames ?? []).map((frame) => `\n${printable(formatFrame(frame))}`);
    const more = frames.length === frameLimit ? "\n    ..." : "";
    const message = `${printable(file)}: wasm trap: ${(error as Error).message}${frames.join("")}${more}`;
    return new CliError(message, ExitCode.trap, { cause: error });
  }
  if (error instanceof CompileError || error instanceof LinkError || error instanceof RangeError) {
    return fileError(file, error.message, error);
  }
  if (error instanceof UnsupportedPlatformError)
    return new CliError(error.message, undefined, { cause: error });
  return error;
}

/** Times of the steps, for `--time`. */
class Clock {
  private last = performance.now();
  private readonly laps: string[] = [];

  constructor(private readonly wanted: boolean) {}

  lap(name: string): void {
    const now = performance.now();
    this.laps.push(`${name} ${(now - this.last).toFixed(1)} ms`);
    this.last = now;
  }

  print(): void {
    if (this.wanted) process.stderr.write(`time: ${this.laps.join(", ")}\n`);
  }
}
