/**
 * Words of single instructions, driven by the instruction table.
 *
 * Enters: a row number and the registers, address and immediate of its fields. Leaves: instruction words appended to
 * the buffer. What one instruction can't hold (a far offset, a long constant) becomes several, with x16 as scratch.
 *
 * Source: Arm Architecture Reference Manual for A-profile (DDI 0487), C4.1 (encoding of the A64 instruction set).
 * Registers are numbers of either file; 31 in the integer file is the stack pointer or zero, by the instruction.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import { isAddImmediate, isLogicalImmediate } from "./immediates.js";
import { Arm64, Extend, extendedBy, indexOptions, instructionRows, isOffset } from "./instructions.js";
import { scratchInt, sp, zr } from "./registers.js";

// ---------------------------------------------------------------- the table as columns

const count = instructionRows.length;
/** What a register's number is multiplied with to lie in its field, by the letter of the field. */
const fieldFactors: Record<string, number> = {
  d: 1,
  n: 1 << 5,
  m: 1 << 16,
  a: 1 << 10,
  b: (1 << 5) | (1 << 16),
  "-": 0,
};
const mostFields = 4;
const encodingOf = Int32Array.from(instructionRows, (r) => r.encoding);
const factorOf = new Int32Array(mostFields * count);
const accessOf = Int8Array.from(instructionRows, (r) => r.access);
const encodeImmediate = instructionRows.map((r) => r.immediate.encode);

for (let row = 0; row < count; row++) {
  const { fields } = instructionRows[row]!.form;
  for (let k = 0; k < fields.length; k++) factorOf[mostFields * row + k] = fieldFactors[fields[k]!]!;
}

/** In the form with an unsigned offset; clear in those with an index or a signed offset. */
const unsignedOffset = 1 << 24;
const registerOffset = (1 << 21) | (2 << 10);

// ---------------------------------------------------------------- the encoder

const noRegister = -1;

export class Encoder {
  words = new Int32Array(128);
  /** Words so far. */
  count = 0;

  // -- the address of the next load or store, see `setAddress`
  private base = noRegister;
  private displacement = 0;
  private index = noRegister;
  private extend = 0;
  private scaled = false;

  /** Bytes so far. */
  get size(): number {
    return 4 * this.count;
  }

  word(w: number): void {
    if (this.count === this.words.length) {
      const bigger = new Int32Array(2 * this.count);
      bigger.set(this.words);
      this.words = bigger;
    }
    this.words[this.count++] = w;
  }

  /** A copy of the bytes so far. */
  finished(): Uint8Array {
    return new Uint8Array(this.words.slice(0, this.count).buffer);
  }

  /**
   * Appends one instruction without an address. Registers in the order of the row's operands, a use that a definition
   * takes over included.
   */
  emit(row: number, r0 = 0, r1 = 0, r2 = 0, r3 = 0, lo = 0, hi = 0): void {
    const f = mostFields * row;
    this.word(
      encodingOf[row]! |
        Math.imul(r0 & 31, factorOf[f]!) |
        Math.imul(r1 & 31, factorOf[f + 1]!) |
        Math.imul(r2 & 31, factorOf[f + 2]!) |
        Math.imul(r3 & 31, factorOf[f + 3]!) |
        encodeImmediate[row]!(lo, hi),
    );
  }
  emit1(row: number, r0: number, lo = 0, hi = 0): void {
    this.emit(row, r0, 0, 0, 0, lo, hi);
  }
  emit2(row: number, r0: number, r1: number, lo = 0, hi = 0): void {
    this.emit(row, r0, r1, 0, 0, lo, hi);
  }
  emit3(row: number, r0: number, r1: number, r2: number, lo = 0, hi = 0): void {
    this.emit(row, r0, r1, r2, 0, lo, hi);
  }

  // ---------------------------------------------------------------- loads and stores

  /**
   * The address of the next load or store: base + displacement, or base + index.
   * @param extend an IndexExtend; @param scaled whether the index is multiplied with the bytes accessed
   */
  setAddress(base: number, displacement: number, index = noRegister, extend = 0, scaled = false): void {
    this.base = base;
    this.displacement = displacement;
    this.index = index;
    this.extend = extend;
    this.scaled = scaled;
  }

