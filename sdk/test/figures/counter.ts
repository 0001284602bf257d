/**
 * A counter that a plugin adds to around an awaited host function, while it is reloaded with state hand-over. By hand:
 *
 *     node dist/sdk/test/figures/counter.js [CALLS CALLERS RELOADS]
 */
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { assemble } from "../../../engine/test/runtime/assemble.js";
import { defineHostModule, fn, PluginHost } from "../../index.js";
import type { ReloadSizes } from "./reload-under-load.js";

const counter = assemble(`(module (import "app" "pause" (func $pause)) (memory (export "memory") 1)
  (func (export "add") (local $n i32)
    (local.set $n (i32.load (i32.const 0))) (call $pause)
    (i32.store (i32.const 0) (i32.add (local.get $n) (i32.const 1))))
  (func (export "count") (result i32) (i32.load (i32.const 0)))
  (func (export "backplane_alloc") (param i32) (result i32) (i32.const 64))
  (func (export "backplane_free") (param i32 i32))
  (func (export "backplane_save") (result i64)
    (i32.store (i32.const 16) (i32.load (i32.const 0))) (i64.const 0x400000010))
  (func (export "backplane_restore") (param i32 i32) (i32.store (i32.const 0) (i32.load (local.get 0)))))`);

/** The count at the end, which should be that of the calls, and how many reloads handed it over. */
export async function countThroughReloads({ calls, callers, reloads }: ReloadSizes): Promise<{
  readonly count: number;
  readonly handedOver: number;
}> {
  const app = defineHostModule("app", { pause: [fn([], undefined, { async: true }), () => turn()] });
  const host = await PluginHost.start({
    plugins: [{ bytes: counter, name: "p" }],
    modules: [app],
    options: { maxWaiting: calls },
  });
  const plugin = host.plugin("p");
  let handedOver = 0;
  host.on("reloaded", ({ handOver }) => {
    if (handOver) handedOver++;
  });
  let next = 0;
  const callersDone = Array.from({ length: callers }, async () => {
    while (next++ < calls) await plugin.call("add");
  });
  for (let n = 1; n <= reloads; n++) {
    while (next < (n / (reloads + 1)) * calls) await turn();
    await plugin.reload();
  }
  await Promise.all(callersDone);
  const count = (await plugin.call("count")) as number;
  await host.close();
  return { count, handedOver };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [calls = 20_000, callers = 50, reloads = 100] = process.argv.slice(2).map(Number);
  const { count, handedOver } = await countThroughReloads({ calls, callers, reloads });
  console.log(`${count} of ${calls} counted, ${handedOver} of ${reloads} reloads handed the count over`);
  process.exitCode = count === calls && handedOver === reloads ? 0 : 1;
}
