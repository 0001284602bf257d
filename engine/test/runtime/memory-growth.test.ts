/** Memories that grow: what JavaScript sees of it, whoever grows them, and that V8's collector stays calm. */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { createNamespace, type Memory, type WebAssembly } from "../../index.js";
import { assemble } from "./assemble.js";

const bytes = assemble(`(module (memory (export "memory") 1 8192)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1))))`);

interface Growing {
  readonly memory: Memory;
  grow(pages: number): number;
  size(): number;
  load(at: number): number;
  store(at: number, value: number): void;
}

for (const bounds of ["guard", "explicit"] as const) {
  const { Module, Instance } = createNamespace({ bounds });
  const make = (): Growing => new Instance(new Module(bytes)).exports as unknown as Growing;

  test(`${bounds}: growing detaches a buffer that somebody holds`, (t) => {
    const { memory, grow } = make();
    for (let pages = 1; pages < 40; pages++) {
      const { buffer } = memory;
      t.is(memory.buffer, buffer);
      t.is(buffer.byteLength, pages * 65536);
      t.is(grow(1), pages);
      t.is(buffer.byteLength, 0);
    }
    const { buffer } = memory;
    t.is(memory.grow(0), 40);
    t.is(buffer.byteLength, 0);
  });

  test(`${bounds}: what grew unseen is there when it is looked at`, (t) => {
    const { memory, grow, size, load, store } = make();
    for (let pages = 1; pages < 200; pages += 3) {
      t.is(grow(3), pages);
      t.is(size(), pages + 3);
      const last = (pages + 3) * 65536 - 4;
      t.is(load(last), 0);
      store(last, pages);
      t.throws(() => load(last + 4), { message: /out of bounds/ });
    }
    const words = new Int32Array(memory.buffer);
    t.is(words.length, 202 * 16384);
    for (let pages = 1; pages < 200; pages += 3) t.is(words[(pages + 3) * 16384 - 1], pages);
    words[100 * 16384] = 42;
    t.is(load(100 * 65536), 42);
  });

  test(`${bounds}: the maximum holds, and later growths go on from what there is`, (t) => {
    const { memory, grow, size } = make();
    t.is(grow(8000), 1);
    t.is(grow(192), -1);
    t.is(grow(100), 8001);
    t.is(memory.grow(91), 8101);
    t.is(grow(1), -1);
    t.throws(() => memory.grow(1), { instanceOf: RangeError });
    t.deepEqual([size(), memory.buffer.byteLength], [8192, 8192 * 65536]);
  });

  test(`${bounds}: an import's limits are compared with what it has grown to`, (t) => {
    const { memory, grow } = make();
    grow(1);
    grow(1);
    const importing = new Module(assemble('(module (import "m" "memory" (memory 3 8192)))'));
    t.notThrows(() => new Instance(importing, { m: { memory } }));
  });
}

/** Bytes that V8 counts for a memory that grows from a page to 2048, one by one. */
function counted(grow: (pages: number) => unknown): number {
  const before = process.memoryUsage().external;
  for (let pages = 1; pages < 2048; pages++) grow(1);
  return process.memoryUsage().external - before;
}

// Before other tests' memories can be collected.
test.serial("V8 counts half of what it counts for a memory of its own, at least", (t) => {
  const { Module, Instance } = createNamespace();
  const { grow } = new Instance(new Module(bytes)).exports as unknown as Growing;
  const ours = counted(grow);
  const node = (globalThis as unknown as { WebAssembly: typeof WebAssembly }).WebAssembly;
  const memory = new node.Memory({ initial: 1 });
  t.true(ours >= 0.5 * counted((pages) => memory.grow(pages)) - 1e6, `${ours}`);
});

test.serial("growing by little doesn't have V8 collect as if everything were new", async (t) => {
  const { Module, Instance } = createNamespace();
  const { grow, size } = new Instance(new Module(bytes)).exports as unknown as Growing;
  grow(3000);
  const collections: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  for (let i = 0; i < 2000; i++) grow(1);
  // It is told of them some turns later.
  for (let i = 0; i < 10; i++) await turn();
  observer.disconnect();
  t.is(size(), 5001);
  const major = collections.filter((entry) => {
    const { detail } = entry as unknown as { detail: { kind: number } };
    return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
  });
  t.true(major.length < 10, `${major.length} times`);
});
