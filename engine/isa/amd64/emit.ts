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
import { type MachineCode, prologueSource, RelocationKind, SiteKind } from "../../machine/machine-code.js";
import {
  type Allocation,
  firstSlot,
  floatFile,
  InstructionFlag,
  type Location,
  RegisterClass,
  type VCode,
} from "../../machine/vcode.js";
import { Context } from "../../runtime/layout.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import { TrapKind } from "../../ssa/ops.js";
import { inMemory } from "./encode.js";
import { type Label, LabelledEncoder, putWord32 } from "./encode-layout.js";
import { emitPseudo } from "./encode-pseudo.js";
import { type Frame, layOutFrame } from "./frame.js";
import {
  AddressBase,
  addressHasBase,
  addressHasIndex,
  addressSpecialShift,
  Amd64,
  instructionFlags,
  instructionRows,
  mayFault,
  RowFlag,
} from "./instructions.js";
import { contextRegister, rbx, rsp, scratchFloat } from "./registers.js";
import type { Amd64VCode } from "./virtual-code.js";

const { copy, merges, pseudo, readsFlags, writesFlags, call } = RowFlag;
const regOperand = Int8Array.from(instructionRows, (r) => r.form.reg);
const rmOperand = Int8Array.from(instructionRows, (r) => r.form.rm);
const vvvvOperand = Int8Array.from(instructionRows, (r) => r.form.vvvv);
/** Rows that need vvvv from the encoder: AVX rows that merge. */
const isVex = Uint8Array.from(instructionRows, (r) => (r.encoding.startsWith("VEX") ? 1 : 0));

/** Loads whose value a slot may get by copying 8 or 16 bytes. */
const isLoad = (row: number): boolean =>
  row === Amd64.mov64_rm || row === Amd64.movsd_rm || row === Amd64.movss_rm || row === Amd64.movups_rm;

/** Boundary of loop headers. */
const loopAlignment = 16;
/** How far ahead the emitter looks for the next writer of the flags. */
const flagsHorizon = 6;

/** What is emitted after the blocks. */
const Deferred = { trap: 0, interrupt: 1, minMax: 2 } as const;
const deferredStride = 6;
/** Of how many latest trap exits one may be shared. */
const sharedExits = 4;

export class Emitter extends LabelledEncoder {
  readonly frame: Frame;
  readonly locations: Int32Array;
  private readonly constants: Amd64VCode;

  /** Where a jump to block b leads: the block after a chain of empty ones. */
  private forward = new Int32Array(0);
  /** Blocks in the order of emission. */
  private order = new Int32Array(0);
  private nextBlock = -1;
  private edit = 0;
  private safepoint = 0;

  private readonly deferred: number[] = [];

  private readonly siteRaw: number[] = [];
  private readonly siteItems: number[] = [];
  private readonly siteKind: number[] = [];
  private readonly siteTrap: number[] = [];
  private readonly siteSource: number[] = [];
  private readonly siteMap: number[] = [];
  private readonly mapStart: number[] = [0];
  private readonly mapWord: number[] = [];

  private readonly relocationRaw: number[] = [];
  private readonly relocationItems: number[] = [];
  private readonly relocationKind: number[] = [];
  private readonly relocationSymbol: number[] = [];

  /** First label of each jump table's entries lies in `tableLabels`; `tableStart` closes each. */
  private readonly tableLabels: number[] = [];
  private readonly tableStart: number[] = [0];

  /** Raw position and items at the start of each instruction, when a listing is wanted; -1 not emitted. */
  listingRaw: Int32Array | null = null;
  listingItems: Int32Array | null = null;

  constructor(
    readonly code: VCode,
    readonly allocation: Allocation,
  ) {
    super();
    this.locations = allocation.operandLocation;
    this.constants = code as Amd64VCode;
    this.frame = layOutFrame(code, allocation);
  }

  run(): MachineCode {
    this.newLabels(this.code.blockCount);
    this.threadJumps();
    this.orderBlocks();
    this.prologue();
    for (let k = 0; k < this.order.length; k++) {
      this.nextBlock = k + 1 < this.order.length ? this.order[k + 1]! : -1;
      this.block(this.order[k]!);
    }
    this.emitDeferred();
    return this.finish();
  }

  // ---------------------------------------------------------------- blocks

