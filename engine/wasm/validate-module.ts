/**
 * Validates a decoded module: its declarations, then every function body.
 *
 * Enters: what `decodeModule` gave. Leaves: `FunctionFacts`, one row per body; or a `WasmFormatError` for the
 * first error found. Source: core specification 2.0, "Validation / Modules".
 */
import { BodyState } from "./body-state.js";
import { constExprType } from "./decode-const-expr.js";
import { locateElement } from "./decode-segments.js";
import {
  duplicateExport,
  type ErrorPlace,
  type IndexSpace,
  limitExceeded,
  limitsOrder,
  memoryTooLarge,
  multipleMemories,
  mutableConstGlobal,
  simdDisabled,
  startSignature,
  typeMismatch,
  unknownConstGlobal,
  unknownIndex,
} from "./errors.js";
import type { FunctionFacts } from "./function-facts.js";
import { LIMITS } from "./limits.js";
import { ByteReader } from "./reader.js";
import {
  type ConstExpr,
  type DataSegment,
  ELEMENT_NULL,
  type ElementSegment,
  type ExternKind,
  formatFuncType,
  globalOfElement,
  type Limits,
  ValType,
  valTypeName,
  type WasmModule,
} from "./types.js";
import { validateInstructions } from "./validate-function.js";
import {
  createValidationContext,
  type ValidateOptions,
  type ValidationContext,
} from "./validation-context.js";

/**
 * Validates a module and says what its functions are like.
 *
 * @throws {WasmFormatError} for the first thing that is wrong.
 * @example
 * const module = decodeModule(bytes);
 * const facts = validateModule(module, { simd: false });
 * console.log(facts.maxOperands[0]);
 */
export function validateModule(module: WasmModule, options: ValidateOptions = {}): FunctionFacts {
  validateDeclarations(module, options);
  const validator = new FunctionValidator(createValidationContext(module, options));
  for (let i = 0; i < module.bodies.length; i++) validator.validate(i);
  return validator.facts;
}

/** Validates bodies one by one, in any order; `validateDeclarations` must have passed. */
export class FunctionValidator {
  private readonly state: BodyState;

  constructor(private readonly context: ValidationContext) {
    this.state = new BodyState(context);
  }

  /** What is known of the bodies validated so far. */
  get facts(): FunctionFacts {
    return this.context.facts;
  }

  /** Validates `module.bodies[index]` and fills its row of `facts`. */
  validate(index: number): void {
    const { state, context } = this;
    const body = context.module.bodies[index];
    if (!context.simd) this.refuseVectorLocals(index);
    state.begin(body);
    const count = validateInstructions(state);
    const { facts } = context;
    facts.flags[index] = state.flags;
    facts.instructionCount[index] = count;
    facts.loopCount[index] = state.loopCount;
    facts.branchCount[index] = state.branchCount;
    facts.callCount[index] = state.callCount;
    facts.maxOperands[index] = state.maxOperands;
    facts.maxDepth[index] = state.maxDepth;
  }

  private refuseVectorLocals(index: number): void {
    const { start, locals, functionIndex } = this.context.module.bodies[index];
    for (const { type } of locals) {
      if (type === ValType.v128) throw simdDisabled({ offset: start, functionIndex }, "a local of type v128");
    }
  }
}

/** Validates everything but function bodies. */
export function validateDeclarations(module: WasmModule, options: ValidateOptions = {}): void {
  if (options.simd === false && module.firstVectorTypeOffset >= 0) {
    throw simdDisabled(place(module.firstVectorTypeOffset), "a v128 type");
  }
  validateFunctionTypes(module);
  validateTables(module);
  validateMemories(module);
  validateGlobals(module);
  validateExports(module);
  validateStart(module);
  for (const segment of module.elements) validateElementSegment(module, segment);
  for (const segment of module.data) validateDataSegment(module, segment);
}

function place(offset: number): ErrorPlace {
  return { offset, functionIndex: -1 };
}

/** Where a section's payload begins; the module has one with this id. */
function sectionStart(module: WasmModule, id: number): number {
  return module.sections.find((section) => section.id === id)?.start ?? 0;
}

function validateFunctionTypes(module: WasmModule): void {
  const { functionTypes, types } = module;
  for (let i = 0; i < functionTypes.length; i++) {
    const type = functionTypes[i];
    if (type >= types.length)
      throw unknownIndex(place(functionOffset(module, i)), "type", type, types.length);
  }
}

/** Where a function is declared: for errors only, it reads the function section again. */
function functionOffset(module: WasmModule, index: number): number {
  const defined = index - module.importedFunctionCount;
  if (defined < 0) {
    return module.imports.find((i) => i.kind === "function" && i.index === index)?.byteOffset ?? 0;
  }
  const reader = new ByteReader(module.bytes, sectionStart(module, 3));
  reader.u32();
  for (let i = 0; i < defined; i++) reader.u32();
  return reader.position;
}

