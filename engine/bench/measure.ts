// Runs one program once on one engine, in a process of its own, and prints the measurement as JSON:
//   node measure.js ENGINE PROGRAM
// where ENGINE is node, backplane, or backplane with options, as in backplane+quick.
// Leaves: { value, unit, better, note } where `better` says whether a high or a low value is good.

import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import loadWabt from "wabt";
import { namespaceOf as engineNamespace, inScopeOf } from "../test/limits/engine-namespace.js";
import { hashPackages } from "./hash-packages.js";
import { microBenchmark } from "./micro.js";
import { allPrograms, type Program } from "./programs.js";
import { type Namespace, runCoremark, runWasi, type WasmFunction } from "./run-program.js";
import { median } from "./statistics.js";
import { vectorKernels } from "./vector-kernels.js";
import { vectorPackages } from "./vector-packages.js";

/** One measurement. */
export interface Measurement {
  readonly value: number;
  readonly unit: string;
  readonly better: "low" | "high";
  /** A digest of what the program wrote, or why there is none; equal on both engines. */
  readonly note: string;
  /** The first run, with the compilation that it caused, in the same unit. */
  readonly first?: number;
}

interface Assembler {
  parseWat(name: string, text: string): { toBinary(options: object): { buffer: Uint8Array } };
}

function coremark(engine: Namespace, program: Program): Measurement {
  const value = runCoremark(engine, new engine.Module(readFileSync(program.file as string)));
  return { value, unit: "iterations/s", better: "high", note: "" };
}

/** How long short programs are run again, and how often at most. */
const enoughMilliseconds = 600;
const mostRuns = 100;

/**
 * The first run compiles functions as they are called, so the value is the median of later runs of the same module,
 * each in a fresh instance: five, or more of programs that are over in milliseconds, whose first runs share the processors
 * with what compiling left to V8's threads. A program of more than three seconds is run once more, of more than ten not.
 */
function wasi(engine: Namespace, program: Program): Measurement {
  const module = new engine.Module(readFileSync(program.file as string));
  const first = runWasi(engine, module, program);
  const times: number[] = [];
  for (let total = 0; times.length < mostRuns; ) {
    if (times.length >= 5 && total > enoughMilliseconds) break;
    if (first.elapsed + total > 3000 && (times.length > 0 || first.elapsed > 10_000)) break;
    const { elapsed } = runWasi(engine, module, program);
    times.push(elapsed);
    total += elapsed;
  }
  const value = times.length === 0 ? first.elapsed : median(times);
  return { value, unit: "ms", better: "low", note: first.note, first: first.elapsed };
}

function micro(engine: Namespace, program: Program): Measurement {
  const { bytes, steps, fromOutside } = microBenchmark(program.name);
  const { exports } = new engine.Instance(new engine.Module(bytes), {
    env: { host: (x: number) => (x + 1) | 0 },
  });
  const run = exports.run as WasmFunction;
  const go = (count: number): unknown => {
    if (!fromOutside) return run(count);
    let value: unknown = 0;
    for (let i = 0; i < count; i++) value = run(value);
    return value;
  };
  for (let i = 0; i < 3; i++) go(steps / 10);
  const before = performance.now();
  const result = go(steps);
  const elapsed = performance.now() - before;
  return { value: (elapsed * 1e6) / steps, unit: "ns/step", better: "low", note: `result ${String(result)}` };
}

/** The whole module before `new Module` returns; Node is started so that it does the same, see main.ts. */
function compile(engine: Namespace, program: Program): Measurement {
  const bytes = readFileSync(program.file as string);
  const before = performance.now();
  new engine.Module(bytes);
  const elapsed = performance.now() - before;
  return { value: bytes.length / 1e6 / (elapsed / 1e3), unit: "MB/s", better: "high", note: "" };
}

async function vector(engine: Namespace, program: Program): Promise<Measurement> {
  const { text, steps } = vectorKernels.get(program.name)!;
  const assembler = await (loadWabt as unknown as () => Promise<Assembler>)();
  const bytes = assembler.parseWat(program.name, text).toBinary({}).buffer;
  const { exports } = new engine.Instance(new engine.Module(bytes), {});
  const run = exports.run as WasmFunction;
  for (let i = 0; i < 3; i++) run(steps / 10);
  const times: number[] = [];
  let result: unknown;
  for (let i = 0; i < 5; i++) {
    const before = performance.now();
    result = run(steps);
    times.push(performance.now() - before);
  }
  return { value: Math.min(...times), unit: "ms", better: "low", note: `result ${String(result)}` };
}

/** The package finds the engine where it looks for it; the best of seven runs or, if they are short, more, after two that compile. */
async function fromPackage(engine: Namespace, program: Program): Promise<Measurement> {
  (globalThis as unknown as { WebAssembly: unknown }).WebAssembly = engine;
  const work = await (vectorPackages.get(program.name) ?? hashPackages.get(program.name))!();
  const times: number[] = [];
  let note = "";
  for (let total = 0; times.length < 9 || (total < enoughMilliseconds && times.length < mostRuns); ) {
    const before = performance.now();
    note = `result ${work()}`;
    const elapsed = performance.now() - before;
    times.push(elapsed);
    total += elapsed;
  }
  return { value: Math.min(...times.slice(2)), unit: "ms", better: "low", note, first: times[0]! };
}

const runners = { coremark, wasi, micro, vector, package: fromPackage, compile };

/** Measures a program by name on an engine. */
export async function measure(engineName: string, programName: string): Promise<Measurement> {
  const program = allPrograms().find(({ name }) => name === programName);
  if (program === undefined) throw new Error(`no program named ${programName}`);
  const options = program.kind === "compile" && engineName !== "node" ? "+ahead" : "";
  const namespace = (await engineNamespace(engineName + options)) as unknown as Namespace;
  return await inScopeOf(engineName, () => runners[program.kind](namespace, program));
}

const [engineName, programName] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await measure(engineName ?? "node", programName ?? "")));
