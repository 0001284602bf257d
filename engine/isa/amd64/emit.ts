/**
 * Allocated virtual code -> machine code of one function.
 *
 * Enters: VCode whose operands have locations, with the allocation's edits. Leaves: MachineCode. Must hold: what
 * vcode.ts says of both; every row is one of instructions.ts, its operands in the order written there.
 *
 * Order of the output: prologue, blocks that aren't cold, cold blocks, out-of-line parts (trap exits, interrupt
 * calls, rare halves of pseudo rows), constants, jump tables.
 *
 * A block that only jumps is left out and its name stands for where it leads. A jump to what comes next is left
 * out; conditional branches are inverted to fall through where possible.
 */
import { BlockOrder, firstEdit } from "../../machine/emit/block-order.js";
import { type MachineCode, prologueSource, RelocationKind, SiteKind } from "../../machine/machine-code.js";
import {
  type Allocation,
  firstSlot,
  floatFile,
  InstructionFlag,
  type Location,
  type RegisterClass,
  type VCode,
} from "../../machine/vcode.js";
import { Context } from "../../runtime/layout.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import { TrapKind } from "../../ssa/ops.js";
import { inMemory } from "./encode.js";
import type { Label } from "./encode-layout.js";
import { OperandEncoder } from "./encode-operands.js";
import { emitPseudo } from "./encode-pseudo.js";
import { Amd64, instructionFlags, instructionRows, mayFault, RowFlag } from "./instructions.js";
import { contextRegister, rbx, rsp } from "./registers.js";

const { copy, merges, pseudo, call } = RowFlag;
const regOperand = Int8Array.from(instructionRows, (r) => r.form.reg);
const rmOperand = Int8Array.from(instructionRows, (r) => r.form.rm);
const vvvvOperand = Int8Array.from(instructionRows, (r) => r.form.vvvv);
/** Rows with a register in the upper half of the immediate: its operand number, else -1. */
const immediateRegister = Int8Array.from(instructionRows, (r) =>
  r.form.text.includes("is4") ? r.form.words.length - 1 : -1,
);
/** Rows that need vvvv from the encoder: AVX rows that merge. */
const isVex = Uint8Array.from(instructionRows, (r) => (r.encoding.startsWith("VEX") ? 1 : 0));

/** Boundary of loop headers. */
const loopAlignment = 16;

/** What is emitted after the blocks. */
const Deferred = { trap: 0, interrupt: 1, minMax: 2, limit: 3 } as const;
const deferredStride = 6;
/** Of how many latest trap exits one may be shared. */
const sharedExits = 4;

