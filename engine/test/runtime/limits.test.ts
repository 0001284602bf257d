/** Limits of calls: deadlines, signals, slices; what runs in between; termination. */
import { spawn } from "node:child_process";
import { Worker } from "node:worker_threads";
import test from "ava";
import {
  createNamespace,
  InterruptError,
  type NamespaceOptions,
  promising,
  Suspending,
  trapOf,
  WebAssembly,
  withLimits,
} from "../../index.js";
import { withLongerTimes } from "../support/longer-times.js";
import { assemble } from "./assemble.js";

type Exported = (...args: unknown[]) => unknown;

const text = `(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (memory 1)
  (func $spin (export "spin") (loop (br 0)))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "fill") (loop
    (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)) (br 0)))
  (func (export "through") (param i32) (result i32) (call $host (local.get 0)))
  (func (export "hostLoop") (loop (drop (call $host (i32.const 1))) (br 0)))
  (func $over (export "over") (call $over))
  ;; Every kind of register is in use across the loop: any that an interrupt lost would change the sum.
  (func (export "mix") (param $n i32) (result f64)
    (local $a i32) (local $b i64) (local $c f64) (local $d f32) (local $e i32) (local $f i64) (local $g f64)
    (local.set $c (f64.const 1)) (local.set $e (i32.const 17)) (local.set $f (i64.const 99991))
    (loop
      (local.set $a (i32.add (i32.mul (local.get $a) (i32.const 1664525)) (local.get $e)))
      (local.set $b (i64.xor (i64.rotl (local.get $b) (i64.const 7)) (i64.extend_i32_u (local.get $a))))
      (local.set $c (f64.add (f64.mul (local.get $c) (f64.const 0.5)) (f64.convert_i32_s (local.get $a))))
      (local.set $d (f32.add (f32.mul (local.get $d) (f32.const 0.25)) (f32.demote_f64 (local.get $c))))
      (local.set $e (select (i32.add (local.get $e) (i32.const 3)) (i32.sub (local.get $e) (i32.const 5))
        (i64.gt_s (local.get $b) (local.get $f))))
      (local.set $f (i64.add (local.get $f) (local.get $b)))
      (local.set $g (f64.add (local.get $g) (f64.promote_f32 (local.get $d))))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (f64.add (f64.add (local.get $c) (f64.convert_i64_s (local.get $f)))
      (f64.add (local.get $g) (f64.convert_i32_s (local.get $e))))))`;

function instance(host: unknown = () => 0, options: NamespaceOptions = {}): Record<string, Exported> {
  const namespace = createNamespace(options);
  const imports = { env: { host } };
  return new namespace.Instance(new namespace.Module(assemble(text)), imports).exports as Record<
    string,
    Exported
  >;
}

for (const options of [{}, { interrupts: true }, { effort: "quick" }, { bounds: "explicit" }] as const) {
  test(`a deadline ends what never would, and the instance goes on: ${JSON.stringify(options)}`, (t) => {
    const exports = instance(() => 1, options);
    for (const [name, argument] of [["spin"], ["fib", 60], ["fill"], ["hostLoop"]] as const) {
      for (let round = 0; round < 5; round++) {
        const error = t.throws(() => withLimits({ timeout: 3 }, () => exports[name](argument)), {
          instanceOf: InterruptError,
        });
        t.is(error?.reason, "deadline");
        t.is(exports.through(0), 1);
        t.is(exports.fib(10), 55);
      }
    }
  });
}

