/**
 * Compares two engines on bytes that may not be a module.
 *
 * In: any bytes, a reference engine, the one under test. Out: what is wrong, if anything. Both must take or both
 * refuse the bytes, by `validate` and by `Module`, and refuse with a `CompileError`. A module that both take is
 * instantiated when that can't run code or take much memory, and called when its calls are sure to end.
 *
 * Engines know different proposals past WebAssembly 2.0. Where only the reference takes a module, wabt, told to
 * know 2.0, has the last word.
 */

import { createRequire } from "node:module";

import { decodeBody, type Instruction } from "../support/decode-body.js";
import { inspectModule, type ModuleShape } from "../support/inspect-module.js";
import type { Namespace } from "../support/namespace.js";
import { OP } from "../support/opcodes.js";
import { KIND_GLOBAL, KIND_MEMORY, KIND_TABLE } from "../support/wasm-bytes.js";
import { compareEngines } from "./compare-engines.js";

export type DamagedOutcome =
  | { readonly kind: "refused" }
  /** taken by the reference only, for a feature past 2.0 */
  | { readonly kind: "newer" }
  | { readonly kind: "taken" }
  | { readonly kind: "ran" }
  | { readonly kind: "wrong"; readonly what: string };

/** Says whether bytes are a valid module of WebAssembly 2.0. */
export type Oracle = (bytes: Uint8Array) => boolean;

interface Wabt {
  readWasm(bytes: Uint8Array, options: Record<string, boolean>): { validate(): void; destroy(): void };
}

/** wabt as the oracle. */
export async function openOracle(): Promise<Oracle> {
  const require = createRequire(import.meta.url);
  const wabt = await (require("wabt") as () => Promise<Wabt>)();
  const features = {
    tail_call: false,
    extended_const: false,
    threads: false,
    exceptions: false,
  };
  return (bytes) => {
    try {
      const module = wabt.readWasm(bytes, { readDebugNames: false, ...features });
      try {
        module.validate();
        return true;
      } finally {
        module.destroy();
      }
    } catch {
      return false;
    }
  };
}

/** `undefined` if the bytes were taken, else the error's class and text. */
function refusal(
  namespace: Namespace,
  bytes: Uint8Array,
): { readonly compileError: boolean; readonly text: string } | undefined {
  try {
    new namespace.Module(bytes);
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
    return { compileError: error instanceof namespace.CompileError, text };
  }
}

const MOST_PAGES = 100;
const MOST_ELEMENTS = 10_000;

function isSmall(shape: ModuleShape): boolean {
  return (
    shape.memories.every((memory) => memory.minimum <= MOST_PAGES) &&
    shape.tables.every((table) => table.minimum <= MOST_ELEMENTS)
  );
}

/** Whether a body begins with a check of the generator's fuel: take one, leave if there was none. */
function burnsFuel(instructions: readonly Instruction[], fuel: number): boolean {
  const prologue = [
    OP.globalGet,
    OP.i32Const,
    OP.i32Sub,
    OP.globalSet,
    OP.globalGet,
    OP.i32Const,
    OP.i32LtS,
    OP.if,
  ];
  const one = instructions[1]?.bytes;
  const zero = instructions[5]?.bytes;
  return (
    prologue.every((opcode, index) => instructions[index]?.opcode === opcode) &&
    [0, 3, 4].every((index) => instructions[index]?.immediates[0] === fuel) &&
    one?.[1] === 1 &&
    zero?.[1] === 0
  );
}

/**
 * Whether every call is sure to end soon: each function burns fuel first, nothing else writes it, no loops,
 * little growth.
 */
function callsEnd(bytes: Uint8Array, shape: ModuleShape): boolean {
  const fuel = shape.exports.find((part) => part.name === "fuel" && part.kind === KIND_GLOBAL);
  if (fuel === undefined) return false;
  const bounded = [...shape.memories, ...shape.tables].every(
    (limits) => (limits.maximum ?? 1e9) <= MOST_ELEMENTS,
  );
  if (!bounded) return false;
  try {
    return shape.bodies.every((range) => {
      const { instructions } = decodeBody(bytes, range);
      const writes = instructions.filter(
        ({ opcode, immediates }) => opcode === OP.globalSet && immediates[0] === fuel.index,
      );
      const loops = instructions.some(({ opcode }) => opcode === OP.loop);
      return burnsFuel(instructions, fuel.index) && writes.length === 1 && !loops;
    });
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Tables and memories that come from outside would need imports of the right size; all others can be made up. */
function canInstantiate(shape: ModuleShape): boolean {
  return (
    shape.start === undefined &&
    isSmall(shape) &&
    shape.imports.every((part) => isImportable(part.kind, shape))
  );
}

function isImportable(kind: number, shape: ModuleShape): boolean {
  if (kind === KIND_MEMORY) return shape.memories.every((memory) => (memory.maximum ?? 0) <= 65536);
  if (kind === KIND_TABLE) return shape.tables.every((table) => (table.maximum ?? 0) <= 10_000_000);
  return true;
}

export function compareDamaged(
  reference: Namespace,
  candidate: Namespace,
  bytes: Uint8Array,
  oracle: Oracle,
  seed: number,
): DamagedOutcome {
  const expected = refusal(reference, bytes);
  const actual = refusal(candidate, bytes);
  if (actual !== undefined && !actual.compileError)
    return { kind: "wrong", what: `no CompileError: ${actual.text}` };
  if (candidate.validate(bytes) !== (actual === undefined)) {
    return { kind: "wrong", what: `validate and Module disagree: ${actual?.text ?? "Module takes it"}` };
  }
  if (expected !== undefined) {
    return actual !== undefined
      ? { kind: "refused" }
      : { kind: "wrong", what: `taken, but: ${expected.text}` };
  }
  if (actual !== undefined) {
    return oracle(bytes)
      ? { kind: "wrong", what: `a valid module is refused: ${actual.text}` }
      : { kind: "newer" };
  }
  const shape = inspectModule(bytes);
  if (!canInstantiate(shape)) return { kind: "taken" };
  const rounds = callsEnd(bytes, shape) ? 1 : 0;
  const { difference } = compareEngines(reference, candidate, bytes, { seed, rounds, fuel: 60 });
  if (difference === undefined) return { kind: rounds > 0 ? "ran" : "taken" };
  return { kind: "wrong", what: `expected ${difference.expected}, got ${difference.actual}` };
}
