/** Figures of calls that are stopped or take turns: how late, what it costs others, and what fuel counts. */
import { setTimeout as delay } from "node:timers/promises";
import { median } from "../../../../engine/bench/statistics.js";
import { createNamespace, Fuel, withLimits } from "../../../../engine/index.js";
import { assemble } from "../../../../engine/test/runtime/assemble.js";
import { type BackplaneError, CallStoppedError, type Plugin, PluginHost } from "../../../index.js";
import { milliseconds, type Row, require } from "../row.js";
import { Sleeper } from "./sleeper.js";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const looping = assemble(`(module (memory (export "memory") 1)
  (func $spin (export "spin") (loop $l (br $l)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "work") (param i32) (result i32) (local $x i32)
    (loop $l (local.set $x (i32.add (i32.rotl (local.get $x) (i32.const 3)) (local.get 0)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $x)))`);

/** An endless loop on the main thread, stopped at a deadline, again and again, in turns with what the machine does by itself. */
export async function deadlines(rounds = 200, after = 20): Promise<Row[]> {
  const options = { circuit: { traps: Number.POSITIVE_INFINITY } };
  await using host = await PluginHost.start({
    logger: quiet,
    plugins: [{ name: "p", bytes: looping }],
    options,
  });
  await using sleeper = await Sleeper.start();
  const plugin = host.plugin("p");
  const own: number[] = [];
  const machine: number[] = [];
  for (let round = 0; round < rounds; round++) {
    own.push(await stoppedLate(plugin, after));
    require((await plugin.call("add", [40, 2])) === 42, "the next call is wrong");
    machine.push(sleeper.lateness(after));
  }
  const worst = Math.max(...own);
  const told = (late: readonly number[]): string =>
    `${milliseconds(Math.max(...late))} late at worst, ${milliseconds(median(late))} in the median`;
  return [
    {
      what: `an endless loop stopped at a ${after} ms deadline, main thread, ${rounds} times`,
      asked: "at most 5 ms late; the next call works",
      measured: told(own),
      within: worst <= 5,
    },
    {
      what: "  a thread that sleeps so long, beside a computing one, in turns: the machine's own",
      asked: "",
      measured: told(machine),
    },
  ];
}

/** How many milliseconds after its deadline a call without end fails. */
async function stoppedLate(plugin: Plugin, after: number): Promise<number> {
  const before = performance.now();
  const error = await plugin.call("spin", undefined, { timeout: after }).catch((reason: unknown) => reason);
  const late = performance.now() - before - after;
  require(error instanceof CallStoppedError && error.code === "TIMEOUT", `it ended with ${String(error)}`);
  return late;
}

/** Plugins that loop when they start, and in a hook of a reload. */
export async function contained(): Promise<Row> {
  const starts = assemble(`(module (func (export "backplane_start") (loop $l (br $l))))`);
  const hooked = (restore: string): Uint8Array =>
    assemble(`(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
      (func (export "backplane_alloc") (param i32) (result i32) (i32.const 64))
      (func (export "backplane_free") (param i32 i32))
      (func (export "backplane_save") (result i64) (i64.const 0x100000040))
      (func (export "backplane_restore") (param i32 i32) ${restore})
      (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`);
  const source = { name: "hooked", bytes: hooked("") };
  await using host = await PluginHost.start({
    logger: quiet,
    options: { startTimeout: 100 },
    plugins: [source, { name: "starts", bytes: starts }, { name: "other", bytes: looping }],
  });
  require(host.failures.has("starts") &&
    host.names.length === 2, "the one that loops at its start is loaded");
  const plugin = host.plugin("hooked");
  require((await plugin.call("count")) === 1, "it doesn't count");
  source.bytes = hooked("(loop $l (br $l))");
  const failed = await host.reload("hooked").then(
    () => undefined,
    (error: BackplaneError) => error.code,
  );
  require(failed === "STATE_TRANSFER", `the reload ended with ${failed}`);
  require((await plugin.call("count")) === 2, "the old generation doesn't serve with its state");
  require((await host.plugin("other").call("add", [1, 2])) === 3, "another plugin is affected");
  return {
    what: "a plugin that loops at start, one that loops in a hook during a reload",
    asked: "contained",
    measured: "contained, the others unaffected, the old generation serving",
    within: true,
  };
}

/** A timer beside a call of about two seconds with slices. */
export async function slices(): Promise<Row> {
  const plugins = [{ name: "p", bytes: looping }];
  await using host = await PluginHost.start({ logger: quiet, plugins, options: { slice: 5 } });
  const plugin = host.plugin("p");
  const probe = 20_000_000;
  await plugin.call("work", 1000);
  const before = performance.now();
  await plugin.call("work", probe);
  const steps = Math.round((probe * 2000) / (performance.now() - before));
  let worst = 0;
  let due = performance.now() + 10;
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - due);
    due = now + 10;
  }, 10);
  const started = performance.now();
  const result = await plugin.call("work", steps);
  const took = performance.now() - started;
  clearInterval(timer);
  require(result ===
    (await plugin.call("work", steps, { run: "thread" })), "a sliced call's result is another's");
  return {
    what: `slice: 5, a call of ${milliseconds(took)}, a 10 ms timer beside it`,
    asked: "at most 10 ms late",
    measured: `${milliseconds(worst)} late at worst`,
    within: worst <= 10,
  };
}

/** What is left of a budget, over and over, with guard pages and without. */
export async function fuelCounts(rounds = 1000): Promise<Row> {
  const left = new Set<number>();
  for (const bounds of ["guard", "explicit"] as const) {
    const { Instance, Module } = createNamespace({ fuel: true, bounds });
    const work = new Instance(new Module(looping)).exports.work as (n: number) => number;
    for (let round = 0; round < rounds / 2; round++) {
      const fuel = new Fuel(1_000_000);
      withLimits({ fuel }, () => work(5000));
      left.add(fuel.left);
    }
    await delay(0);
  }
  require(left.size === 1, `what is left differs: ${[...left].join(", ")}`);
  return {
    what: `fuel, ${rounds} runs, guard pages or not`,
    asked: "exact same count",
    measured: `the same: ${[...left][0]} left`,
    within: true,
  };
}
