/**
 * Cases for arm64's encoding test: for every regular row of the instruction table several combinations of registers,
 * addresses and immediates, each as assembly text (GNU as) and as our bytes.
 */
import { Encoder } from "../../isa/arm64/encode.js";
import {
  Arm64,
  Extend,
  extendedBy,
  IndexExtend,
  instructionRows,
  type Row,
  RowFlag,
} from "../../isa/arm64/instructions.js";
import type { EncodingCase } from "./encoding-cases.js";

/** Numbers for the fields d, n, m, a: each bit of each field occurs. */
const registerSets: readonly (readonly [number, number, number, number])[] = [
  [0, 1, 2, 3],
  [30, 29, 28, 27],
  [5, 10, 21, 14],
  [16, 8, 4, 30],
  [7, 30, 15, 0],
];

interface Address {
  readonly base: number;
  readonly displacement?: number;
  readonly index?: number;
  readonly extend?: IndexExtend;
  readonly scaled?: boolean;
}

/** Every kind of address that an access of `bytes` bytes has. */
function addressesOf(bytes: number): Address[] {
  return [
    { base: 1 },
    { base: 31, displacement: bytes },
    { base: 29, displacement: 4095 * bytes },
    { base: 2, displacement: 255 },
    { base: 31, displacement: -256 },
    { base: 3, displacement: -1 },
    { base: 4, index: 5 },
    { base: 31, index: 30, scaled: true },
    { base: 6, index: 7, extend: IndexExtend.uxtw },
    { base: 8, index: 9, extend: IndexExtend.uxtw, scaled: true },
    { base: 30, index: 21, extend: IndexExtend.sxtw, scaled: true },
    { base: 10, index: 11, extend: IndexExtend.sxtw },
  ];
}

const baseName = (n: number): string => (n === 31 ? "sp" : `x${n}`);

function addressText(a: Address, row: Row): string {
  const base = baseName(a.base);
  if (a.index === undefined) return a.displacement ? `[${base}, #${a.displacement}]` : `[${base}]`;
  const extend = ["lsl", "uxtw", "sxtw"][a.extend ?? IndexExtend.uxtx]!;
  const index = `${a.extend ? "w" : "x"}${a.index}`;
  if (a.scaled) return `[${base}, ${index}, ${extend} #${row.access}]`;
  return a.extend ? `[${base}, ${index}, ${extend}]` : `[${base}, ${index}]`;
}

/** The row's text with numbers in place of the fields' letters. */
function textOf(row: Row, set: readonly number[], immediate: string, address: string): string {
  const [d, n, m, a] = set as [number, number, number, number];
  const numbers: Record<string, number> = { d, n, m, a, b: n };
  return row.text
    .replace(/\b([wxbhsdqv])([dnmab])\b/g, (_, kind: string, field: string) => kind + numbers[field])
    .replace("#i", immediate.split("/")[0]!)
    .replace("#j", immediate.split("/")[1] ?? "")
    .replace("[m]", address);
}

function registersOf(row: Row, set: readonly number[]): number[] {
  const [d, n, m, a] = set as [number, number, number, number];
  const numbers: Record<string, number> = { d, n, m, a, b: n, "-": 0 };
  return [...row.form.fields].map((field) => numbers[field]!);
}

function caseOf(
  row: number,
  set: readonly number[],
  [lo, hi]: readonly [number, number],
  text?: string,
): EncodingCase {
  const r = instructionRows[row]!;
  const e = new Encoder();
  const [r0, r1, r2, r3] = registersOf(r, set);
  e.emit(row, r0, r1, r2, r3, lo, hi);
  return { text: text ?? textOf(r, set, r.immediate.text(lo, hi), ""), bytes: e.finished() };
}

function memoryCase(row: number, register: number, a: Address): EncodingCase {
  const r = instructionRows[row]!;
  const e = new Encoder();
  e.setAddress(a.base, a.displacement ?? 0, a.index, a.extend, a.scaled);
  e.emitMemory(row, r.form.fields === "" ? 0 : register);
  return { text: textOf(r, [register, 0, 0, 0], "", addressText(a, r)), bytes: e.finished() };
}

function rowCases(row: number, out: EncodingCase[]): void {
  const r = instructionRows[row]!;
  if (r.access >= 0) {
    addressesOf(1 << r.access).forEach((a, k) => {
      out.push(memoryCase(row, registerSets[(row + k) % registerSets.length]![0], a));
    });
    return;
  }
  const { samples } = r.immediate;
  const count = Math.max(samples.length, r.form.fields === "" ? 1 : registerSets.length);
  for (let k = 0; k < count; k++) {
    out.push(caseOf(row, registerSets[(row + k) % registerSets.length]!, samples[k % samples.length]!));
  }
}

/** What the rows' own samples leave out: the stack pointer, extended operands of 64 bits, byte masks in a register's form. */
function specialCases(): EncodingCase[] {
  const uxtx = (amount: number): [number, number] => [extendedBy(Extend.uxtx, amount), 0];
  return [
    caseOf(Arm64.add64_ri, [31, 31, 0, 0], [16, 0], "add sp, sp, #16"),
    caseOf(Arm64.sub64_ri, [9, 31, 0, 0], [4096, 0], "sub x9, sp, #4096"),
    caseOf(Arm64.add64_rx, [31, 31, 16, 0], uxtx(0), "add sp, sp, x16"),
    caseOf(Arm64.add64_rx, [1, 2, 3, 0], uxtx(2), "add x1, x2, x3, uxtx #2"),
    caseOf(Arm64.sub64_rx, [1, 31, 3, 0], [extendedBy(Extend.sxtx, 1), 0], "sub x1, sp, x3, sxtx #1"),
    caseOf(Arm64.cmp64_rx, [0, 31, 16, 0], uxtx(0), "cmp sp, x16"),
    caseOf(Arm64.stp64, [29, 31, 0, 30], [-16, 0], "stp x29, x30, [sp, #-16]"),
    caseOf(Arm64.str64_pre, [30, 31, 0, 0], [-240, 0], "str x30, [sp, #-240]!"),
    caseOf(Arm64.ldr64_post, [30, 31, 0, 0], [240, 0], "ldr x30, [sp], #240"),
    caseOf(Arm64.add64_rr, [1, 31, 2, 0], [0, 0], "add x1, xzr, x2"),
    caseOf(Arm64.ret_r, [0, 30, 0, 0], [0, 0], "ret"),
  ];
}

/** All cases, in the order of the golden file; equal texts once. */
export function arm64EncodingCases(): EncodingCase[] {
  const all: EncodingCase[] = [];
  for (let row = 0; row < instructionRows.length; row++) {
    if (!(instructionRows[row]!.flags & RowFlag.pseudo)) rowCases(row, all);
  }
  all.push(...specialCases());
  const seen = new Set<string>();
  return all.filter((c) => !seen.has(c.text) && seen.add(c.text));
}
