/**
 * Operands in their locations: moves between registers and slots, the allocation's edits, constants, and addresses
 * as instructions describe them.
 *
 * Everything here keeps the flags, since it may stand between a comparison and its reader; only a zero is made with
 * xor where nothing reads the flags any more.
 */
import { RelocationKind } from "../../machine/machine-code.js";
import { firstSlot, floatFile, InstructionFlag, type Location, RegisterClass } from "../../machine/vcode.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import { inMemory } from "./encode.js";
import { TableEncoder } from "./encode-tables.js";
import {
  AddressBase,
  Amd64,
  addressHasBase,
  addressHasIndex,
  addressSpecialShift,
  instructionFlags,
  instructionRows,
  RowFlag,
} from "./instructions.js";
import { contextRegister, rsp, scratchFloat } from "./registers.js";

const { pseudo, readsFlags, writesFlags } = RowFlag;

/** Loads whose value a slot may get by copying 8 or 16 bytes. */
const isLoad = (row: number): boolean =>
  row === Amd64.mov64_rm || row === Amd64.movsd_rm || row === Amd64.movss_rm || row === Amd64.movups_rm;

/** How far ahead to look for the next writer of the flags. */
const flagsHorizon = 6;

export class OperandEncoder extends TableEncoder {
  readonly locations: Int32Array = this.allocation.operandLocation;

  protected applyEdit(e: number): void {
    const { editFrom, editTo, editClass } = this.allocation;
    const from = editFrom[e]!;
    if (from < 0) this.rematerialize(-1 - from, editTo[e]!, this.allocation.editBefore[e]!);
    else this.move(editClass[e] as RegisterClass, from, editTo[e]!);
  }

  /** Executes the definition of instruction `i` again, into `to`, before instruction `before`. */
  protected rematerialize(i: number, to: Location, before: number): void {
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
      // The vectors among the pseudo rows have all their words the same.
      if (isVector) this.storeWords(offset + 8, this.constantLow(i), this.constantHigh(i));
    } else if (code.imm1[i]! >> addressSpecialShift === AddressBase.constant) {
      const { constantWords } = constants;
      const at = 4 * code.imm0[i]!;
      this.storeWords(offset, constantWords[at]!, constantWords[at + 1]!);
      if (isVector) this.storeWords(offset + 8, constantWords[at + 2]!, constantWords[at + 3]!);
    } else if (isLoad(row)) {
      this.copyFromMemory(i, offset);
      if (isVector) this.copyFromMemory(i, offset, 8);
    } else {
      throw new EngineBug(
        "encode",
        -1,
        "",
        `${instructionRows[row]!.name} can't be rematerialized into a slot`,
      );
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
    const row = this.code.opcode[i];
    if (row === Amd64.vones) return -1;
    return row === Amd64.fzero ? 0 : this.code.imm2[i]!;
  }
  private constantHigh(i: number): number {
    const row = this.code.opcode[i]!;
    if (row === Amd64.vones) return -1;
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
    if (row === Amd64.vones) {
      this.emit(Amd64.pcmpeqd_rr, to, to);
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

  /** Sets the encoder's address from a use that isn't in a register. `noteLocation` must follow the instruction. */
  setLocationAddress(location: Location): void {
    if (location < 0) this.setInstructionAddress(-1 - location, 0);
    else this.setAddress(rsp, this.slotOffset(location));
  }

  /** After an instruction with the address of such a use. */
  noteLocation(location: Location): void {
    if (location < 0) this.noteRip(-1 - location);
  }

  /** After an instruction with an address: if that was a constant's, records the reference. */
  noteRip(i: number): void {
    if (this.code.imm1[i]! >> addressSpecialShift === AddressBase.constant)
      this.ripReference(this.code.imm0[i]!);
  }
}
