import test from "ava";
import { blockDominators } from "../../machine/emit/block-dominators.js";
import { VCode } from "../../machine/vcode.js";
import { arm64Machine, Random, randomCode } from "./random-vcode.js";

function graph(successors: readonly (readonly number[])[]): VCode {
  const code = new VCode();
  for (let b = 0; b < successors.length; b++) code.startBlock(0, false, -1);
  successors.forEach((list, b) => {
    for (const s of list) code.predecessors[s]!.push(b);
  });
  return code;
}

/** Blocks that every path from the entry to `to` passes, by leaving each out in turn. */
function dominatorsOf(code: VCode, to: number): Set<number> {
  const all = new Set<number>();
  for (let out = 0; out < code.blockCount; out++) {
    const seen = new Set<number>([to]);
    const work = [to];
    while (work.length > 0) {
      for (const p of code.predecessors[work.pop()!]!) {
        if (p === out || seen.has(p)) continue;
        seen.add(p);
        work.push(p);
      }
    }
    if (out === to || !seen.has(0)) all.add(out);
  }
  return all;
}

function checkTree(code: VCode): string | null {
  const tree = blockDominators(code);
  if (tree === null) return null;
  for (let b = 1; b < code.blockCount; b++) {
    const real = dominatorsOf(code, b);
    for (let a = tree[b]!; a >= 0; a = tree[a]!) if (!real.has(a)) return `${a} doesn't dominate ${b}`;
  }
  return null;
}

test("joins, loops and what lies behind them", (t) => {
  const code = graph([[1], [2, 3], [4], [4], [1, 5], []]);
  t.deepEqual([...blockDominators(code)!], [-1, 0, 1, 1, 1, 4]);
});

test("an order that puts a block before one that it isn't the header of is refused", (t) => {
  // 2 is reached from 3, which 1 leads to, not 2.
  t.is(blockDominators(graph([[1, 2], [3], [4], [2], []])), null);
});

test("ancestors are on every path, in random graphs and in random code", (t) => {
  const random = new Random(5);
  let trees = 0;
  for (let round = 0; round < 400; round++) {
    const n = 3 + random.below(8);
    const successors = Array.from({ length: n }, (_, b) => {
      const next = b + 1 < n ? [b + 1] : [];
      return random.chance(60) ? [...next, random.below(n)] : next;
    });
    const code = graph(successors);
    if (blockDominators(code) !== null) trees++;
    t.is(checkTree(code), null);
  }
  t.true(trees > 40, `${trees} trees`);
  for (let seed = 1; seed <= 30; seed++) {
    const code = randomCode(seed, arm64Machine);
    if (code.blockCount < 150) t.is(checkTree(code), null);
  }
});
