/** Instructions on many table entries and bytes: done in pieces, in between which calls are stopped and parked. */
import { setImmediate as macrotask } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { InstanceBusy, InterruptError, promising, threaded, WebAssembly, withLimits } from "../../index.js";
import { bytePiece, entryPiece } from "../../runtime/pieces.js";
import { assemble } from "./assemble.js";

type Exported = (...args: unknown[]) => unknown;
interface TableObject {
  readonly length: number;
  get(index: number): unknown;
  set(index: number, value: unknown): void;
}

const most = 10_000_000;
const size = 5 * entryPiece;
/** Of the element segment; of the data segment there are more bytes. */
const elements = 2 * entryPiece + 7;
const data = 5 * Math.ceil((2 * bytePiece + 1) / 5);

const text = (entries: number): string => `(module
  (memory (export "memory") ${Math.ceil(data / 65536) + 1})
  (table $t (export "table") ${entries} externref) (table $u (export "other") ${entries} externref)
  (table $f (export "functions") ${size} funcref)
  (elem $e func ${"$a $b ".repeat(elements / 2)} $a) (data $d "${"Ada!\\00".repeat(data / 5)}")
  (func $a (export "a")) (func $b (export "b"))
  (func $fill (export "fill") (param i32 externref i32) (table.fill $t (local.get 0) (local.get 1) (local.get 2)))
  (func $copy (export "copy") (param i32 i32 i32) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copyOther") (param i32 i32 i32) (table.copy $u $t (local.get 0) (local.get 1) (local.get 2)))
  (func $init (export "init") (param i32 i32 i32) (table.init $f $e (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (elem.drop $e) (data.drop $d))
  (func (export "initMemory") (param i32 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2))))`;

const module = new WebAssembly.Module(assemble(text(size)));

function instance(of = module): {
  exports: Record<string, Exported>;
  table: TableObject;
  other: TableObject;
} {
  const exports = new WebAssembly.Instance(of).exports as Record<string, Exported>;
  const { table, other } = exports as unknown as Record<string, TableObject>;
  return { exports, table: table as TableObject, other: other as TableObject };
}

/** The ways of calling: none may make a difference. */
const ways: Record<string, (exported: Exported) => Exported> = {
  "at once": (exported) => exported,
  "in slices": (exported) => {
    const call = promising(exported as () => unknown) as Exported;
    return (...args) => withLimits({ slice: 0 }, () => call(...args));
  },
  "on a thread": (exported) => threaded(exported as () => unknown) as Exported,
};

const places = (table: TableObject): unknown[] =>
  Array.from({ length: table.length }, (_, i) => table.get(i));

/** Index of the first place that two differ in, -1 if there is none. */
const difference = (one: readonly unknown[], other: readonly unknown[]): number =>
  one.length === other.length ? one.findIndex((value, i) => value !== other[i]) : 0;

for (const [name, way] of Object.entries(ways)) {
  test(`copies of many entries move every one, overlapping or not: ${name}`, async (t) => {
    const { exports, table, other } = instance();
    const expected: unknown[] = Array.from({ length: size }, (_, i) => i * 7);
    const unmoved: unknown[] = new Array(size).fill(null);
    expected.forEach((value, i) => void table.set(i, value));
    const copy = way(exports.copy as Exported);
    const moves = [
      [0, 5, 3 * entryPiece + 1],
      [5, 0, 3 * entryPiece + 1],
      [entryPiece, 0, 4 * entryPiece],
      [0, entryPiece, 4 * entryPiece],
      [9, 9, 2 * entryPiece],
      [1, 0, entryPiece],
      [size, size, 0],
    ] as const;
    for (const [to, from, count] of moves) {
      expected.copyWithin(to, from, from + count);
      await copy(to, from, count);
      t.is(difference(places(table), expected), -1, `${to} ${from} ${count}`);
    }
    await way(exports.copyOther as Exported)(3, 1, 3 * entryPiece);
    expected.slice(1, 1 + 3 * entryPiece).forEach((value, i) => {
      unmoved[3 + i] = value;
    });
    t.is(difference(places(other), unmoved), -1);
  });

  test(`filling and initializing fill every place and no other: ${name}`, async (t) => {
    const { exports, table } = instance();
    const value = {};
    await way(exports.fill as Exported)(3, value, 2 * entryPiece + 1);
    const filled = places(table);
    t.is(filled.indexOf(value), 3);
    t.is(filled.lastIndexOf(value), 3 + 2 * entryPiece);
    t.true(filled.slice(3, 4 + 2 * entryPiece).every((one) => one === value));

    await way(exports.init as Exported)(2, 1, elements - 1);
    const functions = places(exports.functions as unknown as TableObject);
    const { a, b } = exports;
    const initialized = functions.map((_, i) => (i < 2 || i > elements ? null : i % 2 === 0 ? b : a));
    t.is(difference(functions, initialized), -1);

    await way(exports.initMemory as Exported)(2, 1, data - 1);
    const { buffer } = exports.memory as unknown as { buffer: ArrayBuffer };
    const expected = Buffer.alloc(buffer.byteLength);
    Buffer.from("Ada!\0".repeat(data / 5), "latin1").copy(expected, 2, 1);
    t.is(Buffer.compare(Buffer.from(buffer), expected), 0);
  });

  test(`what doesn't fit is refused before anything is done: ${name}`, async (t) => {
    const { exports, table } = instance();
    table.set(0, "first");
    const refused = async (called: string, ...args: unknown[]): Promise<void> => {
      const call = way(exports[called] as Exported);
      await t.throwsAsync(async () => call(...args), { instanceOf: WebAssembly.RuntimeError }, called);
    };
    await refused("fill", 1, "x", size);
    await refused("copy", 1, 0, size);
    await refused("copy", 0, 1, size);
    await refused("init", 0, 1, elements);
    await refused("init", size - elements + 1, 0, elements);
    await refused("initMemory", 0, 1, data);
    await refused("initMemory", 2 * 65536 + 1, 0, data);
    t.is(difference(places(table), ["first", ...new Array(size - 1).fill(null)]), -1);
    exports.drop?.();
    await refused("init", 0, 0, elements);
    await refused("initMemory", 0, 0, data);
  });
}

