/** What host code may do in the middle of a call: link, sweep, recurse, hand over odd promises, run at exit. */
import { execFileSync } from "node:child_process";
import test from "ava";
import { WebAssembly } from "../../index.js";
import type { Platform } from "../../platform/index.js";
import { CodeArena } from "../../runtime/code-arena.js";
import { FunctionReference } from "../../runtime/function.js";
import { assemble } from "./assemble.js";

const { Instance, Module, promising, Suspending, Table } = WebAssembly;
type Exported = (...args: unknown[]) => unknown;
const exportsOf = (text: string, imports: object = {}): Record<string, Exported> =>
  new Instance(new Module(assemble(text)), imports).exports as Record<string, Exported>;
const times = (count: number, text: string): string => new Array<string>(count).fill(text).join(" ");

/** Puts a function into a table that calls the host with `count` arguments, all -1; they arrive in `seen`. */
function plant(table: InstanceType<typeof Table>, count: number, seen: unknown[]): number {
  const wide = exportsOf(
    `(module (import "h" "h" (func $h (param ${times(count, "i64")})))
      (func (export "f") (call $h ${times(count, "(i64.const -1)")})))`,
    { h: { h: (...args: unknown[]) => seen.push(...args) } },
  );
  table.set(0, wide.f as never);
  return 1;
}

const caller = `(module (import "h" "t" (table 1 funcref)) (import "h" "get" (func $get (result i32)))
  (type $v (func))
  (func (export "go") (param i32) (call_indirect (type $v) (i32.const 0)))
  (func (export "ask") (drop (call $get)) (call_indirect (type $v) (i32.const 0))))`;

// Each count is the first of its length in this process, so that the slots have to grow in mid-call.
test("a conversion of an argument that links a longer signature", (t) => {
  const table = new Table({ element: "anyfunc", initial: 1 });
  const seen: unknown[] = [];
  const { go } = exportsOf(caller, { h: { t: table, get: () => 0 } });
  go({ valueOf: () => plant(table, 500, seen) });
  t.deepEqual(seen, new Array(500).fill(-1n));
});

test("a conversion of a result that links a longer signature", (t) => {
  const table = new Table({ element: "anyfunc", initial: 1 });
  const seen: unknown[] = [];
  const { ask } = exportsOf(caller, {
    h: { t: table, get: () => ({ valueOf: () => plant(table, 1000, seen) }) },
  });
  ask();
  t.deepEqual(seen, new Array(1000).fill(-1n));
});

test("references passed beside a value whose conversion sweeps", (t) => {
  const mine = { mine: true };
  const plugin: Record<string, Exported> = exportsOf(
    `(module (import "h" "two" (func $two (result externref i32)))
      (func (export "drop") (param externref))
      (func (export "first") (param externref i32) (result externref) (local.get 0))
      (func (export "ask") (result externref) (local i32) (call $two) (local.set 0)))`,
    { h: { two: () => [mine, churn] } },
  );
  const churn = {
    valueOf: () => {
      for (let i = 0; i < 40_000; i++) plugin.drop({});
      return 1;
    },
  };
  t.is(plugin.first(mine, churn), mine);
  t.is(plugin.ask(), mine);
});

test("a parked call goes on once, whatever its promise's `then` does", async (t) => {
  let calls = 0;
  const { run } = exportsOf(
    `(module (import "h" "wait" (func $wait (result i32))) (import "h" "count" (func $count))
      (func (export "run") (result i32) (call $wait) (call $count)))`,
    {
      h: {
        wait: new Suspending(() =>
          // biome-ignore lint/suspicious/noThenProperty: a promise that calls back three times
          Object.assign(Promise.resolve(1), { then: (f: Exported) => [f(1), f(2), f(3)] }),
        ),
        count: () => calls++,
      },
    },
  );
  t.is(await promising(run)(), 1);
  t.is(calls, 1);
  // What only inherits from Promise isn't one: it is converted like any other object.
  const fake = exportsOf(
    `(module (import "h" "wait" (func $wait (result i32))) (func (export "run") (result i32) (call $wait)))`,
    {
      h: {
        wait: new Suspending(() =>
          Object.assign(Object.create(Promise.prototype) as object, { valueOf: () => 7 }),
        ),
      },
    },
  );
  t.is(await promising(fake.run)(), 7);
});

test("a trap in a listener of the exit event", (t) => {
  const bytes = [
    ...assemble(
      `(module (memory 1) (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))`,
    ),
  ];
  const program = `import { WebAssembly } from ${JSON.stringify(new URL("../../index.js", import.meta.url).href)};
    const { load } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(${JSON.stringify(bytes)}))).exports;
    process.on("exit", () => { try { load(-8); } catch (error) { console.log(error.message); } });`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  t.is(output, "memory access out of bounds\n");
});