test("the error says what the call was doing", async (t) => {
  const exports = instance();
  const error = await withLongerTimes(
    (timeout) =>
      t.throws(() => withLimits({ timeout }, () => exports.spin()), { instanceOf: InterruptError }),
    (stopped) => stopped?.frames.length !== 0,
  );
  t.is(error?.message, "the call was stopped at its deadline");
  t.is(error?.frames.length, 1);
  t.is(error?.frames[0]?.functionName, "spin");
  t.regex(String(error?.stack), /^InterruptError: the call was stopped at its deadline\n {4}at spin \(wasm:/);
  t.is(trapOf(error), undefined);
});

test("an interrupt loses no register and no flag, wherever it strikes", async (t) => {
  for (const options of [{}, { interrupts: true }] as const) {
    const exports = instance(undefined, options);
    const expected = exports.mix(3_000_000);
    for (let round = 0; round < 5; round++) {
      const mix = withLimits({ slice: 0.2 }, () => promising(exports.mix)(3_000_000));
      t.is(await mix, expected);
    }
    const fib = withLimits({ slice: 0.2 }, () => promising(exports.fib)(27));
    t.is(await fib, 196_418);
  }
});

test("filling and copying a large memory is stopped inside", (t) => {
  const module = new WebAssembly.Module(
    assemble(`(module (memory (export "memory") 16384)
      (func (export "fill") (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x40000000)))
      (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))`),
  );
  const { exports } = new WebAssembly.Instance(module);
  const { fill, copy, memory } = exports as Record<string, Exported>;
  const bytes = new Uint8Array((memory as unknown as { buffer: ArrayBuffer }).buffer);
  const stopped = (action: () => unknown): void => {
    t.throws(() => withLimits({ timeout: 1 }, action), { instanceOf: InterruptError });
  };
  stopped(() => fill!());
  t.is(bytes.at(-1), 0);
  stopped(() => copy!(0x20000000, 0, 0x20000000));
  t.is(bytes.at(-1), 0);
  bytes[0] = 1;
  stopped(() => copy!(1, 0, 0x3fffffff));
  t.not(bytes[1], 1, "the ranges overlap: the beginning comes last");
});

test("copies of many pieces move every byte, overlapping or not, also where they are interrupted", async (t) => {
  const module = new WebAssembly.Module(
    assemble(`(module (memory (export "memory") 160)
      (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
      (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))`),
  );
  const exports = new WebAssembly.Instance(module).exports as Record<string, Exported>;
  const bytes = new Uint8Array((exports.memory as unknown as { buffer: ArrayBuffer }).buffer);
  const expected = new Uint8Array(bytes.length);
  for (let i = 0; i < expected.length; i++) expected[i] = (i * 2654435761) >>> 24;
  bytes.set(expected);
  const piece = 1 << 20;
  const moves = [
    [0, 5, 3 * piece + 1],
    [5, 0, 3 * piece + 1],
    [piece, 0, 4 * piece],
    [0, piece, 4 * piece],
    [7, 6 * piece, 2 * piece],
    [4 * piece - 1, 3 * piece, 5 * piece + 3],
    [9, 9, 2 * piece],
    [0, 1, piece],
    [1, 0, piece],
    [100, 50, 0],
  ];
  for (const [to, from, count] of moves) {
    expected.copyWithin(to!, from!, from! + count!);
    await withLimits({ slice: 0.1 }, () => promising(exports.copy!)(to, from, count));
    t.deepEqual(Buffer.compare(bytes, expected), 0, `${to} ${from} ${count}`);
  }
  expected.fill(3, 17, 17 + 3 * piece + 2);
  await withLimits({ slice: 0.1 }, () => promising(exports.fill!)(17, 0x203, 3 * piece + 2));
  t.is(Buffer.compare(bytes, expected), 0);
});

test("an overflow of the stack stays one while calls are interrupted", (t) => {
  const exports = instance();
  for (let round = 0; round < 20; round++) {
    t.throws(() => withLimits({ timeout: 60_000, slice: 1 }, () => exports.over()), {
      instanceOf: RangeError,
      message: "Maximum call stack size exceeded",
    });
  }
});

test("a call within a call can't outlive the outer one's deadline, and may have an earlier one", (t) => {
  const inner = instance();
  const seen: unknown[] = [];
  const exports = instance((milliseconds: number) => {
    try {
      withLimits({ timeout: milliseconds }, () => inner.spin());
    } catch (error) {
      seen.push((error as InterruptError).reason);
    }
    return 5;
  });
  t.is(
    withLimits({ timeout: 60_000 }, () => exports.through(2)),
    5,
  );
  const error = t.throws(() => withLimits({ timeout: 5 }, () => exports.hostLoop()), {
    instanceOf: InterruptError,
  });
  t.is(error?.reason, "deadline");
  t.true(seen.every((reason) => reason === "deadline"));
  withLimits({ timeout: 2 }, () => {
    t.throws(() => withLimits({ timeout: 3_600_000 }, () => exports.spin()), { instanceOf: InterruptError });
  });
});

test("limits end with their action", async (t) => {
  const exports = instance();
  withLimits({ timeout: 1 }, () => {});
  const until = performance.now() + 15;
  while (performance.now() < until) exports.fib(12);
  t.is(exports.fib(20), 6765);
  const late = withLimits({ timeout: 1 }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return exports.fib(20);
  });
  t.is(await late, 6765);
});

