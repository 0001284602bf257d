/** amd64's syntax for dumps and golden tests, see machine/print-code.ts. */
import { CodePrinter, type ListingStart, type Syntax } from "../../machine/print-code.js";
import { type Allocation, InstructionFlag, type VCode } from "../../machine/vcode.js";
import { trapNames } from "../../ssa/ops.js";
import { Emitter } from "./emit.js";
import {
  AddressBase,
  Amd64,
  addressHasBase,
  addressHasIndex,
  addressSpecialShift,
  conditionNames,
  instructionRows,
  mayFault,
  RowFlag,
} from "./instructions.js";
import { registerFile } from "./registers.js";

export { printMachineCode } from "../../machine/print-code.js";

const specialNames = ["", "context", "outgoing", "incoming", "slot", "constant"];

function hasAddress(row: number): boolean {
  return instructionRows[row]!.form.rm === -2 || row === Amd64.call_mem || row === Amd64.cmp32_m_signature;
}

function printAddress(code: VCode, i: number, operand: (n: number) => string): string {
  const word = code.imm1[i]!;
  const displacement = code.imm0[i]!;
  let n = code.operandStart[i + 1]!;
  const index = word & addressHasIndex ? operand(--n) : "";
  const base = word & addressHasBase ? operand(--n) : "";
  const special = word >> addressSpecialShift;
  const parts: string[] = [];
  if (special >= AddressBase.slot) return `[${specialNames[special]} ${displacement}]`;
  if (special !== AddressBase.none) parts.push(specialNames[special]!);
  if (base) parts.push(base);
  if (index) parts.push(word & 3 ? `${index}*${1 << (word & 3)}` : index);
  if (displacement !== 0 || parts.length === 0) parts.push(String(displacement));
  return `[${parts.join(" + ")}]`;
}

function conditionText(pair: number, row: number): string {
  const isPair = row === Amd64.jccp || row === Amd64.trapifp || row === Amd64.setccp;
  const first = conditionNames[pair & 15]!;
  if (!isPair) return first;
  return `${pair & 256 ? "any" : "all"}(${first}, ${conditionNames[(pair >> 4) & 15]})`;
}

/** The immediates that a row uses, and its address. */
function rest(code: VCode, i: number, operand: (n: number) => string): string[] {
  const row = code.opcode[i]!;
  const r = instructionRows[row]!;
  const rest: string[] = [];
  if (hasAddress(row)) rest.push(printAddress(code, i, operand));
  if (r.form.text.includes("imm")) rest.push(String(code.imm2[i]));
  if (r.flags & RowFlag.readsFlags) rest.push(conditionText(code.imm2[i]!, row));
  switch (row) {
    case Amd64.trap:
    case Amd64.trapif:
    case Amd64.trapifp:
      rest.push(trapNames[code.imm0[i]!] ?? String(code.imm0[i]));
      break;
    case Amd64.mov32_ri:
    case Amd64.mov64_ri:
      rest.push(String(code.imm2[i]));
      break;
    case Amd64.mov64_abs:
      rest.push(
        `0x${(code.imm0[i]! >>> 0).toString(16)}_${(code.imm2[i]! >>> 0).toString(16).padStart(8, "0")}`,
      );
      break;
    case Amd64.mov32_signature:
    case Amd64.call_slot:
    case Amd64.call_ctx:
      rest.push(`#${code.imm0[i]}`);
      break;
    case Amd64.cmp32_r_signature:
    case Amd64.cmp32_m_signature:
      rest.push(`#${code.imm2[i]}`);
      break;
  }
  if (code.flags[i]! & mayFault) rest.push("faults");
  if (code.flags[i]! & InstructionFlag.safepoint) rest.push("safepoint");
  return rest;
}

const syntax: Syntax = {
  registers: registerFile,
  rowName: (row) => instructionRows[row]!.name,
  addressOperands: (code, i) => {
    const word = code.imm1[i]!;
    return hasAddress(code.opcode[i]!) ? ((word >> 2) & 1) + ((word >> 3) & 1) : 0;
  },
  rest,
};
const printer = new CodePrinter(syntax);

export const printVCode = (code: VCode, allocation?: Allocation): string =>
  printer.printVCode(code, allocation);

/** Encodes a function once more and prints each instruction with the bytes it became. */
export function printListing(code: VCode, allocation: Allocation, base = 0): string {
  const emitter = new Emitter(code, allocation);
  emitter.listingRaw = new Int32Array(code.instructionCount).fill(-1);
  emitter.listingItems = new Int32Array(code.instructionCount);
  const machine = emitter.run();
  const starts: ListingStart[] = [];
  for (let i = 0; i < code.instructionCount; i++) {
    const raw = emitter.listingRaw[i]!;
    if (raw >= 0) starts.push([emitter.finalOffset(raw, emitter.listingItems[i]!), i]);
  }
  return printer.printListing(code, allocation, machine, starts, base);
}
