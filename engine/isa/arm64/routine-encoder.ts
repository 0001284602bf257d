/**
 * Encodes the engine's own small routines: stubs, the fault handler's, the clock's, the threads'. Enters: calls in the order
 * of the instructions, branches by the names of places. Leaves: bytes, after `resolve` has filled in the branches.
 *
 * Registers are numbers 0 to 31; 31 is sp where the instruction has an address or adds an immediate, else the zero
 * register. Vector registers are 0 to 31 too, in the methods that say so. Operands out of an instruction's range are
 * an EngineBug: no routine has more than a few dozen instructions, all known when the engine is written.
 *
 * Source: Arm Architecture Reference Manual for A-profile (DDI 0487), C6.2 and C7.2, the pages of each instruction.
 */
import { EngineBug } from "../../ssa/engine-bug.js";

/** Conditions of branches, as instructions number them; ^ 1 inverts. */
export const cc = { eq: 0, ne: 1, hs: 2, lo: 3, hi: 8, ls: 9, ge: 10, lt: 11, gt: 12, le: 13 } as const;

/** sp or zero, as the instruction has it. */
export const sp = 31;
export const zr = 31;
export const lr = 30;

const Reach = { imm26: 0, imm19: 1, adr: 2 } as const;
type Reach = (typeof Reach)[keyof typeof Reach];

export class RoutineEncoder {
  private words: number[] = [];
  private readonly places = new Map<string, number>();
  private readonly branches: { at: number; to: string; reach: Reach }[] = [];

  constructor(private readonly name: string) {}

