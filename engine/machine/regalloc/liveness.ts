/**
 * Where virtual registers are live at block starts, and which references are live across safepoints.
 *
 * Each virtual register is followed from its uses backwards until its definition (Boissinot et al.: "Computing
 * liveness sets for SSA-form programs", 2011, path exploration by variable): the work is proportional to the
 * size of the answer, which suits Wasm, where most values live in one block. Block arguments count as used at
 * the end of the passing block if the moves are made there, or at the start of the target if they are made there.
 */
import { InstructionFlag, operandDef, type VCode } from "../vcode.js";

/**
 * Block arguments become moves at the start of a block that has one predecessor, else at the end of the
 * predecessor, which then has no other successor.
 */
export function movesAreAtTarget(code: VCode, target: number): boolean {
  return code.predecessors[target].length === 1;
}

/** Defining block, and defining instruction (-1: a block parameter), of each virtual register. */
export interface Definitions {
  readonly block: Int32Array;
  readonly instruction: Int32Array;
}

export function findDefinitions(code: VCode): Definitions {
  const block = new Int32Array(code.vregCount).fill(-1);
  const instruction = new Int32Array(code.vregCount).fill(-1);
  const { operandVReg, operandWord, operandStart, blockStart } = code;
  for (let b = 0; b < code.blockCount; b++) {
    const params = code.blockParams[b];
    for (let k = 0; k < params.length; k++) block[params[k]] = b;
    for (let i = blockStart[b]; i < blockStart[b + 1]; i++) {
      for (let o = operandStart[i]; o < operandStart[i + 1]; o++) {
        if ((operandWord[o] & operandDef) === 0) continue;
        block[operandVReg[o]] = b;
        instruction[operandVReg[o]] = i;
      }
    }
  }
  return { block, instruction };
}

/** Live-in virtual registers of block b: `vregs` from `start[b]` to `start[b + 1]`, ascending. */
export interface LiveIn {
  readonly start: Int32Array;
  readonly vregs: Int32Array;
}

class PairList {
  count = 0;
  a = new Int32Array(64);
  b = new Int32Array(64);

  push(a: number, b: number): void {
    if (this.count >= this.a.length) {
      const biggerA = new Int32Array(this.a.length * 2);
      biggerA.set(this.a);
      this.a = biggerA;
      const biggerB = new Int32Array(this.b.length * 2);
      biggerB.set(this.b);
      this.b = biggerB;
    }
    this.a[this.count] = a;
    this.b[this.count++] = b;
  }

  /** Counting sort: the `b`s of each `a` below `size`, in the order they were added. */
  group(size: number): LiveIn {
    const start = new Int32Array(size + 1);
    for (let n = 0; n < this.count; n++) start[this.a[n] + 1]++;
    for (let k = 0; k < size; k++) start[k + 1] += start[k];
    const vregs = new Int32Array(this.count);
    const fill = start.slice(0, size);
    for (let n = 0; n < this.count; n++) vregs[fill[this.a[n]]++] = this.b[n];
    return { start, vregs };
  }
}

/** (virtual register, block) of each use outside the defining block, at most once in a row. */
function usesOutside(code: VCode, definitions: Definitions, referencesOnly: boolean): LiveIn {
  const pairs = new PairList();
  const { operandVReg, operandWord, operandStart, blockStart, vregIsReference } = code;
  const lastSeen = new Int32Array(code.vregCount).fill(-1);
  const note = (v: number, b: number): void => {
    if (definitions.block[v] === b || lastSeen[v] === b || (referencesOnly && vregIsReference[v] === 0))
      return;
    lastSeen[v] = b;
    pairs.push(v, b);
  };
  for (let b = 0; b < code.blockCount; b++) {
    const end = operandStart[blockStart[b + 1]];
    for (let o = operandStart[blockStart[b]]; o < end; o++) {
      if ((operandWord[o] & operandDef) === 0) note(operandVReg[o], b);
    }
    const successors = code.successors[b];
    for (let s = 0; s < successors.length; s++) {
      const args = code.successorArgs[b][s];
      const at = movesAreAtTarget(code, successors[s]) ? successors[s] : b;
      for (let k = 0; k < args.length; k++) note(args[k], at);
    }
  }
  return pairs.group(code.vregCount);
}

/** Predecessors in two columns, which are walked much faster than arrays of arrays. */
function flattenPredecessors(code: VCode): { readonly start: Int32Array; readonly blocks: Int32Array } {
  const start = new Int32Array(code.blockCount + 1);
  for (let b = 0; b < code.blockCount; b++) start[b + 1] = start[b] + code.predecessors[b].length;
  const blocks = new Int32Array(start[code.blockCount]);
  for (let b = 0; b < code.blockCount; b++) blocks.set(code.predecessors[b], start[b]);
  return { start, blocks };
}

