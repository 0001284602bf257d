/**
 * Loading, calling and closing a plugin again and again: what stays resident. By hand:
 *
 *     node dist/sdk/test/figures/load-dispose.js [CYCLES WARM_UP WINDOWS]
 */
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { assemble } from "../../../engine/test/runtime/assemble.js";
import { defineHostModule, fn, PluginHost } from "../../index.js";
import { residentBytes } from "./resident.js";

const bytes = assemble(`(module (import "app" "twice" (func $twice (param i32) (result i32)))
  (memory (export "memory") 1) (global $next (mut i32) (i32.const 64))
  (func (export "backplane_alloc") (param i32) (result i32) (global.get $next))
  (func (export "backplane_free") (param i32 i32))
  (func (export "echo") (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
  (func (export "run") (param i32) (result i32) (call $twice (local.get 0))))`);

/** What a cycle adds, in bytes. */
export interface CycleFigures {
  readonly resident: number;
  /** Of objects of JavaScript's; hardly any noise. */
  readonly heap: number;
}

/**
 * Of the windows of so many cycles the one that added least. What is lost is lost in each of them; what the system counts as
 * resident also moves by a megabyte either way.
 *
 * @param warmUp cycles before the first measurement: pools and caches fill, code is optimized
 */
export async function growthPerCycle(cycles: number, warmUp: number, windows: number): Promise<CycleFigures> {
  const app = defineHostModule("app", { twice: [fn(["i32"], "i32"), (n) => 2 * n] });
  const host = await PluginHost.start({ modules: [app] });
  const cycle = async (): Promise<void> => {
    const plugin = await host.load({ bytes, name: "p" });
    if ((await plugin.call("run", 4)) !== 8) throw new Error("the plugin gave a wrong answer");
    await plugin.call("echo", "hello");
    await plugin.close();
    // As between an application's requests: what was collected is given back in a turn of the event loop.
    await turn();
  };
  const measured = async (): Promise<CycleFigures> => ({
    resident: await residentBytes(),
    heap: process.memoryUsage().heapUsed,
  });
  for (let i = 0; i < warmUp; i++) await cycle();
  const least = { resident: Number.POSITIVE_INFINITY, heap: Number.POSITIVE_INFINITY };
  let before = await measured();
  for (let window = 0; window < windows; window++) {
    for (let i = 0; i < cycles; i++) await cycle();
    const after = await measured();
    for (const what of ["resident", "heap"] as const) {
      least[what] = Math.min(least[what], Math.round((after[what] - before[what]) / cycles));
    }
    before = after;
  }
  await host.close();
  return least;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [cycles = 20_000, warmUp = 1000, windows = 1] = process.argv.slice(2).map(Number);
  const begin = performance.now();
  const figures = await growthPerCycle(cycles, warmUp, windows);
  const each = Math.round(((performance.now() - begin) * 1000) / (cycles * windows + warmUp));
  console.log(JSON.stringify({ ...figures, microseconds: each }));
}
