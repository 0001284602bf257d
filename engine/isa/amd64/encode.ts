/**
 * Bytes of single instructions, driven by the instruction table.
 *
 * Enters: a row number and the registers, address and immediate of its fields. Leaves: bytes appended to the
 * buffer. The shortest encoding is taken: imm8 for imm32, no or 8-bit displacement, no needless REX, two-byte VEX,
 * the accumulator's short forms.
 *
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2 (prefixes, ModRM, SIB,
 * VEX) and chapter 3.1 (how opcodes are written).
 */

import { instructionRows, RowFlag } from "./instructions.js";
import { rbp } from "./registers.js";

// ---------------------------------------------------------------- the table as columns

const count = instructionRows.length;
const prefixOf = new Uint8Array(count);
/** 0: one-byte opcodes, 1: 0F, 2: 0F 38, 3: 0F 3A. */
const mapOf = new Uint8Array(count);
const opcodeOf = new Uint8Array(count);
/** Opcode extension in ModRM.reg, -1 none. */
const digitOf = new Int8Array(count).fill(-1);
const wideOf = new Uint8Array(count);
const vexOf = new Uint8Array(count);
const vexLengthOf = new Uint8Array(count);
const immediateOf = new Uint8Array(count);
const hasModRM = new Uint8Array(count);
const hasCondition = new Uint8Array(count);
const byteRegOf = new Uint8Array(count);
const byteRmOf = new Uint8Array(count);

const immediateBytes: Record<string, number> = { ib: 1, iw: 2, id: 4 };
const vexMaps: Record<string, number> = { "0F": 1, "0F38": 2, "0F3A": 3 };

function parseVex(row: number, token: string): void {
  vexOf[row] = 1;
  for (const part of token.split(".")) {
    if (part in vexMaps) mapOf[row] = vexMaps[part]!;
    else if (part === "66" || part === "F2" || part === "F3") prefixOf[row] = parseInt(part, 16);
    else if (part === "W1") wideOf[row] = 1;
    else if (part === "256") vexLengthOf[row] = 1;
  }
}

function parseEncoding(row: number, text: string): void {
  let seenOpcode = false;
  for (const token of text.split(" ")) {
    if (token.startsWith("VEX")) parseVex(row, token);
    else if (token === "REX.W") wideOf[row] = 1;
    else if (token === "/r") hasModRM[row] = 1;
    else if (token.startsWith("/")) {
      hasModRM[row] = 1;
      digitOf[row] = Number(token.slice(1));
    } else if (token in immediateBytes) immediateOf[row] = immediateBytes[token]!;
    else if (!vexOf[row] && !seenOpcode && !mapOf[row] && /^(66|F2|F3)$/.test(token))
      prefixOf[row] = parseInt(token, 16);
    else if (!vexOf[row] && mapOf[row] === 0 && token === "0F") mapOf[row] = 1;
    else if (!vexOf[row] && mapOf[row] === 1 && (token === "38" || token === "3A"))
      mapOf[row] = token === "38" ? 2 : 3;
    else {
      seenOpcode = true;
      opcodeOf[row] = parseInt(token, 16);
      if (token.endsWith("+cc")) hasCondition[row] = 1;
    }
  }
}

for (let i = 0; i < count; i++) {
  const row = instructionRows[i]!;
  if (row.flags & RowFlag.pseudo) continue;
  parseEncoding(i, row.encoding);
  byteRegOf[i] = row.width === 8 ? 1 : 0;
  byteRmOf[i] = row.rmWidth === 8 ? 1 : 0;
}

// ---------------------------------------------------------------- the encoder

/** As the `rm` argument: the operand is the memory address that the encoder's fields describe. */
export const inMemory = -2;
const noRegister = -1;

const isByte = (n: number): boolean => (n << 24) >> 24 === n;

export class Encoder {
  bytes = new Uint8Array(512);
  size = 0;

  // -- the address of the next instruction's memory operand, see `setAddress` and `setRipRelative`
  private base = noRegister;
  private index = noRegister;
  private scale = 0;
  private displacement = 0;
  private ripRelative = false;

  /** After an instruction with a rip-relative operand: where its displacement lies and how many bytes follow it. */
  ripPosition = 0;
  ripTrailing = 0;

