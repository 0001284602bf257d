/**
 * Forms and rows of the instruction table: what instructions.ts and vector-instructions.ts write their rows with, and
 * the list that all rows are in.
 */
import { Constraint, def, use } from "../../machine/vcode.js";
import { rax, rcx, rdx } from "./registers.js";

// ---------------------------------------------------------------- forms

/**
 * Where the operands of a form go: operand numbers; -1 none; `rm` -2 the address. "is4": the last word's register is in
 * the upper half of the immediate byte.
 */
export interface Form {
  /** Operand words of definitions and register uses, in order; address operands (`use()`) follow. */
  readonly words: readonly number[];
  readonly reg: number;
  readonly rm: number;
  readonly vvvv: number;
  /** Fields in the order of assembly text. */
  readonly text: readonly ("reg" | "rm" | "vvvv" | "imm" | "is4" | "cl" | "rax" | "one")[];
}

export const memory = -2;
export const none = -1;
export const reused = def(Constraint.reuse, 1);
export const any = use(Constraint.any);
export const reg = use();
const inRax = use(Constraint.fixed, rax);
const inRcx = use(Constraint.fixed, rcx);
const inRdx = use(Constraint.fixed, rdx);

export function form(words: number[], r: number, rm: number, vvvv: number, text: Form["text"]): Form {
  return { words, reg: r, rm, vvvv, text };
}

export const forms = {
  tiedRR: form([reused, reg, any], 0, 2, none, ["reg", "rm"]),
  /** As tiedRR, but a spill slot can't be read (it is narrower than the access). */
  tiedRRWide: form([reused, reg, reg], 0, 2, none, ["reg", "rm"]),
  tiedRM: form([reused, reg], 0, memory, none, ["reg", "rm"]),
  tiedRRI: form([reused, reg, any], 0, 2, none, ["reg", "rm", "imm"]),
  tiedRMI: form([reused, reg], 0, memory, none, ["reg", "rm", "imm"]),
  tiedRI: form([reused, reg], none, 0, none, ["rm", "imm"]),
  tiedUnary: form([reused, reg], none, 0, none, ["rm"]),
  tiedCl: form([reused, reg, inRcx], none, 0, none, ["rm", "cl"]),
  store: form([reg], 0, memory, none, ["rm", "reg"]),
  storeImm: form([], none, memory, none, ["rm", "imm"]),
  unaryMemory: form([], none, memory, none, ["rm"]),
  unaryRR: form([def(), any], 0, 1, none, ["reg", "rm"]),
  unaryRRWide: form([def(), reg], 0, 1, none, ["reg", "rm"]),
  unaryRM: form([def()], 0, memory, none, ["reg", "rm"]),
  unaryRRI: form([def(), any], 0, 1, none, ["reg", "rm", "imm"]),
  unaryRMI: form([def()], 0, memory, none, ["reg", "rm", "imm"]),
  /** The definition is in ModRM.rm. */
  unaryStoreRR: form([def(), reg], 1, 0, none, ["rm", "reg"]),
  defImm: form([def()], none, 0, none, ["rm", "imm"]),
  defOnly: form([def()], none, 0, none, ["rm"]),
  compareRR: form([reg, any], 0, 1, none, ["reg", "rm"]),
  compareRM: form([reg], 0, memory, none, ["reg", "rm"]),
  compareRI: form([any], none, 0, none, ["rm", "imm"]),
  /** The first use is in ModRM.rm (test, bt have no other direction). */
  compareStoreRR: form([any, reg], 1, 0, none, ["rm", "reg"]),
  rrr: form([def(), reg, any], 0, 2, 1, ["reg", "vvvv", "rm"]),
  rrrWide: form([def(), reg, reg], 0, 2, 1, ["reg", "vvvv", "rm"]),
  rrm: form([def(), reg], 0, memory, 1, ["reg", "vvvv", "rm"]),
  rrri: form([def(), reg, any], 0, 2, 1, ["reg", "vvvv", "rm", "imm"]),
  rrmi: form([def(), reg], 0, memory, 1, ["reg", "vvvv", "rm", "imm"]),
  /** VEX unary whose second source only supplies upper bits: vvvv is the encoder's choice. */
  mergeRR: form([def(), any], 0, 1, none, ["reg", "vvvv", "rm"]),
  mergeRM: form([def()], 0, memory, none, ["reg", "vvvv", "rm"]),
  mergeRRI: form([def(), any], 0, 1, none, ["reg", "vvvv", "rm", "imm"]),
  mergeRMI: form([def()], 0, memory, none, ["reg", "vvvv", "rm", "imm"]),
  countLast: form([def(), any, reg], 0, 1, 2, ["reg", "rm", "vvvv"]),
  countLastM: form([def(), reg], 0, memory, 1, ["reg", "rm", "vvvv"]),
  defVvvv: form([def(), any], none, 1, 0, ["vvvv", "rm"]),
  defVvvvM: form([def()], none, memory, 0, ["vvvv", "rm"]),
  /** defs rax = quotient, rdx = remainder; uses rax = low, rdx = high half, divisor. */
  divide: form([def(Constraint.fixed, rax), def(Constraint.fixed, rdx), inRax, inRdx, any], none, 4, none, [
    "rm",
  ]),
  divideM: form([def(Constraint.fixed, rax), def(Constraint.fixed, rdx), inRax, inRdx], none, memory, none, [
    "rm",
  ]),
  /** defs rax = low, rdx = high half; uses rax, factor. */
  multiply: form([def(Constraint.fixed, rax), def(Constraint.fixed, rdx), inRax, any], none, 3, none, ["rm"]),
  /** defs high, low; uses rdx, factor. */
  mulx: form([def(), def(), inRdx, any], 0, 3, 1, ["reg", "vvvv", "rm"]),
  signExtendRax: form([def(Constraint.fixed, rdx), inRax], none, none, none, []),
  pseudo: form([], none, none, none, []),
} satisfies Record<string, Form>;

