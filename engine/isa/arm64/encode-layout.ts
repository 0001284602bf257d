/**
 * Labels, branches of either reach, references to data behind the code.
 *
 * Instructions go into the encoder's buffer without what depends on distances; a branch or a reference to data is an
 * *item* at a raw position. Every position that matters later (labels, sites, relocations) is a pair (raw position, number
 * of items before it), so its final offset is raw + (words of those items). Positions count words here, offsets bytes.
 *
 * Reach: b and bl 128 MiB, which is beyond any function; b.cond, cbz, cbnz, literals and adr 1 MiB; tbz and tbnz 32 KiB.
 * A conditional branch that doesn't reach is inverted over a b. A literal or table that adr doesn't reach gets its
 * distance added in pieces.
 *
 * Relaxation: all items start short (one word). Each round computes the layout and makes long what doesn't reach. Long
 * ones stay long, so it ends; few rounds are usual, and after `patientRounds` the reach allowed to a short item shrinks, so
 * that a chain made to grow one item per round costs no more than a few more rounds. In the last round no item
 * changed, hence every short one reaches. (Szymanski, "Assembling code for machines with span-dependent instructions",
 * CACM 21(4), 1978: starting short gives the least size.)
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import { Encoder } from "./encode.js";
import { Arm64, instructionRows } from "./instructions.js";
import { scratchInt } from "./registers.js";

export type Label = number;

const Kind = {
  /** b, bl. */
  far: 0,
  /** b.cond, cbz, cbnz: 19 bits of distance from bit 5. */
  conditional: 1,
  /** tbz, tbnz: 14 bits. */
  bitTest: 2,
  /** A load of a literal, 19 bits; the target is a datum. */
  literal: 3,
  /** adr of a datum. */
  address: 4,
} as const;

/** Words from an item to what it reaches, in the short form. */
const reachOf = [1 << 25, 1 << 18, 1 << 13, 1 << 18, 1 << 18];
const patientRounds = 12;
/** Most bytes that an addition can add: 12 bits, shifted by 12. */
const longStep = 0xfff000;

const branch = 0x14000000;
const branchIf = 0x54000000;
/** Turns b.cond into the opposite; and cbz, cbnz, tbz, tbnz. */
const oppositeCondition = 1;
const oppositeTest = 1 << 24;

/** The literal form of each load that has one. */
const literalForms = new Map<number, number>([
  [Arm64.ldr_s, 0x1c000000],
  [Arm64.ldr_d, 0x5c000000],
  [Arm64.ldr_q, 0x9c000000 | 0],
]);

export class LabelledEncoder extends Encoder {
  private labelCount = 0;
  private labelRaw = new Int32Array(64);
  private labelItems = new Int32Array(64);

  /** Items before the current position. */
  itemCount = 0;
  private itemRaw = new Int32Array(64);
  private itemKind = new Uint8Array(64);
  /** The instruction with zeros for the distance; of literals the row << 5 | register, of addresses the register. */
  private itemWord = new Int32Array(64);
  /** Label of a branch; datum. */
  private itemTarget = new Int32Array(64);
  /** Words of the items before item i; filled by `layOut`. */
  private extra = new Int32Array(1);
  /** Steps of `longStep` that the longest distance to data takes. */
  private steps = 1;

  /** Rounds that the last `layOut` took. */
  rounds = 0;

  newLabel(): Label {
    const label = this.labelCount++;
    if (label >= this.labelRaw.length) {
      this.labelRaw = grown(this.labelRaw);
      this.labelItems = grown(this.labelItems);
    }
    this.labelRaw[label] = -1;
    return label;
  }

  /** Reserves labels 0 .. count-1 at once. */
  newLabels(count: number): void {
    for (let i = 0; i < count; i++) this.newLabel();
  }

  bind(label: Label): void {
    this.labelRaw[label] = this.count;
    this.labelItems[label] = this.itemCount;
  }

  jump(label: Label): void {
    this.item(Kind.far, branch, label);
  }

  /** bl to a label. */
  branchAndLink(label: Label): void {
    this.item(Kind.far, branch | (1 << 31), label);
  }

  jumpIf(condition: number, label: Label): void {
    this.item(Kind.conditional, branchIf | condition, label);
  }

  /** cbz, or cbnz if `ifNot`. */
  jumpIfZero(register: number, is64: boolean, ifNot: boolean, label: Label): void {
    this.item(
      Kind.conditional,
      0x34000000 | (is64 ? 1 << 31 : 0) | (ifNot ? oppositeTest : 0) | register,
      label,
    );
  }

  /** tbz, or tbnz if `isSet`. */
  jumpIfBit(register: number, bit: number, isSet: boolean, label: Label): void {
    const which = ((bit >> 5) << 31) | ((bit & 31) << 19);
    this.item(Kind.bitTest, 0x36000000 | (isSet ? oppositeTest : 0) | which | register, label);
  }

  /** Loads datum number `datum` into a register: `row` is ldr_s, ldr_d or ldr_q. */
  loadLiteral(row: number, register: number, datum: number): void {
    if (!literalForms.has(row))
      throw new EngineBug("encode", -1, "", `${instructionRows[row]!.name} has no literal form`);
    this.item(Kind.literal, (row << 5) | (register & 31), datum);
  }

  /** register = address of datum number `datum`. */
  addressOfDatum(register: number, datum: number): void {
    this.item(Kind.address, register, datum);
  }

