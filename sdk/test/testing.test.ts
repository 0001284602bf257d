/** What `backplane/testing` offers to the tests of applications. */
import test from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  BackplaneError,
  type CallContext,
  defineHostModule,
  describe,
  fn,
  HostError,
  hostFunction,
  hostModule,
  MarshalError,
  PluginHost,
} from "../index.js";
import { callHostFunction, callHostFunctionWith, FakeClock, fakePlugin, testHost } from "../testing/index.js";

const Everything = describe({
  text: fn(["string", "string?"], "string?"),
  bytes: fn(["bytes"], "bytes"),
  json: fn(["json"], "json"),
  numbers: fn(["i32", "i64", "f32", "f64", "bool", "u8"], "f64"),
  pair: fn(["string", "i32"], ["string", "i32"]),
  reference: fn(["externref"], "externref"),
  nothing: fn([]),
});

test("a fake takes and gives every type, through the marshalling", async (t) => {
  const fake = fakePlugin(Everything, {
    text: (a, b) => (b === null ? null : a + b),
    bytes: async (bytes) => bytes.map((b) => 255 - b),
    json: (value) => ({ value }),
    numbers: (a, b, c, d, e, f) => a + Number(b) + c + d + (e ? 1 : 0) + f,
    pair: (text, n) => [text.toUpperCase(), n + 1],
    reference: (value) => value,
    nothing: () => {},
  });
  const host = await testHost({ plugins: { p: fake } });
  t.teardown(() => host.close());
  const plugin = await host.plugin("p", Everything);
  t.is(await plugin.text("é", "x"), "éx");
  t.is(await plugin.text("", null), null);
  t.deepEqual(await plugin.bytes(new Uint8Array([0, 250])), new Uint8Array([255, 5]));
  t.deepEqual(await plugin.json({ a: [1] }), { value: { a: [1] } });
  t.is(await plugin.numbers(1, 2n, 0.5, 0.25, true, 200), 204.75);
  t.deepEqual(await plugin.pair("abc", 1), ["ABC", 2]);
  const object = {};
  t.is(await plugin.reference(object), object);
  t.is(await plugin.nothing(), undefined);
  t.deepEqual(fake.calls[0], { name: "text", args: ["é", "x"] });
  t.is(fake.calls.length, 8);
  const large = "x".repeat(200_000);
  for (let i = 0; i < 20; i++) t.is((await plugin.text(large, large))?.length, 400_000);
  t.true(host.plugin("p").stats().memory < 2_000_000, "what crossed was given back");
  await t.throwsAsync(plugin.numbers(1, 2n, 0, 0, true, 256), { instanceOf: MarshalError });
});

const Greeter = describe({ greet: fn(["string"], "string"), other: fn([]) });

test("what a fake throws is the cause of an error; a function that isn't given says so", async (t) => {
  const broken = new RangeError("broken");
  const fake = fakePlugin(Greeter, {
    greet: () => {
      throw broken;
    },
  });
  const host = await testHost({ plugins: { greeter: fake } });
  t.teardown(() => host.close());
  const greeter = await host.plugin("greeter", Greeter);
  const error = await t.throwsAsync(greeter.greet("Ada"), { instanceOf: HostError });
  t.is(error.cause, broken);
  await t.throwsAsync(greeter.other(), { message: /the fake has no function "other"/ });
});

test("a fake gets the caller's context, and works in a host of the application's", async (t) => {
  const fake = fakePlugin(Greeter, {
    greet: (name: string, context: CallContext) => `${name} ${context.plugin} ${String(context.context)}`,
  });
  const host = await PluginHost.start({ plugins: [fake.source("g")], modules: [fake.module] });
  t.teardown(() => host.close());
  t.is(await (await host.plugin("g", Greeter)).greet("Ada", { context: 7 }), "Ada g 7");
  t.is(await host.plugin("g").call("greet", "Bob"), "Bob g undefined");
  const Wrong = describe({ greet: fn(["i32"], "string") });
  await t.throwsAsync(host.plugin("g", Wrong), { instanceOf: BackplaneError, code: "EXPORT_MISMATCH" });
});

test("a policy of the application's is about its own plugins", async (t) => {
  const asked: string[] = [];
  const host = await testHost({
    plugins: { fake: fakePlugin(Greeter, {}), own: assemble("(module)") },
    grant: ({ name }) => {
      asked.push(name);
      return { modules: [] };
    },
  });
  await host.close();
  t.deepEqual(asked, ["own"]);
});

test("a plugin that can't be loaded makes a test's host throw", async (t) => {
  await t.throwsAsync(testHost({ plugins: { bad: new Uint8Array([1]) } }), {
    instanceOf: BackplaneError,
    code: "PLUGIN_LOAD",
  });
});

class Store {
  readonly values = new Map([["a", new Uint8Array([1, 2])]]);
}

@hostModule("kv", { inject: [Store] })
class Kv {
  constructor(private readonly store: Store) {}

  @hostFunction(fn(["string"], "bytes?"))
  async get(key: string): Promise<Uint8Array | null> {
    return this.store.values.get(key) ?? null;
  }

  @hostFunction(fn(["string"], undefined, { throws: true }), { name: "refuse-it" })
  refuse(why: string): void {
    throw new RangeError(why);
  }

  @hostFunction(fn([], "string"))
  who(context: CallContext): string {
    return `${context.plugin} ${JSON.stringify(context.config)} ${String(context.context)}`;
  }
}

