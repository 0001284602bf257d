/**
 * Allocated virtual code -> machine code of one function.
 *
 * Enters: VCode whose operands have locations, with the allocation's edits. Leaves: MachineCode. Must hold: what
 * vcode.ts says of both; every row is one of instructions.ts, its operands in the order written there.
 *
 * Order of the output: prologue, blocks that aren't cold, cold blocks, out-of-line parts (trap exits, interrupt and
 * limit calls), constants, jump tables.
 *
 * Exits are not calls, since x30 may hold the only copy of the return address: x17 gets the address of the site, right
 * after the jump to the stub, which comes back there if it does. x17 lives only from its definition to that jump, as
 * the interrupt signal's way back into a function needs a register of its own. Where the return address is in
 * the frame, trap exits are a bl each to one common jump.
 *
 * Between any two instructions a function's frame is there or isn't: one instruction moves sp, and the return address is
 * in x30 until then, and from the end of the epilogue on.
 */
import { BlockOrder, firstEdit } from "../../machine/emit/block-order.js";
import { type MachineCode, prologueSource, RelocationKind, SiteKind } from "../../machine/machine-code.js";
import {
  type Allocation,
  firstSlot,
  type Location,
  operandDef,
  type RegisterClass,
  type VCode,
} from "../../machine/vcode.js";
import { Context } from "../../runtime/layout.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import { TrapKind } from "../../ssa/ops.js";
import { accessPair } from "./access-pairs.js";
import type { Label } from "./encode-layout.js";
import { OperandEncoder } from "./encode-operands.js";
import { emitPseudo } from "./encode-pseudo.js";
import {
  Arm64,
  Condition,
  Extend,
  extendedBy,
  instructionFlags,
  instructionRows,
  mayFault,
  RowFlag,
} from "./instructions.js";
import { ProvenAccesses } from "./proven-accesses.js";
import {
  calleeRegister,
  contextRegister,
  linkRegister,
  scratchInt,
  secondScratchInt,
  sp,
  zr,
} from "./registers.js";

const { copy, pseudo, call } = RowFlag;
const hasAddress = Uint8Array.from(instructionRows, (r) => (r.access >= 0 ? 1 : 0));
/** Register operands of a row, those that its address adds not counted. */
const operandCount = Uint8Array.from(instructionRows, (r) => r.form.words.length);

/** By the row of a store of more than a byte: the load of as many bytes, into the zero register or v31. Else `noProbe`. */
const noProbe = 0;
const probes = [noProbe, Arm64.ldrh, Arm64.ldr32, Arm64.ldr64, Arm64.ldr_q];
const probeOf = Uint16Array.from(instructionRows, ({ access, form }) => {
  const isLoad = form.words.length > 0 && (form.words[0]! & operandDef) !== 0;
  return access < 0 || isLoad ? noProbe : probes[access]!;
});

/** What a store with pre-index and a load with post-index can move sp by. */
const longestStep = 240;
const branchAndLink = 0x94000000 | 0;

/** What is emitted after the blocks. */
const Deferred = { trap: 0, interrupt: 1, limit: 2 } as const;
const deferredStride = 5;
/** Of how many latest trap exits one may be shared. */
const sharedExits = 4;

export class Emitter extends OperandEncoder {
  private readonly blocks = new BlockOrder(this.code, this.allocation, Arm64.jmp);
  /** What is known of linear memory, for stores with guard pages. */
  private readonly proven = new ProvenAccesses(this.code);
  private nextBlock = -1;
  private edit = 0;
  private readonly deferred: number[] = [];
  /** Where the trap exits of a function with a frame jump on to the stub. */
  private trapTail: Label = -1;

  /** Raw position and items at the start of each instruction, when a listing is wanted; -1 not emitted. */
  listingRaw: Int32Array | null = null;
  listingItems: Int32Array | null = null;

  run(): MachineCode {
    const { order } = this.blocks;
    this.newLabels(this.code.blockCount);
    this.prologue();
    for (let k = 0; k < order.length; k++) {
      this.nextBlock = k + 1 < order.length ? order[k + 1]! : -1;
      this.block(order[k]!);
    }
    this.emitDeferred();
    return this.finish();
  }

  // ---------------------------------------------------------------- blocks

  private block(b: number): void {
    const { code } = this;
    this.bind(b);
    this.proven.enter(b);
    const end = code.blockStart[b + 1]!;
    let edit = firstEdit(this.allocation, code.blockStart[b]!, this.edit);
    const { editBefore, editCount } = this.allocation;
    for (let i = code.blockStart[b]!; i < end; i++) {
      this.list(i);
      while (edit < editCount && editBefore[edit] === i) edit = this.applyEdit(edit);
      const isFollowed = i + 1 < end && (edit === editCount || editBefore[edit] !== i + 1);
      if (isFollowed && this.pairedAccess(i)) this.list(++i);
      else this.instruction(i, b);
    }
    this.edit = edit;
  }

