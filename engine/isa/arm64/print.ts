/** arm64's syntax for dumps and golden tests, see machine/print-code.ts. */
import { CodePrinter, type ListingStart, type Syntax } from "../../machine/print-code.js";
import { type Allocation, InstructionFlag, type VCode } from "../../machine/vcode.js";
import { trapNames } from "../../ssa/ops.js";
import { Emitter } from "./emit.js";
import { immediates } from "./immediates.js";
import {
  AddressBase,
  Arm64,
  addressHasBase,
  addressHasIndex,
  addressIsScaled,
  addressSpecialShift,
  conditionNames,
  instructionRows,
  mayFault,
  RowFlag,
} from "./instructions.js";
import { registerFile } from "./registers.js";

export { printMachineCode } from "../../machine/print-code.js";

const specialNames = ["", "context", "outgoing", "incoming", "slot", "constant"];
const extendNames = ["lsl", "uxtw", "sxtw"];

const hasAddress = (row: number): boolean => instructionRows[row]!.access >= 0;

function printAddress(code: VCode, i: number, operand: (n: number) => string): string {
  const word = code.imm1[i]!;
  const displacement = code.imm0[i]!;
  let n = code.operandStart[i + 1]!;
  const index = word & addressHasIndex ? operand(--n) : "";
  const base = word & addressHasBase ? operand(--n) : "";
  const special = word >> addressSpecialShift;
  if (special >= AddressBase.slot) return `[${specialNames[special]} ${displacement}]`;
  const parts = [special === AddressBase.none ? base : specialNames[special]!];
  if (index) {
    parts.push(index);
    const amount = word & addressIsScaled ? ` #${instructionRows[code.opcode[i]!]!.access}` : "";
    if ((word & 3) !== 0 || amount !== "") parts.push(`${extendNames[word & 3]}${amount}`);
  } else if (displacement !== 0) parts.push(`#${displacement}`);
  return `[${parts.join(", ")}]`;
}

function hex(hi: number, lo: number): string {
  const low = (lo >>> 0).toString(16);
  return hi === 0 ? `0x${low}` : `0x${(hi >>> 0).toString(16)}${low.padStart(8, "0")}`;
}

/** The immediates of pseudo rows. */
function pseudoImmediates(code: VCode, i: number, row: number): string[] {
  const imm2 = code.imm2[i]!;
  const trap = trapNames[code.imm0[i]!] ?? String(code.imm0[i]);
  switch (row) {
    case Arm64.jcc:
      return [conditionNames[imm2]!];
    case Arm64.tbz:
    case Arm64.tbnz:
      return [`#${imm2}`];
    case Arm64.trapif:
      return [conditionNames[imm2]!, trap];
    case Arm64.trapif_tbz:
    case Arm64.trapif_tbnz:
      return [`#${imm2}`, trap];
    case Arm64.trap:
    case Arm64.trapif_cbz32:
    case Arm64.trapif_cbz64:
    case Arm64.trapif_cbnz32:
    case Arm64.trapif_cbnz64:
      return [trap];
    case Arm64.mov32_ri:
      return [String(imm2)];
    case Arm64.mov64_ri:
      return [hex(code.imm0[i]!, imm2)];
    case Arm64.add64_const:
      return [`#${imm2 >>> 0}`];
    case Arm64.mov32_signature:
    case Arm64.call_slot:
    case Arm64.call_ctx:
      return [`#${code.imm0[i]}`];
    default:
      return [];
  }
}

/** The immediates that a row uses, and its address. */
function rest(code: VCode, i: number, operand: (n: number) => string): string[] {
  const row = code.opcode[i]!;
  const r = instructionRows[row]!;
  const parts: string[] = [];
  if (hasAddress(row)) parts.push(printAddress(code, i, operand));
  if (r.immediate !== immediates.none) parts.push(r.immediate.text(code.imm2[i]!, code.imm0[i]!));
  if (r.flags & RowFlag.pseudo) parts.push(...pseudoImmediates(code, i, row));
  if (code.flags[i]! & mayFault) parts.push("faults");
  if (code.flags[i]! & InstructionFlag.safepoint) parts.push("safepoint");
  return parts;
}

const syntax: Syntax = {
  registers: registerFile,
  rowName: (row) => instructionRows[row]!.name,
  addressOperands: (code, i) => {
    const word = code.imm1[i]!;
    if (!hasAddress(code.opcode[i]!)) return 0;
    return (word & addressHasBase ? 1 : 0) + (word & addressHasIndex ? 1 : 0);
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
