/**
 * Virtual code and machine code as text, for dumps and golden tests.
 *
 * One line per instruction: number, mnemonic row name, operands (definitions before `=`), immediates. With an
 * allocation, locations follow virtual registers and edits stand on lines of their own.
 */
import type { MachineCode } from "../../machine/machine-code.js";
import { SiteKind } from "../../machine/machine-code.js";
import {
  type Allocation,
  Constraint,
  firstSlot,
  InstructionFlag,
  operandConstraint,
  operandDef,
  operandPayload,
  operandUnusualPosition,
  type VCode,
} from "../../machine/vcode.js";
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

const classLetters = "vfx";

export function printLocation(location: number): string {
  if (location < 0) return "-";
  return location >= firstSlot ? `slot${location - firstSlot}` : registerFile.name(location);
}

function printOperand(code: VCode, n: number, allocation: Allocation | undefined): string {
  const v = code.operandVReg[n]!;
  const word = code.operandWord[n]!;
  let text = `${classLetters[code.vregClass[v]!]}${v}`;
  if (allocation !== undefined) return `${text}:${printLocation(allocation.operandLocation[n]!)}`;
  switch (operandConstraint(word)) {
    case Constraint.any:
      text += "?";
      break;
    case Constraint.fixed:
      text += `:${registerFile.name(operandPayload(word))}`;
      break;
    case Constraint.reuse:
      text += "&";
      break;
    case Constraint.slot:
      text += ":slot";
      break;
  }
  if (word & operandUnusualPosition) text += word & operandDef ? " early" : " late";
  return text;
}

const specialNames = ["", "context", "outgoing", "incoming", "slot", "constant"];

function printAddress(code: VCode, i: number, allocation: Allocation | undefined): string {
  const word = code.imm1[i]!;
  const displacement = code.imm0[i]!;
  let n = code.operandStart[i + 1]!;
  const index = word & addressHasIndex ? printOperand(code, --n, allocation) : "";
  const base = word & addressHasBase ? printOperand(code, --n, allocation) : "";
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
function printRest(code: VCode, i: number, row: number, allocation: Allocation | undefined): string[] {
  const r = instructionRows[row]!;
  const rest: string[] = [];
  const hasAddress = r.form.rm === -2 || row === Amd64.call_mem || row === Amd64.cmp32_m_signature;
  if (hasAddress) rest.push(printAddress(code, i, allocation));
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

/** One instruction, without number. */
export function printInstruction(code: VCode, i: number, allocation?: Allocation): string {
  const row = code.opcode[i]!;
  const word = code.imm1[i]!;
  const r = instructionRows[row]!;
  const hasAddress = r.form.rm === -2 || row === Amd64.call_mem || row === Amd64.cmp32_m_signature;
  const addressOperands = hasAddress ? ((word >> 2) & 1) + ((word >> 3) & 1) : 0;
  const defs: string[] = [];
  const uses: string[] = [];
  for (let n = code.operandStart[i]!; n < code.operandStart[i + 1]! - addressOperands; n++) {
    (code.operandWord[n]! & operandDef ? defs : uses).push(printOperand(code, n, allocation));
  }
  const left = defs.length > 0 ? `${defs.join(", ")} = ` : "";
  const right = [...uses, ...printRest(code, i, row, allocation)].join(", ");
  return `${left}${r.name}${right ? ` ${right}` : ""}`;
}

function printEdit(allocation: Allocation, e: number): string {
  const from = allocation.editFrom[e]!;
  const source = from < 0 ? `again ${-1 - from}` : printLocation(from);
  return `${printLocation(allocation.editTo[e]!)} <- ${source}`;
}

function printSuccessors(code: VCode, b: number): string {
  return code.successors[b]!.map((s, k) => {
    const args = code.successorArgs[b]![k] ?? [];
    return args.length > 0
      ? `block${s}(${args.map((v) => `${classLetters[code.vregClass[v]!]}${v}`).join(", ")})`
      : `block${s}`;
  }).join(", ");
}

/** All of a function. */
export function printVCode(code: VCode, allocation?: Allocation): string {
  const lines: string[] = [];
  let edit = 0;
  for (let b = 0; b < code.blockCount; b++) {
    const params = code.blockParams[b]!.map((v) => `${classLetters[code.vregClass[v]!]}${v}`).join(", ");
    const depth = code.blockLoopDepth[b] ? ` loop ${code.blockLoopDepth[b]}` : "";
    lines.push(`block${b}(${params}):${depth}${code.blockIsCold[b] ? " cold" : ""}`);
    for (let i = code.blockStart[b]!; i < code.blockStart[b + 1]!; i++) {
      for (
        ;
        allocation !== undefined && edit < allocation.editCount && allocation.editBefore[edit] === i;
        edit++
      ) {
        lines.push(`          ${printEdit(allocation, edit)}`);
      }
      const targets = code.flags[i]! & InstructionFlag.terminator ? printSuccessors(code, b) : "";
      lines.push(
        `  ${String(i).padStart(5)}  ${printInstruction(code, i, allocation)}${targets && ` -> ${targets}`}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

function hex(bytes: Uint8Array, from: number, to: number): string {
  return Array.from(bytes.subarray(from, to), (b) => b.toString(16).padStart(2, "0")).join(" ");
}

const siteNames = Object.keys(SiteKind);

/** Bytes, 16 a line, with the sites. */
export function printMachineCode(code: MachineCode, base = 0): string {
  const lines: string[] = [
    `${code.codeSize} bytes of code, ${code.bytes.length} in all, frame ${code.frameSize}`,
  ];
  for (let at = 0; at < code.bytes.length; at += 16) {
    lines.push(
      `${(base + at).toString(16).padStart(8, "0")}  ${hex(code.bytes, at, Math.min(at + 16, code.bytes.length))}`,
    );
  }
  for (let s = 0; s < code.siteOffset.length; s++) {
    const kind = siteNames[code.siteKind[s]!]!;
    const trap = kind === "access" || kind === "trap" ? ` ${trapNames[code.siteTrap[s]!]}` : "";
    const map = code.siteMap[s]!;
    const words =
      map < 0
        ? ""
        : ` live ${Array.from(code.mapWord.subarray(code.mapStart[map]!, code.mapStart[map + 1]!)).join(" ")}`;
    lines.push(
      `site ${(base + code.siteOffset[s]!).toString(16)} ${kind}${trap} source ${code.siteSource[s]}${words}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Encodes a function once more and prints each instruction with the bytes it became. */
export function printListing(code: VCode, allocation: Allocation, base = 0): string {
  const emitter = new Emitter(code, allocation);
  emitter.listingRaw = new Int32Array(code.instructionCount).fill(-1);
  emitter.listingItems = new Int32Array(code.instructionCount);
  const machine = emitter.run();
  const starts: [offset: number, instruction: number][] = [];
  for (let i = 0; i < code.instructionCount; i++) {
    const raw = emitter.listingRaw[i]!;
    if (raw >= 0) starts.push([emitter.finalOffset(raw, emitter.listingItems[i]!), i]);
  }
  starts.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const lines = [
    `${base.toString(16).padStart(8, "0")}  ${hex(machine.bytes, 0, starts[0]?.[0] ?? 0)}  ; prologue`,
  ];
  for (let k = 0; k < starts.length; k++) {
    const [offset, i] = starts[k]!;
    const end = k + 1 < starts.length ? starts[k + 1]![0] : machine.codeSize;
    const text = printInstruction(code, i, allocation);
    lines.push(
      `${(base + offset).toString(16).padStart(8, "0")}  ${hex(machine.bytes, offset, end)}  ; ${i} ${text}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