  private item(kind: number, word: number, target: number): void {
    const i = this.itemCount++;
    if (i >= this.itemRaw.length) {
      this.itemRaw = grown(this.itemRaw);
      this.itemWord = grown(this.itemWord);
      this.itemTarget = grown(this.itemTarget);
      const wider = new Uint8Array(this.itemKind.length * 2);
      wider.set(this.itemKind);
      this.itemKind = wider;
    }
    this.itemRaw[i] = this.count;
    this.itemKind[i] = kind;
    this.itemWord[i] = word;
    this.itemTarget[i] = target;
  }

  // ---------------------------------------------------------------- after the last instruction

  /** Final byte offset of a position. Only after `layOut`. */
  finalOffset(raw: number, items: number): number {
    return 4 * (raw + this.extra[items]!);
  }

  labelOffset(label: Label): number {
    return this.finalOffset(this.labelRaw[label]!, this.labelItems[label]!);
  }

  /**
   * Decides the items' lengths. Returns the code's size in bytes.
   * @param dataSize bytes of the data, which begin at the next multiple of 16 after the code
   */
  layOut(dataSize: number): number {
    const n = this.itemCount;
    const { itemRaw, itemKind, itemTarget, labelRaw, labelItems } = this;
    const length = new Uint8Array(n).fill(1);
    const extra = new Int32Array(n + 1);
    let slack = 0;
    for (let round = 0; ; round++) {
      this.rounds = round + 1;
      let total = 0;
      for (let i = 0; i < n; i++) {
        extra[i] = total;
        total += length[i]!;
      }
      extra[n] = total;
      const end = this.count + total + ((dataSize + 16) >> 2);
      this.steps = Math.max(this.steps, Math.ceil((4 * end) / longStep));
      if (round > patientRounds) slack += 1 << 11;
      let changed = false;
      for (let i = 0; i < n; i++) {
        const kind = itemKind[i]!;
        const isData = kind >= Kind.literal;
        const long = isData ? 2 + this.steps : 2;
        if (kind === Kind.far || length[i]! >= long) continue;
        const target = itemTarget[i]!;
        const from = itemRaw[i]! + extra[i]!;
        const to = isData ? end : labelRaw[target]! + extra[labelItems[target]!]!;
        if (length[i] === 1 && Math.abs(to - from) < reachOf[kind]! - slack) continue;
        length[i] = long;
        changed = true;
      }
      if (!changed) break;
    }
    if (this.count + extra[n]! >= reachOf[Kind.far]!)
      throw new EngineBug("encode", -1, "", "a function's code is larger than 128 MiB");
    this.extra = extra;
    return 4 * (this.count + extra[n]!);
  }

  /** Copies the code with its items to the start of `out`. `datumOffset`: bytes from the start of `out` to each datum. */
  write(out: Uint8Array, datumOffset: ArrayLike<number>): void {
    const code = new Int32Array(out.buffer, out.byteOffset, out.byteLength >> 2);
    let raw = 0;
    let at = 0;
    for (let i = 0; i <= this.itemCount; i++) {
      const end = i < this.itemCount ? this.itemRaw[i]! : this.count;
      if (end - raw > 64) code.set(this.words.subarray(raw, end), at);
      else for (let k = raw, to = at; k < end; k++, to++) code[to] = this.words[k]!;
      at += end - raw;
      raw = end;
      if (i === this.itemCount) break;
      const length = this.extra[i + 1]! - this.extra[i]!;
      if (this.itemKind[i]! >= Kind.literal)
        this.writeData(code, at, i, length, datumOffset[this.itemTarget[i]!]!);
      else this.writeBranch(code, at, i, length);
      at += length;
    }
  }

  private writeBranch(code: Int32Array, at: number, i: number, length: number): void {
    const kind = this.itemKind[i]!;
    const word = this.itemWord[i]!;
    const distance = (this.labelOffset(this.itemTarget[i]!) >> 2) - at;
    if (kind === Kind.far) code[at] = word | (distance & 0x3ffffff);
    else if (length === 1) {
      code[at] = word | ((distance & (kind === Kind.conditional ? 0x7ffff : 0x3fff)) << 5);
    } else {
      const isCondition = (word & 0xff000000) === branchIf;
      code[at] = (word ^ (isCondition ? oppositeCondition : oppositeTest)) | (2 << 5);
      code[at + 1] = branch | ((distance - 1) & 0x3ffffff);
    }
  }

  private writeData(code: Int32Array, at: number, i: number, length: number, datum: number): void {
    const isLiteral = this.itemKind[i] === Kind.literal;
    const register = this.itemWord[i]! & 31;
    const row = this.itemWord[i]! >> 5;
    const distance = datum - 4 * at;
    if (length === 1) {
      const form = isLiteral ? literalForms.get(row)! : adr(0, distance & 3);
      code[at] = form | (((distance >> 2) & 0x7ffff) << 5) | register;
      return;
    }
    const e = new Encoder();
    // From a multiple of 16, as functions begin at one: what is left of the distance suits the load's size.
    const back = isLiteral ? (4 * at) & 15 : 0;
    const base = isLiteral ? scratchInt : register;
    e.word(adr(base, 0) | (((-back >> 2) & 0x7ffff) << 5));
    let rest = distance + back;
    while (e.count < length - 1) {
      const step = Math.min(rest & ~0xfff, longStep);
      e.emit2(Arm64.add64_ri, base, base, step);
      rest -= step;
    }
    if (isLiteral) e.load(row, register, base, rest);
    else e.emit2(Arm64.add64_ri, register, register, rest);
    code.set(e.words.subarray(0, e.count), at);
  }
}

/** adr without its distance but for the two lowest bits. */
const adr = (register: number, low: number): number => 0x10000000 | (low << 29) | register;

function grown(old: Int32Array): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(old.length * 2);
  bigger.set(old);
  return bigger;
}
