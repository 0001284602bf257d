/**
 * The rows of instructions on whole vectors, by families: an SSE form with two operands and a VEX form with three (or
 * two, for one source). See instructions.ts for how names, forms and operands are written.
 *
 * A source that is `any` may be a 16-byte spill slot, which is aligned. A value of class float has only an 8-byte slot:
 * lowering passes it as a register. Memory operands of 16 bytes must be aligned in SSE forms, not in VEX forms.
 *
 * Codes are written as in the VEX prefix: mandatory prefix (NP none), opcode map, opcode.
 */

import { def } from "../../machine/vcode.js";
import {
  any,
  type Extra,
  type Form,
  form,
  forms,
  memory,
  none,
  pseudo,
  RowFlag,
  reg,
  row,
} from "./instruction-row.js";

/** d = a op b. */
const binary = {
  // integers, lane by lane
  paddb: "66.0F FC",
  paddw: "66.0F FD",
  paddd: "66.0F FE",
  paddq: "66.0F D4",
  paddsb: "66.0F EC",
  paddsw: "66.0F ED",
  paddusb: "66.0F DC",
  paddusw: "66.0F DD",
  psubb: "66.0F F8",
  psubw: "66.0F F9",
  psubd: "66.0F FA",
  psubq: "66.0F FB",
  psubsb: "66.0F E8",
  psubsw: "66.0F E9",
  psubusb: "66.0F D8",
  psubusw: "66.0F D9",
  pminsb: "66.0F38 38",
  pminsw: "66.0F EA",
  pminsd: "66.0F38 39",
  pminub: "66.0F DA",
  pminuw: "66.0F38 3A",
  pminud: "66.0F38 3B",
  pmaxsb: "66.0F38 3C",
  pmaxsw: "66.0F EE",
  pmaxsd: "66.0F38 3D",
  pmaxub: "66.0F DE",
  pmaxuw: "66.0F38 3E",
  pmaxud: "66.0F38 3F",
  pavgb: "66.0F E0",
  pavgw: "66.0F E3",
  pmullw: "66.0F D5",
  pmulhw: "66.0F E5",
  pmulhuw: "66.0F E4",
  pmulhrsw: "66.0F38 0B",
  pmulld: "66.0F38 40",
  pmuludq: "66.0F F4",
  pmuldq: "66.0F38 28",
  pmaddwd: "66.0F F5",
  /** Unsigned bytes of a times signed bytes of b, neighbours added. */
  pmaddubsw: "66.0F38 04",
  pcmpeqb: "66.0F 74",
  pcmpeqw: "66.0F 75",
  pcmpeqd: "66.0F 76",
  pcmpeqq: "66.0F38 29",
  pcmpgtb: "66.0F 64",
  pcmpgtw: "66.0F 65",
  pcmpgtd: "66.0F 66",
  // bits
  pand: "66.0F DB",
  /** ~a & b. */
  pandn: "66.0F DF",
  por: "66.0F EB",
  pxor: "66.0F EF",
  // places
  punpcklbw: "66.0F 60",
  punpcklwd: "66.0F 61",
  punpckldq: "66.0F 62",
  punpcklqdq: "66.0F 6C",
  punpckhbw: "66.0F 68",
  punpckhwd: "66.0F 69",
  punpckhdq: "66.0F 6A",
  punpckhqdq: "66.0F 6D",
  packsswb: "66.0F 63",
  packuswb: "66.0F 67",
  packssdw: "66.0F 6B",
  packusdw: "66.0F38 2B",
  pshufb: "66.0F38 00",
  // floats
  addps: "NP.0F 58",
  addpd: "66.0F 58",
  subps: "NP.0F 5C",
  subpd: "66.0F 5C",
  mulps: "NP.0F 59",
  mulpd: "66.0F 59",
  divps: "NP.0F 5E",
  divpd: "66.0F 5E",
  minps: "NP.0F 5D",
  minpd: "66.0F 5D",
  maxps: "NP.0F 5F",
  maxpd: "66.0F 5F",
} as const;
export type BinaryName = keyof typeof binary;
export const binaryNames = Object.keys(binary) as readonly BinaryName[];