export class Emitter extends OperandEncoder {
  private readonly blocks = new BlockOrder(this.code, this.allocation, Amd64.jmp);
  private nextBlock = -1;
  private edit = 0;
  private readonly deferred: number[] = [];

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
    if (code.blockLoopHeader[b] === b && !code.blockIsCold[b]) this.align(loopAlignment);
    this.bind(b);
    const end = code.blockStart[b + 1]!;
    let edit = firstEdit(this.allocation, code.blockStart[b]!, this.edit);
    const { editBefore, editCount } = this.allocation;
    for (let i = code.blockStart[b]!; i < end; i++) {
      if (this.listingRaw !== null) {
        this.listingRaw[i] = this.size;
        this.listingItems![i] = this.itemCount;
      }
      while (edit < editCount && editBefore[edit] === i) this.applyEdit(edit++);
      this.instruction(i, b);
    }
    this.edit = edit;
  }

  private prologue(): void {
    const { size, check } = this.frame;
    const entry = this.blocks.forward[0]!;
    if (check !== "none") {
      const label = this.newLabel();
      const back = this.newLabel();
      const stub = check === "frame" ? Context.frameLimitStub : Context.limitStub;
      this.deferred.push(Deferred.limit, label, back, stub, 0, 0);
      let register = rsp;
      if (check === "frame") {
        // rbx holds at most the address of this very function by now.
        register = rbx;
        this.setAddress(rsp, -size);
        this.emit(Amd64.lea64, rbx, inMemory);
      }
      this.setAddress(contextRegister, Context.stackLimit);
      this.emit(Amd64.cmp64_rm, register, inMemory);
      this.jumpIf(2, label);
      this.bind(back);
    }
    if (size !== 0) this.emit(Amd64.sub64_ri, 0, rsp, size);
    this.bodyRaw = this.size;
    this.bodyItems = this.itemCount;
    if (this.blocks.order[0] !== entry) this.jump(entry);
  }

  epilogue(): void {
    if (this.frame.size !== 0) this.emit(Amd64.add64_ri, 0, rsp, this.frame.size);
    this.return();
  }

  // ---------------------------------------------------------------- instructions

  private instruction(i: number, b: number): void {
    const { code } = this;
    const row = code.opcode[i]!;
    const flags = instructionFlags[row]!;
    if (flags & pseudo) {
      if (flags & call) this.call(i, row);
      else emitPseudo(this, i, row, b);
    } else if (flags & copy) this.copyInstruction(i, row);
    else this.regular(i, row, flags);
  }

  private copyInstruction(i: number, row: number): void {
    const start = this.code.operandStart[i]!;
    const to = this.locations[start]!;
    const from = this.locations[start + 1]!;
    if (from < 0) {
      this.rematerialize(-1 - from, to, i);
      return;
    }
    if (this.code.flags[i]! & InstructionFlag.move || row !== Amd64.mov32_rr) {
      if (to === from) return;
      if (row !== Amd64.mov32_rr || to >= firstSlot) {
        this.move(this.code.vregClass[this.code.operandVReg[start]!] as RegisterClass, from, to);
        return;
      }
    }
    if (to >= firstSlot) throw new EngineBug("encode", -1, "", "a truncation's result must be in a register");
    if (from >= firstSlot) {
      this.setAddress(rsp, this.slotOffset(from));
      this.emit(Amd64.mov32_rm, to, inMemory);
    } else this.emit(row, to, from);
  }

  private regular(i: number, row: number, flags: number): void {
    const { code, locations } = this;
    const start = code.operandStart[i]!;
    const regIndex = regOperand[row]!;
    const rmIndex = rmOperand[row]!;
    const vvvvIndex = vvvvOperand[row]!;
    const reg = regIndex < 0 ? 0 : locations[start + regIndex]!;
    let rm = rmIndex < 0 ? inMemory : locations[start + rmIndex]!;
    let vvvv = vvvvIndex < 0 ? 0 : locations[start + vvvvIndex]!;
    if (flags & merges) vvvv = this.breakDependency(row, reg, rm);
    const outside = rmIndex >= 0 && (rm < 0 || rm >= firstSlot) ? rm : 0;
    if (rmIndex === inMemory) this.setInstructionAddress(i, code.operandStart[i + 1]!);
    else if (outside !== 0) {
      this.setLocationAddress(outside);
      rm = inMemory;
    } else if (rmIndex < 0) rm = 0;
    if (code.flags[i]! & mayFault)
      this.site(SiteKind.access, TrapKind.memoryOutOfBounds, code.source[i]!, -1);
    const is4 = immediateRegister[row]!;
    const imm = is4 < 0 ? code.imm2[i]! : (locations[start + is4]! & 15) << 4;
    this.emit(row, reg, rm, imm, vvvv);
    if (rmIndex === inMemory) this.noteRip(i);
    else this.noteLocation(outside);
  }

  /**
   * Rows that write only the low part of a float register depend on its old value, perhaps on a long computation
   * that has nothing to do with them. AVX: a register source supplies the upper part too. Otherwise the register is
   * cleared first, unless it is the source itself. Returns vvvv.
   */
  private breakDependency(row: number, reg: Location, rm: Location): number {
    const fromFloat = rm >= floatFile && rm < firstSlot;
    if (isVex[row]) {
      if (fromFloat) return rm;
      this.emit(Amd64.vxorps_rrr, reg, reg, 0, reg);
      return reg;
    }
    if (rm !== reg) this.emit(Amd64.xorps_rr, reg, reg);
    return 0;
  }

  private call(i: number, row: number): void {
    const { code } = this;
    switch (row) {
      case Amd64.call_slot:
        this.setRipRelative();
        this.indirect(2);
        this.relocate(this.size - 4, RelocationKind.callSlot, code.imm0[i]!);
        break;
      case Amd64.call_reg:
        this.indirectRegister(2, rbx);
        break;
      case Amd64.call_mem:
        this.setInstructionAddress(i, code.operandStart[i + 1]!);
        this.indirect(2);
        break;
      default:
        this.setAddress(contextRegister, code.imm0[i]!);
        this.indirect(2);
    }
    this.site(SiteKind.call, 0, code.source[i]!, this.stackMap(i));
  }

  // ---------------------------------------------------------------- branches

  /** A block's label, seen through empty blocks. */
  target(b: number): number {
    return this.blocks.forward[b]!;
  }

  jumpToBlock(b: number): void {
    const target = this.blocks.forward[b]!;
    if (target !== this.nextBlock) this.jump(target);
  }

  branch(condition: number, ifTrue: number, ifFalse: number): void {
    const t = this.blocks.forward[ifTrue]!;
    const f = this.blocks.forward[ifFalse]!;
    if (t === f) this.jumpToBlock(t);
    else if (t === this.nextBlock) this.jumpIf(condition ^ 1, f);
    else {
      this.jumpIf(condition, t);
      if (f !== this.nextBlock) this.jump(f);
    }
  }

  /** A new jump table to blocks; its number as a datum. */
  jumpTable(successors: readonly number[], count: number): number {
    const labels: Label[] = [];
    for (let k = 0; k < count; k++) labels.push(this.blocks.forward[successors[k]!]!);
    return this.addTable(labels);
  }

  // ---------------------------------------------------------------- out of line

  /** Label of an out-of-line exit that traps. Exits with the same kind and source are shared. */
  trapExit(kind: number, source: number): Label {
    const { deferred } = this;
    const oldest = Math.max(0, deferred.length - sharedExits * deferredStride);
    for (let k = deferred.length - deferredStride; k >= oldest; k -= deferredStride) {
      const same = deferred[k] === Deferred.trap && deferred[k + 2] === kind && deferred[k + 3] === source;
      if (same) return deferred[k + 1]!;
    }
    const label = this.newLabel();
    deferred.push(Deferred.trap, label, kind, source, 0, 0);
    return label;
  }

  /** The call that a trap consists of. Traps don't come back, so nothing needs a stack map. */
  trapCall(kind: number, source: number): void {
    this.setAddress(contextRegister, Context.trapStub);
    this.indirect(2);
    this.site(SiteKind.trap, kind, source, -1);
  }

  interruptCall(i: number): void {
    const label = this.newLabel();
    const back = this.newLabel();
    // A register with memory, so that processors join the compare with the branch; rsp, as it is never the least number.
    this.setAddress(contextRegister, Context.interrupt);
    this.emit(Amd64.cmp64_rm, rsp, inMemory);
    this.jumpIf(2, label);
    this.bind(back);
    this.deferred.push(Deferred.interrupt, label, back, this.code.source[i]!, this.stackMap(i), 0);
  }

  /** The rare half of fmin and fmax: `label` is reached with equal or unordered operands. */
  deferMinMax(label: Label, back: Label, row: number, a: Location, b: Location): void {
    this.deferred.push(Deferred.minMax, label, back, row, a, b);
  }

  private emitDeferred(): void {
    const { deferred } = this;
    for (let k = 0; k < deferred.length; k += deferredStride) {
      this.bind(deferred[k + 1]!);
      switch (deferred[k]) {
        case Deferred.trap:
          this.trapCall(deferred[k + 2]!, deferred[k + 3]!);
          break;
        case Deferred.interrupt:
          this.setAddress(contextRegister, Context.interruptStub);
          this.indirect(2);
          this.site(SiteKind.interrupt, TrapKind.interrupt, deferred[k + 3]!, deferred[k + 4]!);
          this.jump(deferred[k + 2]!);
          break;
        case Deferred.limit:
          this.setAddress(contextRegister, deferred[k + 3]!);
          this.indirect(2);
          this.site(SiteKind.trap, TrapKind.stackOverflow, prologueSource, -1);
          this.jump(deferred[k + 2]!);
          break;
        default:
          this.minMaxTail(deferred[k + 2]!, deferred[k + 3]!, deferred[k + 4]!, deferred[k + 5]!);
      }
    }
  }

  private minMaxTail(back: Label, row: number, a: Location, b: Location): void {
    const isMin = row === Amd64.fmin32 || row === Amd64.fmin64;
    const unordered = this.newLabel();
    this.jumpIf(10, unordered);
    // Equal: the same bits, or zeros of both signs, of which min wants any minus sign and max any plus sign.
    this.emit(isMin ? Amd64.orps_rr : Amd64.andps_rr, a, b);
    this.jump(back);
    this.bind(unordered);
    // A sum with a NaN is that NaN, quiet.
    this.emit(row === Amd64.fmin32 || row === Amd64.fmax32 ? Amd64.addss_rr : Amd64.addsd_rr, a, b);
    this.jump(back);
  }
}

/** Encodes an allocated function. */
export function encodeFunction(code: VCode, allocation: Allocation): MachineCode {
  return new Emitter(code, allocation).run();
}
