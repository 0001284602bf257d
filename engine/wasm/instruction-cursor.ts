/**
 * Steps over the instructions of a valid body, immediates read into fields, nothing allocated.
 *
 * Enters: bytes and a range of whole, validated instructions. The SSA builder and the printing tools read
 * bodies with it:
 *
 *     const cursor = new InstructionCursor(module.bytes, body.codeStart, body.end);
 *     while (cursor.next()) {
 *       if (cursor.opcode === Op.local_get) use(cursor.index);
 *     }
 *
 * A br_table's labels are read with `nextLabel()`, `count + 1` times (the default is the last one); what is
 * not read of them is passed over by the following `next()`.
 */
import { denseIndex, OPCODE_IMMEDIATE } from "./opcode-columns.js";
import { Immediate } from "./opcodes.js";
import { ByteReader } from "./reader.js";

/** A block type written as nothing: no parameters, no results. Type indices are 0 and above. */
export const BLOCK_EMPTY = -0x40;

/** The value type of a block type from -1 to -0x3f; 0 for the other forms. */
export function blockValType(blockType: number): number {
  return blockType < 0 && blockType !== BLOCK_EMPTY ? blockType + 0x80 : 0;
}

export class InstructionCursor extends ByteReader {
  /** The opcode, a prefixed one with its prefix: compare with `Op`. */
  opcode = 0;
  /** Where the opcode stands. */
  offset = 0;

  /**
   * An index, by kind: local, global, function, label, table, data or element segment; the type of
   * call_indirect; the destination table of table.copy.
   */
  index = 0;
  /** The table of call_indirect and table.init, the source of table.copy. */
  index2 = 0;
  /** A block type: an index, `BLOCK_EMPTY`, or a value type minus 0x80 (see `blockValType`). */
  blockType = 0;
  /**
   * A constant's bits are in `lo` and `hi` (32 of them in `lo` alone); here is the upper half of a v128, or of
   * the lanes of a shuffle, both little-endian and 16 bytes in all.
   */
  upperLo = 0;
  upperHi = 0;
  /** A memory access: alignment as a power of two, and the static offset, 0 to 2**32 - 1. */
  align = 0;
  memoryOffset = 0;
  lane = 0;
  /** br_table: labels, the default not among them. */
  count = 0;
  /** The type of ref.null or of a typed select. */
  type = 0;

  private labelsLeft = 0;

  /** Goes on in another range of the same module. */
  reset(start: number, end: number): void {
    this.position = start;
    this.end = end;
    this.labelsLeft = 0;
  }

  /** Reads the next instruction; false at the end of the range. */
  next(): boolean {
    while (this.labelsLeft > 0) this.nextLabel();
    const at = this.position;
    if (at >= this.end) return false;
    this.offset = at;
    let opcode = this.u8();
    if (opcode === 0xfc || opcode === 0xfd) opcode = (opcode << 8) | this.u32();
    this.opcode = opcode;
    const immediate = OPCODE_IMMEDIATE[denseIndex(opcode)];
    if (immediate !== Immediate.none) this.readImmediate(immediate);
    return true;
  }

  /** The next label of a br_table. */
  nextLabel(): number {
    this.labelsLeft--;
    return this.u32();
  }

  private readImmediate(immediate: number): void {
    switch (immediate) {
      case Immediate.local:
      case Immediate.global:
      case Immediate.function:
      case Immediate.label:
      case Immediate.table:
      case Immediate.data:
      case Immediate.element:
        this.index = this.u32();
        return;
      case Immediate.i32:
        this.lo = this.i32();
        return;
      case Immediate.memory:
        this.align = this.u32();
        this.memoryOffset = this.u32();
        return;
      case Immediate.blockType:
        this.blockType = this.i33();
        return;
      case Immediate.callIndirect:
      case Immediate.tableInit:
      case Immediate.tableCopy:
        this.index = this.u32();
        this.index2 = this.u32();
        return;
      default:
        this.readRareImmediate(immediate);
    }
  }

  private readRareImmediate(immediate: number): void {
    switch (immediate) {
      case Immediate.i64:
        this.i64();
        return;
      case Immediate.f32:
        this.lo = this.bits32();
        return;
      case Immediate.f64:
        this.bits64();
        return;
      case Immediate.v128:
      case Immediate.shuffle:
        this.readBits128();
        return;
      case Immediate.lane:
        this.lane = this.u8();
        return;
      case Immediate.memoryLane:
        this.align = this.u32();
        this.memoryOffset = this.u32();
        this.lane = this.u8();
        return;
      default:
        this.readOtherImmediate(immediate);
    }
  }

  private readOtherImmediate(immediate: number): void {
    switch (immediate) {
      case Immediate.labelTable:
        this.count = this.u32();
        this.labelsLeft = this.count + 1;
        return;
      case Immediate.memoryIndex:
        this.position += 1;
        return;
      case Immediate.memoryCopy:
        this.position += 2;
        return;
      case Immediate.memoryInit:
        this.index = this.u32();
        this.position += 1;
        return;
      case Immediate.refType:
        this.type = this.u8();
        return;
      case Immediate.valTypes:
        this.u32();
        this.type = this.u8();
        return;
    }
  }

  private readBits128(): void {
    this.bits64();
    const { lo, hi } = this;
    this.bits64();
    this.upperLo = this.lo;
    this.upperHi = this.hi;
    this.lo = lo;
    this.hi = hi;
  }
}
