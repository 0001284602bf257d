/** Plugins' snapshots: brought back in another host, refused where they don't fit. */
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { BackplaneError, PluginHost, type PluginHostOptions } from "../index.js";
import { quiet } from "./quiet-host.js";

const refused = { instanceOf: BackplaneError, code: "SNAPSHOT" } as const;

const counting = (step: number): Uint8Array =>
  assemble(`(module (global $n (mut i32) (i32.const 0)) (global $held (mut externref) (ref.null extern))
    (memory 1) (func (export "hold") (param externref) (global.set $held (local.get 0)))
    (func (export "count") (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const ${step})))
      (i32.store (i32.const 100) (global.get $n)) (i32.load (i32.const 100)))
    (func (export "last") (result i32) (i32.load (i32.const 100))))`);

async function hostOf(
  t: ExecutionContext,
  bytes: Uint8Array,
  options?: PluginHostOptions,
): Promise<PluginHost> {
  const host = await PluginHost.start({ logger: quiet, plugins: [{ name: "p", bytes }], ...options });
  t.teardown(() => host.close());
  return host;
}

test("a state goes to another host, and back in time in the same one", async (t) => {
  const host = await hostOf(t, counting(1));
  await host.plugin("p").call("count");
  const bytes = await host.plugin("p").snapshot();
  await host.plugin("p").call("count");
  await host.restore(bytes);
  t.is(await host.plugin("p").call("last"), 1);
  const other = await hostOf(t, counting(1));
  await other.restore(bytes);
  t.is(await other.plugin("p").call("count"), 2);
});

test("snapshots that don't fit are refused, and what serves goes on", async (t) => {
  const host = await hostOf(t, counting(1));
  await host.plugin("p").call("count");
  const bytes = await host.plugin("p").snapshot();
  const other = await hostOf(t, counting(2));
  await other.plugin("p").call("count");
  await t.throwsAsync(other.restore(bytes), {
    ...refused,
    message: /^p: the snapshot is of the module [0-9a-f]{64}, what/,
  });
  t.is(await other.plugin("p").call("last"), 2);
  await t.throwsAsync(host.restore(Buffer.from("no")), { ...refused, message: /not a plugin's snapshot/ });
  for (const length of [20, 40, 60, bytes.length - 1]) {
    await t.throwsAsync(host.restore(bytes.subarray(0, length)), refused, `${length}`);
  }
  t.is(await host.plugin("p").call("count"), 2);
});

test("values of the host's and several instances can't be carried", async (t) => {
  const host = await hostOf(t, counting(1));
  (host.plugin("p").exports.hold as (value: unknown) => void)({});
  await t.throwsAsync(host.plugin("p").snapshot(), { ...refused, message: /^p: .*value of the host's/ });
  const pool = await hostOf(t, counting(1), { options: { instances: 2 } });
  await t.throwsAsync(pool.plugin("p").snapshot(), { ...refused, message: /2 instances/ });
});