const large = new WebAssembly.Module(assemble(text(most)));

/** Stops an instruction of the largest table somewhere, with another time until that happened in its middle. */
async function stoppedInside(
  t: ExecutionContext,
  call: (milliseconds: number) => unknown,
  begun: () => boolean,
  done: () => boolean,
): Promise<InterruptError> {
  for (let time = 1; ; time = time > 1000 ? 1 : time * 1.5) {
    const error = await (async () => call(time))().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (begun() && !done() && error !== undefined) {
      t.true(error instanceof InterruptError);
      return error as InterruptError;
    }
  }
}

for (const [name, way] of Object.entries(ways)) {
  test(`a fill of ten million entries is stopped in its middle: ${name}`, async (t) => {
    const { exports, table } = instance(large);
    let value = 0;
    const fill = way(exports.fill as Exported);
    const error = await stoppedInside(
      t,
      (timeout) => withLimits({ timeout }, () => fill(0, ++value, most)),
      () => table.get(0) === value,
      () => table.get(most - 1) === value,
    );
    t.is(error.reason, "deadline");
    t.is(error.frames[0]?.functionName, "fill");
    exports.fill?.(most - 1, "next", 1);
    t.is(table.get(most - 1), "next");
  });
}

test("a copy of ten million entries to the right is stopped in its middle, its end moved", async (t) => {
  const { exports, table } = instance(large);
  let value = 0;
  await stoppedInside(
    t,
    (timeout) => {
      table.set(0, ++value);
      table.set(1, null);
      table.set(most - 2, value);
      withLimits({ timeout }, () => exports.copy?.(1, 0, most - 1));
    },
    () => table.get(most - 1) === value,
    () => table.get(1) === value,
  );
  t.is(table.get(0), value);
});

test("other calls go on beside an instruction in slices, also one that drops what it copies from", async (t) => {
  for (;;) {
    const { exports } = instance();
    const functions = exports.functions as unknown as TableObject;
    const call = promising(exports.init as () => unknown) as Exported;
    const ended = withLimits({ slice: 0 }, () => call(0, 0, elements));
    while (functions.get(0) === null) await macrotask();
    const inside = functions.get(elements - 1) === null;
    exports.drop?.();
    await ended;
    t.is(functions.get(elements - 1), exports.a);
    if (inside) return;
  }
});

test("an instruction on a thread is aborted in its middle, and nobody else comes in between its pieces", async (t) => {
  const { exports, table } = instance(large);
  const controller = new AbortController();
  const { signal } = controller;
  const call = withLimits({ signal }, () =>
    (threaded(exports.fill as () => unknown) as Exported)(0, "x", most),
  );
  const ended = t.throwsAsync(call as Promise<unknown>, { instanceOf: InterruptError });
  let busy = false;
  while (!busy) {
    await macrotask();
    try {
      exports.a?.();
    } catch (error) {
      busy = error instanceof InstanceBusy;
    }
  }
  controller.abort();
  const error = await ended;
  t.is((error as unknown as InterruptError).reason, "aborted");
  t.is(table.get(most - 1), null);
});

const made: Readonly<Record<string, string>> = {
  tables: `(module (table ${5 * entryPiece} funcref))`,
  "element segments": `(module (table 2 funcref) (func $f) (elem (i32.const 0) $f $f))`,
  "data segments": `(module (memory 1) (data (i32.const 0) "abc"))`,
};
for (const [what, text] of Object.entries(made)) {
  test(`making an instance is stopped between pieces: ${what}`, (t) => {
    const module = new WebAssembly.Module(assemble(text));
    const make = (): object => new WebAssembly.Instance(module);
    const late = t.throws(() => withLimits({ timeout: 0 }, make), { instanceOf: InterruptError });
    t.is(late?.reason, "deadline");
    const controller = new AbortController();
    const aborted = t.throws(
      () =>
        withLimits({ signal: controller.signal }, () => {
          controller.abort();
          return make();
        }),
      { instanceOf: InterruptError },
    );
    t.is(aborted?.reason, "aborted");
    t.notThrows(make);
  });
}