/** d = a op b, with an immediate. */
const binaryImmediate = {
  palignr: "66.0F3A 0F",
  pblendw: "66.0F3A 0E",
  blendpd: "66.0F3A 0D",
  shufps: "NP.0F C6",
  /** imm2 = 0 eq, 1 lt, 2 le, 3 unordered, 4 ne, 5 not lt, 6 not le, 7 ordered; VEX also 13 ge, 14 gt. */
  cmpps: "NP.0F C2",
  cmppd: "66.0F C2",
} as const;
export type BinaryImmediateName = keyof typeof binaryImmediate;
export const binaryImmediateNames = Object.keys(binaryImmediate) as readonly BinaryImmediateName[];

/** d = op s; bits read from memory. */
const unary = {
  pabsb: ["66.0F38 1C", 128],
  pabsw: ["66.0F38 1D", 128],
  pabsd: ["66.0F38 1E", 128],
  sqrtps: ["NP.0F 51", 128],
  sqrtpd: ["66.0F 51", 128],
  pmovsxbw: ["66.0F38 20", 64],
  pmovsxbd: ["66.0F38 21", 32],
  pmovsxwd: ["66.0F38 23", 64],
  pmovsxdq: ["66.0F38 25", 64],
  pmovzxbw: ["66.0F38 30", 64],
  pmovzxbd: ["66.0F38 31", 32],
  pmovzxwd: ["66.0F38 33", 64],
  pmovzxdq: ["66.0F38 35", 64],
  cvtdq2ps: ["NP.0F 5B", 128],
  cvttps2dq: ["F3.0F 5B", 128],
  cvtdq2pd: ["F3.0F E6", 64],
  cvttpd2dq: ["66.0F E6", 128],
  cvtps2pd: ["NP.0F 5A", 64],
  cvtpd2ps: ["66.0F 5A", 128],
  movddup: ["F2.0F 12", 64],
} as const;
export type UnaryName = keyof typeof unary;
export const unaryNames = Object.keys(unary) as readonly UnaryName[];

/** d = op s, with an immediate. */
const unaryImmediate = {
  pshufd: "66.0F 70",
  pshuflw: "F2.0F 70",
  pshufhw: "F3.0F 70",
  roundps: "66.0F3A 08",
  roundpd: "66.0F3A 09",
} as const;
export type UnaryImmediateName = keyof typeof unaryImmediate;
export const unaryImmediateNames = Object.keys(unaryImmediate) as readonly UnaryImmediateName[];

/** Shifts of every lane, `_ri` by imm2, `_rx` by the low 64 bits of a register; the whole vector by bytes. */
const shifts = {
  psllw: ["F1", "71 /6"],
  pslld: ["F2", "72 /6"],
  psllq: ["F3", "73 /6"],
  psrlw: ["D1", "71 /2"],
  psrld: ["D2", "72 /2"],
  psrlq: ["D3", "73 /2"],
  psraw: ["E1", "71 /4"],
  psrad: ["E2", "72 /4"],
} as const;
export type ShiftName = keyof typeof shifts;
export const shiftNames = Object.keys(shifts) as readonly ShiftName[];
const byteShifts = { pslldq: "73 /7", psrldq: "73 /3" } as const;
type ByteShiftName = keyof typeof byteShifts;

/** d = a with a lane replaced: by the low bits of an integer register, or memory of so many bits. */
const inserts = {
  pinsrb: ["66.0F3A 20", 8],
  pinsrw: ["66.0F C4", 16],
  pinsrd: ["66.0F3A 22", 32],
  pinsrq: ["66.0F3A 22", 64],
} as const;
type InsertName = keyof typeof inserts;