// ---------------------------------------------------------------- rows

export type Feature = "" | "bmi1" | "bmi2" | "lzcnt" | "popcnt" | "sse4_1" | "avx" | "avx2";

export interface Row {
  readonly name: string;
  readonly mnemonic: string;
  /** Text of the opcode; "" for rows that encode-pseudo expands. */
  readonly encoding: string;
  readonly form: Form;
  /** Width in bits of the register operands and of ModRM.rm; 128: a float register. */
  readonly width: number;
  readonly rmWidth: number;
  /** Width of a memory operand in bits; by default rmWidth. */
  readonly memoryWidth: number;
  readonly feature: Feature;
  readonly flags: number;
}

export const RowFlag = {
  /** Writes the flags (any of those that conditions read). */
  writesFlags: 1,
  /** Reads the flags. */
  readsFlags: 2,
  /** SSE form that keeps the upper part of its destination: the encoder clears that first unless it is the source. */
  merges: 4,
  /** Is a call: the encoder records its return address as a site. */
  call: 8,
  /** A plain copy between registers, of which either may be a slot. */
  copy: 16,
  /** Expanded by encode-pseudo. */
  pseudo: 32,
  /** Must end a block. */
  terminator: 64,
} as const;

export interface Extra {
  rmWidth?: number;
  memoryWidth?: number;
  feature?: Feature;
  flags?: number;
}

export const rows: Row[] = [];
export function row(name: string, encoding: string, f: Form, width: number, extra: Extra = {}): number {
  const rmWidth = extra.rmWidth ?? width;
  rows.push({
    name,
    mnemonic: name.replace(/(?<=[a-z])(8|16|32|64)?(_.*)?$/, ""),
    encoding,
    form: f,
    width,
    rmWidth,
    memoryWidth: extra.memoryWidth ?? rmWidth,
    feature: extra.feature ?? "",
    flags: extra.flags ?? 0,
  });
  return rows.length - 1;
}
/** A row whose mnemonic isn't the start of its name. */
export function rowAs(
  mnemonic: string,
  name: string,
  encoding: string,
  f: Form,
  width: number,
  extra: Extra = {},
): number {
  const n = row(name, encoding, f, width, extra);
  rows[n] = { ...rows[n]!, mnemonic };
  return n;
}
export function pseudo(name: string, words: number[] = [], flags = 0): number {
  return row(name, "", form(words, none, none, none, []), 0, { flags: flags | RowFlag.pseudo });
}
