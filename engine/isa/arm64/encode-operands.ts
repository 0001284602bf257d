/**
 * Operands in their locations: moves between registers and slots, the allocation's edits, constants, and addresses
 * as instructions describe them.
 *
 * Everything here keeps the flags, since it may stand between a comparison and its reader.
 */
import { RelocationKind } from "../../machine/machine-code.js";
import { firstSlot, floatFile, type Location, RegisterClass } from "../../machine/vcode.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import { TableEncoder } from "./encode-tables.js";
import {
  AddressBase,
  Arm64,
  addressHasBase,
  addressHasIndex,
  addressIsScaled,
  addressSpecialShift,
  instructionFlags,
  instructionRows,
  isOffset,
  RowFlag,
} from "./instructions.js";
import { contextRegister, scratchFloat, scratchInt, sp } from "./registers.js";

const loadRows: readonly number[] = [Arm64.ldr64, Arm64.ldr_d, Arm64.ldr_q];
const storeRows: readonly number[] = [Arm64.str64, Arm64.str_d, Arm64.str_q];
const loadPairRows: readonly number[] = [Arm64.ldp64, Arm64.ldp_d, Arm64.ldp_q];
const storePairRows: readonly number[] = [Arm64.stp64, Arm64.stp_d, Arm64.stp_q];

const isSlot = (location: Location): boolean => location >= firstSlot;
const isFloat = (location: Location): boolean => location >= floatFile && location < firstSlot;

export class OperandEncoder extends TableEncoder {
  readonly locations: Int32Array = this.allocation.operandLocation;

  // ---------------------------------------------------------------- edits

  /** Performs edit `e`, or it and the next one together; returns the number of the one after. */
  protected applyEdit(e: number): number {
    if (this.applyPair(e)) return e + 2;
    const { editFrom, editTo, editClass } = this.allocation;
    const from = editFrom[e]!;
    if (from < 0) this.rematerialize(-1 - from, editTo[e]!);
    else this.move(editClass[e] as RegisterClass, from, editTo[e]!);
    return e + 1;
  }

  /** Two edits that load from, or store to, neighbouring slots are one instruction. */
  private applyPair(e: number): boolean {
    const { editBefore, editClass, editCount, editFrom, editTo } = this.allocation;
    if (e + 1 >= editCount || editBefore[e] !== editBefore[e + 1] || editClass[e] !== editClass[e + 1])
      return false;
    const cls = editClass[e]!;
    const fromSlots = isSlot(editFrom[e]!) && isSlot(editFrom[e + 1]!);
    const toSlots = isSlot(editTo[e]!) && isSlot(editTo[e + 1]!);
    // A location below 0 is a definition to be executed again.
    if (fromSlots === toSlots || (toSlots && (editFrom[e]! < 0 || editFrom[e + 1]! < 0))) return false;
    const slots = fromSlots ? editFrom : editTo;
    const registers = fromSlots ? editTo : editFrom;
    if (isSlot(registers[e]!) || isSlot(registers[e + 1]!) || registers[e] === registers[e + 1]) return false;
    // The values of integers may be in float registers, those the scratch register carries.
    if (cls === RegisterClass.int && (isFloat(registers[e]!) || isFloat(registers[e + 1]!))) return false;
    const size = cls === RegisterClass.vector ? 2 : 1;
    const first = slots[e + 1]! - slots[e]! === size ? e : slots[e]! - slots[e + 1]! === size ? e + 1 : -1;
    if (first < 0) return false;
    const second = 2 * e + 1 - first;
    const offset = this.slotOffset(slots[first]!);
    const bytes = 8 * size;
    if (offset > 63 * bytes || offset % bytes !== 0) return false;
    const row = (fromSlots ? loadPairRows : storePairRows)[cls]!;
    this.emit3(row, registers[first]!, registers[second]!, sp, offset);
    return true;
  }

  /** Executes the definition of instruction `i` again, into `to`. */
  private rematerialize(i: number, to: Location): void {
    if (!isSlot(to)) {
      this.define(i, to);
      return;
    }
    const { code } = this;
    const cls = code.vregClass[code.operandVReg[code.operandStart[i]!]!] as RegisterClass;
    const isZero =
      cls === RegisterClass.int &&
      (code.opcode[i] === Arm64.mov32_ri || code.opcode[i] === Arm64.mov64_ri) &&
      code.imm2[i] === 0 &&
      (code.opcode[i] === Arm64.mov32_ri || code.imm0[i] === 0);
    const offset = this.slotOffset(to);
    if (isZero && isOffset(offset, 8)) {
      this.load(Arm64.str64_z, 0, sp, offset);
    } else if (cls === RegisterClass.int && isOffset(offset, 8)) {
      this.define(i, scratchInt);
      this.move(cls, scratchInt, to);
    } else if (cls === RegisterClass.int) {
      // The slot is out of a store's reach, which takes x16 for its address.
      this.define(i, scratchInt);
      this.emit2(Arm64.fmov_dx, scratchFloat, scratchInt);
      this.move(RegisterClass.float, scratchFloat, to);
    } else {
      this.define(i, scratchFloat);
      this.move(cls, scratchFloat, to);
    }
  }

