/** Labels and branch relaxation of arm64: everything reaches what it refers to, and nothing is longer than need be. */
import test from "ava";
import { LabelledEncoder } from "../../isa/arm64/encode-layout.js";
import { Arm64 } from "../../isa/arm64/instructions.js";
import { Random } from "../support/random.js";

type BranchKind = "b" | "cond" | "cbz" | "tbz";
const kinds: readonly BranchKind[] = ["b", "cond", "cbz", "tbz"];
/** Words. */
const reaches: Record<BranchKind, number> = { b: 1 << 25, cond: 1 << 18, cbz: 1 << 18, tbz: 1 << 13 };

interface Plan {
  /** Filler words before each branch or label. */
  readonly gaps: number[];
  /** Label of each branch; labels stand before the branch of the same number. */
  readonly targets: number[];
  readonly kinds: BranchKind[];
}

const nop = 0xd503201f;

function emitBranch(e: LabelledEncoder, kind: BranchKind, target: number): void {
  if (kind === "b") e.jump(target);
  else if (kind === "cond") e.jumpIf(target & 13, target);
  else if (kind === "cbz") e.jumpIfZero(target & 15, (target & 16) !== 0, (target & 32) !== 0, target);
  else e.jumpIfBit(target & 15, target & 63, (target & 32) !== 0, target);
}

function build(plan: Plan): { words: Uint32Array; branches: number[]; labels: number[]; e: LabelledEncoder } {
  const e = new LabelledEncoder();
  e.newLabels(plan.targets.length);
  const at: [raw: number, items: number][] = [];
  plan.targets.forEach((target, k) => {
    for (let g = 0; g < plan.gaps[k]!; g++) e.word(nop);
    e.bind(k);
    at.push([e.count, e.itemCount]);
    emitBranch(e, plan.kinds[k]!, target);
  });
  const bytes = new Uint8Array(e.layOut(0));
  e.write(bytes, []);
  return {
    words: new Uint32Array(bytes.buffer),
    e,
    branches: at.map(([raw, items]) => e.finalOffset(raw, items) >> 2),
    labels: plan.targets.map((_, k) => e.labelOffset(k) >> 2),
  };
}

const signed = (n: number, bits: number): number => (n << (32 - bits)) >> (32 - bits);

/** Where the branch at a word leads and the word that says on what condition; the long form counts as its opposite. */
function decode(words: Uint32Array, at: number): { target: number; condition: number } {
  const word = words[at]!;
  if (word >>> 26 === 5) return { target: at + signed(word & 0x3ffffff, 26), condition: 0 };
  const isTest = (word & 0x7e000000) === 0x36000000;
  const bits = isTest ? 14 : 19;
  const distance = signed((word >>> 5) & (2 ** bits - 1), bits);
  const condition = (word & ~((2 ** bits - 1) << 5)) >>> 0;
  if (distance !== 2 || words[at + 1]! >>> 26 !== 5) return { target: at + distance, condition };
  const isCondition = word >>> 24 === 0x54;
  return {
    target: at + 1 + signed(words[at + 1]! & 0x3ffffff, 26),
    condition: (condition ^ (isCondition ? 1 : 1 << 24)) >>> 0,
  };
}

/** What `decode` gives for the condition of a branch that reaches easily. */
function conditionOf(kind: BranchKind, target: number): number {
  const e = new LabelledEncoder();
  e.newLabels(target + 1);
  e.bind(target);
  emitBranch(e, kind, target);
  const bytes = new Uint8Array(e.layOut(0));
  e.write(bytes, []);
  return decode(new Uint32Array(bytes.buffer), 0).condition;
}

/** The least fixpoint by the slow way: start short, lengthen one branch that doesn't reach, begin again. */
function leastSize(plan: Plan): number {
  const length = plan.kinds.map(() => 1);
  for (;;) {
    const offset: number[] = [];
    let at = 0;
    plan.gaps.forEach((gap, k) => {
      at += gap;
      offset.push(at);
      at += length[k]!;
    });
    const k = length.findIndex((l, i) => {
      const distance = offset[plan.targets[i]!]! - offset[i]!;
      return l === 1 && plan.kinds[i] !== "b" && Math.abs(distance) >= reaches[plan.kinds[i]!];
    });
    if (k < 0) return at;
    length[k] = 2;
  }
}

function randomPlan(random: Random, n: number, maxGap: number): Plan {
  const plan: Plan = { gaps: [], targets: [], kinds: [] };
  for (let k = 0; k < n; k++) {
    plan.gaps.push(random.below(maxGap));
    plan.targets.push(random.below(n));
    plan.kinds.push(kinds[random.below(kinds.length)]!);
  }
  return plan;
}

