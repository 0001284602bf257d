/**
 * The opcode table as typed-array columns, for code that looks something up once per instruction.
 *
 * Rows are found at a dense index: `denseIndex(code)`, 0 to 0x2ff. A one-byte opcode is its own index.
 */
import { Immediate, opcodeRows } from "./opcodes.js";

export const OPCODE_ROWS = 0x300;

/** Where a prefixed opcode's rows begin. */
export const DENSE_FC = 0x100;
export const DENSE_FD = 0x200;

/** The row of an opcode: itself below 0x100, 0x100 + n for 0xfc00 | n, 0x200 + n for 0xfd00 | n. */
export function denseIndex(code: number): number {
  return code < 0x100 ? code : code - 0xfb00;
}

/** 1 where the row is an opcode of WebAssembly 2.0. */
export const OPCODE_DEFINED = new Uint8Array(OPCODE_ROWS);
/** An `Immediate`. */
export const OPCODE_IMMEDIATE = new Uint8Array(OPCODE_ROWS);
/**
 * The signature in one number: the result type in the low byte (0 for none), then the operand types in the
 * order in which they are popped, the topmost in the second byte. -1 for a row whose types depend on context.
 */
export const OPCODE_SIGNATURE = new Int32Array(OPCODE_ROWS).fill(-1);
/** Natural alignment of a memory access as a power of two, else -1. */
export const OPCODE_ALIGN = new Int8Array(OPCODE_ROWS).fill(-1);
/** How many lanes a lane immediate may choose from, else 0. */
export const OPCODE_LANES = new Uint8Array(OPCODE_ROWS);

const names: string[] = new Array(OPCODE_ROWS).fill("");

for (const row of opcodeRows) {
  const index = denseIndex(row.code);
  names[index] = row.name;
  OPCODE_DEFINED[index] = 1;
  OPCODE_IMMEDIATE[index] = row.immediate;
  OPCODE_ALIGN[index] = row.align;
  OPCODE_LANES[index] = row.lanes;
  if (row.params !== null && row.results !== null) {
    let packed = 0;
    for (const type of row.params) packed = (packed << 8) | type;
    OPCODE_SIGNATURE[index] = (packed << 8) | (row.results[0] ?? 0);
  }
}

/** "i32.add" for 0x6a, "illegal opcode 0xff" for what is none. */
export function opcodeName(code: number): string {
  const name = names[denseIndex(code)];
  return name === undefined || name === "" ? `illegal opcode 0x${code.toString(16)}` : name;
}

/** Whether the instruction has a static memory offset to add to its address. */
export function isMemoryAccess(code: number): boolean {
  const kind = OPCODE_IMMEDIATE[denseIndex(code)];
  return kind === Immediate.memory || kind === Immediate.memoryLane;
}