  /** Emits instruction `i`, whose only register operand is its definition, with another register. */
  private define(i: number, to: Location): void {
    const { code } = this;
    const row = code.opcode[i]!;
    if (instructionFlags[row]! & RowFlag.pseudo) this.constant(i, to);
    else if (instructionRows[row]!.access >= 0) this.memoryInstruction(i, row, to);
    else this.emit1(row, to, code.imm2[i]!, code.imm0[i]!);
  }

  /** The pseudo rows that load a constant or an address. */
  constant(i: number, to: Location): void {
    const { code } = this;
    switch (code.opcode[i]) {
      case Arm64.fzero:
        this.emit1(Arm64.fzero_q, to);
        return;
      case Arm64.mov32_ri:
        this.moveImmediate64(to, code.imm2[i]!, 0);
        return;
      case Arm64.mov64_ri:
        this.moveImmediate64(to, code.imm2[i]!, code.imm0[i]!);
        return;
      case Arm64.mov32_signature:
        // Both halves are filled in by linkSignature.
        this.relocate(RelocationKind.signature, code.imm0[i]!);
        this.emit1(Arm64.movz32, to, 0);
        this.emit2(Arm64.movk32, to, to, 1 << 16);
        return;
      case Arm64.lea64:
        this.leaveAddress(i, to);
        return;
      default:
        throw new EngineBug(
          "encode",
          -1,
          "",
          `${instructionRows[code.opcode[i]!]!.name} defines no constant`,
        );
    }
  }

  // ---------------------------------------------------------------- moves

  /** Copies a value of a class between any two locations. */
  move(cls: RegisterClass, from: Location, to: Location): void {
    if (from === to) return;
    if (isSlot(from) && isSlot(to)) {
      const by = cls === RegisterClass.int ? RegisterClass.float : cls;
      this.move(by, from, scratchFloat);
      this.move(by, scratchFloat, to);
    } else if (isSlot(from)) {
      const by = cls === RegisterClass.int && isFloat(to) ? RegisterClass.float : cls;
      this.load(loadRows[by]!, to, sp, this.slotOffset(from));
    } else if (isSlot(to)) {
      const by = cls === RegisterClass.int && isFloat(from) ? RegisterClass.float : cls;
      this.load(storeRows[by]!, from, sp, this.slotOffset(to));
    } else if (isFloat(from)) this.emit2(isFloat(to) ? Arm64.mov_q : Arm64.fmov_xd, to, from);
    else this.emit2(isFloat(to) ? Arm64.fmov_dx : Arm64.mov64_rr, to, from);
  }

  // ---------------------------------------------------------------- addresses

  /** The load or store `i` of a register. */
  protected memoryInstruction(i: number, row: number, register: number): void {
    const { code } = this;
    if (code.imm1[i]! >> addressSpecialShift === AddressBase.constant) {
      this.loadLiteral(row, register, code.imm0[i]!);
      return;
    }
    this.setInstructionAddress(i);
    this.emitMemory(row, register);
  }

  /** Sets the encoder's address from instruction `i`'s address word. */
  private setInstructionAddress(i: number): void {
    const { code, locations } = this;
    const word = code.imm1[i]!;
    let end = code.operandStart[i + 1]!;
    const index = word & addressHasIndex ? locations[--end]! : -1;
    const base = word & addressHasBase ? locations[--end]! : -1;
    if (base >= 0) {
      if (index >= 0 && code.imm0[i] !== 0)
        throw new EngineBug("encode", -1, "", "an address with an index has no displacement");
      this.setAddress(base, code.imm0[i]!, index, word & 3, (word & addressIsScaled) !== 0);
      return;
    }
    const special = word >> addressSpecialShift;
    if (special === AddressBase.none) throw new EngineBug("encode", -1, "", "an address has no base");
    this.setAddress(special === AddressBase.context ? contextRegister : sp, this.specialOffset(i, special));
  }

  /** The distance of an address with a special base from the register that it is reached by. */
  private specialOffset(i: number, special: number): number {
    const displacement = this.code.imm0[i]!;
    if (special === AddressBase.incoming) return this.frame.size + displacement;
    if (special === AddressBase.slot) return this.frame.slots + 8 * displacement;
    return displacement;
  }

  private leaveAddress(i: number, to: Location): void {
    const { code, locations } = this;
    const word = code.imm1[i]!;
    if (word & addressHasIndex) throw new EngineBug("encode", -1, "", "lea64 takes no index");
    const special = word >> addressSpecialShift;
    if (word & addressHasBase) this.addConstant(to, locations[code.operandStart[i + 1]! - 1]!, code.imm0[i]!);
    else
      this.addConstant(
        to,
        special === AddressBase.context ? contextRegister : sp,
        this.specialOffset(i, special),
      );
  }
}
