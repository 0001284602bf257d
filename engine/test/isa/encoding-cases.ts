/**
 * Cases for the encoding test: for every regular row of the instruction table several combinations of registers,
 * addresses and immediates, each as assembly text (GNU as, Intel syntax) and as our bytes.
 */
import { Encoder, inMemory } from "../../isa/amd64/encode.js";
import { conditionNames, instructionRows, type Row, RowFlag } from "../../isa/amd64/instructions.js";

export interface EncodingCase {
  readonly text: string;
  readonly bytes: Uint8Array;
}

interface Address {
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  readonly displacement: number;
}

const at = (base: number, displacement = 0, index = -1, scale = 0): Address => ({
  base,
  index,
  scale,
  displacement,
});
const rax = 0;
const [rcx, rdx, rbx, rsp, rbp, rsi, rdi] = [1, 2, 3, 4, 5, 6, 7];
const [r8, r9, r12, r13, r14, r15] = [8, 9, 12, 13, 14, 15];

/** Every shape of address: bases that need a SIB byte or a displacement, each displacement size, each scale. */
const addresses: readonly Address[] = [
  at(rax),
  at(rsp),
  at(rbp),
  at(r12),
  at(r13),
  at(rcx, 8),
  at(rsp, 127),
  at(rbp, -128),
  at(r12, 128),
  at(r13, -129),
  at(r8, 0x12345678),
  at(rsp, -0x80000000),
  at(rax, 0, rcx, 0),
  at(rsp, 16, rbp, 1),
  at(rbp, 0, r12, 2),
  at(r13, 0, r13, 3),
  at(r12, -4, rdi, 3),
  at(r15, 1000, r9, 2),
  at(-1, 64, rdx, 2),
  at(-1, 0, r14, 3),
  at(-1, -8, rbp, 2),
  at(rsi, 0x7fffffff, r8, 0),
];

/** ModRM.reg, ModRM.rm, VEX.vvvv. The byte registers spl to dil and each bit of REX and VEX occur. */
const registerTriples: readonly (readonly [number, number, number])[] = [
  [rax, rcx, rdx],
  [rcx, rax, r15],
  [rsi, rdi, rax],
  [r9, rbx, r8],
  [rbp, r12, rsi],
  [r14, r13, r12],
  [rbx, r8, rdi],
];

const immediates: Record<string, readonly number[]> = {
  ib: [0, 1, 7, 31],
  iw: [0, 5, 127, 128, 0x1234, -1],
  id: [0, 1, 127, -128, 128, -129, 0x12345678, -0x80000000],
};

const names64 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
const names32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
const names16 = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const names8 = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];

function registerName(r: number, width: number): string {
  if (width === 128) return `xmm${r}`;
  if (width === 64) return names64[r] ?? `r${r}`;
  if (width === 32) return names32[r] ?? `r${r}d`;
  return width === 16 ? (names16[r] ?? `r${r}w`) : (names8[r] ?? `r${r}b`);
}

const sizeNames: Record<number, string> = { 8: "byte", 16: "word", 32: "dword", 64: "qword", 128: "xmmword" };

function addressText(a: Address, row: Row): string {
  const parts: string[] = [];
  if (a.base >= 0) parts.push(registerName(a.base, 64));
  if (a.index >= 0) parts.push(`${registerName(a.index, 64)}*${1 << a.scale}`);
  const displacement =
    a.displacement === 0 ? "" : a.displacement < 0 ? String(a.displacement) : `+${a.displacement}`;
  const inner = `[${parts.join("+")}${displacement}]`;
  return row.mnemonic === "lea" ? inner : `${sizeNames[row.memoryWidth]} ptr ${inner}`;
}

/** Both directions exist for two registers: the table's is the one whose ModRM.reg is the destination. */
const isLoadDirection = (row: Row): boolean => row.form.text[0] === "reg" && !row.encoding.startsWith("VEX");

function caseOf(
  n: number,
  triple: readonly [number, number, number],
  a: Address | null,
  imm: number,
): EncodingCase {
  const row = instructionRows[n]!;
  const [reg, rm, vvvv] = triple;
  const mnemonic = row.encoding.includes("+cc") ? row.mnemonic + conditionNames[imm & 15] : row.mnemonic;
  const operands = row.form.text.map((part) => {
    if (part === "reg") return registerName(reg, row.width);
    if (part === "vvvv") return registerName(vvvv, row.width);
    if (part === "cl") return "cl";
    if (part === "imm") return String(imm);
    if (part === "is4") return registerName(imm >> 4, row.width);
    return a === null ? registerName(rm, row.rmWidth) : addressText(a, row);
  });
  const direction = a === null && isLoadDirection(row) && row.form.text.includes("rm") ? "{load} " : "";
  const encoder = new Encoder();
  if (a !== null) encoder.setAddress(a.base, a.displacement, a.index, a.scale);
  encoder.emit(n, reg, a === null ? rm : inMemory, imm, row.form.text.includes("vvvv") ? vvvv : 0);
  return {
    text: `${direction}${mnemonic} ${operands.join(", ")}`.trim(),
    bytes: encoder.bytes.slice(0, encoder.size),
  };
}

function immediatesOf(row: Row): readonly number[] {
  if (row.encoding.includes("+cc")) return Array.from({ length: 16 }, (_, i) => i);
  if (row.form.text.includes("is4")) return [0x00, 0x10, 0x70, 0xf0];
  const kind = row.encoding.split(" ").find((token) => token in immediates);
  return kind === undefined ? [0] : immediates[kind]!;
}

/** The assembler reads movq from memory as another instruction with the same effect. */
const registerOnly = new Set(["movq_xr"]);
/** Addresses per row, beside the rows of `everyAddress`. */
const addressesPerRow = 5;
const everyAddress = new Set(["mov64_rm", "mov8_mr", "vaddss_rrm", "shlx64_ml", "imul32_rmi", "movss_rm"]);

function rowCases(n: number, out: EncodingCase[]): void {
  const row = instructionRows[n]!;
  const values = immediatesOf(row);
  const takesMemory = row.form.rm === -2;
  const slotAllowed = row.form.rm >= 0 && row.form.words[row.form.rm] === 0 && !registerOnly.has(row.name);
  let k = n;
  if (!takesMemory) {
    for (const triple of registerTriples) {
      out.push(caseOf(n, triple, null, values[k++ % values.length]!));
    }
    for (const value of values)
      out.push(caseOf(n, registerTriples[k++ % registerTriples.length]!, null, value));
    // The accumulator's short forms.
    for (const value of values) out.push(caseOf(n, [rdx, rax, rbx], null, value));
  }
  if (takesMemory || slotAllowed) {
    const count = everyAddress.has(row.name) ? addresses.length : addressesPerRow;
    for (let i = 0; i < count; i++, k++) {
      const triple = registerTriples[k % registerTriples.length]!;
      out.push(caseOf(n, triple, addresses[(n * 3 + i) % addresses.length]!, values[k % values.length]!));
    }
  }
}

/** All cases, in the order of the golden file; equal texts once. */
export function encodingCases(): EncodingCase[] {
  const all: EncodingCase[] = [];
  for (let n = 0; n < instructionRows.length; n++) {
    if (!(instructionRows[n]!.flags & RowFlag.pseudo)) rowCases(n, all);
  }
  const seen = new Set<string>();
  return all.filter((c) => !seen.has(c.text) && seen.add(c.text));
}
