/** Host functions that throw: into the guest where it is declared, and the state that a C plugin is left in. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { trapOf } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { projectRoot } from "../../engine/test/support/corpora.js";
import { fn, HostError, MarshalError, PluginHost, type PluginOptions } from "../index.js";
import { allocator, type Functions, hostFunctions, linked } from "./binding-guest.js";

const throws = { throws: true } as const;
const asText = (pointer: number): string => `(i64.or (i64.extend_i32_u (i32.load (i32.const ${pointer})))
  (i64.shl (i64.extend_i32_u (i32.load (i32.const ${pointer + 4}))) (i64.const 32)))`;

/** Calls h.f with a place for errors at 64, which it first fills; "handled" gives the error's text. */
const handling = (params: string, args: string, result: string): string => `(module
  (import "h" "f" (func $f (param ${params} i32) ${result && `(result ${result})`}))
  ${allocator}
  (func (export "handled") (result i64)
    (i64.store (i32.const 64) (i64.const -1))
    ${result ? `(${result}.store (i32.const 128) (call $f ${args} (i32.const 64)))` : `(call $f ${args} (i32.const 64))`}
    ${asText(64)})
  (func (export "result") (result i64) (i64.load (i32.const 128)))
  (func (export "unhandled") ${result ? "(drop" : ""} (call $f ${args} (i32.const 0)) ${result ? ")" : ""})
  (func (export "outside") ${result ? "(drop" : ""} (call $f ${args} (i32.const 65530)) ${result ? ")" : ""}))`;

async function started(
  t: ExecutionContext,
  functions: Functions,
  plugin: string | Uint8Array,
  options: PluginOptions = {},
): Promise<PluginHost> {
  const host = await PluginHost.start({
    plugins: [{ name: "p", bytes: typeof plugin === "string" ? assemble(plugin) : plugin }],
    modules: [hostFunctions(functions)],
    options,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  t.deepEqual([...host.failures], []);
  t.teardown(() => host.close());
  return host;
}

const asString = { result: "string" } as const;

test("a guest that handles errors gets the message, and a result of zero", async (t) => {
  let fails = true;
  const f = (n: number): number => {
    if (fails) throw new Error("n\u00f6 way");
    return n + 1;
  };
  const host = await started(
    t,
    { f: [fn(["i32"], "i32", throws), f as never] },
    handling("i32", "(i32.const 41)", "i32"),
  );
  const plugin = host.plugin("p");
  t.is(await plugin.call("handled", undefined, asString), "n\u00f6 way");
  t.is(await plugin.call("result"), 0n);
  fails = false;
  t.is(await plugin.call("handled", undefined, asString), null);
  t.is(await plugin.call("result"), 42n);
});

test("so does one whose host function waits", async (t) => {
  let fails = true;
  const f = async (): Promise<string> => {
    await delay(1);
    if (fails) throw new Error("");
    return "fine";
  };
  const host = await started(t, { f: [fn([], "string", throws), f] }, handling("", "", "i64"));
  const plugin = host.plugin("p");
  t.is(await plugin.call("handled", undefined, asString), "");
  t.is(await plugin.call("result"), 0n);
  fails = false;
  t.is(await plugin.call("handled", undefined, asString), null);
  t.is(await plugin.call("result", undefined, asString), "fine");
});

test("one that passes no place for errors gets none: the call fails", async (t) => {
  const cause = new Error("no");
  const f = (): void => {
    throw cause;
  };
  const host = await started(t, { f: [fn([], undefined, throws), f] }, handling("", "", ""));
  const error = await t.throwsAsync(host.plugin("p").call("unhandled"), { instanceOf: HostError });
  t.is(error?.message, "p: import h.f (Host.f): no");
  t.is(error?.cause, cause);
});

test("a place outside of memory is refused before anything happens", (t) => {
  let calls = 0;
  const f = (): void => void calls++;
  const guest = linked(handling("", "", ""), hostFunctions({ f: [fn([], undefined, throws), f] }));
  t.throws(() => guest.plugin.function("outside")?.(), {
    instanceOf: MarshalError,
    message: "p: import h.f (Host.f): error pointer: 8 bytes at 65530 end outside of 65536 bytes of memory",
  });
  t.is(calls, 0);
});

test("values that can't cross end the call even so", (t) => {
  const guest = linked(
    handling("", "", "i64"),
    hostFunctions({ f: [fn([], "string", throws), (() => 5) as never] }),
  );
  t.throws(() => guest.plugin.function("handled")?.(), { instanceOf: MarshalError });
});

test("messages that UTF-8 can't express are put right", async (t) => {
  const f = (): void => {
    throw new Error("a\ud800b");
  };
  const host = await started(t, { f: [fn([], undefined, throws), f] }, handling("", "", ""));
  t.is(await host.plugin("p").call("handled", undefined, asString), "a\ufffdb");
});

test("giving up isn't the guest's to handle", async (t) => {
  const f = async (): Promise<void> => {
    await delay(1000);
  };
  const host = await started(t, { f: [fn([], undefined, throws), f] }, handling("", "", ""));
  const controller = new AbortController();
  const call = host.plugin("p").call("handled", undefined, { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 5);
  await t.throwsAsync(call, { code: "ABORTED" });
});

const ask = (value: number): number => {
  if (value < 0) throw new Error("no");
  return value;
};
const functions: Functions = { ask: [fn(["i32"], "i32"), ask as never] };
const fixture = (name: string): Uint8Array =>
  readFileSync(join(projectRoot(), "sdk", "test", "fixtures", name));

// The stack of the C plugin is 64 KiB: fewer than 80 frames left behind are past its end.
const many = Number(process.env.BACKPLANE_THROWS ?? 500);

for (const [file, replaced] of [
  ["frames-exported.wasm", 0],
  ["frames.wasm", many],
] as const) {
  test(`after ${many} exceptions the next call of ${file} is right`, async (t) => {
    const host = await started(t, functions, fixture(file));
    const plugin = host.plugin("p");
    for (let i = 0; i < many; i++) await t.throwsAsync(plugin.call("work", -1), { instanceOf: HostError });
    t.is(await plugin.call("work", 7), (255 * 256) / 2 + 7);
    t.is(plugin.stats().replaced, replaced);
  });
}

test("without that it would run out of stack", async (t) => {
  const host = await started(t, functions, fixture("frames.wasm"), { afterError: "keep" });
  const plugin = host.plugin("p");
  const errors: unknown[] = [];
  for (let i = 0; i < 80; i++) errors.push(await t.throwsAsync(plugin.call("work", -1)));
  t.true(errors[0] instanceof HostError);
  t.true(errors.some((error) => trapOf(error)?.kind === "memoryOutOfBounds"));
});