/** A lane to an integer register, or to memory of so many bits. */
const extracts = {
  pextrb: ["66.0F3A 14", 8],
  pextrw: ["66.0F3A 15", 16],
  pextrd: ["66.0F3A 16", 32],
  pextrq: ["66.0F3A 16", 64],
} as const;
type ExtractName = keyof typeof extracts;

/** Of AVX2: the lowest lane of a register, or memory of so many bits, in every lane. */
const broadcasts = {
  vpbroadcastb: ["66.0F38 78", 8],
  vpbroadcastw: ["66.0F38 79", 16],
} as const;
type BroadcastName = keyof typeof broadcasts;

type Rows<Names extends string> = Record<Names, number>;
type TwoForms<N extends string, A extends string, B extends string> = Rows<`${N}_${A}` | `v${N}_${B}`>;

const avx: Extra = { feature: "avx" };

/** "66.0F38 1C" with or without a VEX prefix. */
function legacy(code: string, wide = false): string {
  const [prefix, map, opcode] = code.split(/[. ]/) as [string, string, string];
  const escapes = map === "0F" ? "0F" : `0F ${map.slice(2)}`;
  return `${prefix === "NP" ? "" : `${prefix} `}${wide ? "REX.W " : ""}${escapes} ${opcode}`;
}
function vex(code: string, w: "WIG" | "W0" | "W1" = "WIG"): string {
  const [prefix, map, opcode] = code.split(/[. ]/) as [string, string, string];
  return `VEX.128.${prefix === "NP" ? "" : `${prefix}.`}${map}.${w} ${opcode}`;
}

const shiftVex = form([def(), reg], none, 1, 0, ["vvvv", "rm", "imm"]);
const extract = form([def(), reg], 1, 0, none, ["rm", "reg", "imm"]);
const extractMemory = form([reg], 0, memory, none, ["rm", "reg", "imm"]);
const toInteger = form([def(), reg], 0, 1, none, ["reg", "rm"]);
const toIntegerImmediate = form([def(), reg], 0, 1, none, ["reg", "rm", "imm"]);
const blend = form([def(), reg, any, reg], 0, 2, 1, ["reg", "vvvv", "rm", "is4"]);
const blendMemory = form([def(), reg, reg], 0, memory, 1, ["reg", "vvvv", "rm", "is4"]);

