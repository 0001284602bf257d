/**
 * Reads a constant expression: one constant instruction and `end`.
 *
 * Types and indices are left to validation; that there is exactly one instruction, and which ones are
 * constant, is told here, since nothing else could be kept of the expression.
 * Source: core specification 2.0, "Validation / Instructions / Constant Expressions".
 */
import { endExpected, extraOperands, illegalOpcode, missingOperand, notConstant } from "./errors.js";
import { denseIndex, OPCODE_DEFINED, opcodeName } from "./opcode-columns.js";
import { Op } from "./opcodes.js";
import type { ByteReader } from "./reader.js";
import { type ConstExpr, type ConstOp, type RefType, ValType } from "./types.js";

const WHERE = "constant expression";

/** Reads the expression at the reader's position, its `end` included. */
export function readConstExpr(reader: ByteReader): ConstExpr {
  const at = reader.position;
  const expr = readInstruction(reader);
  if (reader.position >= reader.end) throw endExpected(reader.place(), `a ${WHERE}`);
  if (reader.bytes[reader.position] !== Op.end) {
    readInstruction(reader);
    throw extraOperands(reader.place(at), WHERE, 1, 2);
  }
  reader.position += 1;
  return expr;
}

function readInstruction(reader: ByteReader): ConstExpr {
  const at = reader.position;
  const code = readOpcode(reader);
  switch (code) {
    case Op.i32_const:
      return constant("i32.const", at, reader.i32(), 0);
    case Op.i64_const:
      reader.i64();
      return constant("i64.const", at, reader.lo, reader.hi);
    case Op.f32_const:
      return constant("f32.const", at, reader.bits32(), 0);
    case Op.f64_const:
      reader.bits64();
      return constant("f64.const", at, reader.lo, reader.hi);
    case Op.v128_const:
      return vectorConstant(reader, at);
    case Op.ref_null:
      return reference("ref.null", at, -1, reader.refType());
    case Op.ref_func:
      return reference("ref.func", at, reader.u32("a function index"), 0);
    case Op.global_get:
      return reference("global.get", at, reader.u32("a global index"), 0);
    case Op.end:
      throw missingOperand(reader.place(at), WHERE, "a constant");
    default:
      throw OPCODE_DEFINED[denseIndex(code)] === 1
        ? notConstant(reader.place(at), opcodeName(code))
        : illegalOpcode(reader.place(at), code);
  }
}

function readOpcode(reader: ByteReader): number {
  const at = reader.position;
  const byte = reader.u8(`an instruction of a ${WHERE}`);
  if (byte !== 0xfc && byte !== 0xfd) return byte;
  const code = reader.u32("an opcode");
  if (code > 0xff) throw illegalOpcode(reader.place(at), byte * 0x10000 + (code & 0xffff));
  return (byte << 8) | code;
}

function constant(op: ConstOp, byteOffset: number, lo: number, hi: number): ConstExpr {
  return { op, lo, hi, upperLo: 0, upperHi: 0, index: -1, refType: 0, byteOffset };
}

function reference(op: ConstOp, byteOffset: number, index: number, refType: RefType | 0): ConstExpr {
  return { op, lo: 0, hi: 0, upperLo: 0, upperHi: 0, index, refType, byteOffset };
}

function vectorConstant(reader: ByteReader, byteOffset: number): ConstExpr {
  reader.bits64();
  const { lo, hi } = reader;
  reader.bits64();
  return {
    op: "v128.const",
    lo,
    hi,
    upperLo: reader.lo,
    upperHi: reader.hi,
    index: -1,
    refType: 0,
    byteOffset,
  };
}

const constTypes: Partial<Record<ConstOp, ValType>> = {
  "i32.const": ValType.i32,
  "i64.const": ValType.i64,
  "f32.const": ValType.f32,
  "f64.const": ValType.f64,
  "v128.const": ValType.v128,
  "ref.func": ValType.funcref,
};

/** The type of what the expression gives; undefined for `global.get`, whose type the global has. */
export function constExprType(expr: ConstExpr): ValType | undefined {
  return expr.refType === 0 ? constTypes[expr.op] : expr.refType;
}
