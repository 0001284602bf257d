/**
 * Splits function bodies into instructions and measures what each one takes from the stack.
 *
 * In: a valid module's bytes. Out: per body its local declarations and its instructions, each with opcode,
 * immediates and raw bytes, so that tests can count, rewrite and shrink them. `RangeError` on anything past
 * WebAssembly 2.0.
 */

import { ByteReader, functionTypeOf, type ModuleShape } from "./inspect-module.js";
import { OP, opcodeRows } from "./opcodes.js";
import { ByteWriter, type FunctionType, type ValueType } from "./wasm-bytes.js";

export interface Instruction {
  /** prefixes 0xfc and 0xfd as `0xfc00 + n`, `0xfd00 + n` */
  readonly opcode: number;
  /** indices, labels, a block's type (signed), an alignment and an offset; empty for constants */
  readonly immediates: readonly number[];
  readonly bytes: Uint8Array;
}

export interface Body {
  /** the declarations as they are in the binary */
  readonly locals: Uint8Array;
  readonly instructions: readonly Instruction[];
}

function signedLeb(reader: ByteReader): number {
  let value = 0;
  let shift = 0;
  for (;;) {
    const byte = reader.u8();
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
  }
}

function readImmediates(reader: ByteReader, opcode: number): number[] {
  const row = opcodeRows.get(opcode);
  if (row === undefined) throw new RangeError(`opcode 0x${opcode.toString(16)} at ${reader.position}`);
  switch (row.immediate) {
    case "none":
      return [];
    case "block":
      return [signedLeb(reader)];
    case "index":
    case "zero":
      return [reader.u32()];
    case "two-indices":
    case "index-zero":
    case "memory":
      return [reader.u32(), reader.u32()];
    case "label-table": {
      const labels: number[] = [];
      for (let left = reader.u32() + 1; left > 0; left--) labels.push(reader.u32());
      return labels;
    }
    case "i32":
    case "i64":
      reader.skipLeb();
      return [];
    case "f32":
      reader.take(4);
      return [];
    case "f64":
      reader.take(8);
      return [];
    case "type-list":
      return [...reader.take(reader.u32())];
    case "reference-type":
    case "lane":
      return [reader.u8()];
    case "memory-lane":
      return [reader.u32(), reader.u32(), reader.u8()];
    case "v128":
    case "shuffle":
      reader.take(16);
      return [];
  }
}

/** The body at `range` of `bytes`. */
export function decodeBody(bytes: Uint8Array, range: { readonly start: number; readonly end: number }): Body {
  const reader = new ByteReader(bytes, range.start);
  for (let left = reader.u32(); left > 0; left--) {
    reader.u32();
    reader.u8();
  }
  const locals = bytes.slice(range.start, reader.position);
  const instructions: Instruction[] = [];
  while (reader.position < range.end) {
    const start = reader.position;
    let opcode = reader.u8();
    if (opcode === 0xfc || opcode === 0xfd) opcode = (opcode << 8) + reader.u32();
    const immediates = readImmediates(reader, opcode);
    instructions.push({ opcode, immediates, bytes: bytes.slice(start, reader.position) });
  }
  return { locals, instructions };
}

/** The bytes of a body, without its size. */
export function encodeBody(body: Body): Uint8Array {
  const out = new ByteWriter();
  out.bytes(body.locals);
  for (const instruction of body.instructions) out.bytes(instruction.bytes);
  return out.toBytes();
}

/** An instruction with one or more index immediates in place of its own. */
export function withImmediates(instruction: Instruction, immediates: readonly number[]): Instruction {
  const out = new ByteWriter();
  out.u8(instruction.opcode);
  if (instruction.opcode === OP.brTable) out.u32(immediates.length - 1);
  for (const value of immediates) out.u32(value);
  return { opcode: instruction.opcode, immediates, bytes: out.toBytes() };
}

/** The module with other code; all other sections stay as they are. */
export function replaceBodies(
  bytes: Uint8Array,
  shape: ModuleShape,
  bodies: readonly Uint8Array[],
): Uint8Array {
  const out = new ByteWriter();
  out.bytes(bytes.subarray(0, 8));
  for (const section of shape.sections) {
    if (section.id !== 10) {
      out.bytes(bytes.subarray(section.start, section.end));
      continue;
    }
    const code = new ByteWriter();
    code.u32(bodies.length);
    for (const body of bodies) code.sized(body);
    out.u8(10);
    out.sized(code.toBytes());
  }
  return out.toBytes();
}

/** The signature of a block by its immediate. */
export function blockSignature(shape: ModuleShape, immediate: number): FunctionType {
  if (immediate >= 0) return shape.types[immediate] as FunctionType;
  return { params: [], results: immediate === -64 ? [] : [immediate & 0x7f] };
}

/** What an instruction takes and leaves; `results` is undefined where it depends on its operands. */
export interface StackEffect {
  readonly pops: number;
  readonly pushes: number;
  readonly results?: readonly ValueType[];
}

const effects: { readonly [opcode: number]: StackEffect } = {
  [OP.drop]: { pops: 1, pushes: 0 },
  [OP.select]: { pops: 3, pushes: 1 },
  [OP.selectTyped]: { pops: 3, pushes: 1 },
  [OP.localGet]: { pops: 0, pushes: 1 },
  [OP.localSet]: { pops: 1, pushes: 0 },
  [OP.localTee]: { pops: 1, pushes: 1 },
  [OP.globalGet]: { pops: 0, pushes: 1 },
  [OP.globalSet]: { pops: 1, pushes: 0 },
  [OP.tableGet]: { pops: 1, pushes: 1 },
  [OP.tableSet]: { pops: 2, pushes: 0 },
  [OP.tableGrow]: { pops: 2, pushes: 1 },
  [OP.tableFill]: { pops: 3, pushes: 0 },
  [OP.refNull]: { pops: 0, pushes: 1 },
  [OP.refIsNull]: { pops: 1, pushes: 1 },
};

/** The effect of an instruction that is neither a branch nor the edge of a construct. */
export function stackEffect(shape: ModuleShape, instruction: Instruction): StackEffect {
  const { opcode, immediates } = instruction;
  if (opcode === OP.call || opcode === OP.callIndirect) {
    const direct = opcode === OP.call;
    const index = immediates[0] as number;
    const type = direct ? functionTypeOf(shape, index) : (shape.types[index] as FunctionType);
    const pops = type.params.length + (direct ? 0 : 1);
    return { pops, pushes: type.results.length, results: type.results };
  }
  const row = opcodeRows.get(opcode);
  if (row?.params !== undefined && row.results !== undefined) {
    return { pops: row.params.length, pushes: row.results.length, results: row.results };
  }
  return effects[opcode] ?? { pops: 0, pushes: 0 };
}
