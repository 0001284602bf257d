/**
 * What the validation of function bodies needs to know of a module, gathered once.
 */
import { FunctionFacts } from "./function-facts.js";
import { TypePool } from "./type-pool.js";
import type { ElementSegment, WasmModule } from "./types.js";

export interface ValidateOptions {
  /** Whether vector instructions and the v128 type are allowed (default: true). */
  readonly simd?: boolean;
}

export interface ValidationContext {
  readonly module: WasmModule;
  readonly simd: boolean;
  readonly pool: TypePool;
  readonly functionTypes: Uint32Array;
  readonly typeCount: number;
  /** By index: the value type of a global, and 1 where it is mutable. */
  readonly globalTypes: Uint8Array;
  readonly globalMutable: Uint8Array;
  readonly tableTypes: Uint8Array;
  readonly elementTypes: Uint8Array;
  readonly hasMemory: boolean;
  /** 1 for each function that `ref.func` may name: one that occurs outside of bodies. */
  readonly declaredFunctions: Uint8Array;
  readonly facts: FunctionFacts;
}

export function createValidationContext(
  module: WasmModule,
  options: ValidateOptions = {},
): ValidationContext {
  return {
    module,
    simd: options.simd ?? true,
    pool: new TypePool(module.types),
    functionTypes: module.functionTypes,
    typeCount: module.types.length,
    globalTypes: Uint8Array.from(module.globals, (global) => global.type),
    globalMutable: Uint8Array.from(module.globals, (global) => (global.mutable ? 1 : 0)),
    tableTypes: Uint8Array.from(module.tables, (table) => table.element),
    elementTypes: Uint8Array.from(module.elements, (segment) => segment.type),
    hasMemory: module.memories.length > 0,
    declaredFunctions: declaredFunctions(module),
    facts: new FunctionFacts(module.bodies.length),
  };
}

/**
 * The functions that a module names in exports, element segments and globals: 1 at each one's index.
 * Indices that are out of range are left out; they are errors elsewhere.
 */
export function declaredFunctions(module: WasmModule): Uint8Array {
  const declared = new Uint8Array(module.functionTypes.length);
  for (const { kind, index } of module.exports) if (kind === "function") mark(declared, index);
  for (const { init } of module.globals) if (init?.op === "ref.func") mark(declared, init.index);
  for (const segment of module.elements) markSegment(declared, segment);
  return declared;
}

function markSegment(declared: Uint8Array, segment: ElementSegment): void {
  const { items } = segment;
  for (let i = 0; i < items.length; i++) mark(declared, items[i]);
  if (segment.offset?.op === "ref.func") mark(declared, segment.offset.index);
}

function mark(declared: Uint8Array, index: number): void {
  if (index >= 0 && index < declared.length) declared[index] = 1;
}
