/**
 * The instruction table of amd64: one row per machine instruction form, read by lowering (operand words),
 * the encoder (opcode, fields), the printer and the encoding test. Nothing else describes an instruction.
 *
 * The opcode of a row is written as in Intel's manual (volume 2, "Instruction Format"):
 * `66 0F 3A 0B /r ib`, `REX.W 81 /0 id`, `VEX.LIG.F2.0F.WIG 58 /r`, `B8+r id`, `0F 40+cc /r`.
 *
 * Names: mnemonic, operand size where there are several, `_`, form. Operands of every form: definitions first,
 * then register uses, then (forms with m) the address operands base and index, as far as present.
 *
 *   rr   two-operand:   def reuse(0); use a; use b (any)            d = a op b
 *   ri                  def reuse(0); use a                imm2     d = a op imm
 *   rm                  def reuse(0); use a; address                d = a op [m]
 *   mr                  use b; address                              [m] op= b   (stores: [m] = b)
 *   mi                  address                            imm2     [m] op= imm (stores: [m] = imm)
 *   rr   unary, moves:  def; use (any)                              d = op s
 *   rm                  def; address                                d = op [m]
 *   ri   moves:         def                                imm2     d = imm
 *   rr/ri/rm/mr/mi of cmp, test, bt, ucomis: the same without the definition (mr: cmp [m], b)
 *   rri, rmi            def; use (any) or address          imm2     d = s op imm (imul, rorx)
 *   rrr, rrm            def; use a; use b (any) or address          d = a op b (VEX)
 *   cl   shifts         def reuse(0); use a; use fixed rcx
 *   xl   shlx…          def; use value (any); use count
 *
 * `any` uses may be spill slots: the encoder then uses a memory operand at rsp. A use that must be `any` in a row
 * may always be passed as `register` by lowering; the reverse isn't allowed.
 *
 * Immediates of an instruction: imm0 displacement (signed 32 bits), imm1 address word (see `address`), imm2
 * immediate, condition (see Condition), condition pair (see conditionPair).
 *
 * Values: an i32 in a register has its upper 32 bits zero; every 32-bit row guarantees that.
 * Flags: loads, stores, moves, lea, BMI2 shifts, `mov…_ri`, `fzero`, and SSE arithmetic keep the flags. What stands
 * between a comparison and its reader must be such.
 */
import { def, earlyDef, floatFile, lateUse, use } from "../../machine/vcode.js";
import {
  any,
  type Extra,
  type Feature,
  form,
  forms,
  none,
  pseudo,
  type Row,
  RowFlag,
  reg,
  reused,
  row,
  rowAs,
  rows,
} from "./instruction-row.js";
import { vectorRows } from "./vector-instructions.js";

export { type Feature, type Form, type Row, RowFlag } from "./instruction-row.js";

// ---------------------------------------------------------------- immediates

/** InstructionFlag of this ISA: a load or store of linear memory that the fault handler may turn into a trap. */
export const mayFault = 8;

/** Condition numbers as in the machine code of jcc, setcc and cmovcc. `condition ^ 1` is the opposite. */
export const Condition = {
  o: 0,
  no: 1,
  /** Unsigned below; carry. */
  b: 2,
  ae: 3,
  e: 4,
  ne: 5,
  be: 6,
  a: 7,
  s: 8,
  ns: 9,
  /** Parity: a floating comparison was unordered. */
  p: 10,
  np: 11,
  l: 12,
  ge: 13,
  le: 14,
  g: 15,
} as const;
export type Condition = (typeof Condition)[keyof typeof Condition];
export const conditionNames = Object.keys(Condition) as readonly (keyof typeof Condition)[];

/**
 * imm2 of jccp, trapifp, setccp: two conditions joined by "and" (`all`) or "or" (`any`). Floating equality after
 * ucomis is all(np, e); inequality any(p, ne).
 */
export function conditionPair(join: "all" | "any", first: Condition, second: Condition): number {
  return first | (second << 4) | (join === "any" ? 256 : 0);
}

/** Where an address starts when not in a base register. */
export const AddressBase = {
  none: 0,
  /** The context register. */
  context: 1,
  /** The outgoing stack area: rsp + displacement. */
  outgoing: 2,
  /** The incoming stack area: address of the first incoming stack argument + displacement. */
  incoming: 3,
  /** Reserved frame slot; the displacement is its number. */
  slot: 4,
  /** Constant pool entry; the displacement is its index (see Amd64VCode). Reached relative to rip. */
  constant: 5,
} as const;
export type AddressBase = (typeof AddressBase)[keyof typeof AddressBase];

export const addressHasBase = 4;
export const addressHasIndex = 8;
export const addressSpecialShift = 4;

/**
 * The address word, imm1.
 * @param scale log2 of what the index is multiplied with
 * @example address(true, true, 2) // [base + index*4 + displacement]
 */
export function address(
  hasBase: boolean,
  hasIndex = false,
  scale = 0,
  special: AddressBase = AddressBase.none,
): number {
  return (
    scale |
    (hasBase ? addressHasBase : 0) |
    (hasIndex ? addressHasIndex : 0) |
    (special << addressSpecialShift)
  );
}
/** The address word of a special base without registers. */
export const specialAddress = (special: AddressBase): number => special << addressSpecialShift;

const { writesFlags, readsFlags, merges, call, copy, terminator } = RowFlag;
const writes: Extra = { flags: writesFlags };