  /** @param base, index registers or -1; @param scale log2 */
  setAddress(base: number, displacement: number, index = noRegister, scale = 0): void {
    this.base = base;
    this.index = index;
    this.scale = scale;
    this.displacement = displacement;
    this.ripRelative = false;
    // An index alone needs a 4-byte displacement; as a base it needn't.
    if (base === noRegister && index !== noRegister && scale <= 1) {
      this.base = index;
      if (scale === 0) this.index = noRegister;
      else this.scale = 0;
    }
    // rbp and r13 as a base need a displacement byte, as an unscaled index they don't.
    const both = base !== noRegister && index !== noRegister && scale === 0 && displacement === 0;
    if (both && (base & 7) === rbp && (index & 7) !== rbp) {
      this.base = index;
      this.index = base;
    }
  }

  /** The displacement is filled in later, see `ripPosition`. */
  setRipRelative(): void {
    this.base = noRegister;
    this.index = noRegister;
    this.displacement = 0;
    this.ripRelative = true;
  }

  byte(b: number): void {
    if (this.size === this.bytes.length) this.grow();
    this.bytes[this.size++] = b;
  }

  word32(w: number): void {
    if (this.size + 4 > this.bytes.length) this.grow();
    const { bytes, size } = this;
    bytes[size] = w;
    bytes[size + 1] = w >> 8;
    bytes[size + 2] = w >> 16;
    bytes[size + 3] = w >> 24;
    this.size = size + 4;
  }

  private grow(): void {
    const bigger = new Uint8Array(this.bytes.length * 2);
    bigger.set(this.bytes);
    this.bytes = bigger;
  }

  /**
   * Appends one instruction.
   * @param reg register of ModRM.reg (ignored where the opcode has a digit)
   * @param rm register of ModRM.rm, or `inMemory`
   * @param vvvv register of VEX.vvvv
   * @param imm the immediate, or the condition where the opcode contains one
   */
  emit(row: number, reg: number, rm: number, imm = 0, vvvv = 0): void {
    if (this.size + 32 > this.bytes.length) this.grow();
    let opcode = opcodeOf[row]!;
    if (hasCondition[row]) opcode |= imm & 15;
    let immBytes = immediateOf[row]!;
    let modRM = hasModRM[row] === 1;
    const digit = digitOf[row]!;

    if (immBytes !== 0 && mapOf[row] === 0) {
      if (opcode === 0x81 || opcode === 0x69) {
        const value = immBytes === 2 ? (imm << 16) >> 16 : imm;
        if (isByte(value)) {
          opcode += 2;
          immBytes = 1;
        } else if (opcode === 0x81 && rm === 0) {
          opcode = (digit << 3) | 5;
          modRM = false;
        }
      } else if (opcode === 0xc1 && imm === 1) {
        opcode = 0xd1;
        immBytes = 0;
      } else if (rm === 0 && digit === 0 && (opcode === 0xf7 || opcode === 0xf6)) {
        opcode = opcode === 0xf7 ? 0xa9 : 0xa8;
        modRM = false;
      } else if (rm === 0 && opcode === 0x80) {
        opcode = (digit << 3) | 4;
        modRM = false;
      }
    }

    const regField = digit >= 0 ? digit : reg & 15;
    const b = rm >= 0 ? rm & 15 : Math.max(this.base, 0);
    const x = rm >= 0 || this.index < 0 ? 0 : this.index;
    if (vexOf[row]) this.vexPrefix(row, regField, x, b, vvvv & 15);
    else this.legacyPrefix(row, regField, x, b, reg, rm);
    this.bytes[this.size++] = opcode;
    if (modRM) {
      if (rm >= 0) this.bytes[this.size++] = 0xc0 | ((regField & 7) << 3) | (rm & 7);
      else this.memoryOperand((regField & 7) << 3, immBytes);
    }
    for (let i = 0; i < immBytes; i++) this.bytes[this.size++] = imm >> (8 * i);
  }

  private legacyPrefix(row: number, regField: number, x: number, b: number, reg: number, rm: number): void {
    if (prefixOf[row]) this.bytes[this.size++] = prefixOf[row]!;
    const rex = (wideOf[row]! << 3) | ((regField >> 3) << 2) | ((x >> 3) << 1) | (b >> 3);
    // spl, bpl, sil, dil exist only with a REX prefix.
    const highByte =
      (byteRegOf[row] && digitOf[row]! < 0 && reg >= 4 && reg < 8) || (byteRmOf[row] && rm >= 4 && rm < 8);
    if (rex !== 0 || highByte) this.bytes[this.size++] = 0x40 | rex;
    const map = mapOf[row]!;
    if (map === 0) return;
    this.bytes[this.size++] = 0x0f;
    if (map > 1) this.bytes[this.size++] = map === 2 ? 0x38 : 0x3a;
  }

