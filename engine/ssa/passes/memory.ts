/**
 * Store-to-load forwarding within a block, with a closer look at addresses than value numbering takes: a store to
 * another part of the same object doesn't make known words unknown. Enters: no unreachable blocks. Leaves: reads
 * (loads, peeks, slot loads) of words whose value a row before in the block has read or written are gone.
 *
 * Known words are a small ring: blocks with more of them are rare, and the cost stays linear.
 */
import { readClass, writtenClasses } from "../analysis/memory-versions.js";
import type { Block, SsaFunction, Value } from "../function.js";
import { Op, OpFlag, opFlags, Type } from "../ops.js";

export function forwardMemory(func: SsaFunction): void {
  if (!hasReads(func)) return;
  const words = new KnownWords(func);
  for (let b = 0; b < func.blockCount; b++) if (!func.isRemoved(b as Block)) words.visit(b as Block);
  if (words.found > 0) words.finish();
}

/** Whether there are two rows that this pass looks at. */
function hasReads(func: SsaFunction): boolean {
  let count = 0;
  for (let b = 0; b < func.blockCount; b++) {
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
      if ((opFlags[func.op[v]!]! & OpFlag.read) !== 0 && ++count === 2) return true;
      if (func.op[v] === Op.slotstore || func.op[v] === Op.poke || func.op[v] === Op.store)
        count = Math.max(count, 1);
    }
  }
  return false;
}

/** Bytes of each type in memory. */
const typeWidth = Uint8Array.from({ length: 8 });
typeWidth[Type.i32] = typeWidth[Type.f32] = 4;
typeWidth[Type.i64] = typeWidth[Type.f64] = typeWidth[Type.ref] = typeWidth[Type.ptr] = 8;
typeWidth[Type.v128] = 16;

const size = 16;
/** Class number of slots, beyond those of memory versions. */
const slotClass = 5;

class KnownWords {
  found = 0;
  private readonly replacement: Int32Array;
  private count = 0;
  private readonly kind = new Int32Array(size);
  private readonly base = new Int32Array(size);
  private readonly index = new Int32Array(size);
  private readonly offset = new Float64Array(size);
  private readonly width = new Int32Array(size);
  /** Op and type of the read that would give `value`. */
  private readonly shape = new Int32Array(size);
  private readonly value = new Int32Array(size);
  private used = 0;
  /** The place being looked at. */
  private placeKind = 0;
  private placeBase = 0;
  private placeIndex = 0;
  private placeOffset = 0;
  private placeWidth = 0;

  constructor(private readonly func: SsaFunction) {
    this.replacement = new Int32Array(func.rowCount);
  }

  visit(b: Block): void {
    const { func } = this;
    this.count = 0;
    this.used = 0;
    for (let v = func.firstRow[b]!; v !== -1; ) {
      const following = func.next[v]!;
      const flags = opFlags[func.op[v]!]!;
      if ((flags & (OpFlag.read | OpFlag.effect)) !== 0) this.row(v as Value, flags);
      v = following;
    }
  }

  finish(): void {
    // A replacement is an earlier row that may have been replaced before it was noted; values only get older.
    const { replacement } = this;
    for (let v = 1; v < replacement.length; v++) {
      let r = replacement[v]!;
      if (r === 0) continue;
      while (replacement[r] !== 0) r = replacement[r]!;
      replacement[v] = r;
    }
    this.func.replaceUses(replacement);
  }

  private resolved(v: number): number {
    const r = this.replacement[v]!;
    return r === 0 ? v : r;
  }

  private row(v: Value, flags: number): void {
    const { func } = this;
    const op = func.op[v]!;
    if ((flags & OpFlag.call) !== 0) this.forget((w) => this.kind[w] === slotClass);
    else if (op === Op.slotstore) {
      this.slotPlace(v, func.a0[v]!);
      this.write((Op.slotload << 4) | func.type[func.a0[v]!]!, this.resolved(func.a0[v]!));
    } else if (op === Op.slotload) {
      this.slotPlace(v, v);
      this.read(v);
    } else if (op >= Op.store && op <= Op.store32) {
      this.memoryPlace(v, storeWidth(func, v));
      const value = this.resolved(func.a2[v]!);
      this.write(op === Op.store ? (Op.load << 4) | func.type[value]! : -1, value);
    } else if (op === Op.poke) {
      if (writtenClasses(func, v) === 0) return;
      const value = this.resolved(func.a1[v]!);
      this.fieldPlace(v, typeWidth[func.type[value]!]!);
      this.write((Op.peek << 4) | func.type[value]!, value);
    } else if (readClass(func, v) > 0) {
      if (op >= Op.load && op <= Op.load32s) this.memoryPlace(v, loadWidth(func, v));
      else this.fieldPlace(v, op === Op.peek32 ? 4 : typeWidth[func.type[v]!]!);
      this.read(v);
    }
  }