test("host functions of an instance, a class and a defined module are called through the marshalling", async (t) => {
  const kv = new Kv(new Store());
  t.deepEqual(await callHostFunction(kv, "get", "a"), new Uint8Array([1, 2]));
  t.is(await callHostFunction(kv, "get", "b"), null);
  await t.throwsAsync(callHostFunction(kv, "get", "\ud800"), { instanceOf: MarshalError });
  const refused = await t.throwsAsync(callHostFunction(kv, "refuse-it", "no"), { instanceOf: HostError });
  t.true(refused.cause instanceof RangeError);
  t.is(await callHostFunctionWith({ config: { a: 1 }, context: "c" }, kv, "who"), 'test {"a":1} c');
  const provide = [[Store, new Store()]] as const;
  t.deepEqual(await callHostFunctionWith({ provide }, Kv, "get", "a"), new Uint8Array([1, 2]));
  const math = defineHostModule("math", { add: [fn(["i32", "i32"], "i32"), (a, b) => a + b] });
  t.is(await callHostFunction(math, "add", 2 ** 31 - 1, 1), -(2 ** 31), "as an i32");
});

test("a module or function that isn't there is said", async (t) => {
  const code = { instanceOf: BackplaneError, code: "HOST_MODULE" };
  await t.throwsAsync(callHostFunction(new Store(), "get"), { ...code, message: /no host module/ });
  const missing = callHostFunction(new Kv(new Store()), "set");
  await t.throwsAsync(missing, { ...code, message: /no host function "kv\.set"/ });
});

test("a fake clock moves time limits, what is left of them, and nothing by itself", async (t) => {
  const clock = new FakeClock();
  const remaining: number[] = [];
  const never = new Promise<string>(() => {});
  const fake = fakePlugin(Greeter, {
    greet: (_name: string, context: CallContext) => {
      remaining.push(context.remaining);
      return never;
    },
  });
  const host = await testHost({ plugins: { p: fake }, clock });
  const plugin = await host.plugin("p", Greeter);
  let ended = false;
  const call = plugin.greet("a", { timeout: 60_000 }).finally(() => {
    ended = true;
  });
  const failed = t.throwsAsync(call, { instanceOf: BackplaneError, code: "TIMEOUT" });
  await clock.advance(59_999);
  t.false(ended);
  t.is(clock.pending, 1);
  await clock.advance(1);
  await failed;
  t.deepEqual(remaining, [60_000]);
  t.is(clock.pending, 0);
  await host.close();
});

test("a fake clock moves the circuit's backoff", async (t) => {
  const clock = new FakeClock();
  const bytes = assemble('(module (func (export "trap") unreachable))');
  const host = await testHost({
    plugins: { p: bytes },
    options: { circuit: { traps: 1, backoff: 1000 } },
    clock,
  });
  t.teardown(() => host.close());
  const attempt = (): Promise<unknown> => host.plugin("p").call("trap");
  const open = { instanceOf: BackplaneError, code: "CIRCUIT_OPEN" };
  await t.throwsAsync(attempt(), { message: /unreachable/ });
  await t.throwsAsync(attempt(), open);
  await clock.advance(999);
  await t.throwsAsync(attempt(), open);
  await clock.advance(1);
  await t.throwsAsync(attempt(), { message: /unreachable/ });
  await clock.advance(1999);
  await t.throwsAsync(attempt(), open);
});

test("a fake clock moves the time that closing waits for calls", async (t) => {
  const clock = new FakeClock();
  const fake = fakePlugin(Greeter, { greet: () => new Promise<string>(() => {}) });
  const host = await testHost({ plugins: { p: fake }, clock });
  const call = t.throwsAsync((await host.plugin("p", Greeter)).greet("a"), { code: "ABORTED" });
  const closed = host.close();
  await clock.advance(5000);
  await call;
  await closed;
});

test("timers of a fake clock are called in order, each at its time, those set meanwhile too", async (t) => {
  const clock = new FakeClock();
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name} ${clock.now()}`);
  clock.setTimeout(note("late"), 30);
  clock.setTimeout(() => {
    note("first")();
    clock.setTimeout(note("inner"), 5);
  }, 10);
  clock.clearTimeout(clock.setTimeout(note("cleared"), 12));
  clock.setTimeout(note("second"), 10);
  await clock.advance(29);
  t.deepEqual(seen, ["first 10", "second 10", "inner 15"]);
  t.is(clock.now(), 29);
  await clock.advance(1);
  t.deepEqual(seen.at(-1), "late 30");
});

test("mistakes in a test are told as such", async (t) => {
  const add = defineHostModule("kv", { add: [fn(["i32", "i32"], "i32"), (a, b) => a + b] });
  const refused = async (step: () => unknown, code: string, message: RegExp): Promise<void> => {
    await t.throwsAsync(async () => step(), { instanceOf: BackplaneError, code, message });
  };
  const count = /^callHostFunction: kv\.add takes 2 arguments, [13] given$/;
  await refused(() => callHostFunction(add, "add", 1), "OPTIONS", count);
  await refused(() => callHostFunction(add, "add", 1, 2, 3), "OPTIONS", count);
  await refused(() => callHostFunction(undefined as never, "add"), "HOST_MODULE", /no host module/);
  const unknown = { nothign: () => {} } as never;
  await refused(
    () => fakePlugin(Everything, unknown),
    "OPTIONS",
    /^fakePlugin: nothign: unknown field; did you mean "nothing"/,
  );
  await refused(() => fakePlugin(undefined as never, {}), "OPTIONS", /^fakePlugin: expected what describe/);
  await refused(
    () => testHost({ plugins: { p: "text" as never } }),
    "OPTIONS",
    /^testHost: plugins\.p: expected bytes, .*got "text"/,
  );
  for (const wrong of ["5", -5, Number.NaN]) {
    const message = /^FakeClock: expected a number of milliseconds from 0 on, got /;
    await refused(() => new FakeClock().advance(wrong as number), "OPTIONS", message);
  }
});
