/**
 * Orders the rows of long blocks anew, so that independent computations that stand one behind the other are mixed: a
 * processor looks a few hundred instructions ahead at most, and of two hashes' rounds, or of rounds and the words that
 * later ones need, it would otherwise see one at a time. Enters: no unreachable blocks. Leaves: the same rows in the
 * same blocks. Short stretches stay as they are; processors order those themselves.
 *
 * A row's *height* is the length of the longest chain of rows that begins with it, in cycles, up to the end of its
 * stretch. Rows are sorted by height, the highest first, in steps of `step` cycles, and within a step they keep their
 * order. So whatever a long chain still needs goes first, other things wait until they are as urgent, and neighbours
 * mostly stay neighbours, which is good for registers. It is one counting sort, linear in the number of rows. (List
 * scheduling by critical path without a clock: Hu, "Parallel sequencing and assembly line problems", 1961.)
 *
 * Why the result computes the same:
 * - A stretch ends at calls (interrupt checks are such), their results and the terminator, and nothing leaves its stretch.
 *   So every call, and all that may look at a frame, finds what was computed before it as ever.
 * - A user's height is at most that of its operands, and it stands behind them: so it does after a stable sort.
 * - Rows that aren't pure (reads, stores, checks, whatever may trap) form a chain in their order, with heights that never
 *   rise along it: so they keep their order among each other. No trap overtakes another, or a store; no access its check.
 * - Pure rows (`isPure`) yield the same wherever they stand behind their operands.
 *
 * Most long blocks gain nothing, since they have enough to do at any place. So an order is only taken if a model of a
 * processor (`cycles`) runs it clearly faster, and if values don't have to be kept longer, all in all, than in the old
 * order, unless they are few: that would cost registers.
 */
import { countUses } from "../analysis/use-counts.js";
import { isPure } from "../can-trap.js";
import type { Block, SsaFunction, Value } from "../function.js";
import { Op, OpFlag, opFlags, opNames } from "../ops.js";

/** What `cycles` assumes of processors, cautiously: rows fetched in a cycle, and how far ahead. */
const width = 5;
const window = 100;
/** Rows that processors do look ahead, about: 224 operations since Skylake (Intel's optimization manual), often more now. */
const wellSeen = 256;
/** Cycles by which heights have to differ to count. */
const step = 4;
/** So many values at a time are in registers of any processor, on average over a stretch. */
const alwaysKept = 8;

/** When an order is taken; others than `usual` are for tests. */
export interface ScheduleLimits {
  /** Rows of the shortest stretch that is looked at. */
  readonly shortest: number;
  /** How many times as fast the order must be. */
  readonly gain: number;
}
const usual: ScheduleLimits = { shortest: wellSeen, gain: 1.1 };

/**
 * Op -> cycles until its result is there, as on most processors: a multiplication takes three of an addition, a read of
 * the nearest cache four or five, and so on. More exact figures would make no other order, in steps.
 */
const latencies = new Uint8Array(opNames.length).fill(1);
const setLatency = (cycles: number, first: Op, last: Op): void => {
  latencies.fill(cycles, first, last + 1);
};
setLatency(3, Op.mul, Op.mul);
setLatency(12, Op.sdiv, Op.urem);
setLatency(4, Op.fadd, Op.fmul);
setLatency(12, Op.fdiv, Op.fdiv);
setLatency(4, Op.fmin, Op.fmax);
setLatency(15, Op.fsqrt, Op.fsqrt);
setLatency(6, Op.fceil, Op.fnearest);
setLatency(4, Op.ftosi, Op.demote);
setLatency(4, Op.vadd, Op.vmul);
setLatency(12, Op.vdiv, Op.vdiv);
setLatency(5, Op.load, Op.load32s);
setLatency(5, Op.peek, Op.peek32);
// Nothing is left of these, or they are made where they are wanted.
for (const op of [Op.const, Op.wrap, Op.zext]) setLatency(0, op, op);

export function schedule(func: SsaFunction, limits = usual): void {
  if (func.rowCount < limits.shortest) return;
  let scheduler: Scheduler | undefined;
  for (let b = 0; b < func.blockCount; b++) {
    if (func.isRemoved(b as Block)) continue;
    const last = func.lastRow[b]!;
    let from = func.firstRow[b]!;
    let count = 0;
    for (let v = from; v !== -1; ) {
      const following = func.next[v]!;
      if (v !== last && !endsStretch(func.op[v]!)) count++;
      else {
        if (count >= limits.shortest) {
          scheduler ??= new Scheduler(func, limits.gain);
          scheduler.stretch(from, count, v as Value);
        }
        from = following;
        count = 0;
      }
      v = following;
    }
  }
}

function endsStretch(op: Op): boolean {
  return (opFlags[op]! & OpFlag.call) !== 0 || op === Op.proj;
}

class Scheduler {
  private readonly uses: Int32Array;
  private readonly height: Int32Array;
  /** Value -> the cycle in which it is there. */
  private readonly ready: Int32Array;
  /** 1: a row of the stretch that is being looked at. */
  private readonly isInside: Uint8Array;
  /** Value -> uses in this stretch that were counted so far; 0 between two counts. */
  private readonly usesSeen: Int32Array;
  /** Value -> the place of its last use, from 1; as long as `usesSeen` isn't 0. */
  private readonly lastUse: Int32Array;
  private readonly fromOutside: number[] = [];