  private vexPrefix(row: number, regField: number, x: number, b: number, vvvv: number): void {
    const prefix = prefixOf[row]!;
    const pp = prefix === 0x66 ? 1 : prefix === 0xf3 ? 2 : prefix === 0xf2 ? 3 : 0;
    const tail = ((~vvvv & 15) << 3) | (vexLengthOf[row]! << 2) | pp;
    const notR = regField < 8 ? 0x80 : 0;
    if (mapOf[row] === 1 && !wideOf[row] && x < 8 && b < 8) {
      this.bytes[this.size++] = 0xc5;
      this.bytes[this.size++] = notR | tail;
      return;
    }
    this.bytes[this.size++] = 0xc4;
    this.bytes[this.size++] = notR | (x < 8 ? 0x40 : 0) | (b < 8 ? 0x20 : 0) | mapOf[row]!;
    this.bytes[this.size++] = (wideOf[row]! << 7) | tail;
  }

  /** ModRM, SIB and displacement. */
  private memoryOperand(regBits: number, immBytes: number): void {
    const { bytes, base, index, displacement } = this;
    if (this.ripRelative) {
      bytes[this.size++] = regBits | 5;
      this.ripPosition = this.size;
      this.ripTrailing = immBytes;
      this.word32(0);
      return;
    }
    if (base < 0) {
      bytes[this.size++] = regBits | 4;
      bytes[this.size++] = index < 0 ? 0x25 : (this.scale << 6) | ((index & 7) << 3) | 5;
      this.word32(displacement);
      return;
    }
    const low = base & 7;
    const mod = displacement === 0 && low !== 5 ? 0 : isByte(displacement) ? 0x40 : 0x80;
    if (index >= 0) {
      bytes[this.size++] = mod | regBits | 4;
      bytes[this.size++] = (this.scale << 6) | ((index & 7) << 3) | low;
    } else {
      bytes[this.size++] = mod | regBits | low;
      if (low === 4) bytes[this.size++] = 0x24;
    }
    if (mod === 0x40) bytes[this.size++] = displacement;
    else if (mod === 0x80) this.word32(displacement);
  }

  // ---------------------------------------------------------------- what is not in the table

  /** FF /digit through memory: 2 call, 4 jmp, 6 push. */
  indirect(digit: 2 | 4 | 6): void {
    if (this.size + 32 > this.bytes.length) this.grow();
    const b = this.base >= 8 ? 1 : 0;
    const x = this.index >= 8 ? 2 : 0;
    if (b | x) this.bytes[this.size++] = 0x40 | b | x;
    this.bytes[this.size++] = 0xff;
    this.memoryOperand(digit << 3, 0);
  }

  /** FF /digit through a register. */
  indirectRegister(digit: 2 | 4, register: number): void {
    if (register >= 8) this.byte(0x41);
    this.byte(0xff);
    this.byte(0xc0 | (digit << 3) | (register & 7));
  }

  push(register: number): void {
    if (register >= 8) this.byte(0x41);
    this.byte(0x50 | (register & 7));
  }

  pop(register: number): void {
    if (register >= 8) this.byte(0x41);
    this.byte(0x58 | (register & 7));
  }

  /** pop [m]. An address relative to rsp counts from the rsp after the pop. */
  popMemory(): void {
    const at = this.size;
    this.indirect(6);
    // The same but for the opcode, 8F /0.
    const opcode = this.bytes[at] === 0xff ? at : at + 1;
    this.bytes[opcode] = 0x8f;
    this.bytes[opcode + 1]! &= ~0x38;
  }

  /** mov r32, imm32: zero-extended. */
  moveImmediate32(register: number, value: number): void {
    if (register >= 8) this.byte(0x41);
    this.byte(0xb8 | (register & 7));
    this.word32(value);
  }

  /** The shortest move of a 64-bit constant. Flags stay. */
  moveImmediate64(register: number, lo: number, hi: number): void {
    if (hi === 0) {
      this.moveImmediate32(register, lo);
      return;
    }
    const b = register >> 3;
    this.byte(0x48 | b);
    if (hi === lo >> 31) {
      this.byte(0xc7);
      this.byte(0xc0 | (register & 7));
      this.word32(lo);
      return;
    }
    this.byte(0xb8 | (register & 7));
    this.word32(lo);
    this.word32(hi);
  }

  return(): void {
    this.byte(0xc3);
  }
}
