/**
 * Modules with the rows of every stretch in another order, however short it is and whatever that gains: they run as on
 * Node's own engine, their traps come in the order written, between the same stores, and they take as much from a budget
 * of instructions as in the old order.
 */
import { setImmediate } from "node:timers/promises";
import test from "ava";
import { createNamespace, Fuel, withLimits } from "../../index.js";
import { passes } from "../../ssa/passes/index.js";
import type { Pass } from "../../ssa/passes/pass.js";
import { schedule } from "../../ssa/passes/schedule.js";
import { printFunction } from "../../ssa/print.js";
import { assemble } from "../runtime/assemble.js";
import { backplaneNamespace, type Namespace, nodeNamespace } from "../support/namespace.js";
import { compareEngines } from "./compare-engines.js";
import { generateModule } from "./generate-module.js";
import { traceModule, trapKind } from "./trace-module.js";

/** The functions of which some row has been moved, and whether rows are moved now. */
let moved = 0;
let isForced = true;

const pass = passes.find(({ name }) => name === "schedule") as { -readonly [K in keyof Pass]: Pass[K] };
pass.run = (func) => {
  if (!isForced) return;
  const before = printFunction(func);
  schedule(func, { shortest: 3, gain: 0 });
  if (printFunction(func) !== before) moved++;
};

for (const bounds of ["guard", "explicit"] as const) {
  test.serial(`as on Node's own engine, ${bounds}`, async (t) => {
    t.timeout(300_000);
    moved = 0;
    const candidate = await backplaneNamespace({ bounds, compile: "ahead" });
    for (let seed = 40_000; seed < 40_100; seed++) {
      const { difference } = compareEngines(nodeNamespace, candidate, generateModule(seed), { seed });
      t.is(difference, undefined, `seed ${seed}`);
      if (seed % 10 === 0) await setImmediate();
    }
    t.true(moved > 200, `only ${moved} functions changed`);
  });
}

/** What can be seen of a module with a budget for all its calls, and what is left of that. */
function traceWithFuel(namespace: Namespace, bytes: Uint8Array, seed: number, budget: number): string {
  const fuel = new Fuel(budget);
  let trace: readonly string[] = [];
  withLimits({ fuel }, () => {
    trace = traceModule(namespace, bytes, { seed });
  });
  return JSON.stringify([trace, fuel.left]);
}

test.serial("a budget ends at the same place, with the same stores made", async (t) => {
  t.timeout(300_000);
  moved = 0;
  const namespace = createNamespace({ fuel: true, compile: "ahead" }) as unknown as Namespace;
  for (let seed = 50_000; seed < 50_030; seed++) {
    const bytes = generateModule(seed);
    for (const budget of [300, 3000, 1_000_000_000]) {
      isForced = false;
      const expected = traceWithFuel(namespace, bytes, seed, budget);
      isForced = true;
      t.is(traceWithFuel(namespace, bytes, seed, budget), expected, `seed ${seed}, ${budget}`);
    }
    await setImmediate();
  }
  t.true(moved > 100, `only ${moved} functions changed`);
});

/** Code that changes local x or memory, and traps, each in its own way, if the i32 `$wrong` isn't zero. */
const mayTrap: readonly ((x: string) => string)[] = [
  (x) =>
    `(local.set ${x} (i32.add (local.get ${x}) (i32.div_u (local.get ${x}) (i32.eqz (local.get $wrong)))))`,
  (x) =>
    `(local.set ${x} (i32.xor (local.get ${x}) (i32.load offset=64 (i32.mul (local.get $wrong) (i32.const 65536)))))`,
  (x) => `(i32.store8 offset=64 (i32.mul (local.get $wrong) (i32.const -16)) (local.get ${x}))`,
  (x) => `(local.set ${x} (i32.sub (local.get ${x})
    (i32.trunc_f32_s (select (f32.const nan) (f32.const 2) (local.get $wrong)))))`,
  (x) => `(local.set ${x} (i32.add (local.get ${x}) (i32.div_s (i32.const 0x80000000)
    (i32.or (i32.sub (i32.const 0) (local.get $wrong)) (i32.const 1)))))`,
  (x) => `(local.set ${x} (i32.add (local.get ${x})
    (ref.is_null (table.get $table (i32.mul (local.get $wrong) (i32.const 8))))))`,
  (x) => `(local.set ${x} (i32.sub (local.get ${x})
    (i32.wrap_i64 (i64.rem_u (i64.const 100) (i64.extend_i32_u (i32.eqz (local.get $wrong)))))))`,
];
const locals = ["$a", "$b", "$c", "$d"];

/** Rows of `mayTrap`, from number `start` on, between stores and what four chains of products need later. */
function trappingModule(start: number): Uint8Array {
  const rows = mayTrap.map((_, k) => {
    const [x, y] = [locals[k % 4]!, locals[(k >> 2) % 4]!];
    const step = `(local.set ${y} (i32.mul (i32.add (local.get ${y}) (i32.const ${k})) (i32.const ${2 * k + 3})))`;
    const keep = k % 2 === 0 ? "global.set $global" : `i32.store (i32.const ${256 + 4 * k})`;
    return `${step.repeat(1 + (k % 4))} (${keep} (local.get ${x}))
      (local.set $wrong (i32.or (i32.eq (local.get $first) (i32.const ${k})) (i32.eq (local.get $second) (i32.const ${k}))))
      ${mayTrap[(start + k * 3) % mayTrap.length]!(x)}`;
  });
  return assemble(`(module
    (memory (export "memory") 1 1)
    (table $table 8 funcref)
    (global $global (export "global") (mut i32) (i32.const 0))
    (func (export "f") (param $first i32) (param $second i32) (result i32)
      ${locals.map((x) => `(local ${x} i32)`).join(" ")} (local $wrong i32)
      ${rows.join("\n")}
      ${locals.map((x) => `(local.get ${x})`).join(" ")} ${"(i32.xor)".repeat(3)}))`);
}

test.serial("traps come in the order written, between the same stores", (t) => {
  moved = 0;
  const [guard, explicit] = (["guard", "explicit"] as const).map(
    (bounds) => createNamespace({ bounds }) as unknown as Namespace,
  );
  for (let start = 0; start < mayTrap.length; start++) {
    const bytes = trappingModule(start);
    const expected = outcomes(nodeNamespace, bytes);
    t.deepEqual(outcomes(guard!, bytes), expected, `guard, from ${start}`);
    t.deepEqual(outcomes(explicit!, bytes), expected, `explicit, from ${start}`);
  }
  t.true(moved > mayTrap.length, `only ${moved} functions changed`);
});

/** What calls come to of which none, one or two rows trap: the kind of the trap or the result, the global, the memory. */
function outcomes(namespace: Namespace, bytes: Uint8Array): string[] {
  const { exports } = new namespace.Instance(new namespace.Module(bytes), {});
  const { memory, global, f } = exports as unknown as {
    memory: { buffer: ArrayBuffer };
    global: { value: number };
    f: (first: number, second: number) => number;
  };
  const words = new Int32Array(memory.buffer, 0, 128);
  const list: string[] = [];
  for (let first = 0; first <= mayTrap.length; first++) {
    for (let second = first; second <= mayTrap.length; second++) {
      let outcome: string;
      try {
        outcome = String(f(first, second));
      } catch (error) {
        outcome = trapKind((error as Error).message);
      }
      list.push(`${first} ${second}: ${outcome}, ${global.value}, ${words.join()}`);
      words.fill(0);
    }
  }
  return list;
}