/** add, or, and, sub, xor in all forms of one size; `digit` is the operation's number in the opcode. */
function arithmetic<N extends string, W extends 32 | 64>(name: N, digit: number, width: W) {
  const w = width === 64 ? "REX.W " : "";
  const op = (n: number): string => w + ((digit << 3) | n).toString(16).padStart(2, "0");
  const base = `${name}${width}`;
  return {
    [`${base}_rr`]: row(`${base}_rr`, `${op(3)} /r`, forms.tiedRR, width, writes),
    [`${base}_rm`]: row(`${base}_rm`, `${op(3)} /r`, forms.tiedRM, width, writes),
    [`${base}_mr`]: row(`${base}_mr`, `${op(1)} /r`, forms.store, width, writes),
    [`${base}_ri`]: row(`${base}_ri`, `${w}81 /${digit} id`, forms.tiedRI, width, writes),
    [`${base}_mi`]: row(`${base}_mi`, `${w}81 /${digit} id`, forms.storeImm, width, writes),
  } as Record<`${N}${W}_${"rr" | "rm" | "mr" | "ri" | "mi"}`, number>;
}

function shifts<N extends string, W extends 32 | 64>(name: N, digit: number, width: W) {
  const w = width === 64 ? "REX.W " : "";
  const base = `${name}${width}`;
  return {
    [`${base}_ri`]: row(`${base}_ri`, `${w}C1 /${digit} ib`, forms.tiedRI, width, writes),
    [`${base}_cl`]: row(`${base}_cl`, `${w}D3 /${digit}`, forms.tiedCl, width, writes),
  } as Record<`${N}${W}_${"ri" | "cl"}`, number>;
}

/** BMI2 shifts: flags stay. xl: def; use value; use count. */
function shiftX<N extends string, W extends 32 | 64>(name: N, prefix: string, width: W) {
  const base = `${name}${width}`;
  const code = `VEX.LZ.${prefix}.0F38.W${width === 64 ? 1 : 0} F7 /r`;
  const extra: Extra = { feature: "bmi2" };
  return {
    [`${base}_xl`]: row(`${base}_xl`, code, forms.countLast, width, extra),
    [`${base}_ml`]: row(`${base}_ml`, code, forms.countLastM, width, extra),
  } as Record<`${N}${W}_${"xl" | "ml"}`, number>;
}

/** Unary with both sources: popcnt, lzcnt, tzcnt, bsf, bsr. */
function bitUnary<N extends string, W extends 32 | 64>(
  name: N,
  prefix: string,
  code: string,
  width: W,
  feature: Feature,
) {
  const w = width === 64 ? "REX.W " : "";
  const base = `${name}${width}`;
  const extra: Extra = { feature, flags: writesFlags };
  return {
    [`${base}_rr`]: row(`${base}_rr`, `${prefix}${w}0F ${code} /r`, forms.unaryRR, width, extra),
    [`${base}_rm`]: row(`${base}_rm`, `${prefix}${w}0F ${code} /r`, forms.unaryRM, width, extra),
  } as Record<`${N}${W}_${"rr" | "rm"}`, number>;
}

/** blsr, blsmsk, blsi (BMI1): def; use (any). */
function bls<N extends string, W extends 32 | 64>(name: N, digit: number, width: W) {
  const base = `${name}${width}`;
  const code = `VEX.LZ.0F38.W${width === 64 ? 1 : 0} F3 /${digit}`;
  const extra: Extra = { feature: "bmi1", flags: writesFlags };
  return {
    [`${base}_rr`]: row(`${base}_rr`, code, forms.defVvvv, width, extra),
    [`${base}_rm`]: row(`${base}_rm`, code, forms.defVvvvM, width, extra),
  } as Record<`${N}${W}_${"rr" | "rm"}`, number>;
}

type FloatSuffix = "ss" | "sd";
const floatPrefix = { ss: "F3", sd: "F2" } as const;
const floatWidth = { ss: 32, sd: 64 } as const;

/** Scalar arithmetic: SSE two-operand and AVX three-operand. */
function floatBinary<N extends string, S extends FloatSuffix>(name: N, code: string, suffix: S) {
  const base = `${name}${suffix}`;
  const p = floatPrefix[suffix];
  const sse: Extra = { memoryWidth: floatWidth[suffix] };
  const avx: Extra = { memoryWidth: floatWidth[suffix], feature: "avx" };
  const vex = `VEX.LIG.${p}.0F.WIG ${code} /r`;
  return {
    [`${base}_rr`]: row(`${base}_rr`, `${p} 0F ${code} /r`, forms.tiedRR, 128, sse),
    [`${base}_rm`]: row(`${base}_rm`, `${p} 0F ${code} /r`, forms.tiedRM, 128, sse),
    [`v${base}_rrr`]: row(`v${base}_rrr`, vex, forms.rrr, 128, avx),
    [`v${base}_rrm`]: row(`v${base}_rrm`, vex, forms.rrm, 128, avx),
  } as Record<`${N}${S}_${"rr" | "rm"}` | `v${N}${S}_${"rrr" | "rrm"}`, number>;
}