  /** Notes where instruction `i` begins. */
  private list(i: number): void {
    if (this.listingRaw === null) return;
    this.listingRaw[i] = this.count;
    this.listingItems![i] = this.itemCount;
  }

  private prologue(): void {
    const { check } = this.frame;
    const entry = this.target(0);
    if (check !== "none") this.checkStack();
    this.makeFrame();
    this.bodyRaw = this.count;
    this.bodyItems = this.itemCount;
    if (this.blocks.order[0] !== entry) this.jump(entry);
  }

  /** Leaves for the limit's stub when sp, or for a large frame its end (in the callee register), is below the limit. */
  private checkStack(): void {
    const { size, check } = this.frame;
    const label = this.newLabel();
    const back = this.newLabel();
    const stub = check === "frame" ? Context.frameLimitStub : Context.limitStub;
    this.deferred.push(Deferred.limit, label, back, stub, 0);
    // The callee register holds at most the address of this very function by now.
    if (check === "frame") this.addConstant(calleeRegister, sp, -size);
    this.load(Arm64.ldr64, scratchInt, contextRegister, Context.stackLimit);
    if (check === "frame") this.emit2(Arm64.cmp64_rr, calleeRegister, scratchInt);
    else this.emit2(Arm64.cmp64_rx, sp, scratchInt, extendedBy(Extend.uxtx, 0));
    this.jumpIf(Condition.lo, label);
    this.bind(back);
  }

  private makeFrame(): void {
    const { size, returnOffset, check } = this.frame;
    if (size === 0) return;
    if (returnOffset < 0) this.addConstant(sp, sp, -size);
    else if (returnOffset === 0 && size <= longestStep) this.emit2(Arm64.str64_pre, linkRegister, sp, -size);
    else {
      if (check !== "frame") this.addConstant(calleeRegister, sp, -size);
      this.load(Arm64.str64, linkRegister, calleeRegister, returnOffset);
      this.addConstant(sp, calleeRegister, 0);
    }
  }

  epilogue(): void {
    const { size, returnOffset } = this.frame;
    if (returnOffset === 0 && size <= longestStep) this.emit2(Arm64.ldr64_post, linkRegister, sp, size);
    else {
      if (returnOffset >= 0) this.load(Arm64.ldr64, linkRegister, sp, returnOffset);
      this.addConstant(sp, sp, size);
    }
    this.emit1(Arm64.ret_r, linkRegister);
  }

  // ---------------------------------------------------------------- instructions

  private instruction(i: number, b: number): void {
    const row = this.code.opcode[i]!;
    const flags = instructionFlags[row]!;
    if (flags & pseudo) {
      if (flags & call) this.call(i, row);
      else emitPseudo(this, i, row, b);
    } else if (flags & copy) this.copyInstruction(i, row);
    else if (hasAddress[row]) this.access(i, row);
    else this.regular(i, row);
  }

  private copyInstruction(i: number, row: number): void {
    const start = this.code.operandStart[i]!;
    const to = this.locations[start]!;
    const from = this.locations[start + 1]!;
    // The 32-bit copy of a register clears the upper half, even of the same register.
    if (row === Arm64.mov32_rr && from < firstSlot && to < firstSlot) this.emit2(row, to, from);
    else if (row === Arm64.mov32_rr)
      throw new EngineBug("encode", -1, "", "a truncation's operands must be in registers");
    else this.move(this.code.vregClass[this.code.operandVReg[start]!] as RegisterClass, from, to);
  }

  private access(i: number, row: number): void {
    const { code, locations } = this;
    const register = operandCount[row] === 0 ? 0 : locations[code.operandStart[i]!]!;
    if ((code.flags[i]! & mayFault) === 0) {
      this.memoryInstruction(i, row, register);
      return;
    }
    if (probeOf[row] !== noProbe && !this.proven.covers(i)) this.faultingAccess(i, probeOf[row]!, zr);
    this.faultingAccess(i, row, register);
    this.proven.note(i);
  }

  /**
   * Accesses `i` and `i + 1` as one instruction, if they may be one. If it faults, the trap is that of access `i`; so where
   * only the other one could be out of bounds, that must be proven not to be. Of two whose addresses fall it can't: whoever
   * is there at the higher one is there at the lower one. That is also why a probe of the first suffices for stores.
   */
  private pairedAccess(i: number): boolean {
    const { code, proven } = this;
    const pair = accessPair(code, this.locations, proven, i);
    if (pair === undefined) return false;
    const { row, low, high, base, offset, rises } = pair;
    const isFaulting = (code.flags[i]! & mayFault) !== 0;
    const upper = rises ? i + 1 : i;
    if (isFaulting && (rises || probeOf[code.opcode[i]!] !== noProbe) && !proven.covers(upper)) {
      if (rises) return false;
      this.faultingAccess(i, probeOf[code.opcode[i]!]!, zr);
    }
    this.emit3(row, low, high, base, offset);
    if (isFaulting) {
      this.accessSite(i);
      proven.note(upper);
    }
    return true;
  }

  private faultingAccess(i: number, row: number, register: Location): void {
    this.memoryInstruction(i, row, register);
    this.accessSite(i);
  }

