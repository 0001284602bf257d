/**
 * What validation learns about each function in passing, for the compiler: one row per body, in columns.
 */

/** The bits of `FunctionFacts.flags`. */
export const FunctionFlag = {
  /** Reads or writes linear memory. */
  memory: 1,
  /** Calls a function directly. */
  calls: 2,
  /** `call_indirect`. */
  indirectCalls: 4,
  loops: 8,
  /** Uses a vector instruction. */
  simd: 16,
  /** `memory.grow`, or a bulk memory instruction. */
  memoryManagement: 32,
  /** Any instruction on tables but `call_indirect`, or on references. */
  references: 64,
  /** br, br_if, br_table, `if` or `return`. */
  branches: 128,
} as const;

/** Rows are numbered like `WasmModule.bodies`. */
export class FunctionFacts {
  /** `FunctionFlag` bits. */
  readonly flags: Uint8Array;
  readonly instructionCount: Uint32Array;
  readonly loopCount: Uint32Array;
  /** br, br_if, br_table's entries (the default among them), `if` and `return`. */
  readonly branchCount: Uint32Array;
  readonly callCount: Uint32Array;
  /** The most operands that are on the stack at once, unreachable code included. */
  readonly maxOperands: Uint32Array;
  /** The deepest nesting of blocks; the function's own is 1. */
  readonly maxDepth: Uint32Array;

  constructor(readonly length: number) {
    this.flags = new Uint8Array(length);
    this.instructionCount = new Uint32Array(length);
    this.loopCount = new Uint32Array(length);
    this.branchCount = new Uint32Array(length);
    this.callCount = new Uint32Array(length);
    this.maxOperands = new Uint32Array(length);
    this.maxDepth = new Uint32Array(length);
  }
}