/** Bitwise operations on whole float registers; memory operands are 16 bytes (aligned without AVX). */
function floatBitwise<N extends string>(name: N, code: string) {
  const vex = `VEX.128.0F.WIG ${code} /r`;
  return {
    [`${name}_rr`]: row(`${name}_rr`, `0F ${code} /r`, forms.tiedRRWide, 128),
    [`${name}_rm`]: row(`${name}_rm`, `0F ${code} /r`, forms.tiedRM, 128),
    [`v${name}_rrr`]: row(`v${name}_rrr`, vex, forms.rrrWide, 128, { feature: "avx" }),
    [`v${name}_rrm`]: row(`v${name}_rrm`, vex, forms.rrm, 128, { feature: "avx" }),
  } as Record<`${N}_${"rr" | "rm"}` | `v${N}_${"rrr" | "rrm"}`, number>;
}

/** Float results that leave the destination's upper part: SSE rows are `merges`, AVX rows get vvvv from the encoder. */
function floatUnary<N extends string>(name: N, prefix: string, code: string, memoryWidth: number) {
  const vex = `VEX.LIG.${prefix}.0F.WIG ${code} /r`;
  const sse: Extra = { memoryWidth, flags: merges };
  const avx: Extra = { memoryWidth, flags: merges, feature: "avx" };
  return {
    [`${name}_rr`]: row(`${name}_rr`, `${prefix} 0F ${code} /r`, forms.unaryRR, 128, sse),
    [`${name}_rm`]: row(`${name}_rm`, `${prefix} 0F ${code} /r`, forms.unaryRM, 128, sse),
    [`v${name}_rr`]: row(`v${name}_rr`, vex, forms.mergeRR, 128, avx),
    [`v${name}_rm`]: row(`v${name}_rm`, vex, forms.mergeRM, 128, avx),
  } as Record<`${N}_${"rr" | "rm"}` | `v${N}_${"rr" | "rm"}`, number>;
}

/** roundss, roundsd: imm2 = 8 nearest, 9 floor, 10 ceil, 11 truncate (precision exception masked). */
function floatRound<S extends FloatSuffix>(suffix: S, code: string) {
  const base = `round${suffix}`;
  const memoryWidth = floatWidth[suffix];
  const sse: Extra = { memoryWidth, flags: merges, feature: "sse4_1" };
  const avx: Extra = { memoryWidth, flags: merges, feature: "avx" };
  const vex = `VEX.LIG.66.0F3A.WIG ${code} /r ib`;
  return {
    [`${base}_rr`]: row(`${base}_rr`, `66 0F 3A ${code} /r ib`, forms.unaryRRI, 128, sse),
    [`${base}_rm`]: row(`${base}_rm`, `66 0F 3A ${code} /r ib`, forms.unaryRMI, 128, sse),
    [`v${base}_rr`]: row(`v${base}_rr`, vex, forms.mergeRRI, 128, avx),
    [`v${base}_rm`]: row(`v${base}_rm`, vex, forms.mergeRMI, 128, avx),
  } as Record<`${"" | "v"}round${S}_${"rr" | "rm"}`, number>;
}

/** cmpss, cmpsd: all ones or zeros; imm2 = 0 eq, 1 lt, 2 le, 3 unordered, 4 ne, 5 not lt, 6 not le, 7 ordered. */
function floatMask<S extends FloatSuffix>(suffix: S) {
  const base = `cmp${suffix}`;
  const p = floatPrefix[suffix];
  const memoryWidth = floatWidth[suffix];
  const vex = `VEX.LIG.${p}.0F.WIG C2 /r ib`;
  return {
    [`${base}_rri`]: row(`${base}_rri`, `${p} 0F C2 /r ib`, forms.tiedRRI, 128, { memoryWidth }),
    [`${base}_rmi`]: row(`${base}_rmi`, `${p} 0F C2 /r ib`, forms.tiedRMI, 128, { memoryWidth }),
    [`v${base}_rrri`]: row(`v${base}_rrri`, vex, forms.rrri, 128, { memoryWidth, feature: "avx" }),
    [`v${base}_rrmi`]: row(`v${base}_rrmi`, vex, forms.rrmi, 128, { memoryWidth, feature: "avx" }),
  } as Record<`cmp${S}_${"rri" | "rmi"}` | `vcmp${S}_${"rrri" | "rrmi"}`, number>;
}

/** ucomiss, ucomisd: unordered sets zero, parity and carry. */
function floatCompare<S extends FloatSuffix>(suffix: S) {
  const base = `ucomi${suffix}`;
  const p = suffix === "sd" ? "66 " : "";
  const vp = suffix === "sd" ? ".66" : "";
  const extra: Extra = { memoryWidth: floatWidth[suffix], flags: writesFlags };
  const avx: Extra = { ...extra, feature: "avx" };
  return {
    [`${base}_rr`]: row(`${base}_rr`, `${p}0F 2E /r`, forms.compareRR, 128, extra),
    [`${base}_rm`]: row(`${base}_rm`, `${p}0F 2E /r`, forms.compareRM, 128, extra),
    [`v${base}_rr`]: row(`v${base}_rr`, `VEX.LIG${vp}.0F.WIG 2E /r`, forms.compareRR, 128, avx),
    [`v${base}_rm`]: row(`v${base}_rm`, `VEX.LIG${vp}.0F.WIG 2E /r`, forms.compareRM, 128, avx),
  } as Record<`${"" | "v"}ucomi${S}_${"rr" | "rm"}`, number>;
}

