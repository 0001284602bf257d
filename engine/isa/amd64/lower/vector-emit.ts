/**
 * What the lowerings of vector ops share: instructions by their names, in the VEX form where the processor has AVX;
 * memory operands; constants.
 *
 * Functions that emit take operands in registers and give the register of the result, a new one unless named. A
 * 16-byte memory operand that may lie anywhere needs a VEX form; constants of the pool are aligned.
 */
import { noRegister } from "../../../machine/lower/lowering-state.js";
import { mayTakeIn } from "../../../machine/lower/matching.js";
import { Constraint, operandConstraint, use, type VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { laneBits } from "../../../ssa/shapes.js";
import { Amd64, operandWords } from "../instructions.js";
import {
  type BinaryImmediateName,
  type BinaryName,
  binaryImmediateNames,
  binaryNames,
  type ShiftName,
  shiftNames,
  type UnaryImmediateName,
  type UnaryName,
  unaryImmediateNames,
  unaryNames,
} from "../vector-instructions.js";
import { takeLoad } from "./address.js";
import { prefersRight } from "./integer.js";
import type { Lowering } from "./lowering.js";

export const newVector = (c: Lowering): VReg => c.newOf(Type.v128);
const reg = use();

/** Row numbers by name: the SSE form, the VEX form. */
type RowPairs<Name extends string> = Readonly<Record<Name, readonly [sse: number, vex: number]>>;

function pairs<Name extends string>(names: readonly Name[], sse: string, vex: string): RowPairs<Name> {
  const rows = Amd64 as Readonly<Record<string, number>>;
  const entries = names.map((name) => [name, [rows[name + sse]!, rows[`v${name}${vex}`]!]]);
  return Object.fromEntries(entries) as RowPairs<Name>;
}
const binaryRows = pairs(binaryNames, "_rr", "_rrr");
const binaryMemoryRows = pairs(binaryNames, "_rm", "_rrm");
const binaryImmediateRows = pairs(binaryImmediateNames, "_rri", "_rrri");
const binaryImmediateMemoryRows = pairs(binaryImmediateNames, "_rmi", "_rrmi");
const unaryRows = pairs(unaryNames, "_rr", "_rr");
const unaryMemoryRows = pairs(unaryNames, "_rm", "_rm");
const unaryImmediateRows = pairs(unaryImmediateNames, "_rri", "_rri");
const shiftRows = pairs(shiftNames, "_ri", "_rri");
const shiftByRows = pairs(shiftNames, "_rx", "_rrx");

// ---------------------------------------------------------------- instructions

/** x op y */
export function binary(c: Lowering, name: BinaryName, x: VReg, y: VReg, to = newVector(c)): VReg {
  c.row3(binaryRows[name][c.form], to, x, y);
  return to;
}
/** x op the memory operand found last */
export function binaryMemory(c: Lowering, name: BinaryName, x: VReg, to = newVector(c)): VReg {
  c.load2(binaryMemoryRows[name][c.form], to, x);
  return to;
}
/** x op a constant of four words */
export function binaryConstant(
  c: Lowering,
  name: BinaryName,
  x: VReg,
  words: readonly [number, number, number, number],
  to = newVector(c),
): VReg {
  const constant = c.code.constant128(...words);
  const kept = c.keptVector(constant);
  if (kept !== noRegister) return binary(c, name, x, kept, to);
  c.poolAddress(constant);
  return binaryMemory(c, name, x, to);
}

export function binaryImmediate(
  c: Lowering,
  name: BinaryImmediateName,
  x: VReg,
  y: VReg,
  imm: number,
  to = newVector(c),
): VReg {
  c.row3(binaryImmediateRows[name][c.form], to, x, y, imm);
  return to;
}
export function binaryImmediateMemory(
  c: Lowering,
  name: BinaryImmediateName,
  x: VReg,
  imm: number,
  to = newVector(c),
): VReg {
  c.load2(binaryImmediateMemoryRows[name][c.form], to, x, imm);
  return to;
}

export function unary(c: Lowering, name: UnaryName, x: VReg, to = newVector(c)): VReg {
  c.row2(unaryRows[name][c.form], to, x);
  return to;
}
export function unaryMemory(c: Lowering, name: UnaryName, to = newVector(c)): VReg {
  c.load1(unaryMemoryRows[name][c.form], to);
  return to;
}
export function unaryImmediate(
  c: Lowering,
  name: UnaryImmediateName,
  x: VReg,
  imm: number,
  to = newVector(c),
): VReg {
  c.row2(unaryImmediateRows[name][c.form], to, x, imm);
  return to;
}

/** Every lane of x shifted by a constant. */
export function shift(c: Lowering, name: ShiftName, x: VReg, count: number, to = newVector(c)): VReg {
  c.row2(shiftRows[name][c.form], to, x, count);
  return to;
}
/** Every lane of x shifted by the low 64 bits of a float register. */
export function shiftBy(c: Lowering, name: ShiftName, x: VReg, count: VReg, to = newVector(c)): VReg {
  c.row3(shiftByRows[name][c.form], to, x, count);
  return to;
}
/** The whole vector shifted by bytes, to the left or right. */
export function shiftBytes(c: Lowering, isLeft: boolean, x: VReg, count: number, to = newVector(c)): VReg {
  if (isLeft) c.row2(c.avx ? Amd64.vpslldq_rri : Amd64.pslldq_ri, to, x, count);
  else c.row2(c.avx ? Amd64.vpsrldq_rri : Amd64.psrldq_ri, to, x, count);
  return to;
}

/** An instruction whose operands are all in registers: no 8-byte slot is read as a vector. */
export function inRegisters(c: Lowering, opcode: number, imm2: number, ...operands: VReg[]): void {
  const words = operandWords[opcode]!;
  c.emit(opcode, 0, 0, imm2);
  for (let k = 0; k < operands.length; k++) {
    const word = words[k]!;
    c.arg(operands[k]!, operandConstraint(word) === Constraint.any ? reg : word);
  }
}

// ---------------------------------------------------------------- constants

/** The vectors that are made without memory, shared by the rows of a block. */
export const zeros = (c: Lowering): VReg => c.reg(c.zeroVector);
export const ones = (c: Lowering): VReg => c.reg(c.onesVector);
/** Four words in a register. */
export function constantVector(c: Lowering, words: readonly [number, number, number, number]): VReg {
  const constant = c.code.constant128(...words);
  const kept = c.keptVector(constant);
  if (kept !== noRegister) return kept;
  const to = newVector(c);
  c.emitConstant(to, -1 - constant);
  return to;
}

type Words = readonly [number, number, number, number];
export const splat32 = (word: number): Words => [word, word, word, word];
export const splat16 = (half: number): Words => splat32((half & 0xffff) * 0x10001);
export const splat8 = (byte: number): Words => splat32((byte & 0xff) * 0x1010101);
export const splat64 = (lo: number, hi: number): Words => [lo, hi, lo, hi];

export const isOnes = (c: Lowering, v: number): boolean => c.isConstant(v) && c.lo[v] === 1;

// ---------------------------------------------------------------- memory operands

/** Makes a constant or load of a vector the memory operand of the row being lowered. */
export function takeVector(c: Lowering, v: number): boolean {
  if (c.isConstant(v)) return c.takeConstant(v);
  if (c.op[v] === Op.vsplat && mayTakeIn(c, v) && c.isConstant(c.a0[v]!) && !c.isZero(c.a0[v]!)) {
    c.poolAddress(c.code.constant128(...splatWords(c, v)));
    return true;
  }
  return c.avx && takeLoad(c, v, 16);
}

/** The words of `v`, a constant in every lane. */
export function splatWords(c: Lowering, v: number): Words {
  const x = c.a0[v]!;
  const [lo, hi] = [c.lo[x]!, c.hi[x]!];
  switch (laneBits[c.hi[v]!]) {
    case 8:
      return splat8(lo);
    case 16:
      return splat16(lo);
    case 32:
      return splat32(lo);
    default:
      return splat64(lo, hi);
  }
}

/** The same for an operand of which only an f32 or f64 is read: the load of one, zeros above. */
export function takeScalar(c: Lowering, v: number, type: typeof Type.f32 | typeof Type.f64): boolean {
  if (c.op[v] !== Op.vscalar || c.type[c.a0[v]!] !== type || !mayTakeIn(c, v)) return false;
  return takeLoad(c, c.a0[v]!, type === Type.f32 ? 4 : 8);
}

// ---------------------------------------------------------------- whole rows

/** v = x op y, either operand from memory where that is possible. */
export function lowerBinary(
  c: Lowering,
  v: number,
  name: BinaryName,
  x: number,
  y: number,
  commutes: boolean,
  to = c.defined(v),
): VReg {
  if (x !== y && takeVector(c, y)) return binaryMemory(c, name, c.reg(x), to);
  if (commutes && x !== y && takeVector(c, x)) return binaryMemory(c, name, c.reg(y), to);
  if (commutes && !c.avx && prefersRight(c, v, x, y)) [x, y] = [y, x];
  const left = c.reg(x);
  return binary(c, name, left, c.reg(y), to);
}

/** v = op x, x from memory where that is possible; `half`: only its lower half is read. */
export function lowerUnary(c: Lowering, name: UnaryName, x: number, half: boolean, to: VReg): VReg {
  if (half ? takeScalar(c, x, Type.f64) : takeVector(c, x)) return unaryMemory(c, name, to);
  return unary(c, name, c.reg(x), to);
}