function validateLimits(limits: Limits, byteOffset: number): void {
  const { minimum, maximum } = limits;
  if (maximum !== undefined && minimum > maximum) throw limitsOrder(place(byteOffset), minimum, maximum);
}

function validateTables(module: WasmModule): void {
  const { tables } = module;
  if (tables.length > LIMITS.tables) {
    throw limitExceeded(place(tables[LIMITS.tables].byteOffset), "tables", LIMITS.tables, tables.length);
  }
  for (const table of tables) validateLimits(table, table.byteOffset);
}

function validateMemories(module: WasmModule): void {
  const { memories } = module;
  if (memories.length > LIMITS.memories) {
    throw multipleMemories(place(memories[LIMITS.memories].byteOffset), memories.length);
  }
  for (const memory of memories) {
    const largest = Math.max(memory.minimum, memory.maximum ?? 0);
    if (largest > LIMITS.memoryPages) throw memoryTooLarge(place(memory.byteOffset), largest);
    validateLimits(memory, memory.byteOffset);
  }
}

function validateGlobals(module: WasmModule): void {
  for (const { init, type } of module.globals) {
    if (init !== null) validateConstExpr(module, init, type, "global");
  }
}

/** The type of an expression; the globals it may read are the imported immutable ones. */
function validateConstExpr(module: WasmModule, expr: ConstExpr, expected: ValType, where: string): void {
  const at = place(expr.byteOffset);
  if (expr.op === "ref.func" && expr.index >= module.functionTypes.length) {
    throw unknownIndex(at, "function", expr.index, module.functionTypes.length);
  }
  const found = constExprType(expr) ?? constGlobalType(module, expr.index, at);
  if (found !== expected) throw typeMismatch(at, where, valTypeName(expected), valTypeName(found));
}

function constGlobalType(module: WasmModule, index: number, at: ErrorPlace): ValType {
  if (index >= module.importedGlobalCount) throw unknownConstGlobal(at, index, module.importedGlobalCount);
  const { mutable, type } = module.globals[index];
  if (mutable) throw mutableConstGlobal(at, index);
  return type;
}

function validateExports(module: WasmModule): void {
  const counts: Record<ExternKind, number> = {
    function: module.functionTypes.length,
    table: module.tables.length,
    memory: module.memories.length,
    global: module.globals.length,
  };
  const names = new Set<string>();
  for (const { name, kind, index, byteOffset } of module.exports) {
    requireIndex(byteOffset, kind, index, counts[kind]);
    if (names.has(name)) throw duplicateExport(place(byteOffset), name);
    names.add(name);
  }
}

function requireIndex(byteOffset: number, space: IndexSpace, index: number, count: number): void {
  if (index >= count) throw unknownIndex(place(byteOffset), space, index, count);
}

function validateStart(module: WasmModule): void {
  const { start, functionTypes, types } = module;
  if (start < 0) return;
  const byteOffset = sectionStart(module, 8);
  requireIndex(byteOffset, "function", start, functionTypes.length);
  const type = types[functionTypes[start]];
  if (type.params.length + type.results.length > 0) {
    throw startSignature(place(byteOffset), start, formatFuncType(type));
  }
}

function validateElementSegment(module: WasmModule, segment: ElementSegment): void {
  const { offset, type, tableIndex, byteOffset } = segment;
  if (offset !== null) {
    requireIndex(byteOffset, "table", tableIndex, module.tables.length);
    const { element } = module.tables[tableIndex];
    if (element !== type) {
      const where = `element segment for table ${tableIndex}`;
      throw typeMismatch(place(byteOffset), where, valTypeName(element), valTypeName(type));
    }
    validateConstExpr(module, offset, ValType.i32, "the offset of an element segment");
  }
  const { items } = segment;
  const functions = module.functionTypes.length;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item >= functions || item < ELEMENT_NULL) validateOddItem(module, segment, i);
  }
}

/**
 * An item that reads a global, or names a function that doesn't exist. The entry is only located when it is
 * wrong: that reads the segment again.
 */
function validateOddItem(module: WasmModule, segment: ElementSegment, entry: number): void {
  const item = segment.items[entry];
  const global = globalOfElement(item);
  if (item < 0 && global < module.importedGlobalCount) {
    const { type, mutable } = module.globals[global];
    if (type === segment.type && !mutable) return;
  }
  const at = place(locateElement(new ByteReader(module.bytes), segment, entry));
  if (item >= 0) throw unknownIndex(at, "function", item, module.functionTypes.length);
  const found = constGlobalType(module, global, at);
  throw typeMismatch(at, "element segment", valTypeName(segment.type), valTypeName(found));
}

function validateDataSegment(module: WasmModule, segment: DataSegment): void {
  const { offset, memoryIndex, byteOffset } = segment;
  if (offset === null) return;
  requireIndex(byteOffset, "memory", memoryIndex, module.memories.length);
  validateConstExpr(module, offset, ValType.i32, "the offset of a data segment");
}
