/** Analyses against definitions taken literally, on random functions. */
import test from "ava";
import { reversePostorder } from "../../ssa/analysis/block-order.js";
import { findDominators } from "../../ssa/analysis/dominators.js";
import { findLoops } from "../../ssa/analysis/loops.js";
import { findPredecessors } from "../../ssa/analysis/predecessors.js";
import { countUses } from "../../ssa/analysis/use-counts.js";
import { type Block, entryBlock, type SsaFunction, type Value } from "../../ssa/function.js";
import { layoutBlocks } from "../../ssa/layout.js";
import { Op } from "../../ssa/ops.js";
import { optimize } from "../../ssa/optimize.js";
import { passes } from "../../ssa/passes/index.js";
import { Random } from "../support/random.js";
import { randomProgram } from "./random-program.js";

function successors(func: SsaFunction, b: number): number[] {
  const list: number[] = [];
  for (let i = 0; i < func.successorCount(b as Block); i++)
    list.push(func.edgeTarget[func.successorEdge(b as Block, i)]!);
  return list;
}

/** Blocks reachable from `from` without going through `without`. */
function reachable(func: SsaFunction, from: number, without = -1): Set<number> {
  const seen = new Set<number>();
  const stack = from === without ? [] : [from];
  while (stack.length > 0) {
    const b = stack.pop()!;
    if (seen.has(b)) continue;
    seen.add(b);
    for (const s of successors(func, b)) if (s !== without) stack.push(s);
  }
  return seen;
}

const sorted = (blocks: Iterable<number>): number[] => [...blocks].sort((a, b) => a - b);

function* programs(count: number): Generator<SsaFunction> {
  for (let seed = 0; seed < count; seed++) {
    const func = randomProgram(new Random(seed), 40);
    if (seed % 3 > 0) passes[0]!.run(func);
    if (seed % 3 > 1) optimize(func, "full");
    yield func;
  }
}

test("reverse postorder holds all reachable blocks; only back edges lead backward", (t) => {
  for (const func of programs(60)) {
    const { order, position } = reversePostorder(func);
    t.deepEqual(sorted(order), sorted(reachable(func, entryBlock)));
    t.is(order[0], entryBlock);
    for (const [i, b] of order.entries()) t.is(position[b], i);
    for (const b of order) {
      for (const s of successors(func, b)) {
        if (position[s]! <= position[b]!)
          t.false(reachable(func, entryBlock, s).has(b), "a back edge's target dominates");
      }
    }
  }
});

test("a dominates b if b can't be reached without a", (t) => {
  for (const func of programs(40)) {
    const tree = findDominators(func, findPredecessors(func));
    const all = [...reachable(func, entryBlock)];
    for (const a of all) {
      const without = reachable(func, entryBlock, a);
      for (const b of all) t.is(tree.dominates(a, b), !without.has(b), `b${a}, b${b}`);
      const idom = tree.idom[a]!;
      t.is(idom === -1, a === entryBlock);
      if (idom !== -1) {
        t.true(tree.dominates(idom, a) && idom !== a);
        for (const b of all) if (b !== a && tree.dominates(b, a)) t.true(tree.dominates(b, idom));
      }
    }
    t.is(tree.preorder.length, all.length);
  }
});

test("a loop is what reaches its header's back edges without the header", (t) => {
  let loopsSeen = 0;
  for (const func of programs(60)) {
    const predecessors = findPredecessors(func);
    const order = reversePostorder(func);
    const loops = findLoops(func, predecessors, order);
    const all = [...order.order];
    for (const [loop, header] of loops.headers.entries()) {
      loopsSeen++;
      const sources = all.filter(
        (b) => order.position[b]! >= order.position[header]! && successors(func, b).includes(header),
      );
      for (const b of all) {
        const within =
          b === header ||
          (!reachable(func, entryBlock, header).has(b) &&
            sources.some((s) => reachable(func, b, header).has(s)));
        t.is(loops.contains(loop, b), within, `loop b${header}, b${b}`);
      }
    }
    for (const b of all)
      t.is(loops.depthOf(b), [...loops.headers.keys()].filter((l) => loops.contains(l, b)).length);
  }
  t.true(loopsSeen > 50);
});

test("use counts", (t) => {
  for (const func of programs(20)) {
    const counts = new Map<number, number>();
    const use = (v: Value): void => void counts.set(v, (counts.get(v) ?? 0) + 1);
    for (let b = 0; b < func.blockCount; b++) {
      for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
        for (let i = 0; i < func.operandCount(v as Value); i++) use(func.operand(v as Value, i));
      }
      for (let i = 0; i < func.successorCount(b as Block); i++) {
        const e = func.successorEdge(b as Block, i);
        for (let k = 0; k < func.edgeArgsCount[e]!; k++) use(func.edgeArg(e, k));
      }
    }
    for (const [v, count] of countUses(func).entries()) t.is(count, counts.get(v) ?? 0);
  }
});

test("after the passes no edge is critical", (t) => {
  for (const level of ["quick", "full"] as const) {
    for (let seed = 0; seed < 60; seed++) {
      const func = randomProgram(new Random(seed), 40);
      optimize(func, level);
      const { start, edges } = findPredecessors(func);
      for (let b = 0; b < func.blockCount; b++) {
        const incoming = edges.subarray(start[b], start[b + 1]);
        const sources = new Set(Array.from(incoming, (e) => func.edgeSource[e]!));
        for (const e of incoming) {
          if (func.successorCount(func.edgeSource[e]! as Block) < 2) continue;
          t.true(incoming.length === 1 || (sources.size === 1 && func.edgeArgsCount[e] === 0), `edge ${e}`);
        }
      }
    }
  }
});

test("the layout keeps loops together and puts what leads to traps last", (t) => {
  for (const func of programs(60)) {
    const { order, hotCount, loops } = layoutBlocks(func);
    t.deepEqual(sorted(order), sorted(reachable(func, entryBlock)));
    t.is(order[0], entryBlock);
    const place = new Map(Array.from(order, (b, i) => [b, i]));
    for (const loop of loops.headers.keys()) {
      const places = Array.from(order.subarray(0, hotCount))
        .filter((b) => loops.contains(loop, b))
        .map((b) => place.get(b)!);
      if (places.length > 0) t.is(Math.max(...places) - Math.min(...places) + 1, places.length);
    }
    for (const [i, b] of order.entries()) {
      const ends = [...reachable(func, b)].filter((x) => successors(func, x).length === 0);
      const trapsOnly =
        ends.length > 0 && ends.every((x) => func.op[func.terminator(x as Block)] === Op.trap);
      if (i >= hotCount) t.true(trapsOnly);
      if (func.op[func.terminator(b as Block)] === Op.trap && b !== entryBlock) t.true(i >= hotCount);
    }
  }
});
