/**
 * Global value numbering: a row that computes what a dominating row has computed is replaced by it. Enters: no
 * unreachable blocks; constants on the right (`fold`), so that equal rows look equal.
 *
 * - Pure rows, and rows that only trap (a dominating equal row has trapped already, or neither will).
 * - Reads, if they see the same version of what they read (`memory-versions.ts`), and reads of what a store to
 *   the very same place has just written.
 * - `check` and `trapif` which a dominating one implies: a check of the same index and length with at least the
 *   same extent, a trapif of the same condition.
 *
 * The walk is in preorder of the dominator tree with one hash table and no scopes: once the walk has left a row's
 * subtree, nothing it visits later is dominated by that row, so such entries are dropped when a lookup meets
 * them.
 */
import { reversePostorder } from "../analysis/block-order.js";
import { type DominatorTree, findDominators } from "../analysis/dominators.js";
import { findLoops } from "../analysis/loops.js";
import {
  classCount,
  findMemoryVersions,
  linearMemory,
  readClass,
  writtenClasses,
} from "../analysis/memory-versions.js";
import { findPredecessors } from "../analysis/predecessors.js";
import type { Block, SsaFunction, Value } from "../function.js";
import { Op, OpFlag, opFlags, Type } from "../ops.js";

export function numberValues(func: SsaFunction): void {
  const predecessors = findPredecessors(func);
  const order = reversePostorder(func);
  const dominators = findDominators(func, predecessors);
  const loops = findLoops(func, predecessors, order);
  const { entry } = findMemoryVersions(func, predecessors, order, loops);
  const numbering = new Numbering(func, dominators, entry);
  const { preorder } = dominators;
  for (let i = 0; i < preorder.length; i++) numbering.visit(preorder[i]! as Block);
  func.replaceUses(numbering.replacement);
}

/** Columns of an entry: a key of seven words, the value, the block it was found in, and the chain. */
const stride = 10;
const [keyOp, keyA0, keyA1, keyA2, keyLo, keyHi, keyVersion, entryValue, entryBlock, entryNext] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;

/** The entries' columns, kept from function to function unless they grew large. */
let keptEntries = new Int32Array(1024 * stride);
const keptWords = 1 << 20;

class Numbering {
  readonly replacement: Int32Array;
  private readonly heads: Int32Array;
  private readonly mask: number;
  private entries = keptEntries;
  private entryCount = 1; // entry 0 ends chains
  private readonly versions = new Int32Array(classCount);
  /** The key being looked up. */
  private readonly key = new Int32Array(7);

  constructor(
    private readonly func: SsaFunction,
    private readonly dominators: DominatorTree,
    private readonly entryVersions: Int32Array,
  ) {
    this.replacement = new Int32Array(func.rowCount);
    this.mask = (1 << Math.min(22, Math.max(4, 32 - Math.clz32(func.rowCount)))) - 1;
    this.heads = new Int32Array(this.mask + 1);
  }

  visit(b: Block): void {
    const { func, versions, entryVersions } = this;
    for (let c = 0; c < classCount; c++) versions[c] = c === 0 ? 0 : entryVersions[b * classCount + c]!;
    for (let v = func.firstRow[b]!; v !== -1; ) {
      const following = func.next[v]!;
      this.row(v as Value, b);
      v = following;
    }
  }

  private row(v: Value, b: Block): void {
    const { func, versions } = this;
    this.resolveOperands(v);
    const op = func.op[v]!;
    const flags = opFlags[op]!;
    if (op === Op.check) this.check(v, b);
    else if (op === Op.trapif) this.trapIf(v, b);
    else if ((flags & (OpFlag.effect | OpFlag.terminator)) !== 0) {
      const written = writtenClasses(func, v);
      if (written === 0) return;
      for (let c = 1; c < classCount; c++) if ((written & (1 << c)) !== 0) versions[c] = v;
      if (op === Op.store || op === Op.poke) this.stored(v, b);
    } else if ((flags & OpFlag.read) !== 0) {
      const c = readClass(func, v);
      if (c >= 0) this.reuse(v, b, versions[c]!);
    } else if (op !== Op.nop) this.reuse(v, b, 0);
  }

  private resolveOperands(v: Value): void {
    const { func, replacement } = this;
    const n = func.operandCount(v);
    for (let i = 0; i < n; i++) {
      const to = replacement[func.operand(v, i)]!;
      if (to !== 0) func.setOperand(v, i, to as Value);
    }
  }