/** cvtsi2ss, cvtsi2sd from 32 or 64 bits; cvttss2si, cvttsd2si to them. The size suffix is the integer's. */
function floatConvert<S extends FloatSuffix, W extends 32 | 64>(suffix: S, width: W) {
  const p = floatPrefix[suffix];
  const w = width === 64 ? "REX.W " : "";
  const vw = width === 64 ? "W1" : "W0";
  const toFloat = `cvtsi2${suffix}${width}`;
  const toInt = `cvtt${suffix}2si${width}`;
  const inExtra: Extra = { rmWidth: width, flags: merges };
  const outExtra: Extra = { rmWidth: 128, memoryWidth: floatWidth[suffix] };
  const mnemonicIn = `cvtsi2${suffix}`;
  const mnemonicOut = `cvtt${suffix}2si`;
  const avxIn = `VEX.LIG.${p}.0F.${vw} 2A /r`;
  const avxInExtra: Extra = { ...inExtra, feature: "avx" };
  return {
    [`${toFloat}_rr`]: rowAs(mnemonicIn, `${toFloat}_rr`, `${p} ${w}0F 2A /r`, forms.unaryRR, 128, inExtra),
    [`${toFloat}_rm`]: rowAs(mnemonicIn, `${toFloat}_rm`, `${p} ${w}0F 2A /r`, forms.unaryRM, 128, inExtra),
    [`v${toFloat}_rr`]: rowAs(`v${mnemonicIn}`, `v${toFloat}_rr`, avxIn, forms.mergeRR, 128, avxInExtra),
    [`v${toFloat}_rm`]: rowAs(`v${mnemonicIn}`, `v${toFloat}_rm`, avxIn, forms.mergeRM, 128, avxInExtra),
    [`${toInt}_rr`]: rowAs(mnemonicOut, `${toInt}_rr`, `${p} ${w}0F 2C /r`, forms.unaryRR, width, outExtra),
    [`${toInt}_rm`]: rowAs(mnemonicOut, `${toInt}_rm`, `${p} ${w}0F 2C /r`, forms.unaryRM, width, outExtra),
  } as Record<`${"" | "v"}cvtsi2${S}${W}_${"rr" | "rm"}` | `cvtt${S}2si${W}_${"rr" | "rm"}`, number>;
}

/**
 * Row numbers by name.
 *
 * Beside the regular rows there are pseudo rows, each a short fixed sequence; their operands stand with them.
 */
