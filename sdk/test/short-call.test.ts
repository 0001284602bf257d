/**
 * Short calls: what an export gives once it is called in one entry is what it gave before, for every size, form and lie,
 * and the plugin sees the same calls of its allocator.
 */
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  describe,
  fn,
  LimitError,
  MarshalError,
  type Plugin,
  PluginHost,
  type PluginOptions,
} from "../index.js";

/** Counts what it allocates and frees; each export gives back what its name says. */
const source = `(module
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 4096))
  (global $allocated (mut i32) (i32.const 0))
  (global $freed (mut i32) (i32.const 0))
  (global $freedBytes (mut i32) (i32.const 0))
  (global $gives (export "gives") (mut i32) (i32.const -1))
  (func $alloc (export "backplane_alloc") (param $size i32) (result i32)
    (if (i32.ne (global.get $gives) (i32.const -1)) (then (return (global.get $gives))))
    (global.set $allocated (i32.add (global.get $allocated) (i32.const 1)))
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))
  (func (export "backplane_free") (param i32) (param $size i32)
    (global.set $freed (i32.add (global.get $freed) (i32.const 1)))
    (global.set $freedBytes (i32.add (global.get $freedBytes) (local.get $size)))
    (if (i32.eq (global.get $freed) (global.get $allocated)) (then (global.set $top (i32.const 4096)))))
  (func (export "counts") (result i32 i32 i32)
    (global.get $allocated) (global.get $freed) (global.get $freedBytes))
  (func $pack (param $p i32) (param $n i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get $p)) (i64.shl (i64.extend_i32_u (local.get $n)) (i64.const 32))))
  ;; The bytes after the input are part of the result's words, but nobody's business.
  (func (export "same") (param i32 i32) (result i64) (call $pack (local.get 0) (local.get 1)))
  ;; Writes beyond the input, which then has to be as it was: nothing else is there.
  (func (export "grown") (param i32 i32) (result i64)
    (drop (memory.grow (i32.const 1))) (call $pack (local.get 0) (local.get 1)))
  (func (export "null") (param i32 i32) (result i64) (i64.const 0))
  (func (export "empty") (param i32 i32) (result i64) (call $pack (local.get 0) (i32.const 0)))
  (func (export "atEnd") (param $p i32) (param $n i32) (result i64)
    (memory.copy (i32.sub (i32.const 65536) (local.get $n)) (local.get $p) (local.get $n))
    (call $pack (i32.sub (i32.const 65536) (local.get $n)) (local.get $n)))
  (func (export "outside") (param i32 i32) (result i64) (call $pack (i32.const 65530) (i32.const 20)))
  (func (export "far") (param i32 i32) (result i64) (call $pack (i32.const -8) (i32.const 20)))
  (func (export "invalid") (param i32 i32) (result i64)
    (i32.store8 (local.get 0) (i32.const 0xff)) (call $pack (local.get 0) (local.get 1)))
  (func (export "twice") (param $p i32) (param $n i32) (result i64)
    (local $q i32)
    (local.set $q (call $alloc (i32.mul (local.get $n) (i32.const 2))))
    (memory.copy (local.get $q) (local.get $p) (local.get $n))
    (memory.copy (i32.add (local.get $q) (local.get $n)) (local.get $p) (local.get $n))
    (call $pack (local.get $q) (i32.mul (local.get $n) (i32.const 2))))
  (func (export "length") (param i32 i32) (result i32) (local.get 1)))`;

const bytes = assemble(source);

async function load(t: ExecutionContext, options: PluginOptions = {}): Promise<Plugin> {
  const host = await PluginHost.start({ options: { afterError: "keep", ...options } });
  t.teardown(() => host.close());
  return host.load({ name: "p", bytes });
}

type Counts = readonly [allocated: number, freed: number, freedBytes: number];

const counts = (plugin: Plugin): Counts => (plugin.exports.counts as () => Counts)();

/** What a call gives or throws, and what it made of the allocator's counts. */
async function outcome(plugin: Plugin, name: string, input: unknown): Promise<unknown> {
  const before = counts(plugin);
  let result: unknown;
  try {
    result = await plugin.call(name, input);
  } catch (error) {
    result = [(error as Error).name, (error as Error).message];
  }
  return { result, counted: counts(plugin).map((count, i) => count - before[i]) };
}

const texts = [
  ...Array.from({ length: 70 }, (_, n) => "abcdefghijklmnopqrstuvwxyz0123456789".repeat(2).slice(0, n)),
  "héllo",
  "ж".repeat(32),
  "ж".repeat(33),
  `${"a".repeat(61)}€`,
  `${"a".repeat(62)}€`,
  "\ufeffbegins with a mark",
  "👋 and \0 and �",
  "lone \ud800",
  "\udc00",
];
const inputs: unknown[] = [
  ...texts,
  ...[0, 1, 7, 8, 9, 63, 64, 65].map((n) => Uint8Array.from({ length: n }, (_, i) => 255 - i)),
  { name: "Ada", n: [1, 2, null] },
  ["a", []],
  "x".repeat(5000),
];

const names = ["same", "null", "empty", "atEnd", "outside", "far", "invalid", "twice", "length", "grown"];

test("the same results, errors and calls of the allocator as one by one", async (t) => {
  for (const name of names) {
    const often = await load(t);
    for (let i = 0; i < 20; i++) await outcome(often, name, "warm up");
    for (const input of inputs) {
      const seldom = await load(t);
      t.deepEqual(await outcome(often, name, input), await outcome(seldom, name, input), `${name} ${input}`);
      await seldom.close();
    }
  }
});