/**
 * Live-in sets, or null if finding them takes more than `budget` steps (then there would be about that many
 * pairs of block and register).
 */
export function computeLiveIn(
  code: VCode,
  definitions: Definitions,
  budget: number,
  referencesOnly = false,
): LiveIn | null {
  const uses = usesOutside(code, definitions, referencesOnly);
  const pairs = new PairList();
  const edges = flattenPredecessors(code);
  const seen = new Int32Array(code.blockCount).fill(-1);
  const stack = new Int32Array(code.blockCount + 1);
  let steps = 0;
  for (let v = 0; v < code.vregCount; v++) {
    const home = definitions.block[v];
    let top = 0;
    for (let n = uses.start[v]; n < uses.start[v + 1]; n++) {
      const b = uses.vregs[n];
      if (seen[b] === v) continue;
      seen[b] = v;
      stack[top++] = b;
    }
    while (top > 0) {
      const b = stack[--top];
      pairs.push(b, v);
      const end = edges.start[b + 1];
      steps += 1 + end - edges.start[b];
      if (steps > budget) return null;
      for (let k = edges.start[b]; k < end; k++) {
        const p = edges.blocks[k];
        if (p === home || seen[p] === v) continue;
        seen[p] = v;
        stack[top++] = p;
      }
    }
  }
  return pairs.group(code.blockCount);
}

/** Safepoint instructions, ascending, and for each the references (not rematerializable) that live across it. */
export interface SafepointReferences {
  readonly instructions: Int32Array;
  readonly start: Int32Array;
  readonly vregs: Int32Array;
}

/**
 * A reference lives across an instruction if it is defined before it and used after it. A rematerializable one
 * (null) isn't listed: there is nothing to trace.
 */
export function findSafepointReferences(code: VCode, definitions: Definitions): SafepointReferences {
  const instructions: number[] = [];
  for (let i = 0; i < code.instructionCount; i++) {
    if (code.flags[i] & InstructionFlag.safepoint) instructions.push(i);
  }
  const list = Int32Array.from(instructions);
  let hasReferences = false;
  for (let v = 0; v < code.vregCount; v++) if (code.vregIsReference[v]) hasReferences = true;
  if (!hasReferences || list.length === 0) {
    return { instructions: list, start: new Int32Array(list.length + 1), vregs: new Int32Array(0) };
  }
  const liveIn = computeLiveIn(code, definitions, Infinity, true) as LiveIn;
  const pairs = new PairList();
  const live = new ReferenceSet(code.vregCount);
  let point = list.length - 1;
  for (let b = code.blockCount - 1; b >= 0; b--) {
    const first = code.blockStart[b];
    if (point < 0 || list[point] < first) continue;
    collectLiveOut(code, liveIn, b, live);
    for (let i = code.blockStart[b + 1] - 1; i >= first; i--) {
      for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) {
        if (code.operandWord[o] & operandDef) live.remove(code.operandVReg[o]);
      }
      if (code.flags[i] & InstructionFlag.safepoint) {
        for (let k = 0; k < live.count; k++) pairs.push(point, live.members[k]);
        point--;
      }
      for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) {
        if ((code.operandWord[o] & operandDef) === 0) addReference(code, live, code.operandVReg[o]);
      }
    }
  }
  const grouped = pairs.group(list.length);
  return { instructions: list, start: grouped.start, vregs: grouped.vregs };
}

function addReference(code: VCode, live: ReferenceSet, v: number): void {
  if (code.vregIsReference[v] && !code.vregRematerializable[v]) live.add(v);
}

function collectLiveOut(code: VCode, liveIn: LiveIn, b: number, live: ReferenceSet): void {
  live.clear();
  const successors = code.successors[b];
  for (let s = 0; s < successors.length; s++) {
    const t = successors[s];
    for (let n = liveIn.start[t]; n < liveIn.start[t + 1]; n++) addReference(code, live, liveIn.vregs[n]);
    const args = code.successorArgs[b][s];
    for (let k = 0; k < args.length; k++) addReference(code, live, args[k]);
  }
}

/** A set of small integers with constant-time add, remove and clear (Briggs and Torczon, 1993). */
class ReferenceSet {
  count = 0;
  readonly members: Int32Array;
  private readonly place: Int32Array;

  constructor(universe: number) {
    this.members = new Int32Array(universe);
    this.place = new Int32Array(universe);
  }

  private has(v: number): boolean {
    const at = this.place[v];
    return at < this.count && this.members[at] === v;
  }

  add(v: number): void {
    if (this.has(v)) return;
    this.place[v] = this.count;
    this.members[this.count++] = v;
  }

  remove(v: number): void {
    if (!this.has(v)) return;
    const at = this.place[v];
    const last = this.members[--this.count];
    this.members[at] = last;
    this.place[last] = at;
  }

  clear(): void {
    this.count = 0;
  }
}
