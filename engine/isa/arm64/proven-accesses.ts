/**
 * Which bytes of linear memory are known to be there, from accesses made before, while code is emitted in order.
 *
 * Why it is asked: a store that crosses into an inaccessible page faults, but may have written its bytes on the page
 * before (Arm ARM, DDI 0487, B2.2.1: only what is single-copy atomic is done wholly or not at all, and an unaligned
 * access isn't). WebAssembly wants memory unchanged when a store traps. So with guard pages a store of more than a byte
 * is preceded by a load of the same bytes, unless they are known to be there. (Emulators on other processors don't
 * show it.)
 *
 * What is known: an access to `address + displacement` that didn't fault proves all bytes of the memory up to its end,
 * since memories begin at their base, every address is at or above that, and they never shrink, whatever is called in
 * between. It holds after the access in its block, and in the blocks that this one dominates. Addresses are the same when
 * they are made of the same virtual registers, each of which has one definition (which dominates the access, so whoever
 * comes to a dominated block after a new round of it has made the access again); base + (index << shift) in a register
 * counts as the address that it is.
 */
import { blockDominators } from "../../machine/emit/block-dominators.js";
import type { VCode } from "../../machine/vcode.js";
import {
  Arm64,
  addressHasBase,
  addressHasIndex,
  addressIsScaled,
  Extend,
  IndexExtend,
  instructionRows,
} from "./instructions.js";

/** A key of an address: base, index and shift in one number. 2^24 registers of each kind, more than a function has. */
const addressKey = (base: number, index: number, shift: number): number =>
  ((base + 1) * 2 ** 24 + (index + 1)) * 8 + shift;
const mostRegisters = 2 ** 22;

/** How many dominating blocks are asked. */
const patience = 16;

export class ProvenAccesses {
  /** By block: address -> bytes from it on that are there. */
  private readonly ends: (Map<number, number> | undefined)[] = [];
  private block = 0;
  private dominator: Int32Array | null | undefined;
  /** Virtual register -> the address that it holds as a sum. */
  private readonly sums = new Map<number, number>();

  constructor(private readonly code: VCode) {}

  /** What is emitted next is in block `b`. */
  enter(b: number): void {
    this.block = b;
  }

  /** Learns what register a sum is in. */
  noteSum(i: number): void {
    const { code } = this;
    const imm2 = code.imm2[i]!;
    if (code.opcode[i] !== Arm64.add64_rx || imm2 >> 3 !== Extend.uxtw) return;
    const o = code.operandStart[i]!;
    const [sum, base, index] = [0, 1, 2].map((k) => code.operandVReg[o + k]!) as [number, number, number];
    if (code.vregCount < mostRegisters) this.sums.set(sum, addressKey(base, index, imm2 & 7));
  }

  /** Records access `i`: its bytes are there from here on. */
  note(i: number): void {
    const key = this.keyOf(i);
    if (key === -1) return;
    const bytes = this.endOf(i);
    this.ends[this.block] ??= new Map();
    const ends = this.ends[this.block]!;
    if (bytes > (ends.get(key) ?? 0)) ends.set(key, bytes);
  }

  /** Whether the bytes of access `i` are known to be there. */
  covers(i: number): boolean {
    const key = this.keyOf(i);
    if (key === -1) return false;
    const bytes = this.endOf(i);
    if (this.dominator === undefined) this.dominator = blockDominators(this.code);
    let b = this.block;
    for (let k = 0; k < patience && b >= 0; k++) {
      if (bytes <= (this.ends[b]?.get(key) ?? 0)) return true;
      b = this.dominator === null ? -1 : this.dominator[b]!;
    }
    return false;
  }

  /** Bytes from the access's address to its end, displacement included. */
  private endOf(i: number): number {
    const { code } = this;
    return code.imm0[i]! + 2 ** instructionRows[code.opcode[i]!]!.access;
  }

  /** The address of access `i` without its displacement, as a number: equal for equal addresses. -1: unknown. */
  keyOf(i: number): number {
    const { code } = this;
    const word = code.imm1[i]!;
    if ((word & addressHasBase) === 0 || code.vregCount >= mostRegisters || code.imm0[i]! < 0) return -1;
    const last = code.operandStart[i + 1]! - 1;
    if ((word & addressHasIndex) === 0) {
      const base = code.operandVReg[last]!;
      return this.sums.get(base) ?? addressKey(base, -1, 0);
    }
    if ((word & 3) !== IndexExtend.uxtw) return -1;
    const shift = word & addressIsScaled ? instructionRows[code.opcode[i]!]!.access : 0;
    return addressKey(code.operandVReg[last - 1]!, code.operandVReg[last]!, shift);
  }
}
