/**
 * The pseudo rows: short fixed sequences, and what ends a block. Operands as written in instructions.ts.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import type { Emitter } from "./emit.js";
import {
  Arm64,
  Condition,
  Extend,
  extendedBy,
  IndexExtend,
  instructionRows,
  isAddImmediate,
} from "./instructions.js";
import { scratchInt } from "./registers.js";

/** Emits pseudo instruction `i` (not a call) of block `b`. */
export function emitPseudo(e: Emitter, i: number, row: number, b: number): void {
  const { code, locations } = e;
  const first = locations[code.operandStart[i]!]!;
  switch (row) {
    case Arm64.arguments:
      return;
    case Arm64.jmp:
      e.jumpToBlock(code.successors[b]![0]!);
      return;
    case Arm64.jcc:
    case Arm64.cbz32:
    case Arm64.cbz64:
    case Arm64.cbnz32:
    case Arm64.cbnz64:
    case Arm64.tbz:
    case Arm64.tbnz:
      branch(e, i, row, b);
      return;
    case Arm64.jmp_table:
      jumpThroughTable(e, i, b);
      return;
    case Arm64.ret:
      e.epilogue();
      return;
    case Arm64.trapif:
    case Arm64.trapif_cbz32:
    case Arm64.trapif_cbz64:
    case Arm64.trapif_cbnz32:
    case Arm64.trapif_cbnz64:
    case Arm64.trapif_tbz:
    case Arm64.trapif_tbnz:
      jumpOn(e, i, row, false, e.trapExit(code.imm0[i]!, code.source[i]!));
      return;
    case Arm64.trap:
      e.trapNow(code.imm0[i]!, code.source[i]!);
      return;
    case Arm64.interrupt:
      e.interruptCheck(i);
      return;
    case Arm64.add64_const:
      e.addConstant(first, locations[code.operandStart[i]! + 1]!, code.imm2[i]! >>> 0);
      return;
    case Arm64.fzero:
    case Arm64.mov32_ri:
    case Arm64.mov64_ri:
    case Arm64.mov32_signature:
    case Arm64.lea64:
      e.constant(i, first);
      return;
    default:
      throw new EngineBug("encode", -1, "", `no expansion for ${instructionRows[row]!.name}`);
  }
}

/** Jumps to a label when what branch or conditional trap `i` tests is so; or, `inverted`, when it isn't. */
function jumpOn(e: Emitter, i: number, row: number, inverted: boolean, label: number): void {
  const { code, locations } = e;
  const register = locations[code.operandStart[i]!]!;
  const test = code.imm2[i]!;
  switch (row) {
    case Arm64.jcc:
    case Arm64.trapif:
      e.jumpIf(inverted ? test ^ 1 : test, label);
      return;
    case Arm64.tbz:
    case Arm64.trapif_tbz:
      e.jumpIfBit(register, test, inverted, label);
      return;
    case Arm64.tbnz:
    case Arm64.trapif_tbnz:
      e.jumpIfBit(register, test, !inverted, label);
      return;
    case Arm64.cbz32:
    case Arm64.trapif_cbz32:
      e.jumpIfZero(register, false, inverted, label);
      return;
    case Arm64.cbz64:
    case Arm64.trapif_cbz64:
      e.jumpIfZero(register, true, inverted, label);
      return;
    case Arm64.cbnz32:
    case Arm64.trapif_cbnz32:
      e.jumpIfZero(register, false, !inverted, label);
      return;
    default:
      e.jumpIfZero(register, true, !inverted, label);
  }
}

/** A branch to two blocks, of which one may be the next. */
function branch(e: Emitter, i: number, row: number, b: number): void {
  const [yes, no] = e.code.successors[b]!;
  const ifTrue = e.target(yes!);
  const ifFalse = e.target(no!);
  if (ifTrue === ifFalse) e.jumpToBlock(yes!);
  else if (e.isNext(ifTrue)) jumpOn(e, i, row, true, ifFalse);
  else {
    jumpOn(e, i, row, false, ifTrue);
    e.jumpToBlock(no!);
  }
}

/** adr t1, table; ldrsw t2, [t1, index, uxtw #2]; add t2, t2, t1; br t2. Entries are relative to the table. */
function jumpThroughTable(e: Emitter, i: number, b: number): void {
  const { code, locations } = e;
  const successors = code.successors[b]!;
  const count = successors.length - 1;
  if (count === 0) {
    e.jumpToBlock(successors[0]!);
    return;
  }
  const start = code.operandStart[i]!;
  const t1 = locations[start]!;
  const t2 = locations[start + 1]!;
  const index = locations[start + 2]!;
  if (isAddImmediate(count)) e.emit1(Arm64.cmp32_ri, index, count);
  else {
    e.moveImmediate64(scratchInt, count, 0);
    e.emit2(Arm64.cmp32_rr, index, scratchInt);
  }
  e.jumpIf(Condition.hs, e.target(successors[count]!));
  e.addressOfDatum(t1, e.jumpTable(successors, count));
  e.setAddress(t1, 0, index, IndexExtend.uxtw, true);
  e.emitMemory(Arm64.ldrsw, t2);
  e.emit3(Arm64.add64_rx, t2, t1, t2, extendedBy(Extend.uxtx, 0));
  e.emit1(Arm64.br, t2);
}
