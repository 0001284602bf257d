/**
 * The typing rule of each op, as a table that the verifier reads. A rule says which types the row may have and,
 * letter by letter, what each fixed operand's type must be:
 *
 * - `T` the row's own type; `A` as T, but where T is ptr an i64 will do (address arithmetic)
 * - `S` any type of the rule's `same` set, the same for all S operands
 * - `i l f d v p r` that type; `x` any value type
 *
 * Calls, returns, projections and slots depend on more than their row; the verifier handles these itself.
 */
import { Op, opNames, Type } from "./ops.js";

export interface TypingRule {
  /** Set of types the row may have, as bits `1 << Type`. */
  readonly row: number;
  readonly operands: string;
  /** Set of types that `S` may stand for. */
  readonly same: number;
}

const letterTypes: Readonly<Record<string, Type>> = {
  "-": Type.none,
  i: Type.i32,
  l: Type.i64,
  f: Type.f32,
  d: Type.f64,
  v: Type.v128,
  r: Type.ref,
  p: Type.ptr,
};

function setOf(letters: string): number {
  let set = 0;
  for (const letter of letters) set |= 1 << letterTypes[letter]!;
  return set;
}

export const anyValue = setOf("ilfdvrp");

/** The type a literal operand letter stands for, or undefined for `T A S x`. */
export function typeOfLetter(letter: string): Type | undefined {
  return letterTypes[letter];
}

/** Ops; types of the row; operands; types of S. */
const table: readonly (readonly [ops: string, row: string, operands: string, same?: string])[] = [
  ["nop", "-", ""],
  ["param const", "ilfdvrp", ""],
  ["proj", "ilfdvrp", "x"],
  ["ctx", "p", ""],
  ["add and shl", "ilp", "AA"],
  ["sub mul sdiv udiv srem urem or xor sshr ushr rotl rotr", "il", "TT"],
  ["clz ctz popcnt sext8 sext16", "il", "T"],
  ["sext32", "l", "T"],
  ["eqz", "i", "S", "ilpr"],
  ["eq ne", "i", "SS", "ilpr"],
  ["ult ule ugt uge", "i", "SS", "ilp"],
  ["slt sle sgt sge", "i", "SS", "il"],
  ["fadd fsub fmul fdiv fmin fmax fcopysign", "fd", "TT"],
  ["fabs fneg fsqrt fceil ffloor ftrunc fnearest", "fd", "T"],
  ["feq fne flt fle fgt fge", "i", "SS", "fd"],
  ["wrap", "i", "l"],
  ["sext", "l", "i"],
  ["zext", "lp", "i"],
  ["ftosi ftoui ftosisat ftouisat", "il", "S", "fd"],
  ["sitof uitof", "fd", "S", "il"],
  ["promote", "d", "f"],
  ["demote", "f", "d"],
  ["bitcast", "ilfdrp", "S", "ilfdrp"],
  ["select", "ilfdvrp", "iTT"],
  ["vsplat", "v", "S", "ilfd"],
  ["vscalar", "v", "S", "fd"],
  ["vextracts vextractu", "ilfd", "v"],
  ["vreplace", "v", "vS", "ilfd"],
  ["vshuffle vswizzle vand vor vxor vandnot", "v", "vv"],
  ["vnot vdemote vpromote", "v", "v"],
  ["vbitselect", "v", "vvv"],
  ["vadd vsub vmul vdiv vmin vmax vpmin vpmax vaddsats vaddsatu vsubsats vsubsatu", "v", "vv"],
  ["vmins vminu vmaxs vmaxu vavgru vq15mulrsats veq vne vgt vgtu vge vgeu", "v", "vv"],
  ["vabs vneg vsqrt vceil vfloor vtrunc vnearest vpopcnt", "v", "v"],
  ["vshl vshrs vshru", "v", "vi"],
  ["vanytrue valltrue vbitmask", "i", "v"],
  ["vnarrows vnarrowu vextmullows vextmullowu vextmulhighs vextmulhighu vdots", "v", "vv"],
  ["vextlows vextlowu vexthighs vexthighu vextadds vextaddu", "v", "v"],
  ["vsitof vuitof vftosisat vftouisat", "v", "v"],
  ["load", "ilfdv", "pi"],
  ["load8u load8s load16u load16s", "il", "pi"],
  ["load32u load32s", "l", "pi"],
  ["store", "-", "piS", "ilfdv"],
  ["store8 store16", "-", "piS", "il"],
  ["store32", "-", "pil"],
  ["check", "-", "il"],
  ["peek", "ilfdvrp", "p"],
  ["peek32", "ilp", "p"],
  ["poke", "-", "px"],
  ["offset", "p", "p"],
  ["element", "p", "pi"],
  ["slotload", "ilfdvrp", ""],
  ["slotstore", "-", "x"],
  ["trapif", "-", "i"],
  ["signature", "i", ""],
  ["interrupt", "-", ""],
  ["call callptr builtin", "-ilfdvrp", "p"],
  ["jump trap return", "-", ""],
  ["brif brtable", "-", "i"],
];

function build(): readonly TypingRule[] {
  const rules: TypingRule[] = [];
  for (const [ops, row, operands, same] of table) {
    for (const name of ops.split(" ")) {
      rules[Op[name as keyof typeof Op]] = { row: setOf(row), operands, same: setOf(same ?? "") };
    }
  }
  for (let op = 0; op < opNames.length; op++) {
    if (rules[op] === undefined) throw new Error(`typing.ts has no rule for op "${opNames[op]}"`);
  }
  return rules;
}

/** The rule of each op, by op number. */
export const typingRules: readonly TypingRule[] = build();

/** Whether `bitcast` may go from one type to another. */
export function isBitcast(from: Type, to: Type): boolean {
  const { i32, i64, f32, f64, ref, ptr } = Type;
  if (from === i32 || from === f32) return from === i32 ? to === f32 : to === i32;
  if (from === f64) return to === i64;
  if (from === i64) return to === f64 || to === ref || to === ptr;
  return (from === ref || from === ptr) && to === i64;
}