export const Amd64 = {
  // -- pseudo: structure
  /** Emits nothing; its definitions are the function's arguments (fixed registers). First instruction of the entry. */
  arguments: pseudo("arguments"),
  /** Terminator: jump to successors[0]. */
  jmp: pseudo("jmp", [], terminator),
  /** Terminator: imm2 = condition; successors[0] when true, [1] otherwise. */
  jcc: pseudo("jcc", [], terminator | readsFlags),
  /** Terminator: imm2 = condition pair. */
  jccp: pseudo("jccp", [], terminator | readsFlags),
  /**
   * Terminator: early def scratch; def scratch; use index (i32). successors[index], or the last successor when the
   * index isn't below the number of the others. Writes the flags.
   */
  jmp_table: pseudo("jmp_table", [earlyDef(), def(), use()], terminator | writesFlags),
  /** Terminator: restores rsp and returns; uses are the results (fixed registers). */
  ret: pseudo("ret", [], terminator),
  /** imm2 = condition, imm0 = TrapKind: trap when true. A safepoint where stack maps are wanted. */
  trapif: pseudo("trapif", [], readsFlags),
  /** imm2 = condition pair, imm0 = TrapKind. */
  trapifp: pseudo("trapifp", [], readsFlags),
  /** Terminator: imm0 = TrapKind. */
  trap: pseudo("trap", [], terminator),
  /** Compares the context's interrupt word with zero; calls the interrupt stub out of line (all registers stay). */
  interrupt: pseudo("interrupt", [], writesFlags),

  // -- calls: defs are results, uses arguments (all fixed registers), clobbers everything else
  /** imm0 = function index in the module: through its call slot. */
  call_slot: pseudo("call_slot", [], call | writesFlags),
  /** The code address is in calleeRegister (rbx): one of the uses. */
  call_reg: pseudo("call_reg", [], call | writesFlags),
  /** Address operands come last; fix base and index to registers that no argument takes (rbx, rbp, r12 to r14). */
  call_mem: pseudo("call_mem", [], call | writesFlags),
  /** imm0 = offset in the context of the word that holds the address (builtins). */
  call_ctx: pseudo("call_ctx", [], call | writesFlags),

  // -- pseudo: values
  /** def = 0 or 1; imm2 = condition. */
  setcc: pseudo("setcc", [def()], readsFlags),
  /** def, def scratch; imm2 = condition pair. Writes the flags. */
  setccp: pseudo("setccp", [def(), def()], readsFlags | writesFlags),
  /** Float copy on condition: def reuse(0); use kept when false; use (any) taken when true; imm2 = condition. */
  fcmov32: pseudo("fcmov32", [reused, reg, any], readsFlags),
  fcmov64: pseudo("fcmov64", [reused, reg, any], readsFlags),
  /** The same for vectors; registers only. */
  fcmov128: pseudo("fcmov128", [reused, reg, reg], readsFlags),
  /** Wasm's min and max: def reuse(0); use a; late use b. */
  fmin32: pseudo("fmin32", [reused, reg, lateUse()], writesFlags),
  fmin64: pseudo("fmin64", [reused, reg, lateUse()], writesFlags),
  fmax32: pseudo("fmax32", [reused, reg, lateUse()], writesFlags),
  fmax64: pseudo("fmax64", [reused, reg, lateUse()], writesFlags),
  /** def = +0.0 (or a zero vector). Rematerializable; keeps the flags. */
  fzero: pseudo("fzero", [def()]),
  /** def; imm2 = low, imm0 = high word of a 64-bit constant, in the shortest encoding. Rematerializable. */
  mov64_abs: pseudo("mov64_abs", [def()]),
  /** def; imm2 (32 bits, zero-extended). Rematerializable; keeps the flags. */
  mov32_ri: pseudo("mov32_ri", [def()]),
  /** def; imm2 sign-extended to 64 bits, in the shortest encoding. Rematerializable; keeps the flags. */
  mov64_ri: pseudo("mov64_ri", [def()]),
  /** def; imm0 = type index: its canonical signature number. */
  mov32_signature: pseudo("mov32_signature", [def()]),
  /** Compares a register (any) or memory with the canonical number of the signature of type imm2. */
  cmp32_r_signature: pseudo("cmp32_r_signature", [any], writesFlags),
  cmp32_m_signature: pseudo("cmp32_m_signature", [], writesFlags),

  // -- moves, loads, stores. Copies may be flagged InstructionFlag.move.
  mov32_rr: row("mov32_rr", "8B /r", forms.unaryRR, 32, { flags: copy }),
  mov64_rr: row("mov64_rr", "REX.W 8B /r", forms.unaryRR, 64, { flags: copy }),
  mov32_rm: row("mov32_rm", "8B /r", forms.unaryRM, 32),
  mov64_rm: row("mov64_rm", "REX.W 8B /r", forms.unaryRM, 64),
  mov8_mr: row("mov8_mr", "88 /r", forms.store, 8),
  mov16_mr: row("mov16_mr", "66 89 /r", forms.store, 16),
  mov32_mr: row("mov32_mr", "89 /r", forms.store, 32),
  mov64_mr: row("mov64_mr", "REX.W 89 /r", forms.store, 64),
  mov8_mi: row("mov8_mi", "C6 /0 ib", forms.storeImm, 8),
  mov16_mi: row("mov16_mi", "66 C7 /0 iw", forms.storeImm, 16),
  mov32_mi: row("mov32_mi", "C7 /0 id", forms.storeImm, 32),
  mov64_mi: row("mov64_mi", "REX.W C7 /0 id", forms.storeImm, 64),
  /** Zero extension to 32 and so to 64 bits. */
  movzx8_rr: row("movzx8_rr", "0F B6 /r", forms.unaryRR, 32, { rmWidth: 8 }),
  movzx8_rm: row("movzx8_rm", "0F B6 /r", forms.unaryRM, 32, { rmWidth: 8 }),
  movzx16_rr: row("movzx16_rr", "0F B7 /r", forms.unaryRR, 32, { rmWidth: 16 }),
  movzx16_rm: row("movzx16_rm", "0F B7 /r", forms.unaryRM, 32, { rmWidth: 16 }),
  /** Sign extension to 32 bits (upper half zero) or 64. */
  movsx8to32_rr: rowAs("movsx", "movsx8to32_rr", "0F BE /r", forms.unaryRR, 32, { rmWidth: 8 }),
  movsx8to32_rm: rowAs("movsx", "movsx8to32_rm", "0F BE /r", forms.unaryRM, 32, { rmWidth: 8 }),
  movsx8to64_rr: rowAs("movsx", "movsx8to64_rr", "REX.W 0F BE /r", forms.unaryRR, 64, { rmWidth: 8 }),
  movsx8to64_rm: rowAs("movsx", "movsx8to64_rm", "REX.W 0F BE /r", forms.unaryRM, 64, { rmWidth: 8 }),
  movsx16to32_rr: rowAs("movsx", "movsx16to32_rr", "0F BF /r", forms.unaryRR, 32, { rmWidth: 16 }),
  movsx16to32_rm: rowAs("movsx", "movsx16to32_rm", "0F BF /r", forms.unaryRM, 32, { rmWidth: 16 }),
  movsx16to64_rr: rowAs("movsx", "movsx16to64_rr", "REX.W 0F BF /r", forms.unaryRR, 64, { rmWidth: 16 }),
  movsx16to64_rm: rowAs("movsx", "movsx16to64_rm", "REX.W 0F BF /r", forms.unaryRM, 64, { rmWidth: 16 }),
  movsx32to64_rr: rowAs("movsxd", "movsx32to64_rr", "REX.W 63 /r", forms.unaryRR, 64, { rmWidth: 32 }),
  movsx32to64_rm: rowAs("movsxd", "movsx32to64_rm", "REX.W 63 /r", forms.unaryRM, 64, { rmWidth: 32 }),
  lea32: row("lea32", "8D /r", forms.unaryRM, 32),
  lea64: row("lea64", "REX.W 8D /r", forms.unaryRM, 64),

  // -- arithmetic
  ...arithmetic("add", 0, 32),
  ...arithmetic("add", 0, 64),
  ...arithmetic("or", 1, 32),
  ...arithmetic("or", 1, 64),
  ...arithmetic("and", 4, 32),
  ...arithmetic("and", 4, 64),
  ...arithmetic("sub", 5, 32),
  ...arithmetic("sub", 5, 64),
  ...arithmetic("xor", 6, 32),
  ...arithmetic("xor", 6, 64),
  neg32_r: row("neg32_r", "F7 /3", forms.tiedUnary, 32, writes),
  neg64_r: row("neg64_r", "REX.W F7 /3", forms.tiedUnary, 64, writes),
  /** def reuse(0); use. Keeps the flags. */
  not32_r: row("not32_r", "F7 /2", forms.tiedUnary, 32),
  not64_r: row("not64_r", "REX.W F7 /2", forms.tiedUnary, 64),
  imul32_rr: row("imul32_rr", "0F AF /r", forms.tiedRR, 32, writes),
  imul64_rr: row("imul64_rr", "REX.W 0F AF /r", forms.tiedRR, 64, writes),
  imul32_rm: row("imul32_rm", "0F AF /r", forms.tiedRM, 32, writes),
  imul64_rm: row("imul64_rm", "REX.W 0F AF /r", forms.tiedRM, 64, writes),
  imul32_rri: row("imul32_rri", "69 /r id", forms.unaryRRI, 32, writes),
  imul64_rri: row("imul64_rri", "REX.W 69 /r id", forms.unaryRRI, 64, writes),
  imul32_rmi: row("imul32_rmi", "69 /r id", forms.unaryRMI, 32, writes),
  imul64_rmi: row("imul64_rmi", "REX.W 69 /r id", forms.unaryRMI, 64, writes),
  /** def rax low, def rdx high; use rax; use (any). */
  mul32_wide: row("mul32_wide", "F7 /4", forms.multiply, 32, writes),
  mul64_wide: row("mul64_wide", "REX.W F7 /4", forms.multiply, 64, writes),
  imul32_wide: row("imul32_wide", "F7 /5", forms.multiply, 32, writes),
  imul64_wide: row("imul64_wide", "REX.W F7 /5", forms.multiply, 64, writes),
  /** def high, def low; use rdx; use (any). Flags stay. The definitions must be different registers. */
  mulx32: row("mulx32", "VEX.LZ.F2.0F38.W0 F6 /r", forms.mulx, 32, { feature: "bmi2" }),
  mulx64: row("mulx64", "VEX.LZ.F2.0F38.W1 F6 /r", forms.mulx, 64, { feature: "bmi2" }),
  /** def rax quotient, def rdx remainder; use rax low, use rdx high; use divisor (any), `_m`: address. */
  div32: row("div32", "F7 /6", forms.divide, 32, writes),
  div64: row("div64", "REX.W F7 /6", forms.divide, 64, writes),
  idiv32: row("idiv32", "F7 /7", forms.divide, 32, writes),
  idiv64: row("idiv64", "REX.W F7 /7", forms.divide, 64, writes),
  div32_m: row("div32_m", "F7 /6", forms.divideM, 32, writes),
  div64_m: row("div64_m", "REX.W F7 /6", forms.divideM, 64, writes),
  idiv32_m: row("idiv32_m", "F7 /7", forms.divideM, 32, writes),
  idiv64_m: row("idiv64_m", "REX.W F7 /7", forms.divideM, 64, writes),
  /** def rdx; use rax: rdx = sign of rax. */
  cdq: row("cdq", "99", forms.signExtendRax, 32),
  cqo: row("cqo", "REX.W 99", forms.signExtendRax, 64),

  // -- shifts: imm2 = count (below the width)
  ...shifts("rol", 0, 32),
  ...shifts("rol", 0, 64),
  ...shifts("ror", 1, 32),
  ...shifts("ror", 1, 64),
  ...shifts("shl", 4, 32),
  ...shifts("shl", 4, 64),
  ...shifts("shr", 5, 32),
  ...shifts("shr", 5, 64),
  ...shifts("sar", 7, 32),
  ...shifts("sar", 7, 64),
  ...shiftX("shlx", "66", 32),
  ...shiftX("shlx", "66", 64),
  ...shiftX("shrx", "F2", 32),
  ...shiftX("shrx", "F2", 64),
  ...shiftX("sarx", "F3", 32),
  ...shiftX("sarx", "F3", 64),
  /** def; use (any); imm2 = count. Flags stay. */
  rorx32_rri: row("rorx32_rri", "VEX.LZ.F2.0F3A.W0 F0 /r ib", forms.unaryRRI, 32, { feature: "bmi2" }),
  rorx64_rri: row("rorx64_rri", "VEX.LZ.F2.0F3A.W1 F0 /r ib", forms.unaryRRI, 64, { feature: "bmi2" }),
  rorx32_rmi: row("rorx32_rmi", "VEX.LZ.F2.0F3A.W0 F0 /r ib", forms.unaryRMI, 32, { feature: "bmi2" }),
  rorx64_rmi: row("rorx64_rmi", "VEX.LZ.F2.0F3A.W1 F0 /r ib", forms.unaryRMI, 64, { feature: "bmi2" }),

  // -- bits
  ...bitUnary("popcnt", "F3 ", "B8", 32, "popcnt"),
  ...bitUnary("popcnt", "F3 ", "B8", 64, "popcnt"),
  ...bitUnary("lzcnt", "F3 ", "BD", 32, "lzcnt"),
  ...bitUnary("lzcnt", "F3 ", "BD", 64, "lzcnt"),
  ...bitUnary("tzcnt", "F3 ", "BC", 32, "bmi1"),
  ...bitUnary("tzcnt", "F3 ", "BC", 64, "bmi1"),
  /** Of zero: zero flag set, definition undefined (in practice the old register). */
  ...bitUnary("bsr", "", "BD", 32, ""),
  ...bitUnary("bsr", "", "BD", 64, ""),
  ...bitUnary("bsf", "", "BC", 32, ""),
  ...bitUnary("bsf", "", "BC", 64, ""),
  /** d = ~a & b: def; use a; use b (any). */
  andn32_rrr: row("andn32_rrr", "VEX.LZ.0F38.W0 F2 /r", forms.rrr, 32, {
    feature: "bmi1",
    flags: writesFlags,
  }),
  andn64_rrr: row("andn64_rrr", "VEX.LZ.0F38.W1 F2 /r", forms.rrr, 64, {
    feature: "bmi1",
    flags: writesFlags,
  }),
  andn32_rrm: row("andn32_rrm", "VEX.LZ.0F38.W0 F2 /r", forms.rrm, 32, {
    feature: "bmi1",
    flags: writesFlags,
  }),
  andn64_rrm: row("andn64_rrm", "VEX.LZ.0F38.W1 F2 /r", forms.rrm, 64, {
    feature: "bmi1",
    flags: writesFlags,
  }),
  ...bls("blsr", 1, 32),
  ...bls("blsr", 1, 64),
  ...bls("blsmsk", 2, 32),
  ...bls("blsmsk", 2, 64),
  ...bls("blsi", 3, 32),
  ...bls("blsi", 3, 64),
  /** d = value with the bits from `count` (low 8 bits) up cleared: def; use value (any); use count. */
  bzhi32_xl: row("bzhi32_xl", "VEX.LZ.0F38.W0 F5 /r", forms.countLast, 32, {
    feature: "bmi2",
    flags: writesFlags,
  }),
  bzhi64_xl: row("bzhi64_xl", "VEX.LZ.0F38.W1 F5 /r", forms.countLast, 64, {
    feature: "bmi2",
    flags: writesFlags,
  }),
  /** Carry = bit (modulo the width): use value; use bit number, or imm2. Registers only: memory forms are slow. */
  bt32_rr: row("bt32_rr", "0F A3 /r", form([reg, reg], 1, 0, none, ["rm", "reg"]), 32, writes),
  bt64_rr: row("bt64_rr", "REX.W 0F A3 /r", form([reg, reg], 1, 0, none, ["rm", "reg"]), 64, writes),
  bt32_ri: row("bt32_ri", "0F BA /4 ib", forms.compareRI, 32, writes),
  bt64_ri: row("bt64_ri", "REX.W 0F BA /4 ib", forms.compareRI, 64, writes),

  // -- comparisons
  cmp8_rr: row("cmp8_rr", "3A /r", forms.compareRR, 8, writes),
  cmp8_rm: row("cmp8_rm", "3A /r", forms.compareRM, 8, writes),
  cmp8_mr: row("cmp8_mr", "38 /r", forms.store, 8, writes),
  cmp8_ri: row("cmp8_ri", "80 /7 ib", forms.compareRI, 8, writes),
  cmp8_mi: row("cmp8_mi", "80 /7 ib", forms.storeImm, 8, writes),
  cmp16_rr: row("cmp16_rr", "66 3B /r", forms.compareRR, 16, writes),
  cmp16_rm: row("cmp16_rm", "66 3B /r", forms.compareRM, 16, writes),
  cmp16_mr: row("cmp16_mr", "66 39 /r", forms.store, 16, writes),
  cmp16_mi: row("cmp16_mi", "66 81 /7 iw", forms.storeImm, 16, writes),
  cmp32_rr: row("cmp32_rr", "3B /r", forms.compareRR, 32, writes),
  cmp32_rm: row("cmp32_rm", "3B /r", forms.compareRM, 32, writes),
  cmp32_mr: row("cmp32_mr", "39 /r", forms.store, 32, writes),
  cmp32_ri: row("cmp32_ri", "81 /7 id", forms.compareRI, 32, writes),
  cmp32_mi: row("cmp32_mi", "81 /7 id", forms.storeImm, 32, writes),
  cmp64_rr: row("cmp64_rr", "REX.W 3B /r", forms.compareRR, 64, writes),
  cmp64_rm: row("cmp64_rm", "REX.W 3B /r", forms.compareRM, 64, writes),
  cmp64_mr: row("cmp64_mr", "REX.W 39 /r", forms.store, 64, writes),
  cmp64_ri: row("cmp64_ri", "REX.W 81 /7 id", forms.compareRI, 64, writes),
  cmp64_mi: row("cmp64_mi", "REX.W 81 /7 id", forms.storeImm, 64, writes),
  /** test: uses a (any), b. */
  test8_rr: row("test8_rr", "84 /r", forms.compareStoreRR, 8, writes),
  test8_mr: row("test8_mr", "84 /r", forms.store, 8, writes),
  test8_ri: row("test8_ri", "F6 /0 ib", forms.compareRI, 8, writes),
  test8_mi: row("test8_mi", "F6 /0 ib", forms.storeImm, 8, writes),
  test16_mr: row("test16_mr", "66 85 /r", forms.store, 16, writes),
  test16_mi: row("test16_mi", "66 F7 /0 iw", forms.storeImm, 16, writes),
  test32_rr: row("test32_rr", "85 /r", forms.compareStoreRR, 32, writes),
  test32_mr: row("test32_mr", "85 /r", forms.store, 32, writes),
  test32_ri: row("test32_ri", "F7 /0 id", forms.compareRI, 32, writes),
  test32_mi: row("test32_mi", "F7 /0 id", forms.storeImm, 32, writes),
  test64_rr: row("test64_rr", "REX.W 85 /r", forms.compareStoreRR, 64, writes),
  test64_mr: row("test64_mr", "REX.W 85 /r", forms.store, 64, writes),
  test64_ri: row("test64_ri", "REX.W F7 /0 id", forms.compareRI, 64, writes),
  test64_mi: row("test64_mi", "REX.W F7 /0 id", forms.storeImm, 64, writes),

  /** Copy on condition imm2: def reuse(0); use kept when false; use (any) or address taken when true. */
  cmov32_rr: row("cmov32_rr", "0F 40+cc /r", forms.tiedRR, 32, { flags: readsFlags }),
  cmov64_rr: row("cmov64_rr", "REX.W 0F 40+cc /r", forms.tiedRR, 64, { flags: readsFlags }),
  cmov32_rm: row("cmov32_rm", "0F 40+cc /r", forms.tiedRM, 32, { flags: readsFlags }),
  cmov64_rm: row("cmov64_rm", "REX.W 0F 40+cc /r", forms.tiedRM, 64, { flags: readsFlags }),
  /** Store of 0 or 1 as a byte: address; imm2 = condition. */
  setcc_m: rowAs("set", "setcc_m", "0F 90+cc /0", forms.unaryMemory, 8, { flags: readsFlags }),

  // -- float: moves
  /** Copy of a whole float register (flag InstructionFlag.move); also copies f32 and f64. */
  movaps_rr: row("movaps_rr", "0F 28 /r", forms.unaryRRWide, 128, { flags: copy }),
  movss_rm: row("movss_rm", "F3 0F 10 /r", forms.unaryRM, 128, { memoryWidth: 32 }),
  movss_mr: row("movss_mr", "F3 0F 11 /r", forms.store, 128, { memoryWidth: 32 }),
  movsd_rm: row("movsd_rm", "F2 0F 10 /r", forms.unaryRM, 128, { memoryWidth: 64 }),
  movsd_mr: row("movsd_mr", "F2 0F 11 /r", forms.store, 128, { memoryWidth: 64 }),
  movups_rm: row("movups_rm", "0F 10 /r", forms.unaryRM, 128),
  movups_mr: row("movups_mr", "0F 11 /r", forms.store, 128),
  /** Between register files: x float, r integer. def; use (any for to-float). */
  movd_xr: row("movd_xr", "66 0F 6E /r", forms.unaryRR, 128, { rmWidth: 32 }),
  movd_rx: row("movd_rx", "66 0F 7E /r", forms.unaryStoreRR, 128, { rmWidth: 32 }),
  movq_xr: row("movq_xr", "66 REX.W 0F 6E /r", forms.unaryRR, 128, { rmWidth: 64 }),
  movq_rx: row("movq_rx", "66 REX.W 0F 7E /r", forms.unaryStoreRR, 128, { rmWidth: 64 }),

  // -- float: arithmetic
  ...floatBinary("add", "58", "ss"),
  ...floatBinary("add", "58", "sd"),
  ...floatBinary("mul", "59", "ss"),
  ...floatBinary("mul", "59", "sd"),
  ...floatBinary("sub", "5C", "ss"),
  ...floatBinary("sub", "5C", "sd"),
  ...floatBinary("min", "5D", "ss"),
  ...floatBinary("min", "5D", "sd"),
  ...floatBinary("div", "5E", "ss"),
  ...floatBinary("div", "5E", "sd"),
  ...floatBinary("max", "5F", "ss"),
  ...floatBinary("max", "5F", "sd"),
  ...floatUnary("sqrtss", "F3", "51", 32),
  ...floatUnary("sqrtsd", "F2", "51", 64),
  ...floatUnary("cvtss2sd", "F3", "5A", 32),
  ...floatUnary("cvtsd2ss", "F2", "5A", 64),
  ...floatRound("ss", "0A"),
  ...floatRound("sd", "0B"),
  ...floatMask("ss"),
  ...floatMask("sd"),
  ...floatCompare("ss"),
  ...floatCompare("sd"),
  ...floatConvert("ss", 32),
  ...floatConvert("ss", 64),
  ...floatConvert("sd", 32),
  ...floatConvert("sd", 64),
  ...floatBitwise("andps", "54"),
  /** d = ~a & b. */
  ...floatBitwise("andnps", "55"),
  ...floatBitwise("orps", "56"),
  ...floatBitwise("xorps", "57"),
  ...vectorRows(),
} as const;
export type Amd64Name = keyof typeof Amd64;

export const instructionRows: readonly Row[] = rows;
export const instructionNames: readonly string[] = rows.map((r) => r.name);
/** RowFlag bits by row. */
export const instructionFlags: Uint8Array = Uint8Array.from(rows, (r) => r.flags);
/** Operand words of a row, without the address operands (whose word is `use()`). */
export const operandWords: readonly (readonly number[])[] = rows.map((r) => r.form.words);

export const isFloatRegister = (location: number): boolean => location >= floatFile;