test("call slots that were given back serve modules of any size", (t) => {
  const platform = {
    pageSize: 4096,
    // For 64 slots.
    codeSizes: [8192],
    mapCode: (size: number) => ({ address: 2 ** 40, size, write() {}, discard() {} }),
    view: (_: number, size: number) => new ArrayBuffer(size),
    allocate: () => 2 ** 41,
  } as unknown as Platform;
  const arena = new CodeArena(platform);
  const starts = [5, 6, 7, 8].map((count) => arena.allocateSlots(count));
  t.deepEqual(starts, [0, 5, 11, 18]);
  for (const [start, count] of [
    [5, 6],
    [18, 8],
    [0, 5],
    [11, 7],
  ] as const)
    arena.releaseSlots(start, count);
  t.is(arena.allocateSlots(26), 0);
  t.is(arena.allocateSlots(38), 26);
  t.throws(() => arena.allocateSlots(1), { instanceOf: RangeError, message: /out of call slots/ });
});

test("an overflow of JavaScript's stack leaves no fiber behind in its group", (t) => {
  const plugin: Record<string, Exported> = exportsOf(
    `(module (import "h" "again" (func $again)) (func (export "again") (call $again)) (func (export "fine")))`,
    { h: { again: () => plugin.again() } },
  );
  for (let i = 0; i < 5; i++) t.throws(() => plugin.again(), { instanceOf: RangeError });
  plugin.fine();
  t.is(FunctionReference.of(plugin.fine)?.linkGroup.fibers.length, 0);
});

/** An arena without memory behind it, and what of the bitmap of sites it has given back: offset and size. */
function emptyArena(): { arena: CodeArena; released: [offset: number, size: number][] } {
  const released: [number, number][] = [];
  const bitmap = 2 ** 41;
  const bits = new Uint8Array(2 ** 16);
  const platform = {
    pageSize: 4096,
    codeSizes: [2 ** 30],
    mapCode: (size: number) => ({ address: 2 ** 40, size, write() {}, discard() {} }),
    view: (address: number, size: number) => (address === bitmap ? bits.buffer : new ArrayBuffer(size)),
    allocate: () => bitmap,
    release(address: number, size: number) {
      const at = address - bitmap;
      bits.fill(0, at, at + size);
      released.push([at, size]);
    },
  } as unknown as Platform;
  return { arena: new CodeArena(platform), released };
}

test("segments fill gaps again and don't overlap", (t) => {
  const { arena } = emptyArena();
  const page = 4096;
  const quarter = arena.codeSize / 4;
  const [a, b, c, d] = [1, 2, 3, 4].map(() => arena.allocateSegment(quarter));
  t.deepEqual(
    [a, b, c, d].map((s) => s.offset),
    [0, quarter, 2 * quarter, 3 * quarter],
  );
  t.throws(() => arena.allocateSegment(page), { instanceOf: RangeError, message: /out of code memory/ });
  arena.freeSegment(b);
  arena.freeSegment(d);
  t.is(arena.find(arena.codeBase + quarter), undefined);
  const taken = [arena.allocateSegment(quarter - page), arena.allocateSegment(quarter - page)];
  t.deepEqual(
    taken.map((s) => s.offset).sort((x, y) => x - y),
    [quarter, 3 * quarter],
  );
  t.is(arena.segmentCount, 4);
  t.throws(() => arena.allocateSegment(2 * page), { instanceOf: RangeError });
  arena.allocateSegment(page);
  arena.allocateSegment(page);
  t.throws(() => arena.allocateSegment(page), { instanceOf: RangeError });
});

test("segments that were given back are taken again before new memory is", (t) => {
  const { arena } = emptyArena();
  const size = 1 << 14;
  const live = Array.from({ length: 10 }, () => arena.allocateSegment(size));
  for (let i = 0; i < 100; i++) {
    arena.freeSegment(live.shift()!);
    live.push(arena.allocateSegment(size));
  }
  t.true(Math.max(...live.map((segment) => segment.offset)) < 10 * size);
});

test("the marks of access sites are gone with their segment, and whole pages of them are given back", (t) => {
  const { arena, released } = emptyArena();
  arena.allocateSegment(4096);
  const segment = arena.allocateFunctions(1 << 16);
  const marked = [0, 4096, segment.size - 1].map((at) => segment.address + at);
  for (const address of marked) arena.markAccessSite(address);
  t.true(marked.every((address) => arena.isAccessSite(address)));
  arena.freeSegment(segment);
  t.deepEqual(released, [[4096, 4096]]);
  t.false(marked.some((address) => arena.isAccessSite(address)));
});
