/** Host methods as imports, exports as functions: arguments in their places, errors with their paths, promises. */
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { SuspendError, trapOf } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { bindExport } from "../binding/bind-export.js";
import type { DefinedModule } from "../di.js";
import {
  type CallContext,
  type FunctionSignature,
  fn,
  HostError,
  MarshalError,
  PluginHost,
  type ValueType,
} from "../index.js";
import { allocator, type Functions, forward, forwarder, hostFunctions, linked } from "./binding-guest.js";
import { quiet } from "./quiet-host.js";

const lists: readonly (readonly ValueType[])[] = [
  [],
  ["i32"],
  ["string"],
  ["i32", "string"],
  ["string", "i32"],
  ["string", "bytes"],
  ["i64", "f64", "f32"],
  ["string", "i32", "bytes"],
  ["i32", "string", "u8"],
  ["i32", "bool", "string"],
  ["string", "string", "string"],
  ["string", "bytes", "i64", "json", "bool"],
];
const samples: Record<string, unknown> = {
  i32: -7,
  i64: 2n ** 40n,
  f32: 0.5,
  f64: Math.E,
  u8: 200,
  bool: true,
  string: "text",
  bytes: new Uint8Array([1, 2]),
  json: { a: 1 },
};

for (const params of lists) {
  test(`arguments of (${params.join(", ")}) are in their places`, (t) => {
    const seen: unknown[] = [];
    const see = (...args: unknown[]): number => seen.push(...args);
    const signature = fn(params, "i32");
    const guest = forwarder({ see: [signature, see as never] });
    const args = params.map((type, i) => (type === "string" ? `text ${i}` : samples[type as string]));
    t.is(bindExport(guest.instance, "see", signature)(...args), args.length);
    t.deepEqual(seen, args);
  });
}

test("methods have their object, and no arguments beyond their declaration's", (t) => {
  class Counter {
    count = 0;
    add(...amounts: number[]): number {
      this.count += amounts[0];
      return amounts.length;
    }
  }
  const counter = new Counter();
  const module: DefinedModule = {
    declaration: {
      name: "h",
      className: "Counter",
      functions: [{ name: "plus", method: "add", signature: fn(["i32"], "i32") }],
    },
    object: counter,
  };
  const { imports, exports } = forward("plus", fn(["i32"], "i32"));
  const guest = linked(`(module ${imports} ${exports})`, module);
  t.is(guest.plugin.function("plus")?.(5), 1);
  t.is(counter.count, 5);
});

test("a declared method that isn't there is told when linking", (t) => {
  const module: DefinedModule = {
    declaration: {
      name: "h",
      className: "Host",
      functions: [{ name: "f", method: "gone", signature: fn([]) }],
    },
    object: {},
  };
  t.throws(() => linked(`(module (import "h" "f" (func)))`, module), {
    message: "p: import h.f (Host.gone): the module has no such method",
  });
});

test("what a method returns is checked, and not disclosed", (t) => {
  const secret = "secret";
  for (const [type, value, given] of [
    ["string", 5, "expected a string, got the number 5"],
    ["string", undefined, "expected a string, got undefined"],
    ["string?", undefined, "expected a string or null, got undefined"],
    ["string", { secret }, "expected a string, got an object (Object)"],
    ["bytes", secret, "expected a Uint8Array, got a string"],
    ["bytes", new Uint16Array(1), "expected a Uint8Array, got an object (Uint16Array)"],
    ["json", undefined, "expected a value that JSON can express, got undefined"],
    ["i32", secret, "expected a number, got a string"],
    ["i32", undefined, "expected a number, got undefined"],
    ["i64", 1, "expected a bigint, got the number 1"],
    ["bool", 1, "expected true or false, got the number 1"],
    ["funcref", secret, "expected a function that a plugin exports, or null, got a string"],
  ] as const) {
    const guest = forwarder({ give: [fn([], type), (() => value) as never] });
    t.throws(() => guest.plugin.function("give")?.(), {
      instanceOf: MarshalError,
      message: `p: import h.give (Host.give): result: ${given}`,
    });
  }
});

