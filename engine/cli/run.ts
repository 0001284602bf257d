/**
 * `backplane run`: instantiates a module and calls a function of it.
 *
 * What can be told without running anything (imports that nothing provides, a function that isn't there, arguments
 * of the wrong form) is checked first, so a command that fails so has done nothing.
 */
import {
  type CallLimits,
  CodeCache,
  CompileError,
  createNamespace,
  type Instance,
  InterruptError,
  LinkError,
  Memory,
  type NamespaceOptions,
  promising,
  RuntimeError,
  trapOf,
  UnsupportedPlatformError,
  type WasmFrame,
  withLimits,
} from "../index.js";
import { formatFrame } from "../runtime/lazy-stack.js";
import { type Wasi, WasiError } from "../wasi/index.js";
import { type Export, type FuncType, formatFuncType, type Import, type WasmModule } from "../wasm/index.js";
import type { OptionValues } from "./commands.js";
import { parseDuration } from "./duration.js";
import { CliError, ExitCode, largestExitCode, UsageError } from "./errors.js";
import { importType } from "./extern-types.js";
import { decodeFile, fileError, readFile, readingModule } from "./load-module.js";
import { standIn, type UnknownImports } from "./stand-in.js";
import { count, listNames, printable, showName } from "./text.js";
import { formatResult, parseArgument, type WasmValue } from "./values.js";
import { usesWasi, type WasiSettings, wasiFor } from "./wasi-program.js";

/** As many Wasm frames as a trap's report shows. */
const frameLimit = 20;

interface Call {
  readonly name: string;
  readonly type: FuncType;
  readonly args: readonly WasmValue[];
}

/** Runs a file; gives the exit code. Errors: CliError. */
export async function run(file: string, args: readonly string[], options: OptionValues): Promise<number> {
  const invoke = options["invoke"] as string | undefined;
  const clock = new Clock(options["time"] === true);
  const bytes = readFile(file);
  const wasm = decodeFile(file, bytes);
  if (invoke === undefined && !usesWasi(wasm)) requireNoArguments(args);
  const wasi = usesWasi(wasm) ? wasiFor(file, wasiSettings(args, options)) : undefined;
  const limits = limitsOf(options);
  // To be stopped at its deadline, a program has to be parked while it waits: a blocked thread can't be interrupted.
  const provided = limits === undefined ? wasi?.imports : wasi?.asyncImports;
  const imports = provideImports(file, wasm, provided ?? {}, options);
  const call = invoke === undefined ? startCall(file, wasm) : invokedCall(file, wasm, invoke, args);
  clock.lap("read");
  Error.stackTraceLimit = frameLimit;
  try {
    const { Module, Instance } = createNamespace(namespaceOptions(options));
    const module = readingModule(file, () => new Module(bytes));
    clock.lap("compile");
    const instance = withLimits(limits ?? {}, () => new Instance(module, imports));
    clock.lap("instantiate");
    if (wasi !== undefined) await prepareWasi(file, wasi, instance, limits);
    if (call !== undefined) printResults(call, await callExport(instance, call, limits));
    else if (wasm.start < 0) noteNothingRan(file, wasm);
    clock.lap("run");
    return ExitCode.done;
  } catch (error) {
    const code = wasi?.exitCodeOf(error);
    if (code === undefined) throw asCliError(file, error);
    clock.lap("run");
    return processExitCode(file, code);
  } finally {
    wasi?.close();
    clock.print();
  }
}

function namespaceOptions(options: OptionValues): NamespaceOptions {
  // The command line's grammar has checked that these are among the choices.
  const { bounds, compile, effort } = options;
  const cache = options["cache"] === true ? new CodeCache({ warn: noteTrouble }) : undefined;
  const interrupts = options["timeout"] !== undefined;
  return { bounds, compile, effort, interrupts, cache } as NamespaceOptions;
}

function noteTrouble(message: string): void {
  process.stderr.write(`note: ${printable(message)}\n`);
}

/** The deadline of all calls together. */
function limitsOf(options: OptionValues): CallLimits | undefined {
  const timeout = options["timeout"] as string | undefined;
  return timeout === undefined
    ? undefined
    : { deadline: performance.now() + parseDuration(timeout, "timeout") };
}

