/** Snapshots of instances: what is restored, what is refused, and that bytes are never trusted. */
import test from "ava";
import {
  Instance,
  type Memory,
  Module,
  promising,
  Snapshot,
  SnapshotError,
  Suspending,
} from "../../index.js";
import { assemble } from "./assemble.js";

type Call = (...args: unknown[]) => unknown;
type Exports = Record<string, Call>;

const stateful = `(module
  (import "host" "wait" (func $wait))
  (memory (export "memory") 1 4)
  (global $count (mut i32) (i32.const 0))
  (global $big (mut i64) (i64.const 5))
  (global $chosen (mut funcref) (ref.null func))
  (global $held (mut externref) (ref.null extern))
  (table $t 2 8 funcref)
  (elem declare func $one $two)
  (data $passive "xyz")
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))
  (type $gives (func (result i32)))
  (func (export "step") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.set $big (i64.mul (global.get $big) (i64.const 3)))
    (i32.store (i32.const 65532) (global.get $count))
    (table.set $t (i32.const 1) (ref.func $two))
    (global.set $chosen (ref.func $one))
    (global.get $count))
  (func (export "chosenIsNull") (result i32) (ref.is_null (global.get $chosen)))
  (func (export "callSecond") (result i32) (call_indirect $t (type $gives) (i32.const 1)))
  (func (export "big") (result i64) (global.get $big))
  (func (export "hold") (param externref) (global.set $held (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "growTable") (param i32) (result i32) (table.grow $t (ref.func $one) (local.get 0)))
  (func (export "takePassive") (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 3)) (data.drop $passive))
  (func (export "park") (call $wait)))`;

function load(module: Module, wait: unknown = () => {}): { instance: Instance; call: Exports } {
  const instance = new Instance(module, { host: { wait } });
  return { instance, call: instance.exports as unknown as Exports };
}

async function loaded(wait?: unknown): Promise<{ module: Module; instance: Instance; call: Exports }> {
  const module = new Module(await assemble(stateful));
  return { module, ...load(module, wait) };
}

test("an instance is put back: memory, globals that nobody exports, tables, dropped segments", async (t) => {
  const { instance, call } = await loaded();
  const image = Snapshot.of(instance);
  call.takePassive();
  t.is(call.step(), 1);
  t.is(call.step(), 2);
  t.is(call.callSecond(), 2);
  image.restore(instance);
  t.is(call.big(), 5n);
  t.is(call.chosenIsNull(), 1);
  t.throws(() => call.callSecond());
  t.notThrows(() => call.takePassive(), "the passive segment is there again");
  t.is(call.step(), 1);
});

test("bytes bring the state to another instance of the module, memory grown", async (t) => {
  const { module, instance, call } = await loaded();
  call.grow(2);
  call.growTable(3);
  call.step();
  const bytes = Snapshot.of(instance).toBytes();
  t.true(bytes.length < 3 * 65536, "pages of zeros take no room");
  const other = load(module);
  Snapshot.fromBytes(bytes).restore(other.instance);
  t.is(other.call.step(), 2);
  t.is(other.call.callSecond(), 2);
  t.is((other.instance.exports.memory as Memory).buffer.byteLength, 3 * 65536);
  t.is(other.call.growTable(0), 5);
  t.deepEqual(Snapshot.fromBytes(bytes).toBytes(), bytes);
});

test("what has grown beyond a snapshot isn't restored, and nothing changes", async (t) => {
  const { instance, call } = await loaded();
  const image = Snapshot.of(instance);
  call.step();
  call.grow(1);
  const error = t.throws(() => image.restore(instance), { instanceOf: SnapshotError });
  t.regex(error?.message ?? "", /the memory has 2 pages, the snapshot 1: it can't shrink/);
  t.is(call.step(), 2);
});

test("a host's value can't be carried, null can", async (t) => {
  const { instance, call } = await loaded();
  call.hold({ of: "the host" });
  t.throws(() => Snapshot.of(instance), { instanceOf: SnapshotError, message: /value of the host's/ });
  call.hold(null);
  t.notThrows(() => Snapshot.of(instance));
});

test("calls that run or are parked stand in the way", async (t) => {
  let inside: unknown;
  let go = (): void => {};
  let current: Instance | undefined;
  const { instance, call } = await loaded(
    new Suspending(() => {
      inside = t.throws(() => Snapshot.of(current as Instance), { instanceOf: SnapshotError });
      return new Promise<void>((resolve) => {
        go = resolve;
      });
    }),
  );
  current = instance;
  const image = Snapshot.of(instance);
  const parked = promising(call.park)();
  t.truthy(inside);
  t.throws(() => image.restore(instance), {
    instanceOf: SnapshotError,
    message: /1 calls are running or parked/,
  });
  go();
  await parked;
  t.notThrows(() => image.restore(instance));
});

test("a snapshot of another module is refused", async (t) => {
  const { instance } = await loaded();
  const other = new Instance(new Module(await assemble("(module (memory 1))")));
  t.throws(() => Snapshot.of(instance).restore(other), {
    instanceOf: SnapshotError,
    message: /another module/,
  });
  t.throws(() => Snapshot.of({} as Instance), { instanceOf: TypeError });
});

test("bytes that were cut off, extended or changed anywhere give a SnapshotError or a state that works", async (t) => {
  const { module, instance, call } = await loaded();
  call.step();
  const bytes = Snapshot.of(instance).toBytes();
  for (let length = 0; length < bytes.length; length += length < 64 || length > 65536 ? 1 : 4099) {
    t.throws(() => Snapshot.fromBytes(bytes.subarray(0, length)), { instanceOf: SnapshotError });
  }
  t.throws(() => Snapshot.fromBytes(Buffer.concat([bytes, Buffer.of(0)])), { instanceOf: SnapshotError });
  for (let at = 0; at < bytes.length; at += at < 32 || at > 65536 ? 1 : 65536 - 32) {
    for (const change of [1, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[at] ^= change;
      const target = load(module);
      try {
        Snapshot.fromBytes(damaged).restore(target.instance);
      } catch (error) {
        t.true(error instanceof SnapshotError, `byte ${at}: ${String(error)}`);
        continue;
      }
      target.call.step();
      target.call.callSecond();
      target.call.chosenIsNull();
    }
  }
});

test("what isn't a Uint8Array is told as such", (t) => {
  for (const given of [undefined, null, "bytes", 5, {}, new ArrayBuffer(64)]) {
    const error = t.throws(() => Snapshot.fromBytes(given as never), { instanceOf: SnapshotError });
    t.regex(error?.message ?? "", /expected a Uint8Array, got (undefined|null|string|number|object)$/);
  }
});