test("a deadline on performance.now's scale", (t) => {
  const exports = instance();
  t.throws(() => withLimits({ deadline: performance.now() + 3 }, () => exports.spin()), {
    instanceOf: InterruptError,
  });
  t.throws(() => withLimits({ deadline: 0 }, () => exports.spin()), { instanceOf: InterruptError });
});

test("limits that are no numbers from 0 on are refused", (t) => {
  for (const limits of [{ timeout: -1 }, { timeout: Number.NaN }, { slice: "5" }, { deadline: -0.1 }]) {
    t.throws(() => withLimits(limits as never, () => 0), { instanceOf: RangeError });
  }
});

test("a slice lets timers run beside a long call, and others call the same instance", async (t) => {
  const exports = instance();
  const beside: unknown[] = [];
  const timer = setInterval(() => beside.push(exports.fib(10)), 1);
  const value = await withLimits({ slice: 1 }, () => promising(exports.mix)(20_000_000));
  clearInterval(timer);
  t.is(value, exports.mix(20_000_000));
  t.true(beside.length > 2);
  t.true(beside.every((result) => result === 55));
});

test("a signal stops a sliced call, and one that waits for a promise, at once", async (t) => {
  const exports = instance(new Suspending(() => new Promise(() => {})));
  for (const name of ["spin", "through"] as const) {
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    setTimeout(() => controller.abort(reason), 100);
    const call = withLimits({ slice: 20, signal: controller.signal }, () => promising(exports[name])(1));
    const error = await t.throwsAsync(call, { instanceOf: InterruptError });
    t.is(error?.reason, "aborted");
    t.is(error?.cause, reason);
    if (name === "through") t.is(error?.frames.length, 1);
    t.throws(() => withLimits({ signal: controller.signal }, () => exports.fib(1)), {
      instanceOf: InterruptError,
    });
    t.is(exports.fib(10), 55);
  }
});

test("a signal that a host function aborts stops a synchronous call", (t) => {
  const controller = new AbortController();
  const exports = instance(() => {
    controller.abort();
    return 0;
  });
  const error = t.throws(() => withLimits({ signal: controller.signal }, () => exports.hostLoop()), {
    instanceOf: InterruptError,
  });
  t.is(error?.reason, "aborted");
});

test("a call that waits for a promise is stopped at its deadline", async (t) => {
  const exports = instance(new Suspending(() => new Promise(() => {})));
  const error = await t.throwsAsync(
    withLimits({ timeout: 5 }, () => promising(exports.through)(1)),
    { instanceOf: InterruptError },
  );
  t.is(error?.reason, "deadline");
  t.is(exports.fib(10), 55);
});

test("a call keeps its limits after a promise", async (t) => {
  const exports = instance(new Suspending(async () => 1));
  const error = await t.throwsAsync(
    withLimits({ timeout: 30 }, () => promising(exports.hostLoop)()),
    { instanceOf: InterruptError },
  );
  t.is(error?.reason, "deadline");
});

test("references survive sweeps while a sliced call is parked", async (t) => {
  const module = new WebAssembly.Module(
    assemble(`(module
      (import "env" "take" (func $take (param externref)))
      (func (export "hold") (param externref) (param i32) (result externref)
        (loop (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
        (local.get 0))
      (func (export "pass") (param externref) (call $take (local.get 0))))`),
  );
  const exports = new WebAssembly.Instance(module, { env: { take: () => {} } }).exports as Record<
    string,
    Exported
  >;
  const held = { kept: true };
  let swept = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 40_000; i++) exports.pass({ i });
    swept++;
  }, 1);
  t.is(await withLimits({ slice: 1 }, () => promising(exports.hold)(held, 30_000_000)), held);
  clearInterval(timer);
  t.true(swept > 0);
});