  // ------------------------------------------------------------ places

  private slotPlace(v: Value, typed: number): void {
    this.placeKind = slotClass;
    this.placeBase = 0;
    this.placeIndex = 0;
    this.placeOffset = this.func.lo[v]! * 16;
    this.placeWidth = typeWidth[this.func.type[typed]!]!;
  }

  private memoryPlace(v: Value, width: number): void {
    const { func } = this;
    const index = this.resolved(func.a1[v]!);
    const isConst = func.op[index] === Op.const;
    this.placeKind = 4;
    this.placeBase = this.resolved(func.a0[v]!);
    this.placeIndex = isConst ? 0 : index;
    this.placeOffset = (func.lo[v]! >>> 0) + (isConst ? func.lo[index]! >>> 0 : 0);
    this.placeWidth = width;
  }

  private fieldPlace(v: Value, width: number): void {
    const { func } = this;
    this.placeKind = func.hi[v]!;
    this.placeBase = this.resolved(func.a0[v]!);
    this.placeIndex = 0;
    this.placeOffset = func.lo[v]!;
    this.placeWidth = width;
  }

  // ------------------------------------------------------------ reads and writes

  private isPlace(w: number): boolean {
    return (
      this.kind[w] === this.placeKind &&
      this.base[w] === this.placeBase &&
      this.index[w] === this.placeIndex &&
      this.offset[w] === this.placeOffset
    );
  }

  private read(v: Value): void {
    const { func } = this;
    let op = func.op[v]!;
    if (op === Op.peek32 && func.type[v] === Type.i32) op = Op.peek;
    const shape = (op << 4) | func.type[v]!;
    for (let w = 0; w < this.count; w++) {
      if (this.shape[w] !== shape || !this.isPlace(w)) continue;
      this.replacement[v] = this.value[w]!;
      this.found++;
      func.remove(v);
      return;
    }
    this.note(shape, v);
  }

  private write(shape: number, value: number): void {
    this.forget((w) => !this.mayOverlap(w));
    if (shape !== -1) this.note(shape, value);
  }

  /** Whether a known word may share bytes with the place. */
  private mayOverlap(w: number): boolean {
    if (this.kind[w] !== this.placeKind) return false;
    if (this.base[w] !== this.placeBase || this.index[w] !== this.placeIndex) return true;
    const at = this.offset[w]!;
    return at < this.placeOffset + this.placeWidth && this.placeOffset < at + this.width[w]!;
  }

  private forget(stays: (word: number) => boolean): void {
    let kept = 0;
    for (let w = 0; w < this.count; w++) {
      if (!stays(w)) continue;
      if (kept !== w) {
        this.kind[kept] = this.kind[w]!;
        this.base[kept] = this.base[w]!;
        this.index[kept] = this.index[w]!;
        this.offset[kept] = this.offset[w]!;
        this.width[kept] = this.width[w]!;
        this.shape[kept] = this.shape[w]!;
        this.value[kept] = this.value[w]!;
      }
      kept++;
    }
    this.count = kept;
  }

  private note(shape: number, value: number): void {
    const w = this.count < size ? this.count++ : this.used++ % size;
    this.kind[w] = this.placeKind;
    this.base[w] = this.placeBase;
    this.index[w] = this.placeIndex;
    this.offset[w] = this.placeOffset;
    this.width[w] = this.placeWidth;
    this.shape[w] = shape;
    this.value[w] = value;
  }
}

function storeWidth(func: SsaFunction, v: Value): number {
  const op = func.op[v]!;
  if (op === Op.store) return typeWidth[func.type[func.a2[v]!]!]!;
  return op === Op.store8 ? 1 : op === Op.store16 ? 2 : 4;
}

function loadWidth(func: SsaFunction, v: Value): number {
  const op = func.op[v]!;
  if (op === Op.load) return typeWidth[func.type[v]!]!;
  if (op === Op.load8u || op === Op.load8s) return 1;
  return op === Op.load16u || op === Op.load16s ? 2 : 4;
}