  get size(): number {
    return 4 * this.words.length;
  }
  word(instruction: number): void {
    this.words.push(instruction >>> 0);
  }
  /** Bytes, a multiple of 4 of them. */
  data(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < bytes.length; i += 4) this.word(view.getUint32(i, true));
  }
  place(name: string): void {
    this.places.set(name, this.words.length);
  }
  /** Fills up to a multiple of 16 with undefined instructions; returns where the next one lies. */
  align(): number {
    while (this.size & 15) this.word(0);
    return this.size;
  }

  // ---------------------------------------------------------------- integers

  move(to: number, from: number): void {
    this.word(0xaa0003e0 | (from << 16) | to);
  }
  /** `mov` to or from sp. */
  moveSp(to: number, from: number): void {
    this.word(0x91000000 | (from << 5) | to);
  }
  /** Any 64-bit number: movz or movn, then movk where needed. */
  immediate(to: number, value: number | bigint): void {
    const bits = BigInt.asUintN(64, BigInt(value));
    const parts = [0n, 16n, 32n, 48n].map((shift) => Number((bits >> shift) & 0xffffn));
    const inverted =
      parts.filter((part) => part === 0xffff).length > parts.filter((part) => part === 0).length;
    const filler = inverted ? 0xffff : 0;
    let begun = false;
    parts.forEach((part, i) => {
      if (part === filler && (i !== 0 || parts.some((other) => other !== filler))) return;
      const value16 = begun || !inverted ? part : part ^ 0xffff;
      this.word((begun ? 0xf2800000 : inverted ? 0x92800000 : 0xd2800000) | (i << 21) | (value16 << 5) | to);
      begun = true;
    });
  }
  add(to: number, a: number, b: number): void {
    this.word(0x8b000000 | (b << 16) | (a << 5) | to);
  }
  subtract(to: number, a: number, b: number): void {
    this.word(0xcb000000 | (b << 16) | (a << 5) | to);
  }
  /** to = from + value, less than 2^24 either way, sp allowed; two instructions beyond 4095. */
  addImmediate(to: number, from: number, value: number): void {
    const row = value < 0 ? 0xd1000000 : 0x91000000;
    const size = this.within(Math.abs(value), 0, 0xffffff);
    const high = size >>> 12;
    if (high !== 0) this.word(row | (1 << 22) | (high << 10) | (from << 5) | to);
    if (high === 0 || (size & 4095) !== 0) {
      this.word(row | ((size & 4095) << 10) | ((high === 0 ? from : to) << 5) | to);
    }
  }
  shiftRight(to: number, from: number, amount: number): void {
    this.word(0xd340fc00 | (amount << 16) | (from << 5) | to);
  }
  /** to = a / b, unsigned. */
  divide(to: number, a: number, b: number): void {
    this.word(0x9ac00800 | (b << 16) | (a << 5) | to);
  }
  /** to = addend + a * b. */
  multiplyAdd(to: number, a: number, b: number, addend: number): void {
    this.word(0x9b000000 | (b << 16) | (addend << 10) | (a << 5) | to);
  }
  /** to = minuend - a * b. */
  multiplySubtract(to: number, a: number, b: number, minuend: number): void {
    this.word(0x9b008000 | (b << 16) | (minuend << 10) | (a << 5) | to);
  }
  /** to = a shifted left by b (modulo 64). */
  shiftLeftBy(to: number, a: number, b: number): void {
    this.word(0x9ac02000 | (b << 16) | (a << 5) | to);
  }
  /** to = a shifted right by b (modulo 64), zeros from above. */
  shiftRightBy(to: number, a: number, b: number): void {
    this.word(0x9ac02400 | (b << 16) | (a << 5) | to);
  }
  /** to = a and not b. */
  andNot(to: number, a: number, b: number): void {
    this.word(0x8a200000 | (b << 16) | (a << 5) | to);
  }
  /** to = the `width` bits of `from` that begin at bit `lsb`. */
  bits(to: number, from: number, lsb: number, width: number): void {
    this.word(0xd3400000 | (lsb << 16) | ((lsb + width - 1) << 10) | (from << 5) | to);
  }
  compare(a: number, b: number): void {
    this.word(0xeb00001f | (b << 16) | (a << 5));
  }
  /** sp with a register. */
  compareSp(b: number): void {
    this.word(0xeb2063ff | (b << 16));
  }
  compare32(a: number, b: number): void {
    this.word(0x6b00001f | (b << 16) | (a << 5));
  }
  compareImmediate(a: number, value: number): void {
    const row = value < 0 ? 0xb100001f : 0xf100001f;
    this.word(row | (this.within(Math.abs(value), 0, 4095) << 10) | (a << 5));
  }
  /** 32 bits with 0 to 4095. */
  compareImmediate32(a: number, value: number): void {
    this.word(0x7100001f | (this.within(value, 0, 4095) << 10) | (a << 5));
  }
  /** double at [base + displacement] -> integer, toward zero and saturating, by way of vector register `via`. */
  convertDouble(to: number, via: number, base: number, displacement: number): void {
    this.loadDouble(via, base, displacement);
    this.word(0x9e780000 | (via << 5) | to); // fcvtzs x, d
  }

  // ---------------------------------------------------------------- memory

  load(to: number, base: number, displacement: number): void {
    this.word(0xf9400000 | this.offset(displacement, 8) | (base << 5) | to);
  }
  store(from: number, base: number, displacement: number): void {
    this.word(0xf9000000 | this.offset(displacement, 8) | (base << 5) | from);
  }
  load32(to: number, base: number, displacement: number): void {
    this.word(0xb9400000 | this.offset(displacement, 4) | (base << 5) | to);
  }
  store32(from: number, base: number, displacement: number): void {
    this.word(0xb9000000 | this.offset(displacement, 4) | (base << 5) | from);
  }
  /** [base + index], one byte. */
  loadByteAt(to: number, base: number, index: number): void {
    this.word(0x38606800 | (index << 16) | (base << 5) | to);
  }
  loadPair(a: number, b: number, base: number, displacement: number): void {
    this.word(0xa9400000 | this.pairOffset(displacement, 8) | (b << 10) | (base << 5) | a);
  }
  storePair(a: number, b: number, base: number, displacement: number): void {
    this.word(0xa9000000 | this.pairOffset(displacement, 8) | (b << 10) | (base << 5) | a);
  }
  /** Vector registers: 4, 8 and 16 bytes. */
  loadSingle(to: number, base: number, displacement: number): void {
    this.word(0xbd400000 | this.offset(displacement, 4) | (base << 5) | to);
  }
  storeSingle(from: number, base: number, displacement: number): void {
    this.word(0xbd000000 | this.offset(displacement, 4) | (base << 5) | from);
  }
  loadDouble(to: number, base: number, displacement: number): void {
    this.word(0xfd400000 | this.offset(displacement, 8) | (base << 5) | to);
  }
  storeDouble(from: number, base: number, displacement: number): void {
    this.word(0xfd000000 | this.offset(displacement, 8) | (base << 5) | from);
  }
  /** Slots are 8 bytes, so a vector may lie at an odd multiple of 8: then by way of x16, which is destroyed. */
  loadVector(to: number, base: number, displacement: number): void {
    this.word(0x3dc00000 | this.vectorAddress(base, displacement) | to);
  }
  storeVector(from: number, base: number, displacement: number): void {
    this.word(0x3d800000 | this.vectorAddress(base, displacement) | from);
  }
  loadDoublePair(a: number, b: number, base: number, displacement: number): void {
    this.word(0x6d400000 | this.pairOffset(displacement, 8) | (b << 10) | (base << 5) | a);
  }
  storeDoublePair(a: number, b: number, base: number, displacement: number): void {
    this.word(0x6d000000 | this.pairOffset(displacement, 8) | (b << 10) | (base << 5) | a);
  }
  loadVectorPair(a: number, b: number, base: number, displacement: number): void {
    this.word(0xad400000 | this.pairOffset(displacement, 16) | (b << 10) | (base << 5) | a);
  }
  storeVectorPair(a: number, b: number, base: number, displacement: number): void {
    this.word(0xad000000 | this.pairOffset(displacement, 16) | (b << 10) | (base << 5) | a);
  }
  /** One register in 16 bytes of the stack. */
  push(register: number): void {
    this.word(0xf81f0fe0 | register);
  }
  pop(register: number): void {
    this.word(0xf84107e0 | register);
  }

  // ---------------------------------------------------------------- order of memory accesses

  /** What the loaded value was stored after is seen by everything that follows (ldar). */
  loadAcquire32(to: number, base: number): void {
    this.word(0x88dffc00 | (base << 5) | to);
  }
  loadAcquire(to: number, base: number): void {
    this.word(0xc8dffc00 | (base << 5) | to);
  }
  /** Everything before is seen by who sees this (stlr). */
  storeRelease32(from: number, base: number): void {
    this.word(0x889ffc00 | (base << 5) | from);
  }
  /** ldaxr: begins an exclusive sequence. */
  loadExclusive32(to: number, base: number): void {
    this.word(0x885ffc00 | (base << 5) | to);
  }
  /** stlxr: `failed` is 0 if nobody stored in between. */
  storeExclusive32(failed: number, from: number, base: number): void {
    this.word(0x8800fc00 | (failed << 16) | (base << 5) | from);
  }
  /** casal (LSE): if what is stored equals `expected`, `desired` replaces it; `expected` becomes what was there. */
  compareAndSwap32(expected: number, desired: number, base: number): void {
    this.word(0x88e0fc00 | (expected << 16) | (base << 5) | desired);
  }
  /** ldaddal (LSE): adds; `old` becomes what was there. */
  addAtomically32(old: number, amount: number, base: number): void {
    this.word(0xb8e00000 | (amount << 16) | (base << 5) | old);
  }
  /** A full barrier. */
  barrier(): void {
    this.word(0xd5033bbf); // dmb ish
  }

  // ---------------------------------------------------------------- control

  /** To a place, within 1 MiB; without a condition within 128 MiB. */
  branch(condition: number | null, to: string): void {
    if (condition === null) this.branchWord(0x14000000, to, Reach.imm26);
    else this.branchWord(0x54000000 | condition, to, Reach.imm19);
  }
  branchIfZero(register: number, to: string): void {
    this.branchWord(0xb4000000 | register, to, Reach.imm19);
  }
  branchIfNotZero(register: number, to: string): void {
    this.branchWord(0xb5000000 | register, to, Reach.imm19);
  }
  branchIfZero32(register: number, to: string): void {
    this.branchWord(0x34000000 | register, to, Reach.imm19);
  }
  branchIfNotZero32(register: number, to: string): void {
    this.branchWord(0x35000000 | register, to, Reach.imm19);
  }
  call(to: string): void {
    this.branchWord(0x94000000, to, Reach.imm26);
  }
  /** The address of a place. */
  addressOf(register: number, place: string): void {
    this.branchWord(0x10000000 | register, place, Reach.adr);
  }
  /** adrp: the address of the 4 KiB page of `address`, within 4 GiB, in a routine whose first byte will be at `base`. */
  addressOfPage(register: number, base: number, address: number): void {
    const here = base + this.size;
    const pages = Math.floor(address / 4096) - Math.floor(here / 4096);
    this.within(pages, -(2 ** 20), 2 ** 20 - 1);
    this.word(0x90000000 | ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5) | register);
  }
  jumpRegister(register: number): void {
    this.word(0xd61f0000 | (register << 5));
  }
  callRegister(register: number): void {
    this.word(0xd63f0000 | (register << 5));
  }
  /** `ret`: a jump that takes an entry off the processor's return predictor. */
  return(register: number = lr): void {
    this.word(0xd65f0000 | (register << 5));
  }
  /** The flags to and from a register. */
  readFlags(to: number): void {
    this.word(0xd53b4200 | to);
  }
  writeFlags(from: number): void {
    this.word(0xd51b4200 | from);
  }
  /** Destroys x8; the result, or a negative error number, is in x0; all others stay. Source: syscall(2). */
  systemCall(number: number): void {
    this.immediate(8, number);
    this.word(0xd4000001);
  }

  finished(): Uint8Array {
    this.resolve();
    const bytes = new Uint8Array(this.size);
    const view = new DataView(bytes.buffer);
    this.words.forEach((word, i) => {
      view.setUint32(4 * i, word, true);
    });
    return bytes;
  }

  private branchWord(instruction: number, to: string, reach: Reach): void {
    this.branches.push({ at: this.words.length, to, reach });
    this.word(instruction);
  }

  private resolve(): void {
    for (const { at, to, reach } of this.branches) {
      const target = this.places.get(to);
      if (target === undefined) throw new EngineBug(this.name, -1, "", `no place ${to}`);
      const distance = target - at;
      this.words[at] = (this.words[at]! | displacementBits(distance, reach)) >>> 0;
    }
    this.branches.length = 0;
  }

  private within(value: number, least: number, most: number): number {
    if (value < least || value > most || value !== Math.trunc(value)) {
      throw new EngineBug(this.name, -1, "", `an operand of ${value} is out of range`);
    }
    return value;
  }
  private offset(displacement: number, size: number): number {
    return this.within(displacement / size, 0, 4095) << 10;
  }
  private pairOffset(displacement: number, size: number): number {
    return (this.within(displacement / size, -64, 63) & 127) << 15;
  }
  private vectorAddress(base: number, displacement: number): number {
    if ((displacement & 15) === 0) return this.offset(displacement, 16) | (base << 5);
    this.addImmediate(16, base, displacement);
    return 16 << 5;
  }
}

/** A distance in words as the bits of an instruction. */
function displacementBits(words: number, reach: Reach): number {
  if (reach === Reach.imm26) return words & 0x3ffffff;
  if (reach === Reach.imm19) return (words & 0x7ffff) << 5;
  return (words & 0x7ffff) << 5; // adr: the two low bits of the byte distance, which are zero, lie elsewhere
}
