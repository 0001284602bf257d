/**
 * One run of a program of the corpora on an engine, in a fresh instance. Enters: a `WebAssembly` namespace and a module of it.
 * Leaves: what it measured, and a digest of what it wrote, which is the same on every engine.
 */
import { dirname } from "node:path";
import { performance } from "node:perf_hooks";
import type { Program } from "./programs.js";
import { ProgramExit, WasiShim } from "./wasi-shim.js";

export type WasmFunction = (...args: unknown[]) => unknown;

/** What is used of a `WebAssembly` namespace. */
export interface Namespace {
  Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): { module: string; name: string; kind: string }[];
  };
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
}

/** Iterations a second; a run takes some seconds. */
export function runCoremark(engine: Namespace, module: object): number {
  const env = { clock_ms: () => BigInt(Math.round(performance.now())) };
  const { exports } = new engine.Instance(module, { env });
  return (exports.run as WasmFunction)() as number;
}

/** A short checksum of a text (FNV-1a), so that wrong results are seen. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}

/** Lines with times in them differ between runs and say nothing about correctness. */
function withoutTimes(text: string): string {
  return text
    .split("\n")
    .filter(
      (line) =>
        !/\d\s*(ms|secs?|seconds|us|MB\/s)\b|time|rate|Copy:|Scale:|Add:|Triad:|microsec|clock/i.test(line),
    )
    .join("\n");
}

/** One run of a WASI program in a fresh instance: milliseconds, and a digest of what it wrote. */
export function runWasi(
  engine: Namespace,
  module: object,
  program: Program,
): { elapsed: number; note: string } {
  const shim = new WasiShim([program.name, ...(program.args ?? [])], dirname(program.file as string));
  let started = 0;
  let ended = 0;
  const bench = {
    start: () => {
      started = performance.now();
    },
    end: () => {
      ended = performance.now();
    },
  };
  const imports: Record<string, object> = { bench };
  for (const entry of engine.Module.imports(module)) {
    if (entry.module.startsWith("wasi_")) imports[entry.module] ??= shim.functions(entry.module);
  }
  const { exports } = new engine.Instance(module, imports);
  shim.memory = exports.memory as { buffer: ArrayBuffer };
  const before = performance.now();
  let code = 0;
  try {
    (exports._start as WasmFunction)();
  } catch (thrown) {
    if (!(thrown instanceof ProgramExit)) throw thrown;
    code = thrown.code;
  }
  const after = performance.now();
  const text = withoutTimes(Buffer.concat([...shim.output, ...shim.errors]).toString("latin1"));
  const inside = started !== 0 && ended !== 0;
  return {
    elapsed: inside ? ended - started : after - before,
    note: `exit ${code}, output ${checksum(text)}`,
  };
}
