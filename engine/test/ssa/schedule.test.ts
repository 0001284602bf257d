/** The order of rows in long blocks: what may move, what may not, and when an order is taken. */
import test from "ava";
import type { SsaFunction, Value } from "../../ssa/function.js";
import { Op, OpFlag, opFlags } from "../../ssa/ops.js";
import { parseFunction } from "../../ssa/parse.js";
import { passes } from "../../ssa/passes/index.js";
import { schedule } from "../../ssa/passes/schedule.js";
import { printFunction } from "../../ssa/print.js";
import { verifyFunction } from "../../ssa/verify.js";
import { Random } from "../support/random.js";
import { interpret } from "./interpret.js";
import { randomProgram } from "./random-program.js";

function rowsOf(func: SsaFunction, b: number): Value[] {
  const rows: Value[] = [];
  for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) rows.push(v as Value);
  return rows;
}

const isCall = (func: SsaFunction, v: Value): boolean =>
  (opFlags[func.op[v]!]! & OpFlag.call) !== 0 || func.op[v] === Op.proj;

const keepsItsPlace = OpFlag.effect | OpFlag.trap | OpFlag.read | OpFlag.terminator;

/** A block's rows that may not pass each other, and between calls the others as a set. */
function fixedOrder(func: SsaFunction, b: number): string {
  const stretches: Value[][] = [[]];
  const fixed: Value[] = [];
  for (const v of rowsOf(func, b)) {
    if (isCall(func, v)) stretches.push([v], []);
    else stretches.at(-1)!.push(v);
    const divides = func.op[v]! >= Op.sdiv && func.op[v]! <= Op.urem;
    if ((opFlags[func.op[v]!]! & keepsItsPlace) !== 0 && !divides) fixed.push(v);
  }
  return JSON.stringify([fixed, stretches.map((rows) => rows.sort((x, y) => x - y))]);
}

function outcome(func: SsaFunction, seed: number): string {
  const random = new Random(seed);
  return JSON.stringify(
    interpret(
      func,
      Array.from({ length: 8 }, () => BigInt(random.next() >>> 0)),
    ),
  );
}

test("random blocks: rows that aren't pure keep their order, none passes a call, the meaning stays", (t) => {
  let moved = 0;
  const before = passes.slice(
    0,
    passes.findIndex(({ name }) => name === "schedule"),
  );
  for (let seed = 0; seed < 400; seed++) {
    const func = randomProgram(new Random(seed), 60);
    if (seed % 2 === 0) for (const pass of before) pass.run(func);
    else before[0]!.run(func);
    const text = printFunction(func);
    const orders = Array.from({ length: func.blockCount }, (_, b) => fixedOrder(func, b));
    const expected = outcome(func, seed);
    schedule(func, { shortest: 2, gain: 0 });
    verifyFunction(func, `schedule (seed ${seed})`);
    for (let b = 0; b < func.blockCount; b++) t.is(fixedOrder(func, b), orders[b]!, `seed ${seed}`);
    t.is(outcome(func, seed), expected, `seed ${seed}`);
    if (printFunction(func) !== text) moved++;
  }
  t.true(moved > 100, `only ${moved} programs changed`);
});

/** A block of the rows `text`, which may use v1 (the instance), v2, v3; it returns `result`. */
function block(rows: readonly string[], result: string): SsaFunction {
  return parseFunction(
    `func 0 "f" -> i32 {\nb0(v1:ptr, v2:i32, v3:i32):\n${rows.map((row) => `  ${row}\n`).join("")}  return ${result}\n}\n`,
  );
}

/** A chain of `length` rows from `start` on, numbered from `first`. */
function chain(start: string, first: number, length: number, op = "mul"): string[] {
  return Array.from(
    { length },
    (_, k) => `v${first + k}:i32 = ${op} ${k === 0 ? start : `v${first + k - 1}`}, ${start}`,
  );
}

test("two chains, one behind the other, are mixed in steps", (t) => {
  const rows = [...chain("v2", 10, 300), ...chain("v3", 1000, 300), "v2000:i32 = add v309, v1299"];
  const func = block(rows, "v2000");
  const first = new Set(rowsOf(func, 0).slice(0, 300));
  const changes = (): number => {
    const sides = rowsOf(func, 0).map((v) => first.has(v));
    return sides.filter((side, k) => k > 0 && side !== sides[k - 1]).length;
  };
  t.is(changes(), 1);
  schedule(func);
  verifyFunction(func, "schedule");
  // 900 cycles each, in steps of 4.
  t.true(changes() >= 400);
});

test("an order that isn't faster isn't taken", (t) => {
  // A processor is busy with the chain all the time, and sees what stands in front of it and isn't wanted before the end.
  const early = Array.from({ length: 20 }, (_, k) => `v${300 + k}:i32 = xor v3, v${k === 0 ? 2 : 299 + k}`);
  const func = block([...early, ...chain("v2", 10, 100), "v400:i32 = add v109, v319"], "v400");
  const text = printFunction(func);
  schedule(func);
  t.is(printFunction(func), text);
  schedule(func, { shortest: 100, gain: 1 });
  verifyFunction(func, "schedule");
  t.true(rowsOf(func, 0).findIndex((v) => func.op[v] === Op.xor) > 80);
});

test("what needs few registers one behind the other isn't mixed, however fast that would be", (t) => {
  const rows: string[] = [];
  const ends: number[] = [];
  for (let n = 0; n < 40; n++) {
    rows.push(...chain(n % 2 === 0 ? "v2" : "v3", 1000 + n * 100, 12));
    ends.push(1000 + n * 100 + 11);
  }
  // Their sum is wanted as a tree, so that all of them are equally urgent.
  for (let next = 10; ends.length > 1; next++) {
    rows.push(`v${next}:i32 = add v${ends.shift()}, v${ends.shift()}`);
    ends.push(next);
  }
  const func = block(rows, `v${ends[0]}`);
  const text = printFunction(func);
  schedule(func, { shortest: 100, gain: 0 });
  t.is(printFunction(func), text);
});

test("short blocks stay as they are", (t) => {
  const func = block([...chain("v2", 10, 49), ...chain("v3", 100, 49), "v200:i32 = add v58, v148"], "v200");
  const text = printFunction(func);
  schedule(func);
  t.is(printFunction(func), text);
});

test("traps and stores keep their order, whatever waits for them", (t) => {
  const memory = "v9:ptr = peek v1 +16 invariant";
  const rows = [
    memory,
    "store v9, v2, v3 +8",
    "v10:i32 = load v9, v3",
    "trapif v2 unreachable",
    ...chain("v2", 20, 300),
    "v11:i32 = udiv v2, v3",
    "v12:i32 = load v9, v2 +4",
    ...chain("v12", 1000, 300),
    "store v9, v3, v319 +16",
    "v13:i32 = add v1299, v10",
    "v14:i32 = add v13, v11",
  ];
  const func = block(rows, "v14");
  const impure = (): number[] =>
    rowsOf(func, 0).filter((v) => func.op[v] !== Op.mul && func.op[v] !== Op.add);
  const before = impure().join();
  const all = rowsOf(func, 0).join();
  schedule(func);
  verifyFunction(func, "schedule");
  t.is(impure().join(), before);
  t.not(rowsOf(func, 0).join(), all);
});
