/**
 * The pseudo rows: short fixed sequences, and what ends a block. Operands as written in instructions.ts.
 */
import { RelocationKind } from "../../machine/machine-code.js";
import { firstSlot, type Location } from "../../machine/vcode.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import type { Emitter } from "./emit.js";
import { inMemory } from "./encode.js";
import { Amd64, Condition, instructionRows } from "./instructions.js";
import { rsp } from "./registers.js";

/** Emits pseudo instruction `i` (not a call) of block `b`. */
export function emitPseudo(e: Emitter, i: number, row: number, b: number): void {
  const { code, locations } = e;
  const start = code.operandStart[i]!;
  switch (row) {
    case Amd64.arguments:
      return;
    case Amd64.jmp:
      e.jumpToBlock(code.successors[b]![0]!);
      return;
    case Amd64.jcc:
      e.branch(code.imm2[i]!, code.successors[b]![0]!, code.successors[b]![1]!);
      return;
    case Amd64.jccp:
      branchPair(e, code.imm2[i]!, code.successors[b]![0]!, code.successors[b]![1]!);
      return;
    case Amd64.jmp_table:
      jumpThroughTable(e, i, b);
      return;
    case Amd64.ret:
      e.epilogue();
      return;
    case Amd64.trapif:
      e.jumpIf(code.imm2[i]!, e.trapExit(code.imm0[i]!, code.source[i]!));
      return;
    case Amd64.trapifp:
      trapOnPair(e, i);
      return;
    case Amd64.trap:
      e.trapCall(code.imm0[i]!, code.source[i]!);
      return;
    case Amd64.interrupt:
      e.interruptCall(i);
      return;
    case Amd64.setcc: {
      const d = locations[start]!;
      e.emit(Amd64.setcc_m, 0, d, code.imm2[i]!);
      e.emit(Amd64.movzx8_rr, d, d);
      return;
    }
    case Amd64.setccp:
      setPair(e, code.imm2[i]!, locations[start]!, locations[start + 1]!);
      return;
    case Amd64.fcmov32:
    case Amd64.fcmov64:
    case Amd64.fcmov128:
      conditionalFloatMove(e, row, code.imm2[i]!, locations[start]!, locations[start + 2]!);
      return;
    case Amd64.fmin32:
    case Amd64.fmin64:
    case Amd64.fmax32:
    case Amd64.fmax64:
      minMax(e, row, locations[start]!, locations[start + 2]!);
      return;
    case Amd64.fzero:
    case Amd64.vones:
    case Amd64.mov64_abs:
    case Amd64.mov64_ri:
    case Amd64.mov32_ri:
    case Amd64.mov32_signature:
      e.constant(i, locations[start]!, e.flagsDead(i + 1));
      return;
    case Amd64.cmp32_r_signature:
    case Amd64.cmp32_m_signature:
      compareSignature(e, i, row, start);
      return;
    default:
      throw new EngineBug("encode", -1, "", `no expansion for ${instructionRows[row]!.name}`);
  }
}

/** With "any", either condition suffices; with "all", the opposite of either leads to `ifFalse`. */
function branchPair(e: Emitter, pair: number, ifTrue: number, ifFalse: number): void {
  const first = pair & 15;
  const second = (pair >> 4) & 15;
  if (e.target(ifTrue) === e.target(ifFalse)) {
    e.jumpToBlock(ifTrue);
    return;
  }
  if (pair & 256) e.jumpIf(first, e.target(ifTrue));
  else e.jumpIf(first ^ 1, e.target(ifFalse));
  e.branch(second, ifTrue, ifFalse);
}

function trapOnPair(e: Emitter, i: number): void {
  const { code } = e;
  const pair = code.imm2[i]!;
  const first = pair & 15;
  const second = (pair >> 4) & 15;
  const exit = e.trapExit(code.imm0[i]!, code.source[i]!);
  if (pair & 256) {
    e.jumpIf(first, exit);
    e.jumpIf(second, exit);
    return;
  }
  const over = e.newLabel();
  e.jumpIf(first ^ 1, over);
  e.jumpIf(second, exit);
  e.bind(over);
}

/** lea t1, [table]; movsxd t2, [t1 + index*4]; add t2, t1; jmp t2. Entries are relative to the table. */
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
  e.emit(Amd64.cmp32_ri, 0, index, count);
  e.jumpIf(Condition.ae, e.target(successors[count]!));
  e.setRipRelative();
  e.emit(Amd64.lea64, t1, inMemory);
  e.ripReference(e.jumpTable(successors, count));
  e.setAddress(t1, 0, index, 2);
  e.emit(Amd64.movsx32to64_rm, t2, inMemory);
  e.emit(Amd64.add64_rr, t2, t1);
  e.indirectRegister(4, t2);
}

function setPair(e: Emitter, pair: number, d: Location, scratch: Location): void {
  e.emit(Amd64.setcc_m, 0, d, pair & 15);
  e.emit(Amd64.setcc_m, 0, scratch, (pair >> 4) & 15);
  e.emit(pair & 256 ? Amd64.or32_rr : Amd64.and32_rr, d, scratch);
  e.emit(Amd64.movzx8_rr, d, d);
}

/** A short jump over a move: what compilers do, since no instruction moves a float register on condition. */
function conditionalFloatMove(
  e: Emitter,
  row: number,
  condition: number,
  d: Location,
  source: Location,
): void {
  if (d === source) return;
  const over = e.newLabel();
  e.jumpIf(condition ^ 1, over);
  if (source < 0 || source >= firstSlot) {
    e.setLocationAddress(source);
    const load =
      row === Amd64.fcmov32 ? Amd64.movss_rm : row === Amd64.fcmov64 ? Amd64.movsd_rm : Amd64.movups_rm;
    e.emit(load, d, inMemory);
    e.noteLocation(source);
  } else e.emit(Amd64.movaps_rr, d, source);
  e.bind(over);
}

/** minss and maxss are right but for NaNs and equal operands, which the comparison sends out of line. */
function minMax(e: Emitter, row: number, d: Location, b: Location): void {
  const single = row === Amd64.fmin32 || row === Amd64.fmax32;
  const isMin = row === Amd64.fmin32 || row === Amd64.fmin64;
  const rare = e.newLabel();
  const back = e.newLabel();
  e.emit(single ? Amd64.ucomiss_rr : Amd64.ucomisd_rr, d, b);
  e.jumpIf(Condition.e, rare);
  if (single) e.emit(isMin ? Amd64.minss_rr : Amd64.maxss_rr, d, b);
  else e.emit(isMin ? Amd64.minsd_rr : Amd64.maxsd_rr, d, b);
  e.bind(back);
  e.deferMinMax(rare, back, row, d, b);
}

/** A number that doesn't fit 8 bits, so that the relocation has 4 bytes to fill. */
const wideImmediate = 0x7fffffff;

function compareSignature(e: Emitter, i: number, row: number, start: number): void {
  const { code, locations } = e;
  let rm = inMemory;
  if (row === Amd64.cmp32_m_signature) e.setInstructionAddress(i, code.operandStart[i + 1]!);
  else if (locations[start]! >= firstSlot) e.setAddress(rsp, e.slotOffset(locations[start]!));
  else rm = locations[start]!;
  e.emit(rm === inMemory ? Amd64.cmp32_mi : Amd64.cmp32_ri, 0, rm, wideImmediate);
  e.relocate(e.size - 4, RelocationKind.signature, code.imm2[i]!);
}
