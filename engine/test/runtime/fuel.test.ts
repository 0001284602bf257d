/** Budgets of instructions: what counts, what is left, the same everywhere. */
import test from "ava";
import {
  createNamespace,
  Fuel,
  InterruptError,
  type NamespaceOptions,
  promising,
  trapOf,
  withLimits,
} from "../../index.js";
import { assemble } from "./assemble.js";

type Exported = (...args: unknown[]) => unknown;

const bytes = assemble(`(module
  (import "env" "host" (func $host))
  (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "choose") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.const 1)) (else (nop) (nop) (i32.const 2))))
  (func (export "count") (param i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func $spin (export "spin") (loop (br 0)))
  (func $over (export "over") (call $over))
  (func (export "hosts") (call $host) (nop) (call $host))
  (func (export "traps") (param i32) (result i32)
    (local i32)
    (loop
      (local.set 1 (i32.load (local.get 0)))
      (local.set 0 (i32.add (local.get 0) (i32.const 4096)))
      (br 0))
    (local.get 1))
  (func (export "switch") (param i32) (result i32)
    (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 10))) (return (i32.const 20)))
    (i32.const 30)))`);

const variants: readonly NamespaceOptions[] = [
  {},
  { bounds: "explicit" },
  { effort: "quick" },
  { interrupts: true },
  { compile: "ahead" },
];

function instance(options: NamespaceOptions, host: () => void = () => {}): Record<string, Exported> {
  const namespace = createNamespace({ fuel: true, ...options });
  const module = new namespace.Module(bytes);
  return new namespace.Instance(module, { env: { host } }).exports as Record<string, Exported>;
}

/** What a call costs, or what it leaves of a million if it fails. */
function cost(action: () => unknown): number {
  const fuel = new Fuel(1_000_000);
  try {
    withLimits({ fuel }, action);
  } catch (error) {
    if (trapOf(error) === undefined) throw error;
  }
  return 1_000_000 - fuel.left;
}

for (const options of variants) {
  test(`each instruction costs one: ${JSON.stringify(options)}`, (t) => {
    const exports = instance(options);
    t.is(
      cost(() => exports.add(1, 2)),
      3,
    );
    t.is(
      cost(() => exports.choose(1)),
      3,
    );
    t.is(
      cost(() => exports.choose(0)),
      5,
    );
    t.is(
      cost(() => exports.count(100)),
      500,
    );
    t.is(
      cost(() => exports.hosts()),
      3,
    );
    t.is(
      cost(() => exports.switch(0)),
      4,
    );
    t.is(
      cost(() => exports.switch(1)),
      4,
    );
    t.is(
      cost(() => exports.switch(7)),
      3,
    );
    // Sixteen rounds of eight instructions; the run that a trap cuts short isn't charged.
    t.is(
      cost(() => exports.traps(0)),
      16 * 8,
    );
  });
}

test("the same is left a thousand times, interrupted or not", (t) => {
  const exports = instance({});
  const left = new Set<number>();
  for (let i = 0; i < 1000; i++) {
    left.add(cost(() => withLimits(i % 2 === 0 ? {} : { timeout: 9_000 }, () => exports.count(1000))));
  }
  t.deepEqual([...left], [5000]);
});

test("a call without end, and one without a loop, stop when the budget is used up", (t) => {
  const exports = instance({});
  for (const [name, expected] of [
    ["spin", InterruptError],
    ["over", InterruptError],
  ] as const) {
    const fuel = new Fuel(5_000);
    const error = t.throws(() => withLimits({ fuel }, () => exports[name]()), { instanceOf: expected });
    t.is((error as InterruptError).reason, "outOfFuel");
    t.is((error as InterruptError).frames[0]?.functionName, name);
    t.is(fuel.left, 0);
    t.throws(() => withLimits({ fuel }, () => exports.spin()), { instanceOf: InterruptError });
    t.is(exports.add(1, 2), 3);
  }
});

for (const options of variants) {
  test(`a call that costs more than its budget fails, also where nothing follows: ${JSON.stringify(options)}`, async (t) => {
    const exports = instance(options);
    const calls: readonly [number, () => unknown][] = [
      [3, () => exports.add(1, 2)],
      [5, () => exports.choose(0)],
      [500, () => exports.count(100)],
      [3, () => exports.hosts()],
    ];
    for (const [price, call] of calls) {
      for (const amount of [0, 1, price - 1]) {
        const fuel = new Fuel(amount);
        const error = t.throws(() => withLimits({ fuel }, call), { instanceOf: InterruptError });
        t.is(error?.reason, "outOfFuel");
        t.is(fuel.left, 0);
      }
      const enough = new Fuel(price);
      t.notThrows(() => withLimits({ fuel: enough }, call));
      t.is(enough.left, 0);
    }
    const short = new Fuel(2);
    const error = await t.throwsAsync(
      () => withLimits({ fuel: short }, () => promising(exports.add)(1, 2)) as Promise<unknown>,
    );
    t.is((error as InterruptError).reason, "outOfFuel");
    const enough = new Fuel(3);
    t.is(await withLimits({ fuel: enough }, () => promising(exports.add)(1, 2)), 3);
    t.is(enough.left, 0);
  });
}

test("what a host function's call overdraws is the call's, and its caller goes on with nothing", (t) => {
  const inner = instance({});
  const fuel = new Fuel(3);
  const seen: unknown[] = [];
  const exports = instance({}, () => {
    seen.push(t.throws(() => inner.add(1, 2), { instanceOf: InterruptError })?.reason, fuel.left);
  });
  t.throws(() => withLimits({ fuel }, () => exports.hosts()), { instanceOf: InterruptError });
  t.deepEqual(seen, ["outOfFuel", 0]);
});

test("a budget is right in host functions and shared with the calls they make", (t) => {
  const inner = instance({});
  const fuel = new Fuel(100);
  const seen: number[] = [];
  const exports = instance({}, () => {
    seen.push(fuel.left);
    inner.add(1, 2);
    seen.push(fuel.left);
    withLimits({ fuel: new Fuel(50) }, () => inner.add(1, 2));
    seen.push(fuel.left);
  });
  withLimits({ fuel }, () => exports.hosts());
  t.deepEqual(seen, [99, 96, 96, 94, 91, 91]);
  t.is(fuel.left, 91);
});

test("without a budget nothing ends, and budgets are whole numbers", (t) => {
  const exports = instance({});
  exports.count(1_000_000);
  for (const amount of [-1, 0.5, Number.NaN, 2 ** 53, "5"]) {
    t.throws(() => new Fuel(amount as number), { instanceOf: RangeError });
  }
});