  /** The last instruction is one of access `i`. */
  private accessSite(i: number): void {
    this.site(SiteKind.access, TrapKind.memoryOutOfBounds, this.code.source[i]!, -1, 1);
  }

  private regular(i: number, row: number): void {
    const { code, locations } = this;
    const o = code.operandStart[i]!;
    const count = operandCount[row]!;
    const r = (k: number): number => (k < count ? locations[o + k]! : 0);
    this.emit(row, r(0), r(1), r(2), r(3), code.imm2[i]!, code.imm0[i]!);
    this.proven.noteSum(i);
  }

  private call(i: number, row: number): void {
    const { code } = this;
    switch (row) {
      case Arm64.call_slot:
        this.relocate(RelocationKind.callSlot, code.imm0[i]!);
        this.word(branchAndLink);
        break;
      case Arm64.call_reg:
        this.emit1(Arm64.blr, calleeRegister);
        break;
      default:
        this.load(Arm64.ldr64, scratchInt, contextRegister, code.imm0[i]!);
        this.emit1(Arm64.blr, scratchInt);
    }
    this.site(SiteKind.call, 0, code.source[i]!, this.stackMap(i));
  }

  // ---------------------------------------------------------------- branches

  /** A block's label, seen through empty blocks. */
  target(b: number): Label {
    return this.blocks.forward[b]!;
  }

  /** Whether a label is that of the block that follows. */
  isNext(label: Label): boolean {
    return label === this.nextBlock;
  }

  jumpToBlock(b: number): void {
    const target = this.target(b);
    if (!this.isNext(target)) this.jump(target);
  }

  /** A new jump table to blocks; its number as a datum. */
  jumpTable(successors: readonly number[], count: number): number {
    const labels: Label[] = [];
    for (let k = 0; k < count; k++) labels.push(this.target(successors[k]!));
    return this.addTable(labels);
  }

  // ---------------------------------------------------------------- exits

  /** Jumps to the stub whose address is in the context at `stub`, with x17 the address after the jump: the site. */
  private exit(stub: number): void {
    this.load(Arm64.ldr64, scratchInt, contextRegister, stub);
    // adr x17, . + 8
    this.word(0x10000040 | secondScratchInt);
    this.emit1(Arm64.br, scratchInt);
  }

  /** Label of an out-of-line exit that traps. Exits with the same kind and source are shared. */
  trapExit(kind: number, source: number): Label {
    const { deferred } = this;
    const oldest = Math.max(0, deferred.length - sharedExits * deferredStride);
    for (let k = deferred.length - deferredStride; k >= oldest; k -= deferredStride) {
      const same = deferred[k] === Deferred.trap && deferred[k + 2] === kind && deferred[k + 3] === source;
      if (same) return deferred[k + 1]!;
    }
    const label = this.newLabel();
    deferred.push(Deferred.trap, label, kind, source, 0);
    return label;
  }

  /** The exit that a trap consists of. Traps don't come back, so nothing needs a stack map. */
  trapNow(kind: number, source: number): void {
    if (this.frame.returnOffset < 0) this.exit(Context.trapStub);
    else {
      if (this.trapTail < 0) this.trapTail = this.newLabel();
      this.branchAndLink(this.trapTail);
    }
    this.site(SiteKind.trap, kind, source, -1);
  }

  interruptCheck(i: number): void {
    const label = this.newLabel();
    const back = this.newLabel();
    // The word is 0 or all ones.
    this.load(Arm64.ldr64, scratchInt, contextRegister, Context.interrupt);
    this.jumpIfZero(scratchInt, true, true, label);
    this.bind(back);
    this.deferred.push(Deferred.interrupt, label, back, this.code.source[i]!, this.stackMap(i));
  }

  private emitDeferred(): void {
    const { deferred } = this;
    for (let k = 0; k < deferred.length; k += deferredStride) {
      this.bind(deferred[k + 1]!);
      switch (deferred[k]) {
        case Deferred.trap:
          this.trapNow(deferred[k + 2]!, deferred[k + 3]!);
          break;
        case Deferred.interrupt:
          this.exit(Context.interruptStub);
          this.site(SiteKind.interrupt, TrapKind.interrupt, deferred[k + 3]!, deferred[k + 4]!);
          this.jump(deferred[k + 2]!);
          break;
        default:
          this.exit(deferred[k + 3]!);
          this.site(SiteKind.trap, TrapKind.stackOverflow, prologueSource, -1);
          this.jump(deferred[k + 2]!);
      }
    }
    if (this.trapTail < 0) return;
    this.bind(this.trapTail);
    this.load(Arm64.ldr64, scratchInt, contextRegister, Context.trapStub);
    this.emit2(Arm64.mov64_rr, secondScratchInt, linkRegister);
    this.emit1(Arm64.br, scratchInt);
  }
}

/** Encodes an allocated function. */
export function encodeFunction(code: VCode, allocation: Allocation): MachineCode {
  return new Emitter(code, allocation).run();
}