  /** Whether a block does nothing but jump. */
  private isEmpty(b: number): boolean {
    const { code, allocation } = this;
    const first = code.blockStart[b]!;
    if (code.blockStart[b + 1]! !== first + 1 || code.opcode[first] !== Amd64.jmp) return false;
    // Edits are sorted by instruction.
    let lo = 0;
    let hi = allocation.editCount;
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (allocation.editBefore[middle]! < first) lo = middle + 1;
      else hi = middle;
    }
    return lo === allocation.editCount || allocation.editBefore[lo] !== first;
  }

  private threadJumps(): void {
    const { code } = this;
    const n = code.blockCount;
    const forward = new Int32Array(n);
    for (let b = 0; b < n; b++) {
      const to = this.isEmpty(b) ? code.successors[b]![0]! : b;
      forward[b] = to;
    }
    // Follow chains, shortening them; a cycle of empty blocks is an endless loop and stays: its first block is kept.
    const onPath = new Uint8Array(n);
    const path: number[] = [];
    for (let b = 0; b < n; b++) {
      let at = b;
      while (forward[at] !== at && !onPath[at]) {
        onPath[at] = 1;
        path.push(at);
        at = forward[at]!;
      }
      if (onPath[at]) forward[at] = at;
      for (const p of path) {
        onPath[p] = 0;
        forward[p] = at;
      }
      path.length = 0;
    }
    this.forward = forward;
  }

  /** Cold blocks last; empty ones not at all. */
  private orderBlocks(): void {
    const { code, forward } = this;
    const order: number[] = [];
    for (let b = 0; b < code.blockCount; b++) if (forward[b] === b && !code.blockIsCold[b]) order.push(b);
    for (let b = 0; b < code.blockCount; b++) if (forward[b] === b && code.blockIsCold[b]) order.push(b);
    this.order = Int32Array.from(order);
  }

  private block(b: number): void {
    const { code } = this;
    if (code.blockLoopHeader[b] === b && !code.blockIsCold[b]) this.align(loopAlignment);
    this.bind(b);
    const end = code.blockStart[b + 1]!;
    let edit = this.firstEdit(code.blockStart[b]!);
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

  /** First edit at or after an instruction; blocks are mostly emitted in order, so the last place is a good guess. */
  private firstEdit(instruction: number): number {
    const { editBefore, editCount } = this.allocation;
    let e = this.edit;
    if ((e === 0 || editBefore[e - 1]! < instruction) && (e === editCount || editBefore[e]! >= instruction)) return e;
    let lo = 0;
    let hi = editCount;
    while (lo < hi) {
      e = (lo + hi) >> 1;
      if (editBefore[e]! < instruction) lo = e + 1;
      else hi = e;
    }
    return lo;
  }

  private prologue(): void {
    const { size, check } = this.frame;
    const entry = this.forward[0]!;
    if (check !== "none") {
      const label = this.newLabel();
      this.deferred.push(Deferred.trap, label, TrapKind.stackOverflow, prologueSource, -1, 0);
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
    }
    if (size !== 0) this.emit(Amd64.sub64_ri, 0, rsp, size);
    if (this.order[0] !== entry) this.jump(entry);
  }

  epilogue(): void {
    if (this.frame.size !== 0) this.emit(Amd64.add64_ri, 0, rsp, this.frame.size);
    this.return();
  }

  // ---------------------------------------------------------------- edits and moves

  private applyEdit(e: number): void {
    const { editFrom, editTo, editClass } = this.allocation;
    const from = editFrom[e]!;
    if (from < 0) this.rematerialize(-1 - from, editTo[e]!, this.allocation.editBefore[e]!);
    else this.move(editClass[e] as RegisterClass, from, editTo[e]!);
  }

  /** Executes the definition of instruction `i` again, into `to`, before instruction `before`. */
  private rematerialize(i: number, to: Location, before: number): void {
    if (to >= firstSlot) this.defineInSlot(i, to);
    else this.define(i, to, before);
  }

  /** The value of a rematerializable instruction straight into a slot, by way of no register, keeping the flags. */
  private defineInSlot(i: number, to: Location): void {
    const { code, constants } = this;
    const row = code.opcode[i]!;
    const offset = this.slotOffset(to);
    const isVector = code.vregClass[code.operandVReg[code.operandStart[i]!]!] === RegisterClass.vector;
    if (row === Amd64.mov32_signature) {
      this.setAddress(rsp, offset);
      this.emit(Amd64.mov32_mi, 0, inMemory, 0);
      this.relocate(this.size - 4, RelocationKind.signature, code.imm0[i]!);
      this.storeWord(offset + 4, 0);
    } else if (instructionFlags[row]! & pseudo) {
      this.storeWords(offset, this.constantLow(i), this.constantHigh(i));
      if (isVector) this.storeWords(offset + 8, 0, 0);
    } else if (code.imm1[i]! >> addressSpecialShift === AddressBase.constant) {
      const { constantWords } = constants;
      const at = 4 * code.imm0[i]!;
      this.storeWords(offset, constantWords[at]!, constantWords[at + 1]!);
      if (isVector) this.storeWords(offset + 8, constantWords[at + 2]!, constantWords[at + 3]!);
    } else if (isLoad(row)) {
      this.copyFromMemory(i, offset);
      if (isVector) this.copyFromMemory(i, offset, 8);
    } else {
      throw new EngineBug("encode", -1, "", `${instructionRows[row]!.name} can't be rematerialized into a slot`);
    }
  }

  /** 64 bits at rsp + offset: one instruction where they are a sign-extended 32-bit constant. */
  private storeWords(offset: number, lo: number, hi: number): void {
    if (hi === lo >> 31) {
      this.setAddress(rsp, offset);
      this.emit(Amd64.mov64_mi, 0, inMemory, lo);
    } else {
      this.storeWord(offset, lo);
      this.storeWord(offset + 4, hi);
    }
  }

  private storeWord(offset: number, word: number): void {
    this.setAddress(rsp, offset);
    this.emit(Amd64.mov32_mi, 0, inMemory, word);
  }

  /** 8 bytes from a load's address to rsp + offset, by push and pop. */
  private copyFromMemory(i: number, offset: number, part = 0): void {
    this.setInstructionAddress(i, this.code.operandStart[i + 1]!, part);
    this.indirect(6);
    this.setAddress(rsp, offset + part);
    this.popMemory();
  }

  /** The words of a pseudo row that loads an integer constant or zero. */
  private constantLow(i: number): number {
    return this.code.opcode[i] === Amd64.fzero ? 0 : this.code.imm2[i]!;
  }
  private constantHigh(i: number): number {
    const row = this.code.opcode[i]!;
    if (row === Amd64.mov64_abs) return this.code.imm0[i]!;
    return row === Amd64.mov64_ri ? this.code.imm2[i]! >> 31 : 0;
  }

  /** Emits instruction `i`, whose only register operand is its definition, with another register. */
  private define(i: number, to: Location, before: number): void {
    const row = this.code.opcode[i]!;
    if (instructionFlags[row]! & pseudo) {
      this.constant(i, to, this.flagsDead(before));
      return;
    }
    const end = this.code.operandStart[i + 1]!;
    this.setInstructionAddress(i, end);
    this.emit(row, to, inMemory, this.code.imm2[i]!);
    this.noteRip(i);
  }

  /** The pseudo rows that load a constant. `flagsDead`: the flags may be destroyed. */
  constant(i: number, to: Location, flagsDead: boolean): void {
    const { code } = this;
    const row = code.opcode[i]!;
    const lo = code.imm2[i]!;
    if (row === Amd64.fzero) {
      this.emit(Amd64.xorps_rr, to, to);
      return;
    }
    if (row === Amd64.mov32_signature) {
      this.moveImmediate32(to, 0);
      this.relocate(this.size - 4, RelocationKind.signature, code.imm0[i]!);
      return;
    }
    const hi = this.constantHigh(i);
    if (lo === 0 && hi === 0 && flagsDead) this.emit(Amd64.xor32_rr, to, to);
    else this.moveImmediate64(to, lo, hi);
  }

  /** Whether nothing from instruction `i` on reads the flags before they are written. Flags don't cross blocks. */
  flagsDead(i: number): boolean {
    const { code } = this;
    for (let k = i; k < i + flagsHorizon && k < code.instructionCount; k++) {
      const flags = instructionFlags[code.opcode[k]!]!;
      if (flags & readsFlags) return false;
      if (flags & writesFlags || code.flags[k]! & InstructionFlag.terminator) return true;
    }
    return false;
  }

  slotOffset(location: Location): number {
    return this.frame.slots + 8 * (location - firstSlot);
  }

  /** Copies a value of a class between any two locations but two slots. Keeps the flags. */
  move(cls: RegisterClass, from: Location, to: Location): void {
    if (from === to) return;
    if (from >= firstSlot) {
      this.setAddress(rsp, this.slotOffset(from));
      if (to >= firstSlot) this.moveSlotToSlot(cls, from, to);
      else if (to < floatFile) this.emit(Amd64.mov64_rm, to, inMemory);
      else this.emit(cls === RegisterClass.vector ? Amd64.movups_rm : Amd64.movsd_rm, to, inMemory);
    } else if (to >= firstSlot) {
      this.setAddress(rsp, this.slotOffset(to));
      if (from < floatFile) this.emit(Amd64.mov64_mr, from, inMemory);
      else this.emit(cls === RegisterClass.vector ? Amd64.movups_mr : Amd64.movsd_mr, from, inMemory);
    } else if (from < floatFile) {
      if (to < floatFile) this.emit(Amd64.mov64_rr, to, from);
      else this.emit(Amd64.movq_xr, to, from);
    } else if (to < floatFile) this.emit(Amd64.movq_rx, from, to);
    else this.emit(Amd64.movaps_rr, to, from);
  }

  /** Only for copies whose operands were both spilled; allocation sequences its own through the scratch register. */
  private moveSlotToSlot(cls: RegisterClass, from: Location, to: Location): void {
    this.move(cls === RegisterClass.int ? RegisterClass.float : cls, from, scratchFloat);
    this.move(cls === RegisterClass.int ? RegisterClass.float : cls, scratchFloat, to);
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
    if (rmIndex === inMemory) this.setInstructionAddress(i, code.operandStart[i + 1]!);
    else if (rm >= firstSlot) {
      this.setAddress(rsp, this.slotOffset(rm));
      rm = inMemory;
    } else if (rmIndex < 0) rm = 0;
    if (code.flags[i]! & mayFault) this.site(SiteKind.access, TrapKind.memoryOutOfBounds, code.source[i]!, -1);
    this.emit(row, reg, rm, code.imm2[i]!, vvvv);
    if (rmIndex === inMemory) this.noteRip(i);
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

  /** Sets the encoder's address from an instruction's address word (and `extra` bytes); its registers end before operand `end`. */
  setInstructionAddress(i: number, end: number, extra = 0): void {
    const { code, locations } = this;
    const word = code.imm1[i]!;
    let displacement = code.imm0[i]! + extra;
    const index = word & addressHasIndex ? locations[--end]! : -1;
    let base = word & addressHasBase ? locations[--end]! : -1;
    switch (word >> addressSpecialShift) {
      case AddressBase.none:
        break;
      case AddressBase.context:
        base = contextRegister;
        break;
      case AddressBase.outgoing:
        base = rsp;
        break;
      case AddressBase.incoming:
        base = rsp;
        displacement += this.frame.size + 8;
        break;
      case AddressBase.slot:
        base = rsp;
        displacement = this.frame.slots + 8 * code.imm0[i]! + extra;
        break;
      case AddressBase.constant:
        this.setRipRelative();
        return;
    }
    this.setAddress(base, displacement, index, word & 3);
  }

  /** After an instruction with an address: if that was a constant's, records the reference. */
  noteRip(i: number): void {
    if (this.code.imm1[i]! >> addressSpecialShift === AddressBase.constant) this.ripReference(this.code.imm0[i]!);
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
    return this.forward[b]!;
  }

  jumpToBlock(b: number): void {
    const target = this.forward[b]!;
    if (target !== this.nextBlock) this.jump(target);
  }

  branch(condition: number, ifTrue: number, ifFalse: number): void {
    const t = this.forward[ifTrue]!;
    const f = this.forward[ifFalse]!;
    if (t === f) this.jumpToBlock(t);
    else if (t === this.nextBlock) this.jumpIf(condition ^ 1, f);
    else {
      this.jumpIf(condition, t);
      if (f !== this.nextBlock) this.jump(f);
    }
  }

  /** A new jump table; its number as a datum comes after the constants. */
  jumpTable(successors: readonly number[], count: number): number {
    for (let k = 0; k < count; k++) this.tableLabels.push(this.forward[successors[k]!]!);
    this.tableStart.push(this.tableLabels.length);
    return this.constantCount + this.tableStart.length - 2;
  }

  private get constantCount(): number {
    return this.constants.constantCount ?? 0;
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
    this.setAddress(contextRegister, Context.interrupt);
    this.emit(Amd64.cmp32_mi, 0, inMemory, 0);
    this.jumpIf(5, label);
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

  // ---------------------------------------------------------------- tables

  site(kind: number, trap: number, source: number, map: number): void {
    this.siteRaw.push(this.size);
    this.siteItems.push(this.itemCount);
    this.siteKind.push(kind);
    this.siteTrap.push(trap);
    this.siteSource.push(source);
    this.siteMap.push(map);
  }

  /** Stack map of a safepoint, -1 when no reference lives across it. */
  private stackMap(i: number): number {
    const { safepoints, mapStart, mapLocation } = this.allocation;
    let k = this.safepoint;
    const isNext = k < safepoints.length && safepoints[k]! >= i && (k === 0 || safepoints[k - 1]! < i);
    if (!isNext) {
      let lo = 0;
      let hi = safepoints.length;
      while (lo < hi) {
        k = (lo + hi) >> 1;
        if (safepoints[k]! < i) lo = k + 1;
        else hi = k;
      }
      k = lo;
    }
    if (safepoints[k] !== i) return -1;
    this.safepoint = k + 1;
    const start = mapStart[k]!;
    const end = mapStart[k + 1]!;
    if (start === end) return -1;
    for (let m = start; m < end; m++) {
      const location = mapLocation[m]!;
      this.mapWord.push(location >= firstSlot ? this.slotOffset(location) : -1 - location);
    }
    this.mapStart.push(this.mapWord.length);
    return this.mapStart.length - 2;
  }

  relocate(raw: number, kind: number, symbol: number): void {
    this.relocationRaw.push(raw);
    this.relocationItems.push(this.itemCount);
    this.relocationKind.push(kind);
    this.relocationSymbol.push(symbol);
  }

  // ---------------------------------------------------------------- the end

  private finish(): MachineCode {
    const codeSize = this.layOut();
    const { constantCount, constants, tableStart, tableLabels } = this;
    const tableCount = tableStart.length - 1;
    const datumOffset = new Int32Array(constantCount + tableCount);
    let size = codeSize;
    for (let bytes = 16; bytes >= 4; bytes >>= 1) {
      for (let k = 0; k < constantCount; k++) {
        if (constants.constantSize[k] !== bytes) continue;
        size = (size + bytes - 1) & -bytes;
        datumOffset[k] = size;
        size += bytes;
      }
    }
    if (tableCount > 0) size = (size + 3) & ~3;
    for (let t = 0; t < tableCount; t++) {
      datumOffset[constantCount + t] = size;
      size += 4 * (tableStart[t + 1]! - tableStart[t]!);
    }
    const bytes = new Uint8Array(size);
    bytes.fill(0xcc, codeSize);
    this.write(bytes, datumOffset);
    for (let k = 0; k < constantCount; k++) {
      for (let w = 0; w < constants.constantSize[k]!; w += 4) {
        putWord32(bytes, datumOffset[k]! + w, constants.constantWords[4 * k + (w >> 2)]!);
      }
    }
    for (let t = 0; t < tableCount; t++) {
      const table = datumOffset[constantCount + t]!;
      for (let k = tableStart[t]!, at = table; k < tableStart[t + 1]!; k++, at += 4) {
        putWord32(bytes, at, this.labelOffset(tableLabels[k]!) - table);
      }
    }
    return this.tables(bytes, codeSize);
  }

  private tables(bytes: Uint8Array, codeSize: number): MachineCode {
    const final = (raw: readonly number[], items: readonly number[]): Int32Array => {
      const out = new Int32Array(raw.length);
      for (let k = 0; k < raw.length; k++) out[k] = this.finalOffset(raw[k]!, items[k]!);
      return out;
    };
    return {
      bytes,
      codeSize,
      frameSize: this.frame.size,
      relocationOffset: final(this.relocationRaw, this.relocationItems),
      relocationKind: Uint8Array.from(this.relocationKind),
      relocationSymbol: Int32Array.from(this.relocationSymbol),
      siteOffset: final(this.siteRaw, this.siteItems),
      siteKind: Uint8Array.from(this.siteKind),
      siteTrap: Uint8Array.from(this.siteTrap),
      siteSource: Int32Array.from(this.siteSource),
      siteMap: Int32Array.from(this.siteMap),
      mapStart: Int32Array.from(this.mapStart),
      mapWord: Int32Array.from(this.mapWord),
    };
  }
}

/** Encodes an allocated function. */
export function encodeFunction(code: VCode, allocation: Allocation): MachineCode {
  return new Emitter(code, allocation).run();
}