function wasiSettings(args: readonly string[], options: OptionValues): WasiSettings {
  return {
    // With --invoke, they are the function's.
    args: options["invoke"] === undefined ? args : [],
    folders: (options["dir"] ?? []) as readonly string[],
    variables: (options["env"] ?? []) as readonly string[],
  };
}

function requireNoArguments(args: readonly string[]): void {
  if (args.length === 0) return;
  throw new UsageError(
    `arguments need a function to go to: write --invoke NAME (found "${printable(args[0])}")`,
    "run",
  );
}

type ImportObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** All that a module imports, by name; types are checked when it is linked. */
function provideImports(
  file: string,
  wasm: WasmModule,
  provided: ImportObject,
  options: OptionValues,
): ImportObject {
  const unknown = options["unknown-imports"] as UnknownImports | undefined;
  const imports: Record<string, Record<string, unknown>> = {};
  const missing: Import[] = [];
  for (const entry of wasm.imports) {
    const { module, name } = entry;
    const found = Object.hasOwn(provided, module) ? provided[module][name] : undefined;
    const value = found ?? (unknown === undefined ? undefined : standIn(wasm, entry, unknown));
    if (value === undefined) missing.push(entry);
    else (imports[module] ??= Object.create(null) as Record<string, unknown>)[name] = value;
  }
  if (missing.length === 0) return imports;
  const lines = missing.map(
    (i) => `\n  ${showName(i.module)}.${showName(i.name)}: ${i.kind} ${importType(wasm, i)}`,
  );
  const what = `${count(missing.length, "import")}${lines.join("")}`;
  throw fileError(file, `the command line provides no imports but WASI's; unresolved: ${what}`);
}

/** Makes a program's WASI ready, and a reactor itself. */
async function prepareWasi(
  file: string,
  wasi: Wasi,
  instance: Instance,
  limits: CallLimits | undefined,
): Promise<void> {
  const { memory, _initialize: initialize } = instance.exports;
  if (!(memory instanceof Memory)) throw fileError(file, "a WASI program must export its memory as memory");
  wasi.bind(memory);
  if (typeof initialize === "function") await callFunction(initialize, [], limits);
}

/** A program's own exit code, if that can be the process's. */
function processExitCode(file: string, code: number): number {
  if (code <= largestExitCode) return code;
  throw fileError(file, `the program exited with code ${code}, which isn't in 0 to ${largestExitCode}`);
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

async function callExport(
  instance: Instance,
  { name, type, args }: Call,
  limits: CallLimits | undefined,
): Promise<unknown[]> {
  const result = await callFunction(instance.exports[name] as Callable, args, limits);
  if (type.results.length === 0) return [];
  return type.results.length === 1 ? [result] : (result as unknown[]);
}

type Callable = (...args: unknown[]) => unknown;

/** Calls at once, or as a call that may be parked and is stopped at its deadline. */
function callFunction(target: object, args: readonly unknown[], limits: CallLimits | undefined): unknown {
  if (limits === undefined) return (target as Callable)(...args);
  return withLimits(limits, () => promising(target as Callable)(...args));
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

function framesText(frames: readonly WasmFrame[]): string {
  const lines = frames.slice(0, frameLimit).map((frame) => `\n${printable(formatFrame(frame))}`);
  return lines.join("") + (frames.length >= frameLimit ? "\n    ..." : "");
}

/** Errors of a module's become messages; those of this program's stay what they are. */
function asCliError(file: string, error: unknown): unknown {
  if (error instanceof WasiError) return fileError(file, error.message, error);
  if (error instanceof InterruptError) {
    const message = `${printable(file)}: stopped at its timeout${framesText(error.frames)}`;
    return new CliError(message, ExitCode.trap, { cause: error });
  }
  const trap = trapOf(error);
  if (trap !== undefined || error instanceof RuntimeError) {
    const message = `${printable(file)}: wasm trap: ${(error as Error).message}${framesText(trap?.frames ?? [])}`;
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