  private setKey(
    op: number,
    a0: number,
    a1: number,
    a2: number,
    lo: number,
    hi: number,
    version: number,
  ): void {
    const { key } = this;
    key[0] = op;
    key[1] = a0;
    key[2] = a1;
    key[3] = a2;
    key[4] = lo;
    key[5] = hi;
    key[6] = version;
  }

  /** Replaces v by an equal dominating row, or makes it known. */
  private reuse(v: Value, b: Block, version: number): void {
    const { func } = this;
    let a0 = func.a0[v]!;
    let a1 = func.a1[v]!;
    let op = func.op[v]!;
    if (op === Op.peek32 && func.type[v] === Type.i32) op = Op.peek; // the same 32 bits
    if ((opFlags[op]! & OpFlag.commutative) !== 0 && a0 > a1) {
      a0 = func.a1[v]!;
      a1 = func.a0[v]!;
    }
    this.setKey((op << 4) | func.type[v]!, a0, a1, func.a2[v]!, func.lo[v]!, func.hi[v]!, version);
    const found = this.lookup(b);
    if (found === 0) {
      this.add(v, b);
      return;
    }
    this.replacement[v] = found;
    func.remove(v);
  }

  /** After a full store or poke, a read of the same place and type gives the stored value. */
  private stored(v: Value, b: Block): void {
    const { func } = this;
    const isStore = func.op[v] === Op.store;
    const value = isStore ? func.a2[v]! : func.a1[v]!;
    const readOp = isStore ? Op.load : Op.peek;
    const version = this.versions[isStore ? linearMemory : func.hi[v]!]!;
    this.setKey(
      (readOp << 4) | func.type[value]!,
      func.a0[v]!,
      isStore ? func.a1[v]! : 0,
      0,
      func.lo[v]!,
      isStore ? 0 : func.hi[v]!,
      version,
    );
    this.add(value, b);
  }

  /** A check is implied by one of the same index and length whose extent is at least as large. */
  private check(v: Value, b: Block): void {
    const { func } = this;
    this.setKey(Op.check << 4, func.a0[v]!, func.a1[v]!, 0, 0, 0, 0);
    const known = this.lookup(b);
    if (known !== 0 && extent(func, known) >= extent(func, v)) func.remove(v);
    else this.add(v, b);
  }

  private trapIf(v: Value, b: Block): void {
    const { func } = this;
    this.setKey(Op.trapif << 4, func.a0[v]!, 0, 0, 0, 0, 0);
    if (this.lookup(b) !== 0) func.remove(v);
    else this.add(v, b);
  }

  // ------------------------------------------------------------ the table

  private hash(): number {
    const { key } = this;
    let h = Math.imul(key[0]!, 0x9e3779b1);
    for (let i = 1; i < 7; i++) h = Math.imul(h ^ (h >>> 15) ^ key[i]!, 0x85ebca6b);
    return (h ^ (h >>> 16)) & this.mask;
  }

  /** The value known for the key in a block, 0 if none; drops entries whose subtree is behind. */
  private lookup(b: Block): number {
    const { key, heads, entries, dominators } = this;
    const bucket = this.hash();
    let before = 0;
    for (let e = heads[bucket]!; e !== 0; ) {
      const at = e * stride;
      const next = entries[at + entryNext]!;
      if (!dominators.dominates(entries[at + entryBlock]!, b)) {
        if (before === 0) heads[bucket] = next;
        else entries[before * stride + entryNext] = next;
        e = next;
        continue;
      }
      if (
        entries[at + keyOp] === key[0] &&
        entries[at + keyA0] === key[1] &&
        entries[at + keyA1] === key[2] &&
        entries[at + keyA2] === key[3] &&
        entries[at + keyLo] === key[4] &&
        entries[at + keyHi] === key[5] &&
        entries[at + keyVersion] === key[6]
      ) {
        return entries[at + entryValue]!;
      }
      before = e;
      e = next;
    }
    return 0;
  }

  private add(value: number, b: Block): void {
    const e = this.entryCount++;
    const at = e * stride;
    if (at + stride > this.entries.length) {
      const bigger = new Int32Array(this.entries.length * 2);
      bigger.set(this.entries);
      this.entries = bigger;
      if (bigger.length <= keptWords) keptEntries = bigger;
    }
    const { entries, heads } = this;
    entries.set(this.key, at);
    entries[at + entryValue] = value;
    entries[at + entryBlock] = b;
    const bucket = this.hash();
    entries[at + entryNext] = heads[bucket]!;
    heads[bucket] = e;
  }
}

function extent(func: SsaFunction, check: number): number {
  return (func.lo[check]! >>> 0) + func.hi[check]! * 2 ** 32;
}