test("what a method throws is the cause of a HostError with a path", (t) => {
  const cause = new RangeError("too far");
  const fail = (): never => {
    throw cause;
  };
  for (const params of [[], ["i32"], ["i32", "i32"], ["i32", "i32", "i32"], ["i32", "i32", "i32", "i32"]]) {
    const guest = forwarder({ fail: [fn(params as ValueType[]), fail] });
    const error = t.throws(() => guest.plugin.function("fail")?.(0, 0, 0, 0), { instanceOf: HostError });
    t.is(error.message, "p: import h.fail (Host.fail): too far");
    t.is(error.cause, cause);
  }
  const odd = forwarder({
    fail: [
      fn([]),
      () => {
        throw "a string";
      },
    ],
  });
  const error = t.throws(() => odd.plugin.function("fail")?.(), { instanceOf: HostError });
  t.is(error.message, "p: import h.fail (Host.fail): a string");
  t.is(error.cause, "a string");
});

async function host(
  t: ExecutionContext,
  functions: Functions,
  plugins: Record<string, string>,
  options = {},
): Promise<PluginHost> {
  const started = await PluginHost.start({
    plugins: Object.entries(plugins).map(([name, text]) => ({ name, bytes: assemble(text) })),
    modules: [hostFunctions(functions)],
    logger: quiet,
    options,
  });
  t.deepEqual([...started.failures], []);
  t.teardown(() => started.close());
  return started;
}

test("errors of nested calls keep their chain of causes", async (t) => {
  const cause = new Error("no disk");
  let running: PluginHost | undefined;
  const functions: Functions = {
    outer: [fn([]), async () => void (await running?.plugin("inner").call("disk"))],
    disk: [
      fn([]),
      () => {
        throw cause;
      },
    ],
  };
  const { imports, exports } = forward("outer", fn([]));
  const inner = forward("disk", fn([]));
  running = await host(t, functions, {
    outer: `(module ${imports} ${exports})`,
    inner: `(module ${inner.imports} ${inner.exports})`,
  });
  const error = await t.throwsAsync(running.plugin("outer").call("outer"), { instanceOf: HostError });
  t.is(error?.message, "outer: import h.outer (Host.outer): inner: import h.disk (Host.disk): no disk");
  const inside = error?.cause as HostError;
  t.true(inside instanceof HostError);
  t.is(inside.cause, cause);
});

test("methods that wait: async ones, and ones declared so", async (t) => {
  const thenable = {
    // biome-ignore lint/suspicious/noThenProperty: an object that isn't a promise but can be awaited
    then: (resolve: (value: unknown) => void) => resolve("later"),
  };
  const functions: Functions = {
    upper: [
      fn(["string"], "string"),
      async (text: string) => {
        await delay(1);
        return text.toUpperCase();
      },
    ],
    declared: [fn([], "i32", { async: true }), () => delay(1, 42)],
    atOnce: [fn([], "i32", { async: true }), () => 43],
    thenable: [fn([], "string", { async: true }), () => thenable],
    several: [fn([], ["i32", "string?"]), async () => [1, null]],
    wrong: [fn([], "string"), async () => 5],
    rejects: [
      fn([]),
      async () => {
        throw new Error("no");
      },
    ],
  };
  const guest = forwarder(functions, true);
  const call = (name: string, ...args: unknown[]): unknown =>
    bindExport(guest.instance, name, functions[name][0])(...args);
  t.is(await call("upper", "ada"), "ADA");
  t.is(await call("declared"), 42);
  t.is(await call("atOnce"), 43);
  t.is(await call("thenable"), "later");
  t.deepEqual(await call("several"), [1, null]);
  await t.throwsAsync(call("wrong") as Promise<unknown>, {
    instanceOf: MarshalError,
    message: "p: import h.wrong (Host.wrong): result: expected a string, got the number 5",
  });
  const error = await t.throwsAsync(call("rejects") as Promise<unknown>, { instanceOf: HostError });
  t.is(error?.message, "p: import h.rejects (Host.rejects): no");
});

test("a promise from a method that isn't declared as asynchronous is told, and forgotten", async (t) => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", listen);
  t.teardown(() => process.off("unhandledRejection", listen));
  const later = (): Promise<never> => Promise.reject(new Error("lost"));
  for (const result of [undefined, "i32", "string", "json", "externref", ["i32", "i32"]] as const) {
    const guest = forwarder({ later: [fn([], result), later] });
    t.throws(() => guest.plugin.function("later")?.(), {
      instanceOf: HostError,
      message:
        "p: import h.later (Host.later): it returned a promise, which the plugin can't wait for: " +
        "write the method as `async`, or declare it with { async: true }",
    });
  }
  const parked = forwarder({ later: [fn([]), async () => later()] });
  t.throws(() => parked.plugin.function("later")?.(), { instanceOf: SuspendError });
  await delay(5);
  t.deepEqual(unhandled, []);
});