  /** Appends the load or store `row` of a register (0 in rows that store zero) at the address set last. */
  emitMemory(row: number, register: number): void {
    const access = accessOf[row]!;
    const factor = factorOf[mostFields * row]!;
    const word = encodingOf[row]! | Math.imul(register & 31, factor);
    this.reachAddress(1 << access);
    const { base, displacement, index } = this;
    const at = word | ((base & 31) << 5);
    if (index !== noRegister) {
      const option = (indexOptions[this.extend]! << 13) | (this.scaled ? 1 << 12 : 0);
      this.word((at & ~unsignedOffset) | registerOffset | option | ((index & 31) << 16));
    } else if (
      displacement >= 0 &&
      (displacement & ((1 << access) - 1)) === 0 &&
      displacement >> access <= 0xfff
    ) {
      this.word(at | ((displacement >> access) << 10));
    } else this.word((at & ~unsignedOffset) | ((displacement & 0x1ff) << 12));
  }

  /** A load or store at base + displacement. */
  load(row: number, register: number, base: number, displacement = 0): void {
    this.setAddress(base, displacement);
    this.emitMemory(row, register);
  }

  /** Makes the address one that a load or store of `bytes` bytes can hold, by way of x16. */
  private reachAddress(bytes: number): void {
    const { base, displacement } = this;
    if (this.index !== noRegister || isOffset(displacement, bytes)) return;
    if (base === scratchInt)
      throw new EngineBug("encode", -1, "", "an address needs the scratch register twice");
    const near = displacement & 0xfff;
    if (displacement > 0 && displacement <= 0xffffff && isOffset(near, bytes)) {
      this.emit2(Arm64.add64_ri, scratchInt, base, displacement - near);
      this.setAddress(scratchInt, near);
    } else {
      this.moveImmediate64(scratchInt, displacement, displacement >> 31);
      this.setAddress(base, 0, scratchInt);
    }
  }

  /**
   * register = base + displacement; either may be the stack pointer, which is written by the last instruction only. Keeps
   * the flags.
   */
  addConstant(register: number, base: number, displacement: number): void {
    if (displacement === 0 && register === base) return;
    const size = Math.abs(displacement);
    const row = displacement < 0 ? Arm64.sub64_ri : Arm64.add64_ri;
    if (isAddImmediate(size)) this.emit2(row, register, base, size);
    else if (size <= 0xffffff && register !== sp) {
      this.emit2(row, register, base, size & 0xfff000);
      this.emit2(row, register, register, size & 0xfff);
    } else {
      // The form with an extended operand is the one that knows the stack pointer.
      this.moveImmediate64(scratchInt, displacement | 0, Math.floor(displacement / 2 ** 32));
      this.emit3(Arm64.add64_rx, register, base, scratchInt, extendedBy(Extend.uxtx, 0));
    }
  }

  // ---------------------------------------------------------------- constants

  /** The fewest moves that make a 64-bit constant. Keeps the flags. */
  moveImmediate64(register: number, lo: number, hi: number): void {
    const halves = [lo & 0xffff, lo >>> 16, hi & 0xffff, hi >>> 16];
    const zeros = halves.filter((h) => h === 0).length;
    const ones = halves.filter((h) => h === 0xffff).length;
    if (zeros >= 3) this.moveHalves(register, halves, 0);
    else if (ones >= 3) this.moveHalves(register, halves, 0xffff);
    else if (hi === 0 && (halves[0] === 0xffff || halves[1] === 0xffff)) {
      const n = halves[0] === 0xffff ? 1 : 0;
      this.emit1(Arm64.movn32, register, (~halves[n]! & 0xffff) | (n << 16));
    } else if (hi === 0 && isLogicalImmediate(lo, 0, false)) this.emit2(Arm64.orr32_ri, register, zr, lo, 0);
    else if (isLogicalImmediate(lo, hi, true)) this.emit2(Arm64.orr64_ri, register, zr, lo, hi);
    else this.moveHalves(register, halves, ones > zeros ? 0xffff : 0);
  }

  /** movz or movn, which fill what they don't set with `filler`, then movk for every other half. */
  private moveHalves(register: number, halves: readonly number[], filler: 0 | 0xffff): void {
    const first = Math.max(
      0,
      halves.findIndex((h) => h !== filler),
    );
    const start = filler === 0 ? Arm64.movz64 : Arm64.movn64;
    this.emit1(start, register, (halves[first]! ^ filler) | (first << 16));
    for (let n = first + 1; n < 4; n++) {
      if (halves[n] !== filler) this.emit2(Arm64.movk64, register, register, halves[n]! | (n << 16));
    }
  }
}