test("nothing is written beside the input", async (t) => {
  const plugin = await load(t);
  const memory = plugin.exports.memory as { buffer: ArrayBuffer };
  for (let i = 0; i < 20; i++) await plugin.call("same", "warm up");
  for (let size = 0; size <= 64; size++) {
    const view = new Uint8Array(memory.buffer);
    view.fill(0xee, 4096, 4096 + 200);
    await plugin.call("same", "a".repeat(size));
    const written = view.slice(4096, 4096 + 200);
    t.deepEqual(written, new Uint8Array(200).fill(0xee).fill(0x61, 0, size), `${size} bytes`);
  }
});

test("an allocator that gives no memory", async (t) => {
  const plugin = await load(t);
  for (let i = 0; i < 20; i++) await plugin.call("same", "warm up");
  const gives = plugin.exports.gives as { value: number };
  for (const [value, text] of [
    [0, "backplane_alloc(20) gave no memory"],
    [65530, "20 bytes at 65530 end outside of 65536 bytes of memory"],
    [-2, "20 bytes at 4294967294 end outside of 65536 bytes of memory"],
  ] as const) {
    gives.value = value;
    const error = await t.throwsAsync(plugin.call("same", "twenty bytes of text"), {
      instanceOf: MarshalError,
    });
    t.is(error?.message, `p: export same: input: ${text}`);
  }
  gives.value = -1;
  t.is(await plugin.call("same", "twenty bytes of text"), "twenty bytes of text");
});

test("a trap has the plugin's frames and the caller's, and no others", async (t) => {
  const host = await PluginHost.start({
    plugins: [
      {
        name: "p",
        bytes: assemble(`(module (memory (export "memory") 1)
          (func (export "backplane_alloc") (param i32) (result i32) (i32.const 1024))
          (func (export "backplane_free") (param i32 i32))
          (func (export "sometimes") (param i32 i32) (result i64)
            (if (i32.eq (local.get 1) (i32.const 3)) (then (unreachable)))
            (i64.const 0)))`),
      },
    ],
  });
  t.teardown(() => host.close());
  const sometimes = host.plugin("p");
  for (let i = 0; i < 20; i++) await sometimes.call("sometimes", "warm up");
  const error = await t.throwsAsync(sometimes.call("sometimes", "abc"), { message: /unreachable/ });
  const lines = (error?.stack ?? "").split("\n").slice(1);
  t.is(lines.filter((line) => line.includes("wasm-function")).length, 1, error?.stack);
  t.regex(lines[0], /wasm-function\[2\]/);
  t.regex(lines[1], /short-call\.[jt]s/, "the host's own follow");
});

test("limits of a result hold", async (t) => {
  const plugin = await load(t, { limits: { outputBytes: 10 } });
  for (let i = 0; i < 20; i++) t.is(await plugin.call("same", "warm up"), "warm up");
  await t.throwsAsync(plugin.call("same", "eleven byte"), { instanceOf: LimitError });
  const [allocated, freed] = counts(plugin);
  t.is(allocated, freed, "it was given back all the same");
});

test("a typed handle is called so as well", async (t) => {
  const plugin = await load(t);
  const typed = await plugin.handle(
    describe({
      same: fn(["string"], "string"),
      twice: fn(["bytes"], "bytes"),
      null: fn(["string?"], "string?"),
      empty: fn(["json"], "string"),
    }),
  );
  for (let i = 0; i < 40; i++) {
    t.is(await typed.same(`text ${i}`), `text ${i}`);
    t.deepEqual(await typed.twice(Uint8Array.of(1, i)), Uint8Array.of(1, i, 1, i));
    t.is(await typed.null(null), null);
    t.is(await typed.empty({ i }), "");
    await t.throwsAsync(typed.same(i as never), { message: /argument 1: expected a string/ });
  }
});

test("with reset the instance begins each call as after its start", async (t) => {
  const plugin = await load(t, { reset: "call" });
  for (let i = 0; i < 40; i++) {
    t.is(await plugin.call("same", "twenty bytes of text"), "twenty bytes of text");
    t.deepEqual(await plugin.call("counts"), [0, 0, 0]);
  }
});

test("a snapshot holds nothing of it, and can be restored under it", async (t) => {
  const host = await PluginHost.start({ plugins: [{ name: "p", bytes }] });
  t.teardown(() => host.close());
  const plugin = host.plugin("p");
  for (let i = 0; i < 40; i++) await plugin.call("same", "warm up");
  const snapshot = await plugin.snapshot();
  const before = counts(plugin);
  for (let i = 0; i < 40; i++) await plugin.call("same", "more");
  await host.restore(snapshot);
  t.deepEqual(counts(plugin), before);
  for (let i = 0; i < 40; i++) t.is(await plugin.call("same", "after"), "after");
});

test("calls within calls don't mix their inputs", async (t) => {
  const host = await PluginHost.start({
    options: { reentrant: true },
    modules: [],
    plugins: [{ name: "p", bytes }],
  });
  t.teardown(() => host.close());
  const plugin = host.plugin("p");
  for (let i = 0; i < 20; i++) await plugin.call("same", "warm up");
  let inner: Promise<unknown> | undefined;
  const input = {
    toJSON() {
      inner = plugin.call("same", "inner");
      return "outer";
    },
  };
  t.is(await plugin.call("same", input), "outer");
  t.is(await inner, "inner");
});
