/** Random programs give the same outcome before and after every pass. */
import test from "ava";
import type { SsaFunction } from "../../ssa/function.js";
import { parseFunction } from "../../ssa/parse.js";
import { checkOrder, passes } from "../../ssa/passes/index.js";
import { printFunction } from "../../ssa/print.js";
import { verifyFunction } from "../../ssa/verify.js";
import { Random } from "../support/random.js";
import { interpret } from "./interpret.js";
import { randomProgram } from "./random-program.js";

function outcomes(func: SsaFunction, seed: number): string {
  const random = new Random(seed);
  const all: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const args: bigint[] = [];
    for (let k = 0; k < 8; k++) {
      const x = BigInt(random.next() >>> 0);
      args.push(random.chance(50) ? x & 0xffn : (x << 32n) | BigInt(random.next() >>> 0));
    }
    all.push(interpret(func, args));
  }
  return JSON.stringify(all);
}

const seeds = Number(process.env.BACKPLANE_SEEDS ?? 600);
const firstSeed = Number(process.env.BACKPLANE_SEED ?? 0);

/** The first pass that changes what a program means, with the program before and after; "" if none does. */
function culprit(seed: number, expected: string): string {
  const func = randomProgram(new Random(seed), 40);
  for (const pass of passes) {
    const before = printFunction(func);
    pass.run(func);
    if (outcomes(func, seed) !== expected)
      return `seed ${seed}, pass ${pass.name}\n${before}\n${printFunction(func)}`;
  }
  return "";
}

test("random programs mean the same after all passes", (t) => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const func = randomProgram(new Random(seed), 40);
    verifyFunction(func, "random program");
    const expected = outcomes(func, seed);
    for (const pass of passes) {
      pass.run(func);
      verifyFunction(func, `${pass.name} (seed ${seed})`);
    }
    if (outcomes(func, seed) !== expected) {
      t.fail(culprit(seed, expected));
      return;
    }
    const text = printFunction(func);
    if (seed % 8 === 0) t.is(printFunction(parseFunction(text)), text);
  }
});

test("each pass alone, and quick order", (t) => {
  for (let seed = firstSeed; seed < firstSeed + seeds / 20; seed++) {
    for (const pass of passes) {
      const func = randomProgram(new Random(seed), 30);
      const expected = outcomes(func, seed);
      passes[0]!.run(func);
      pass.run(func);
      verifyFunction(func, `${pass.name} (seed ${seed})`);
      t.is(outcomes(func, seed), expected, `seed ${seed}, pass ${pass.name} alone`);
    }
  }
});

test("passes are stable: the list a second time changes nothing of the meaning and removes no more blocks", (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const func = randomProgram(new Random(seed), 40);
    const expected = outcomes(func, seed);
    for (let round = 0; round < 2; round++) for (const pass of passes) pass.run(func);
    verifyFunction(func, "twice");
    t.is(outcomes(func, seed), expected);
  }
});

test("a list with a wrong order is refused", (t) => {
  const run = (): void => {};
  const pass = (name: string, after: string[], before: string[] = []) => ({
    name,
    run,
    required: false,
    description: "",
    after,
    before,
  });
  t.notThrows(() => checkOrder([pass("a", []), pass("b", ["a"])]));
  t.throws(() => checkOrder([pass("b", ["a"]), pass("a", [])]), { message: 'pass "b" must run after "a"' });
  t.throws(() => checkOrder([pass("a", []), pass("b", [], ["a"])]), {
    message: 'pass "b" must run before "a"',
  });
  t.throws(() => checkOrder([pass("b", ["a"])]), { message: /isn't listed/ });
  t.throws(() => checkOrder([pass("a", []), pass("a", [])]), { message: /listed twice/ });
});
