/**
 * Loading, calling and closing a plugin again and again: what stays resident. By hand:
 *
 *     node dist/sdk/test/figures/load-dispose.js [CYCLES]
 */
import { fileURLToPath } from "node:url";
import { assemble } from "../../../engine/test/runtime/assemble.js";
import { fn, PluginHost } from "../../index.js";
import { moduleOf } from "./modules.js";
import { residentBytes } from "./resident.js";

const bytes = assemble(`(module (import "app" "twice" (func $twice (param i32) (result i32)))
  (memory (export "memory") 1) (global $next (mut i32) (i32.const 64))
  (func (export "backplane_alloc") (param i32) (result i32) (global.get $next))
  (func (export "backplane_free") (param i32 i32))
  (func (export "echo") (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
  (func (export "run") (param i32) (result i32) (call $twice (local.get 0))))`);

/** Cycles before the first measurement: pools and caches are full, code is optimized. */
const warmUp = 1000;

/** Bytes of resident memory that a cycle adds. */
export async function residentPerCycle(cycles: number): Promise<number> {
  const app = moduleOf("app", { twice: [fn(["i32"], "i32"), (n: number) => 2 * n] });
  const host = await PluginHost.start({ modules: [app] });
  const cycle = async (): Promise<void> => {
    const plugin = await host.load({ bytes, name: "p" });
    if ((await plugin.call("run", 4)) !== 8) throw new Error("the plugin gave a wrong answer");
    await plugin.call("echo", "hello");
    await plugin.close();
  };
  for (let i = 0; i < warmUp; i++) await cycle();
  const before = await residentBytes();
  for (let i = 0; i < cycles; i++) await cycle();
  const after = await residentBytes();
  await host.close();
  return (after - before) / cycles;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cycles = Number(process.argv[2] ?? 20_000);
  const begin = performance.now();
  const perCycle = await residentPerCycle(cycles);
  const each = ((performance.now() - begin) * 1000) / (cycles + warmUp);
  console.log(`${perCycle.toFixed(0)} bytes of resident memory a cycle, ${each.toFixed(0)} us a cycle`);
  process.exitCode = perCycle <= 1024 ? 0 : 1;
}