/** All rows by name. To be called once, where the rows get their numbers. */
export function vectorRows() {
  const made: Record<string, number> = {};
  const add = (name: string, code: string, f: Form, width: number, extra: Extra): void => {
    made[name] = row(name, code, f, width, extra);
  };
  for (const [name, code] of Object.entries(binary)) {
    add(`${name}_rr`, `${legacy(code)} /r`, forms.tiedRR, 128, {});
    add(`${name}_rm`, `${legacy(code)} /r`, forms.tiedRM, 128, {});
    add(`v${name}_rrr`, `${vex(code)} /r`, forms.rrr, 128, avx);
    add(`v${name}_rrm`, `${vex(code)} /r`, forms.rrm, 128, avx);
  }
  for (const [name, code] of Object.entries(binaryImmediate)) {
    add(`${name}_rri`, `${legacy(code)} /r ib`, forms.tiedRRI, 128, {});
    add(`${name}_rmi`, `${legacy(code)} /r ib`, forms.tiedRMI, 128, {});
    add(`v${name}_rrri`, `${vex(code)} /r ib`, forms.rrri, 128, avx);
    add(`v${name}_rrmi`, `${vex(code)} /r ib`, forms.rrmi, 128, avx);
  }
  for (const [name, [code, memoryWidth]] of Object.entries(unary)) {
    add(`${name}_rr`, `${legacy(code)} /r`, forms.unaryRR, 128, { memoryWidth });
    add(`${name}_rm`, `${legacy(code)} /r`, forms.unaryRM, 128, { memoryWidth });
    add(`v${name}_rr`, `${vex(code)} /r`, forms.unaryRR, 128, { ...avx, memoryWidth });
    add(`v${name}_rm`, `${vex(code)} /r`, forms.unaryRM, 128, { ...avx, memoryWidth });
  }
  for (const [name, code] of Object.entries(unaryImmediate)) {
    add(`${name}_rri`, `${legacy(code)} /r ib`, forms.unaryRRI, 128, {});
    add(`${name}_rmi`, `${legacy(code)} /r ib`, forms.unaryRMI, 128, {});
    add(`v${name}_rri`, `${vex(code)} /r ib`, forms.unaryRRI, 128, avx);
    add(`v${name}_rmi`, `${vex(code)} /r ib`, forms.unaryRMI, 128, avx);
  }
  for (const [name, [byRegister, byImmediate]] of Object.entries(shifts)) {
    add(`${name}_rx`, `66 0F ${byRegister} /r`, forms.tiedRRWide, 128, {});
    add(`v${name}_rrx`, `VEX.128.66.0F.WIG ${byRegister} /r`, forms.rrrWide, 128, avx);
    add(`${name}_ri`, `66 0F ${byImmediate} ib`, forms.tiedRI, 128, {});
    add(`v${name}_rri`, `VEX.128.66.0F.WIG ${byImmediate} ib`, shiftVex, 128, avx);
  }
  for (const [name, code] of Object.entries(byteShifts)) {
    add(`${name}_ri`, `66 0F ${code} ib`, forms.tiedRI, 128, {});
    add(`v${name}_rri`, `VEX.128.66.0F.WIG ${code} ib`, shiftVex, 128, avx);
  }
  for (const [name, [code, memoryWidth]] of Object.entries(inserts)) {
    const wide = memoryWidth === 64;
    const extra: Extra = { rmWidth: wide ? 64 : 32, memoryWidth };
    add(`${name}_rri`, `${legacy(code, wide)} /r ib`, forms.tiedRRI, 128, extra);
    add(`${name}_rmi`, `${legacy(code, wide)} /r ib`, forms.tiedRMI, 128, extra);
    add(`v${name}_rrri`, `${vex(code, wide ? "W1" : "W0")} /r ib`, forms.rrri, 128, { ...avx, ...extra });
    add(`v${name}_rrmi`, `${vex(code, wide ? "W1" : "W0")} /r ib`, forms.rrmi, 128, { ...avx, ...extra });
  }
  for (const [name, [code, memoryWidth]] of Object.entries(extracts)) {
    const wide = memoryWidth === 64;
    const extra: Extra = { rmWidth: wide ? 64 : 32, memoryWidth };
    // pextrw to a register has an older, shorter encoding.
    if (memoryWidth === 16) add(`${name}_rri`, "66 0F C5 /r ib", toIntegerImmediate, 32, { rmWidth: 128 });
    else add(`${name}_rri`, `${legacy(code, wide)} /r ib`, extract, 128, extra);
    add(`${name}_mri`, `${legacy(code, wide)} /r ib`, extractMemory, 128, extra);
  }
  for (const [name, [code, memoryWidth]] of Object.entries(broadcasts)) {
    const extra: Extra = { feature: "avx2", memoryWidth };
    add(`${name}_rr`, `${vex(code, "W0")} /r`, forms.unaryRRWide, 128, extra);
    add(`${name}_rm`, `${vex(code, "W0")} /r`, forms.unaryRM, 128, extra);
  }
  add("vbroadcastss_rm", `${vex("66.0F38 18", "W0")} /r`, forms.unaryRM, 128, { ...avx, memoryWidth: 32 });
  // Signed comparison of 64 bits came with SSE4.2, which every processor with AVX has.
  add("vpcmpgtq_rrr", `${vex("66.0F38 37")} /r`, forms.rrr, 128, avx);
  add("vpcmpgtq_rrm", `${vex("66.0F38 37")} /r`, forms.rrm, 128, avx);
  // d = the bytes of b where the mask's bytes have their highest bit set, else those of a: def; a; b; mask.
  add("vpblendvb_rrrr", `${vex("66.0F3A 4C", "W0")} /r ib`, blend, 128, avx);
  add("vpblendvb_rrmr", `${vex("66.0F3A 4C", "W0")} /r ib`, blendMemory, 128, avx);
  // imm2 = lane of b << 6 | lane of a << 4 | lanes to clear.
  add("insertps_rri", "66 0F 3A 21 /r ib", forms.tiedRRI, 128, { memoryWidth: 32 });
  add("insertps_rmi", "66 0F 3A 21 /r ib", forms.tiedRMI, 128, { memoryWidth: 32 });
  add("vinsertps_rrri", `${vex("66.0F3A 21")} /r ib`, forms.rrri, 128, { ...avx, memoryWidth: 32 });
  add("vinsertps_rrmi", `${vex("66.0F3A 21")} /r ib`, forms.rrmi, 128, { ...avx, memoryWidth: 32 });
  // The lower or upper half of a vector from memory, the other half of a.
  add("movlps_rm", "0F 12 /r", forms.tiedRM, 128, { memoryWidth: 64 });
  add("movhps_rm", "0F 16 /r", forms.tiedRM, 128, { memoryWidth: 64 });
  add("vmovlps_rrm", "VEX.128.0F.WIG 12 /r", forms.rrm, 128, { ...avx, memoryWidth: 64 });
  add("vmovhps_rrm", "VEX.128.0F.WIG 16 /r", forms.rrm, 128, { ...avx, memoryWidth: 64 });
  // The upper half of a vector to memory.
  add("movhps_mr", "0F 17 /r", forms.store, 128, { memoryWidth: 64 });
  // The lower half of a register, zeros above.
  add("movq_xx", "F3 0F 7E /r", forms.unaryRRWide, 128, {});
  add("pmovmskb_rr", "66 0F D7 /r", toInteger, 32, { rmWidth: 128 });
  add("movmskps_rr", "0F 50 /r", toInteger, 32, { rmWidth: 128 });
  add("movmskpd_rr", "66 0F 50 /r", toInteger, 32, { rmWidth: 128 });
  // Zero flag: no bit of a & b is set; carry: none of ~a & b.
  add("ptest_rr", "66 0F 38 17 /r", forms.compareRR, 128, { flags: RowFlag.writesFlags });
  add("ptest_rm", "66 0F 38 17 /r", forms.compareRM, 128, { flags: RowFlag.writesFlags });
  // A vector of ones. Rematerializable; keeps the flags.
  made.vones = pseudo("vones", [def()]);
  return made as TwoForms<BinaryName, "rr" | "rm", "rrr" | "rrm"> &
    TwoForms<BinaryImmediateName, "rri" | "rmi", "rrri" | "rrmi"> &
    TwoForms<UnaryName, "rr" | "rm", "rr" | "rm"> &
    TwoForms<UnaryImmediateName, "rri" | "rmi", "rri" | "rmi"> &
    TwoForms<ShiftName, "rx" | "ri", "rrx" | "rri"> &
    TwoForms<ByteShiftName, "ri", "rri"> &
    TwoForms<InsertName, "rri" | "rmi", "rrri" | "rrmi"> &
    Rows<`${ExtractName}_${"rri" | "mri"}`> &
    Rows<`${BroadcastName}_${"rr" | "rm"}`> &
    TwoForms<"insertps", "rri" | "rmi", "rrri" | "rrmi"> &
    Rows<"vbroadcastss_rm" | "vpcmpgtq_rrr" | "vpcmpgtq_rrm" | "vpblendvb_rrrr" | "vpblendvb_rrmr"> &
    Rows<"movlps_rm" | "movhps_rm" | "vmovlps_rrm" | "vmovhps_rrm" | "movhps_mr" | "movq_xx"> &
    Rows<"pmovmskb_rr" | "movmskps_rr" | "movmskpd_rr" | "ptest_rr" | "ptest_rm" | "vones">;
}
