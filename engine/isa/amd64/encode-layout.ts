/**
 * Labels, branches of variable length, alignment and data after the code.
 *
 * Instructions go into the encoder's buffer without their branches; a branch, or padding, is an *item* at a raw
 * position. Every position that matters later (labels, sites, fixups) is a pair (raw position, number of items
 * before it), so its final offset is raw + (bytes of those items).
 *
 * Branch relaxation: all branches start short (2 bytes). Each round computes the layout and makes long what
 * doesn't reach. Long ones stay long, so it ends; few rounds are usual, and after `patientRounds` the reach allowed
 * to a short branch shrinks, so that a chain made to grow one branch per round costs no more than a few more rounds.
 * In the last round no branch changed, hence every short one reaches. (Szymanski, "Assembling code for machines with
 * span-dependent instructions", CACM 21(4), 1978: starting short gives the least size.)
 */
import { Encoder } from "./encode.js";

export type Label = number;

/** Condition of an item: 0..15 a conditional branch, or one of these. */
const unconditional = 16;
const alignment = 17;

const patientRounds = 12;

export class LabelledEncoder extends Encoder {
  private labelCount = 0;
  private labelRaw = new Int32Array(64);
  private labelItems = new Int32Array(64);

  /** Items before the current position. */
  itemCount = 0;
  private itemRaw = new Int32Array(64);
  private itemCondition = new Uint8Array(64);
  /** Label of a branch; boundary of an alignment. */
  private itemTarget = new Int32Array(64);
  /** Bytes of the items before item i; filled by `layOut`. */
  private extra = new Int32Array(1);

  /** Rounds that the last `layOut` took. */
  rounds = 0;

  // -- rip-relative references to data: (raw, items) of the displacement, trailing bytes, datum
  private readonly ripRaw: number[] = [];
  private readonly ripItems: number[] = [];
  private readonly ripTrail: number[] = [];
  private readonly ripDatum: number[] = [];

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
    this.labelRaw[label] = this.size;
    this.labelItems[label] = this.itemCount;
  }

  jump(label: Label): void {
    this.item(unconditional, label);
  }

  jumpIf(condition: number, label: Label): void {
    this.item(condition, label);
  }

  /** Pads to a multiple of `boundary` (a power of two) with long no-ops. */
  align(boundary: number): void {
    this.item(alignment, boundary);
  }

  private item(condition: number, target: number): void {
    const i = this.itemCount++;
    if (i >= this.itemRaw.length) {
      this.itemRaw = grown(this.itemRaw);
      this.itemTarget = grown(this.itemTarget);
      const wider = new Uint8Array(this.itemCondition.length * 2);
      wider.set(this.itemCondition);
      this.itemCondition = wider;
    }
    this.itemRaw[i] = this.size;
    this.itemCondition[i] = condition;
    this.itemTarget[i] = target;
  }

  /** Records that the instruction just emitted refers, relative to rip, to datum number `datum`. */
  ripReference(datum: number): void {
    this.ripRaw.push(this.ripPosition);
    this.ripItems.push(this.itemCount);
    this.ripTrail.push(this.ripTrailing);
    this.ripDatum.push(datum);
  }

  // ---------------------------------------------------------------- after the last instruction

  /** Final offset of a position. Only after `layOut`. */
  finalOffset(raw: number, items: number): number {
    return raw + this.extra[items]!;
  }

  labelOffset(label: Label): number {
    return this.labelRaw[label]! + this.extra[this.labelItems[label]!]!;
  }

  /** Decides the branches' lengths. Returns the code's size. */
  layOut(): number {
    const n = this.itemCount;
    const { itemRaw, itemCondition, itemTarget, labelRaw, labelItems } = this;
    const length = new Uint8Array(n);
    for (let i = 0; i < n; i++) length[i] = itemCondition[i] === alignment ? 0 : 2;
    const extra = new Int32Array(n + 1);
    let reach = 127;
    for (let round = 0; ; round++) {
      this.rounds = round + 1;
      let total = 0;
      for (let i = 0; i < n; i++) {
        extra[i] = total;
        if (itemCondition[i] === alignment) length[i] = -(itemRaw[i]! + total) & (itemTarget[i]! - 1);
        total += length[i]!;
      }
      extra[n] = total;
      let changed = false;
      if (round > patientRounds) reach = Math.max(0, reach - 32);
      for (let i = 0; i < n; i++) {
        if (length[i] !== 2 || itemCondition[i] === alignment) continue;
        const from = itemRaw[i]! + extra[i]! + 2;
        const target = itemTarget[i]!;
        const distance = labelRaw[target]! + extra[labelItems[target]!]! - from;
        if (distance > reach || distance < -reach - 1) {
          length[i] = itemCondition[i] === unconditional ? 5 : 6;
          changed = true;
        }
      }
      if (!changed) break;
    }
    this.extra = extra;
    return this.size + extra[n]!;
  }

  /** Copies the code with its branches and padding to the start of `out`, and points rip references at the data. */
  write(out: Uint8Array, datumOffset: ArrayLike<number>): void {
    const n = this.itemCount;
    let raw = 0;
    let at = 0;
    for (let i = 0; i <= n; i++) {
      const end = i < n ? this.itemRaw[i]! : this.size;
      if (end - raw > 256) out.set(this.bytes.subarray(raw, end), at);
      else for (let k = raw, to = at; k < end; k++, to++) out[to] = this.bytes[k]!;
      at += end - raw;
      raw = end;
      if (i === n) break;
      const length = this.extra[i + 1]! - this.extra[i]!;
      if (this.itemCondition[i] === alignment) fillWithNops(out, at, length);
      else this.writeBranch(out, at, i, length);
      at += length;
    }
    for (let i = 0; i < this.ripRaw.length; i++) {
      const position = this.finalOffset(this.ripRaw[i]!, this.ripItems[i]!);
      putWord32(out, position, datumOffset[this.ripDatum[i]!]! - (position + 4 + this.ripTrail[i]!));
    }
  }

  private writeBranch(out: Uint8Array, at: number, item: number, length: number): void {
    const distance = this.labelOffset(this.itemTarget[item]!) - (at + length);
    const condition = this.itemCondition[item]!;
    if (length === 2) {
      out[at] = condition === unconditional ? 0xeb : 0x70 | condition;
      out[at + 1] = distance;
    } else if (condition === unconditional) {
      out[at] = 0xe9;
      putWord32(out, at + 1, distance);
    } else {
      out[at] = 0x0f;
      out[at + 1] = 0x80 | condition;
      putWord32(out, at + 2, distance);
    }
  }
}

function grown(old: Int32Array): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(old.length * 2);
  bigger.set(old);
  return bigger;
}

export function putWord32(out: Uint8Array, at: number, w: number): void {
  out[at] = w;
  out[at + 1] = w >> 8;
  out[at + 2] = w >> 16;
  out[at + 3] = w >> 24;
}

/** The no-ops that Intel's optimization manual recommends, by length 1 to 9. */
const nops: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

function fillWithNops(out: Uint8Array, at: number, length: number): void {
  while (length > 0) {
    const n = Math.min(length, 9);
    out.set(nops[n]!, at);
    at += n;
    length -= n;
  }
}
