/** What a host function learns of the call that reached it. */
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { withLongerTimes } from "../../engine/test/support/longer-times.js";
import { bindExport } from "../binding/bind-export.js";
import { type CallContext, fn, MarshalError, PluginHost, type PluginOptions } from "../index.js";
import { allocator, type Functions, forward, forwarder, hostFunctions } from "./binding-guest.js";

async function started(
  t: ExecutionContext,
  functions: Functions,
  options: PluginOptions = {},
): Promise<PluginHost> {
  const parts = Object.entries(functions).map(([name, [signature]]) => forward(name, signature));
  const text = `(module ${parts.map((p) => p.imports).join("")} ${allocator} ${parts.map((p) => p.exports).join("")})`;
  const host = await PluginHost.start({
    plugins: [{ name: "p", bytes: assemble(text) }],
    modules: [hostFunctions(functions)],
    options,
  });
  t.deepEqual([...host.failures], []);
  t.teardown(() => host.close());
  return host;
}

test("it is the calling plugin's, and holds through awaits", async (t) => {
  const seen: unknown[] = [];
  const look = async (n: number, call: CallContext): Promise<void> => {
    await delay(5);
    seen.push([n, call.plugin, call.export, call.config, call.context, call.signal?.aborted]);
    t.true(call.remaining > 0 && call.remaining < 60_000);
  };
  const host = await started(t, { look: [fn(["i32"]), look as never] }, { config: { depth: 3 } });
  const plugin = host.plugin("p");
  await Promise.all([1, 2].map((n) => plugin.call("look", [n], { context: { user: n }, timeout: 60_000 })));
  t.deepEqual(seen, [
    [1, "p", "look", { depth: 3 }, { user: 1 }, false],
    [2, "p", "look", { depth: 3 }, { user: 2 }, false],
  ]);
});

test("a call without a limit has no end", async (t) => {
  let seen: unknown;
  const look = (call: CallContext): void => {
    seen = [call.remaining, call.signal?.aborted, call.context];
  };
  const host = await started(t, { look: [fn([]), look as never] });
  await host.plugin("p").call("look", undefined, { context: "mine", timeout: Number.POSITIVE_INFINITY });
  t.deepEqual(seen, [Number.POSITIVE_INFINITY, false, "mine"]);
});

test("the signal is aborted when the time is over", async (t) => {
  let signal: AbortSignal | undefined;
  const wait = async (call: CallContext): Promise<void> => {
    signal = call.signal;
    await delay(3_600_000, undefined, { signal });
  };
  const host = await started(t, { wait: [fn([]), wait as never] });
  const late = (timeout: number): Promise<unknown> =>
    t.throwsAsync(host.plugin("p").call("wait", undefined, { timeout }), { code: "TIMEOUT" });
  await withLongerTimes(late, () => signal !== undefined);
  t.true(signal?.aborted);
});

test("only methods with one parameter more get it", async (t) => {
  const lengths: number[] = [];
  const count = (...args: unknown[]): number => lengths.push(args.length);
  const two = (_value: number, _call: CallContext): void => void lengths.push(2);
  const host = await started(t, {
    count: [fn(["i32"], "i32"), count as never],
    two: [fn(["i32"]), two as never],
  });
  await host.plugin("p").call("count", 5);
  await host.plugin("p").call("two", 5);
  t.deepEqual(lengths, [1, 2]);
});

test("while a plugin starts there is no call", async (t) => {
  const seen: unknown[] = [];
  const look = (call: CallContext): void =>
    void seen.push([call.plugin, call.export, call.remaining, call.signal]);
  const functions: Functions = { look: [fn([]), look as never] };
  const host = await PluginHost.start({
    plugins: [
      {
        name: "p",
        bytes: assemble(
          `(module (import "h" "look" (func $look)) (func (export "backplane_start") (call $look)))`,
        ),
      },
    ],
    modules: [hostFunctions(functions)],
  });
  t.teardown(() => host.close());
  t.deepEqual(seen, [["p", "", Number.POSITIVE_INFINITY, undefined]]);
});

test("its memory: readers and writers, in bounds", (t) => {
  const use = (pointer: number, { memory }: CallContext): number => {
    t.is(memory.size, 65536);
    memory.writeInt32(pointer, -2);
    t.is(memory.readInt32(pointer), -2);
    t.is(memory.readUint32(pointer), 4294967294);
    memory.writeInt64(pointer, 2n ** 40n);
    t.is(memory.readInt64(pointer), 2n ** 40n);
    memory.writeFloat64(pointer, Math.PI);
    t.is(memory.readFloat64(pointer), Math.PI);
    memory.write(pointer, new TextEncoder().encode("h\u00e9llo"));
    t.is(memory.text(pointer, 6), "h\u00e9llo");
    memory.view(pointer, 2)[0] = 72;
    t.deepEqual(memory.bytes(pointer, 1), new Uint8Array([72]));
    const [at, length] = memory.put("put");
    t.is(memory.text(at, length), "put");
    for (const access of [
      () => memory.readInt32(65533),
      () => memory.readUint32(-1),
      () => memory.readInt64(65529),
      () => memory.readFloat64(65536),
      () => memory.writeInt32(65533, 0),
      () => memory.writeInt64(65529, 0n),
      () => memory.writeFloat64(65529, 0),
      () => memory.write(65535, new Uint8Array(2)),
      () => memory.view(65535, 2),
      () => memory.bytes(0, -1),
    ]) {
      t.throws(access, {
        instanceOf: MarshalError,
        message: /^p: memory: \d+ bytes at \d+ end outside of 65536 /,
      });
    }
    return at;
  };
  const guest = forwarder({ use: [fn(["u32"], "u32"), use as never] });
  t.is(bindExport(guest.instance, "use", fn(["u32"], "u32"))(1024), 32768);
});