  constructor(
    private readonly func: SsaFunction,
    private readonly gain: number,
  ) {
    this.uses = countUses(func);
    this.height = new Int32Array(func.rowCount);
    this.ready = new Int32Array(func.rowCount);
    this.isInside = new Uint8Array(func.rowCount);
    this.usesSeen = new Int32Array(func.rowCount);
    this.lastUse = new Int32Array(func.rowCount);
  }

  /** Orders the `count` rows from `first` on, which end before the row `end`. */
  stretch(first: number, count: number, end: Value): void {
    const { func, isInside } = this;
    const rows = new Int32Array(count);
    for (let k = 0, v = first; k < count; k++, v = func.next[v]!) {
      rows[k] = v;
      isInside[v] = 1;
    }
    const sorted = this.sort(rows, this.findHeights(rows));
    if (this.isBetter(sorted, rows)) this.arrange(sorted, end);
    for (let k = 0; k < count; k++) isInside[rows[k]!] = 0;
  }

  private isBetter(sorted: Int32Array, rows: Int32Array): boolean {
    if (this.cycles(sorted) * this.gain > this.cycles(rows)) return false;
    return this.lifetimes(sorted) <= Math.max(this.lifetimes(rows), rows.length * alwaysKept);
  }

  /**
   * How many cycles an order takes on a processor that fetches `width` rows a cycle, executes each as soon as its operands
   * are there, and fetches no row before the one `window` rows earlier, and all in front of that, are done.
   */
  private cycles(order: Int32Array): number {
    const { func, isInside, ready } = this;
    const done = new Int32Array(order.length);
    let last = 0;
    let cycle = 0;
    let inCycle = 0;
    for (let k = 0; k < order.length; k++) {
      const v = order[k]! as Value;
      const latency = latencies[func.op[v]!]!;
      if (latency !== 0 && ++inCycle > width) {
        cycle++;
        inCycle = 1;
      }
      if (k >= window && done[k - window]! > cycle) {
        cycle = done[k - window]!;
        inCycle = 1;
      }
      let start = cycle;
      const operands = func.operandCount(v);
      for (let i = 0; i < operands; i++) {
        const x = func.operand(v, i);
        if (isInside[x] === 1 && ready[x]! > start) start = ready[x]!;
      }
      ready[v] = start + latency;
      last = Math.max(last, ready[v]!);
      done[k] = last;
    }
    return last;
  }

  /** Returns the greatest height. */
  private findHeights(rows: Int32Array): number {
    const { func, height, isInside } = this;
    let highest = 0;
    let chain = 0;
    for (let k = rows.length - 1; k >= 0; k--) {
      const v = rows[k]! as Value;
      let h = height[v]! + latencies[func.op[v]!]!;
      if (!isPure(func, v)) chain = h = Math.max(h, chain);
      height[v] = h;
      highest = Math.max(highest, h);
      const operands = func.operandCount(v);
      for (let i = 0; i < operands; i++) {
        const x = func.operand(v, i);
        if (isInside[x] === 1 && height[x]! < h) height[x] = h;
      }
    }
    return highest;
  }

  /** The rows by height, the highest first, in steps; stable. */
  private sort(rows: Int32Array, highest: number): Int32Array {
    const { height } = this;
    const top = Math.floor(highest / step);
    // Where the rows of each step go, counted from the top.
    const next = new Int32Array(top + 2);
    for (let k = 0; k < rows.length; k++) next[top - Math.floor(height[rows[k]!]! / step) + 1]!++;
    for (let s = 1; s < next.length; s++) next[s]! += next[s - 1]!;
    const sorted = new Int32Array(rows.length);
    for (let k = 0; k < rows.length; k++)
      sorted[next[top - Math.floor(height[rows[k]!]! / step)]!++] = rows[k]!;
    return sorted;
  }

  /**
   * How long values are kept in an order of the stretch's rows, all in all: from their row, or the
   * stretch's start, to the last use, or to the end if there are others elsewhere. Constants don't count: they can be
   * made again.
   */
  private lifetimes(order: Int32Array): number {
    const { func, isInside, usesSeen, lastUse, fromOutside } = this;
    let total = 0;
    for (let k = order.length - 1; k >= 0; k--) {
      const v = order[k]! as Value;
      const operands = func.operandCount(v);
      for (let i = 0; i < operands; i++) {
        const x = func.operand(v, i);
        if (func.op[x] === Op.const || usesSeen[x]!++ !== 0) continue;
        // Seen from the end, the first use is the last.
        lastUse[x] = k + 1;
        if (isInside[x] === 0) fromOutside.push(x);
      }
      // Its users in the stretch stand behind it: they have been seen.
      if (this.uses[v] !== 0 && func.op[v] !== Op.const) total += this.endOfLife(v, order.length) - (k + 1);
    }
    for (let k = 0; k < fromOutside.length; k++) total += this.endOfLife(fromOutside[k]!, order.length);
    fromOutside.length = 0;
    return total;
  }

  /** The place of a value's last use, or the one behind the `count` rows if there are uses elsewhere. Forgets the uses. */
  private endOfLife(v: number, count: number): number {
    const end = this.usesSeen[v]! < this.uses[v]! ? count + 1 : this.lastUse[v]!;
    this.usesSeen[v] = 0;
    return end;
  }

  /** Puts the rows in their new order before `end`. */
  private arrange(sorted: Int32Array, end: Value): void {
    const { func } = this;
    for (let k = 0; k < sorted.length; k++) {
      const v = sorted[k]! as Value;
      func.detach(v);
      func.insertBefore(v, end);
    }
  }
}
