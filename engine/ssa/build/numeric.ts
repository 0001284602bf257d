/**
 * Numeric instructions: constants, and a row per opcode that becomes one SSA op. The table gives the op and its
 * result type; the number of operands is the op's own.
 */
import { denseIndex, OPCODE_ROWS } from "../../wasm/opcode-columns.js";
import { Op as W } from "../../wasm/opcodes.js";
import { Op, opArity, Type } from "../ops.js";
import type { Builder } from "./builder.js";

/** Dense index of an opcode -> SSA op, or 0. */
export const numericOp = new Uint16Array(OPCODE_ROWS);
const numericType = new Uint8Array(OPCODE_ROWS);
/** Whether the op has two operands. */
const isBinary = new Uint8Array(OPCODE_ROWS);

function row(opcode: number, op: number, type: Type): void {
  const index = denseIndex(opcode);
  numericOp[index] = op;
  numericType[index] = type;
  isBinary[index] = opArity[op] === 2 ? 1 : 0;
}

/** Ops in the order of consecutive opcodes. */
function rows(firstOpcode: number, type: Type, ops: readonly number[]): void {
  for (let i = 0; i < ops.length; i++) row(firstOpcode + i, ops[i]!, type);
}

const { i32, i64, f32, f64 } = Type;
const intComparisons = [Op.eqz, Op.eq, Op.ne, Op.slt, Op.ult, Op.sgt, Op.ugt, Op.sle, Op.ule, Op.sge, Op.uge];
const floatComparisons = [Op.feq, Op.fne, Op.flt, Op.fgt, Op.fle, Op.fge];
const intUnary = [Op.clz, Op.ctz, Op.popcnt];
const intArithmetic = [Op.add, Op.sub, Op.mul, Op.sdiv, Op.udiv, Op.srem, Op.urem];
const intBits = [Op.and, Op.or, Op.xor, Op.shl, Op.sshr, Op.ushr, Op.rotl, Op.rotr];
const floatUnary = [Op.fabs, Op.fneg, Op.fceil, Op.ffloor, Op.ftrunc, Op.fnearest, Op.fsqrt];
const floatBinary = [Op.fadd, Op.fsub, Op.fmul, Op.fdiv, Op.fmin, Op.fmax, Op.fcopysign];

rows(W.i32_eqz, i32, intComparisons);
rows(W.i64_eqz, i32, intComparisons);
rows(W.f32_eq, i32, floatComparisons);
rows(W.f64_eq, i32, floatComparisons);
rows(W.i32_clz, i32, [...intUnary, ...intArithmetic, ...intBits]);
rows(W.i64_clz, i64, [...intUnary, ...intArithmetic, ...intBits]);
rows(W.f32_abs, f32, [...floatUnary, ...floatBinary]);
rows(W.f64_abs, f64, [...floatUnary, ...floatBinary]);
rows(W.i32_wrap_i64, i32, [Op.wrap, Op.ftosi, Op.ftoui, Op.ftosi, Op.ftoui]);
rows(W.i64_extend_i32_s, i64, [Op.sext, Op.zext, Op.ftosi, Op.ftoui, Op.ftosi, Op.ftoui]);
rows(W.f32_convert_i32_s, f32, [Op.sitof, Op.uitof, Op.sitof, Op.uitof, Op.demote]);
rows(W.f64_convert_i32_s, f64, [Op.sitof, Op.uitof, Op.sitof, Op.uitof, Op.promote]);
row(W.i32_reinterpret_f32, Op.bitcast, i32);
row(W.i64_reinterpret_f64, Op.bitcast, i64);
row(W.f32_reinterpret_i32, Op.bitcast, f32);
row(W.f64_reinterpret_i64, Op.bitcast, f64);
rows(W.i32_extend8_s, i32, [Op.sext8, Op.sext16]);
rows(W.i64_extend8_s, i64, [Op.sext8, Op.sext16, Op.sext32]);
rows(W.i32_trunc_sat_f32_s, i32, [Op.ftosisat, Op.ftouisat, Op.ftosisat, Op.ftouisat]);
rows(W.i64_trunc_sat_f32_s, i64, [Op.ftosisat, Op.ftouisat, Op.ftosisat, Op.ftouisat]);

/** An instruction of the table. */
export function numeric(b: Builder, index: number): void {
  const op = numericOp[index]!;
  const type = numericType[index]! as Type;
  const { stack, f } = b;
  const top = b.height - 1;
  if (isBinary[index] === 1) {
    const right = stack[top]!;
    const left = stack[top - 1]!;
    stack[top - 1] = f.append(b.block, op, type, left, right, 0, 0, 0, b.source);
    b.height = top;
  } else stack[top] = f.append(b.block, op, type, stack[top]!, 0, 0, 0, 0, b.source);
}

export function i32Const(b: Builder): void {
  b.push(b.emit(Op.const, Type.i32, 0, 0, 0, b.cursor.lo, 0));
}

export function i64Const(b: Builder): void {
  b.push(b.emit(Op.const, Type.i64, 0, 0, 0, b.cursor.lo, b.cursor.hi));
}

export function f32Const(b: Builder): void {
  b.push(b.emit(Op.const, Type.f32, 0, 0, 0, b.cursor.lo, 0));
}

export function f64Const(b: Builder): void {
  b.push(b.emit(Op.const, Type.f64, 0, 0, 0, b.cursor.lo, b.cursor.hi));
}