test("results are given back, arguments aren't", (t) => {
  const guest = linked(`(module ${allocator}
    (func (export "give") (param i32 i32) (result i64)
      (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
    (func (export "fail") (param i32 i32 i32 i32) (result i64) unreachable))`);
  const give = bindExport(guest.instance, "give", fn(["string"], "string?"));
  t.is(give("four"), "four");
  t.deepEqual(["allocated", "freed", "lastFreed", "lastSize"].map(guest.global), [1, 1, 32768, 4]);
  t.is(bindExport(guest.instance, "give", fn(["string?"], "string?"))(null), null);
  t.is(guest.global("freed"), 1);
  const fail = bindExport(guest.instance, "fail", fn(["string", "string"], "string"));
  const trap = t.throws(() => fail("a", "b"));
  t.is(trapOf(trap)?.kind, "unreachable");
  t.deepEqual([guest.global("allocated"), guest.global("freed")], [3, 1]);
});

test("arguments that the plugin never got, since another can't cross, are given back", (t) => {
  const guest = linked(`(module ${allocator} (func (export "f") (param i32 i32 i32 i32)))`);
  const call = bindExport(guest.instance, "f", fn(["string", "string"]));
  t.throws(() => call("abc", 5), { message: "p: export f: argument 2: expected a string, got the number 5" });
  t.deepEqual(["allocated", "freed", "lastFreed", "lastSize"].map(guest.global), [1, 1, 32768, 3]);
});

test("a bound export is the same function until its signature changes", (t) => {
  const guest = linked(`(module (func (export "f") (param i32)))`);
  const signature = fn(["i32"]);
  const call = guest.plugin.method("f", signature);
  t.is(guest.plugin.method("f", signature), call);
  t.not(guest.plugin.method("f", fn(["u32"])), call);
  t.throws(() => bindExport(guest.instance, "g", signature), {
    message: "p: export g: there is no such function",
  });
  t.throws(() => bindExport(guest.instance, "f", fn(["i32"], undefined, { throws: true })), {
    message: "p: export f: `throws` is for host functions",
  });
});

const trappingAllocator = (signature: FunctionSignature): string => {
  const { imports, exports } = forward("give", signature);
  return `(module ${imports} (memory (export "memory") 1)
    (func (export "backplane_alloc") (param i32) (result i32) unreachable)
    ${exports} (func (export "one") (result i32) (i32.const 1)))`;
};

const put = (call: CallContext): string => call.memory.put("x").join();
for (const [where, signature, method, args] of [
  ["for a result", fn([], "string"), () => "x", []],
  ["asked for by a host function", fn([]), put, []],
  ["asked for by one that waits", fn([]), async (call: CallContext) => void put(call), []],
  ["whose host function may throw into the guest", fn([], undefined, { throws: true }), put, [8]],
] as const) {
  test(`a trap in the allocator is the plugin's trap: ${where}`, async (t) => {
    const running = await host(
      t,
      { give: [signature, method as never] },
      { p: trappingAllocator(signature) },
    );
    const plugin = running.plugin("p");
    const error = await t.throwsAsync(plugin.call("give", args));
    t.is(trapOf(error)?.kind, "unreachable");
    t.is(plugin.stats().replaced, 1);
    t.is(await plugin.call("one"), 1);
  });
}

test("an allocator that calls the host without end is stopped", async (t) => {
  const text = `(module (import "h" "give" (func $give (result i64))) (memory (export "memory") 1)
    (func (export "backplane_alloc") (param i32) (result i32) (i32.wrap_i64 (call $give)))
    (func (export "give") (result i64) (call $give)) (func (export "one") (result i32) (i32.const 1)))`;
  const running = await host(t, { give: [fn([], "string"), () => "x"] }, { p: text });
  await t.throwsAsync(running.plugin("p").call("give"), { instanceOf: RangeError });
  t.is(await running.plugin("p").call("one"), 1);
});