test("every branch reaches its label, on its condition", (t) => {
  const random = new Random(1);
  const conditions = new Map<string, number>();
  for (let round = 0; round < 60; round++) {
    // Up to three times the reach of a conditional branch in the last ones.
    const maxGap = round < 40 ? 1 + random.below(2000) : 60_000;
    const plan = randomPlan(random, 1 + random.below(40), maxGap);
    const { words, branches, labels } = build(plan);
    for (const [k, at] of branches.entries()) {
      const key = `${plan.kinds[k]} ${plan.targets[k]}`;
      if (!conditions.has(key)) conditions.set(key, conditionOf(plan.kinds[k]!, plan.targets[k]!));
      const { target, condition } = decode(words, at);
      t.deepEqual([target, condition], [labels[plan.targets[k]!], conditions.get(key)], key);
    }
  }
});

test("code is the smallest possible", (t) => {
  const random = new Random(2);
  for (let round = 0; round < 60; round++) {
    const plan = randomPlan(random, 60, round < 50 ? 600 : 20_000);
    t.is(build(plan).words.length, leastSize(plan));
  }
});

test("a chain in which each branch pushes the next out of reach takes few rounds", (t) => {
  // Each bit test spans the two after it and just reaches while those are short; the last one doesn't reach.
  const n = 3000;
  const plan: Plan = { gaps: [], targets: [], kinds: [] };
  const gap = (reaches.tbz - 4) / 2;
  for (let k = 0; k < n; k++) {
    plan.gaps.push(k === n - 1 ? 20_000 : gap);
    plan.targets.push(k + 2 < n ? k + 2 : 0);
    plan.kinds.push("tbz");
  }
  const { words, branches, labels, e } = build(plan);
  t.true(e.rounds < 24, `${e.rounds} rounds`);
  for (const [k, at] of branches.entries()) {
    if (decode(words, at).target !== labels[plan.targets[k]!]) t.fail(`branch ${k}`);
  }
});

test("data out of a literal's reach are reached by additions", (t) => {
  for (const size of [100, (1 << 18) - 30, (1 << 18) + 30, 3_000_000, 9_000_000]) {
    const e = new LabelledEncoder();
    e.word(nop);
    const positions: [number, number][] = [];
    const here = (): void => void positions.push([e.count, e.itemCount]);
    const refer = (): void => {
      here();
      e.loadLiteral(Arm64.ldr_q, 35, 0);
      here();
      e.loadLiteral(Arm64.ldr_s, 36, 1);
      here();
      e.addressOfDatum(7, 1);
    };
    refer();
    for (let k = 0; k < size; k++) e.word(nop);
    refer();
    const codeSize = e.layOut(20);
    const data = (codeSize + 15) & ~15;
    const bytes = new Uint8Array(data + 20);
    e.write(bytes, [data, data + 16]);
    const words = new Uint32Array(bytes.buffer);
    const referred = positions.map(([raw, items]) => execute(words, e.finalOffset(raw, items) >> 2));
    const [q, s] = [data, data + 16];
    const expected = [q, s, s, q, s, s].map((address, k) => ({ address, register: [3, 4, 7][k % 3] }));
    t.deepEqual(referred, expected, `${size} words`);
  }
});

/** The address that a reference to data at a word comes to, and its register. */
function execute(words: Uint32Array, at: number): { address: number; register: number } {
  const word = words[at]!;
  const distance = signed((word >>> 5) & 0x7ffff, 19) * 4;
  if ((word & 0x3b000000) === 0x18000000) return { address: 4 * at + distance, register: word & 31 };
  let address = 4 * at + distance + ((word >>> 29) & 3);
  let register = word & 31;
  for (let next = at + 1; ; next++) {
    const then = words[next]!;
    // add with an immediate that goes on with the same register, or a load with an offset.
    if (then >>> 23 === 0x122 && (then & 31) === register && ((then >>> 5) & 31) === register) {
      address += ((then >>> 10) & 0xfff) * (then & (1 << 22) ? 4096 : 1);
    } else if ((then & 0x3f400000) === 0x3d400000 || (then & 0x3fc00000) === 0x3dc00000) {
      const scale = then >>> 30 === 2 ? 4 : 16;
      register = then & 31;
      return { address: address + ((then >>> 10) & 0xfff) * scale, register };
    } else return { address, register };
  }
}
