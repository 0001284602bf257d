/** Labels and branch relaxation: every branch reaches its label, none is longer than need be, and time is linear. */
import test from "ava";
import { LabelledEncoder } from "../../isa/amd64/encode-layout.js";
import { Random } from "../support/random.js";

/** Where a branch at an offset leads, and its length. */
function decodeBranch(bytes: Uint8Array, at: number): { target: number; length: number } {
  const view = new DataView(bytes.buffer);
  if (bytes[at] === 0xeb || (bytes[at]! & 0xf0) === 0x70)
    return { target: at + 2 + view.getInt8(at + 1), length: 2 };
  if (bytes[at] === 0xe9) return { target: at + 5 + view.getInt32(at + 1, true), length: 5 };
  if (bytes[at] === 0x0f) return { target: at + 6 + view.getInt32(at + 2, true), length: 6 };
  throw new Error(`no branch at ${at}`);
}

interface Plan {
  /** Filler bytes before each branch or label. */
  readonly gaps: number[];
  /** Label of each branch; labels stand before the branch of the same number. */
  readonly targets: number[];
  readonly conditional: boolean[];
  readonly aligned: boolean[];
}

function build(plan: Plan): { bytes: Uint8Array; branches: number[]; labels: number[]; e: LabelledEncoder } {
  const e = new LabelledEncoder();
  e.newLabels(plan.targets.length);
  const at: [raw: number, items: number][] = [];
  plan.targets.forEach((target, k) => {
    for (let g = 0; g < plan.gaps[k]!; g++) e.byte(0x90);
    if (plan.aligned[k]) e.align(16);
    e.bind(k);
    at.push([e.size, e.itemCount]);
    if (plan.conditional[k]) e.jumpIf(k & 15, target);
    else e.jump(target);
  });
  const bytes = new Uint8Array(e.layOut());
  e.write(bytes, []);
  return {
    bytes,
    e,
    branches: at.map(([raw, items]) => e.finalOffset(raw, items)),
    labels: plan.targets.map((_, k) => e.labelOffset(k)),
  };
}

/** The least fixpoint by the slow way: start short, lengthen one branch that doesn't reach, begin again. */
function leastSize(plan: Plan): number {
  const n = plan.targets.length;
  const length = new Array<number>(n).fill(2);
  for (;;) {
    const offset: number[] = [];
    let at = 0;
    for (let k = 0; k < n; k++) {
      at += plan.gaps[k]!;
      offset.push(at);
      at += length[k]!;
    }
    const k = length.findIndex((l, i) => {
      const distance = offset[plan.targets[i]!]! - (offset[i]! + 2);
      return l === 2 && (distance > 127 || distance < -128);
    });
    if (k < 0) return at;
    length[k] = plan.conditional[k] ? 6 : 5;
  }
}

function randomPlan(random: Random, n: number, maxGap: number, reach: number, aligns: boolean): Plan {
  const plan: Plan = { gaps: [], targets: [], conditional: [], aligned: [] };
  for (let k = 0; k < n; k++) {
    plan.gaps.push(random.below(maxGap));
    const low = Math.max(0, k - reach);
    plan.targets.push(low + random.below(Math.min(n - 1, k + reach) - low + 1));
    plan.conditional.push(random.below(2) === 0);
    plan.aligned.push(aligns && random.below(8) === 0);
  }
  return plan;
}

test("every branch reaches its label", (t) => {
  const random = new Random(1);
  for (let round = 0; round < 200; round++) {
    const plan = randomPlan(
      random,
      1 + random.below(120),
      1 + random.below(40),
      1 + random.below(40),
      round % 2 === 0,
    );
    const { bytes, branches, labels } = build(plan);
    for (const [k, at] of branches.entries()) {
      t.is(decodeBranch(bytes, at).target, labels[plan.targets[k]!]);
      if (plan.aligned[k]) t.is(labels[k]! % 16, 0);
    }
  }
});

test("code is the smallest possible", (t) => {
  const random = new Random(2);
  for (let round = 0; round < 100; round++) {
    const plan = randomPlan(random, 60, 20, 12, false);
    t.is(build(plan).bytes.length, leastSize(plan));
  }
});

test("a chain in which each branch pushes the next out of reach takes few rounds", (t) => {
  // Each branch spans the three after it and just reaches while those are short: 121 bytes and 3 branches. The last
  // ones don't reach.
  const n = 20_000;
  const plan: Plan = { gaps: [], targets: [], conditional: [], aligned: [] };
  for (let k = 0; k < n; k++) {
    plan.gaps.push(k === n - 1 ? 400 : k % 4 === 0 ? 31 : 30);
    plan.targets.push(k + 4 < n ? k + 4 : 0);
    plan.conditional.push(true);
    plan.aligned.push(false);
  }
  const { bytes, branches, labels, e } = build(plan);
  t.true(e.rounds < 20, `${e.rounds} rounds`);
  branches.forEach((at, k) => {
    if (decodeBranch(bytes, at).target !== labels[plan.targets[k]!]) t.fail(`branch ${k}`);
  });
  t.pass();
});

test("a quarter million branches", (t) => {
  const random = new Random(3);
  const plan = randomPlan(random, 250_000, 16, 40, true);
  const { bytes, branches, labels, e } = build(plan);
  t.true(e.rounds < 20, `${e.rounds} rounds`);
  for (let k = 0; k < branches.length; k += 997) {
    t.is(decodeBranch(bytes, branches[k]!).target, labels[plan.targets[k]!]);
  }
});