/** What a worker does that calls an export without end. */
const endless = (name: string): string => `
  import { WebAssembly } from ${JSON.stringify(new URL("../../index.js", import.meta.url).href)};
  import { parentPort } from "node:worker_threads";
  const module = new WebAssembly.Module(Buffer.from("${Buffer.from(assemble(text)).toString("base64")}", "base64"));
  const { exports } = new WebAssembly.Instance(module, { env: { host: () => 0 } });
  parentPort.postMessage("begins");
  exports.${name}(60);`;

const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;

test("process.exit ends a process whose workers never would", async (t) => {
  const code = `
    import { Worker } from "node:worker_threads";
    for (let i = 0; i < 2; i++) {
      const worker = new Worker(new URL(${JSON.stringify(dataUrl(endless("spin")))}));
      await new Promise((resolve) => worker.once("message", resolve));
    }
    setTimeout(() => process.exit(3), 20);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: "ignore" });
  const kill = setTimeout(() => child.kill("SIGKILL"), 300_000);
  const exit = await new Promise((resolve) =>
    child.once("exit", (status, signal) => resolve(signal ?? status)),
  );
  clearTimeout(kill);
  t.is(exit, 3);
});

test("an application that listens to the interrupt's signal, or stops listening, leaves interrupts as they are", async (t) => {
  const code = `
    import { setImmediate as later } from "node:timers/promises";
    import { WebAssembly, withLimits } from ${JSON.stringify(new URL("../../index.js", import.meta.url).href)};
    const module = new WebAssembly.Module(Buffer.from("${Buffer.from(assemble(text)).toString("base64")}", "base64"));
    const { exports } = new WebAssembly.Instance(module, { env: { host: () => 0 } });
    const stops = () => { try { withLimits({ timeout: 3 }, () => exports.spin()); } catch (error) { return error.reason; } };
    const seen = [stops()];
    let heard = 0;
    const listener = () => heard++;
    process.on("SIGURG", listener);
    seen.push(stops());
    process.kill(process.pid, "SIGURG");
    for (let i = 0; i < 1000 && heard === 0; i++) await later();
    seen.push(heard > 0 ? "heard" : "not heard");
    process.off("SIGURG", listener);
    seen.push(stops());
    process.once("SIGURG", () => seen.push("heard"));
    process.kill(process.pid, "SIGURG");
    for (let i = 0; i < 1000 && seen.length < 5; i++) await later();
    seen.push(stops());
    console.log(seen.join(" "));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code]);
  const kill = setTimeout(() => child.kill("SIGKILL"), 60_000);
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(kill);
  t.is(output.trim(), "deadline deadline heard deadline heard deadline");
});

test("a worker in an endless loop can be terminated, many in turn", async (t) => {
  for (const name of ["spin", "fib", "hostLoop", "spin"]) {
    const worker = new Worker(new URL(dataUrl(endless(name))));
    await new Promise((resolve) => worker.once("message", resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    t.is(await worker.terminate(), 1);
  }
  t.is(instance().fib(10), 55);
});

test("nothing begins once the time is over", (t) => {
  for (const limits of [{ timeout: 0 }, { deadline: 0 }, { deadline: performance.now() }]) {
    let begun = false;
    const begin = (): void => {
      begun = true;
    };
    const error = t.throws(() => withLimits(limits, begin), { instanceOf: InterruptError });
    t.is(error?.reason, "deadline");
    t.deepEqual(error?.frames, []);
    t.false(begun);
  }
});

test("a signal or a budget that is none, which could never stop a call, is a TypeError that says what was given", (t) => {
  const wrong: [unknown, RegExp][] = [
    [{ signal: {} }, /^signal: expected an AbortSignal, got object$/],
    [{ signal: null }, /^signal: expected an AbortSignal, got null$/],
    [{ signal: new AbortController() }, /^signal: expected an AbortSignal, got object$/],
    [{ fuel: 1000 }, /^fuel: expected a Fuel, got 1000$/],
    [{ fuel: {} }, /^fuel: expected a Fuel, got object$/],
    [undefined, /^limits: expected an object, got undefined$/],
    [5, /^limits: expected an object, got 5$/],
  ];
  for (const [limits, message] of wrong) {
    t.throws(() => withLimits(limits as never, () => 0), { instanceOf: TypeError, message });
  }
});
