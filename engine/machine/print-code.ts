/**
 * Virtual code and machine code as text, for dumps and golden tests: what all instruction sets have in common.
 *
 * One line per instruction: number, mnemonic row name, operands (definitions before `=`), immediates. With an
 * allocation, locations follow virtual registers and edits stand on lines of their own.
 */
import { trapNames } from "../ssa/ops.js";
import { type MachineCode, SiteKind } from "./machine-code.js";
import {
  type Allocation,
  Constraint,
  firstSlot,
  InstructionFlag,
  operandConstraint,
  operandDef,
  operandPayload,
  operandUnusualPosition,
  type RegisterFile,
  type VCode,
} from "./vcode.js";

const classLetters = "vfx";

/** What printing must know of an instruction set. */
export interface Syntax {
  readonly registers: RegisterFile;
  rowName(row: number): string;
  /** How many of instruction `i`'s last operands are its address's. */
  addressOperands(code: VCode, i: number): number;
  /** Address and immediates of instruction `i`, each a text. */
  rest(code: VCode, i: number, operand: (n: number) => string): string[];
}

/** Where each instruction's bytes begin: offset, instruction. */
export type ListingStart = readonly [offset: number, instruction: number];

export class CodePrinter {
  constructor(private readonly syntax: Syntax) {}

  printLocation(location: number): string {
    if (location < 0) return "pool";
    return location >= firstSlot ? `slot${location - firstSlot}` : this.syntax.registers.name(location);
  }

  private printOperand(code: VCode, n: number, allocation: Allocation | undefined): string {
    const v = code.operandVReg[n]!;
    const word = code.operandWord[n]!;
    let text = `${classLetters[code.vregClass[v]!]}${v}`;
    if (allocation !== undefined) return `${text}:${this.printLocation(allocation.operandLocation[n]!)}`;
    switch (operandConstraint(word)) {
      case Constraint.any:
        text += "?";
        break;
      case Constraint.fixed:
        text += `:${this.syntax.registers.name(operandPayload(word))}`;
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

  /** One instruction, without number. */
  printInstruction(code: VCode, i: number, allocation?: Allocation): string {
    const { syntax } = this;
    const operand = (n: number): string => this.printOperand(code, n, allocation);
    const defs: string[] = [];
    const uses: string[] = [];
    for (
      let n = code.operandStart[i]!;
      n < code.operandStart[i + 1]! - syntax.addressOperands(code, i);
      n++
    ) {
      (code.operandWord[n]! & operandDef ? defs : uses).push(operand(n));
    }
    const left = defs.length > 0 ? `${defs.join(", ")} = ` : "";
    const right = [...uses, ...syntax.rest(code, i, operand)].join(", ");
    return `${left}${syntax.rowName(code.opcode[i]!)}${right ? ` ${right}` : ""}`;
  }

  private printEdit(allocation: Allocation, e: number): string {
    const from = allocation.editFrom[e]!;
    const source = from < 0 ? `again ${-1 - from}` : this.printLocation(from);
    return `${this.printLocation(allocation.editTo[e]!)} <- ${source}`;
  }

  /** All of a function. */
  printVCode(code: VCode, allocation?: Allocation): string {
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
          lines.push(`          ${this.printEdit(allocation, edit)}`);
        }
        const targets = code.flags[i]! & InstructionFlag.terminator ? printSuccessors(code, b) : "";
        const text = this.printInstruction(code, i, allocation);
        lines.push(`  ${String(i).padStart(5)}  ${text}${targets && ` -> ${targets}`}`);
      }
    }
    return `${lines.join("\n")}\n`;
  }

  /** Each instruction with the bytes it became. */
  printListing(
    code: VCode,
    allocation: Allocation,
    machine: MachineCode,
    starts: readonly ListingStart[],
    base = 0,
  ): string {
    const sorted = [...starts].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const lines = [
      `${base.toString(16).padStart(8, "0")}  ${hex(machine.bytes, 0, sorted[0]?.[0] ?? 0)}  ; prologue`,
    ];
    for (let k = 0; k < sorted.length; k++) {
      const [offset, i] = sorted[k]!;
      const end = k + 1 < sorted.length ? sorted[k + 1]![0] : machine.codeSize;
      const text = this.printInstruction(code, i, allocation);
      lines.push(
        `${(base + offset).toString(16).padStart(8, "0")}  ${hex(machine.bytes, offset, end)}  ; ${i} ${text}`,
      );
    }
    return `${lines.join("\n")}\n`;
  }
}

function printSuccessors(code: VCode, b: number): string {
  return code.successors[b]!.map((s, k) => {
    const args = code.successorArgs[b]![k] ?? [];
    return args.length > 0
      ? `block${s}(${args.map((v) => `${classLetters[code.vregClass[v]!]}${v}`).join(", ")})`
      : `block${s}`;
  }).join(", ");
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
