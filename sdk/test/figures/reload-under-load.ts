/**
 * Calls from many callers while their plugin is reloaded again and again. By hand:
 *
 *     node dist/sdk/test/figures/reload-under-load.js [CALLS CALLERS RELOADS]
 */
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { assemble } from "../../../engine/test/runtime/assemble.js";
import { defineHostModule, fn, PluginHost } from "../../index.js";
import { residentBytes } from "./resident.js";

export interface ReloadSizes {
  readonly calls: number;
  readonly callers: number;
  readonly reloads: number;
}

export interface ReloadFigures {
  /** Calls that got an answer. */
  readonly answered: number;
  readonly failed: number;
  /** Calls that more than one generation took part in, or none, or one more than once. */
  readonly mixed: number;
  /** Generations that answered calls. */
  readonly generations: number;
  readonly residentAfterTenth: number;
  readonly residentAtEnd: number;
}

/** Tells the host its generation's number before and after an awaited host function, and answers with it. */
const generation = (n: number): Uint8Array =>
  assemble(`(module (import "app" "begin" (func $begin (param i32 i32))) (import "app" "end" (func $end (param i32 i32)))
  (import "app" "pause" (func $pause)) (memory (export "memory") 1)
  (func (export "answer") (param i32) (result i32)
    (call $begin (local.get 0) (i32.const ${n})) (call $pause) (call $end (local.get 0) (i32.const ${n}))
    (i32.const ${n})))`);

export async function reloadUnderLoad({ calls, callers, reloads }: ReloadSizes): Promise<ReloadFigures> {
  const took = Array.from({ length: calls }, () => [] as number[]);
  const app = defineHostModule("app", {
    begin: [fn(["i32", "i32"]), (id: number, n: number) => void took[id].push(n)],
    end: [fn(["i32", "i32"]), (id: number, n: number) => void took[id].push(n)],
    pause: [fn([], undefined, { async: true }), () => turn()],
  });
  const source = { bytes: generation(1), name: "p" };
  const host = await PluginHost.start({ plugins: [source], modules: [app], options: { maxWaiting: calls } });
  const plugin = host.plugin("p");
  let next = 0;
  let answered = 0;
  let failed = 0;
  const callersDone = Array.from({ length: callers }, async () => {
    while (next < calls) {
      const id = next++;
      try {
        took[id].push((await plugin.call("answer", id)) as number);
        answered++;
      } catch {
        failed++;
      }
    }
  });
  let residentAfterTenth = 0;
  for (let n = 1; n <= reloads; n++) {
    while (answered + failed < (n / (reloads + 1)) * calls) await turn();
    source.bytes = generation(n + 1);
    await plugin.reload();
    if (n === Math.min(10, reloads)) residentAfterTenth = await residentBytes();
  }
  await Promise.all(callersDone);
  const residentAtEnd = await residentBytes();
  await host.close();
  const mixed = took.filter((seen) => seen.length !== 3 || new Set(seen).size !== 1).length;
  const generations = new Set(took.map((seen) => seen[2])).size;
  return { answered, failed, mixed, generations, residentAfterTenth, residentAtEnd };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [calls = 20_000, callers = 50, reloads = 100] = process.argv.slice(2).map(Number);
  const begin = performance.now();
  const figures = await reloadUnderLoad({ calls, callers, reloads });
  const growth = (100 * figures.residentAtEnd) / figures.residentAfterTenth - 100;
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(figures, `resident ${growth.toFixed(1)} % above that after the tenth reload, ${seconds} s`);
}
