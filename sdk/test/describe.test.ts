/** Descriptions and the typed handles made of them, through calls and reloads. */
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { BackplaneError, defineHostModule, describe, fn, PluginHost, type PluginSource } from "../index.js";

const memory = `(memory (export "memory") 1) (global $next (mut i32) (i32.const 1024))
  (func (export "backplane_alloc") (param i32) (result i32)
    (global.get $next) (global.set $next (i32.add (global.get $next) (local.get 0))))
  (func (export "backplane_free") (param i32 i32))`;

/** Exports `version`, and `echo` of text; waits in `app.wait` for `later`. */
function module(version: number, more = ""): Uint8Array {
  return assemble(`(module
    (import "app" "wait" (func $wait (param i32) (result i32)))
    (import "app" "note" (func $note (param i32)))
    ${memory}
    (func (export "version") (result i32) (i32.const ${version}))
    (func (export "echo") (param i32 i32) (result i64)
      (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
    (func (export "later") (param i32) (result i32) (call $wait (local.get 0)))
    (func (export "note") (param i32) (call $note (local.get 0)))
    (func (export "pair") (param i64) (result i64 f64) (local.get 0) (f64.const 0.5)) ${more})`);
}

const Guest = describe({
  version: fn([], "i32"),
  echo: fn(["string"], "string"),
  later: fn(["i32"], "i32"),
  note: fn(["i32"]),
  pair: fn(["i64"], ["i64", "f64"]),
});

const contexts: unknown[] = [];
const app = defineHostModule("app", {
  wait: [
    fn(["i32"], "i32"),
    async (ms, { signal }) => {
      await new Promise((resolve, reject) => {
        setTimeout(resolve, ms);
        signal?.addEventListener("abort", () => reject(signal.reason as Error));
      });
      return ms;
    },
  ],
  note: [fn(["i32"]), (n, { context }) => void contexts.push([n, context])],
});

interface Source {
  bytes: Uint8Array;
}

/** A plugin "guest" whose bytes can be changed. */
async function started(t: ExecutionContext, options = {}): Promise<{ host: PluginHost; source: Source }> {
  const source = { name: "guest", bytes: module(1) };
  const host = await PluginHost.start({ plugins: [source as PluginSource], modules: [app], ...options });
  t.teardown(() => host.close());
  return { host, source };
}

function mismatch(t: ExecutionContext, error: unknown, message: RegExp): void {
  t.true(error instanceof BackplaneError);
  t.is((error as BackplaneError).code, "EXPORT_MISMATCH");
  t.regex((error as BackplaneError).message, message);
}

test("a handle calls with what the signatures say", async (t) => {
  const { host } = await started(t);
  const guest = await host.plugin("guest", Guest);
  t.deepEqual(Object.keys(guest), ["version", "echo", "later", "note", "pair"]);
  t.is(await guest.version(), 1);
  t.is(await guest.echo("Grüße"), "Grüße");
  t.deepEqual(await guest.pair(7n), [7n, 0.5]);
  t.is(await guest.note(4, { context: "mine" }), undefined);
  t.is(await guest.note(5), undefined);
  t.deepEqual(contexts, [
    [4, "mine"],
    [5, undefined],
  ]);
});

test("options of a call come after its arguments", async (t) => {
  const { host } = await started(t);
  const guest = await host.plugin("guest", Guest);
  await t.throwsAsync(guest.later(1000, { timeout: 5 }), { code: "TIMEOUT" });
  const stop = AbortSignal.abort("enough");
  await t.throwsAsync(guest.version({ signal: stop }), { code: "ABORTED" });
  t.is(await guest.later(1), 1);
});

test("a plugin that waits for its first call is loaded for its handle", async (t) => {
  const { host } = await started(t, { options: { activation: "call" } });
  t.is(host.plugin("guest").state, "discovered");
  const guest = await host.plugin("guest", Guest);
  t.is(host.plugin("guest").state, "ready");
  t.is(await guest.version(), 1);
});

test("a description that doesn't fit the module is refused, and binds nobody", async (t) => {
  const { host, source } = await started(t);
  const Other = describe({ version: fn([], "i64"), missing: fn(["string"]) });
  const error = await t.throwsAsync(host.plugin("guest", Other));
  mismatch(t, error, /^guest: export version: expected \(\) -> i64, the plugin has \(\) -> i32/);
  t.regex(error!.message, /export missing: the plugin doesn't have it/);
  source.bytes = module(2);
  await t.notThrowsAsync(host.reload("guest"));
});

test("no plugin, no handle", async (t) => {
  const { host } = await started(t);
  const handle = host.plugin("nobody", Guest);
  await t.throwsAsync(handle, { code: "PLUGIN_NOT_FOUND", message: /there are: guest/ });
});

test("a handle goes on working after a reload", async (t) => {
  const { host, source } = await started(t);
  const guest = await host.plugin("guest", Guest);
  source.bytes = module(2);
  await host.reload("guest");
  t.is(await guest.version(), 2);
  t.is(await guest.echo("again"), "again");
});

test("a reload to a module that doesn't fit a handle fails, the old one goes on", async (t) => {
  const { host, source } = await started(t);
  const guest = await host.plugin("guest", Guest);
  const ended: unknown[] = [];
  host.on("reloadFailed", ({ error }) => ended.push(error));
  source.bytes = assemble(`(module ${memory} (func (export "version") (result i32) (i32.const 9))
    (func $start unreachable) (start $start))`);
  const error = await t.throwsAsync(host.reload("guest"));
  mismatch(t, error, /^guest: export echo: the plugin doesn't have it/);
  t.deepEqual(ended, [error]);
  t.is(await guest.version(), 1);
  t.is(host.plugin("guest").stats().generation, 1);
});

test("a handle that is made during a reload holds for what comes of it", async (t) => {
  let transferring = (): void => {};
  let release = (): void => {};
  const begun = new Promise<void>((resolve) => {
    transferring = resolve;
  });
  const transfer = (): Promise<void> => {
    transferring();
    return new Promise((resolve) => {
      release = resolve;
    });
  };
  const { host, source } = await started(t, { options: { transfer } });
  source.bytes = assemble(`(module (func (export "version") (result i32) (i32.const 9)))`);
  const reloaded = t.throwsAsync(host.reload("guest"));
  await begun;
  const guest = await host.plugin("guest", Guest);
  release();
  mismatch(t, await reloaded, /^guest: export echo/);
  t.is(await guest.version(), 1);
});

test("after closing, calls of a handle fail as closed", async (t) => {
  const { host } = await started(t);
  const guest = await host.plugin("guest", Guest);
  await host.close();
  await t.throwsAsync(guest.version(), { code: "CLOSED" });
});

test("what isn't a signature is refused, and so is `then`", (t) => {
  const make = describe as (signatures: object) => unknown;
  const name = ["th", "en"].join(""); // Lint takes an object with it for a mistake.
  t.throws(() => make({ [name]: fn([]) }), {
    code: "OPTIONS",
    message: /"then" would be taken for a promise/,
  });
  t.throws(() => make({ greet: ["string"] }), {
    code: "OPTIONS",
    message: /greet is not a signature: write/,
  });
  t.throws(() => make({ greet: undefined }), { code: "OPTIONS", message: /greet is not a signature/ });
});
