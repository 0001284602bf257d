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
  // By call: the generation at its begin, its end, in its answer, and how often one was told; flat, so that they don't grow with the calls.
  const [begun, ended, gave] = [0, 1, 2].map(() => new Int32Array(calls));
  const told = new Uint8Array(calls);
  const tell = (by: Int32Array, id: number, n: number): void => {
    by[id] = n;
    told[id]++;
  };
  const app = defineHostModule("app", {
    begin: [fn(["i32", "i32"]), (id, n) => tell(begun, id, n)],
    end: [fn(["i32", "i32"]), (id, n) => tell(ended, id, n)],
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
        tell(gave, id, (await plugin.call("answer", id)) as number);
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
  const mixed = told.filter(
    (times, id) => times !== 3 || begun[id] !== ended[id] || ended[id] !== gave[id],
  ).length;
  const generations = new Set(gave).size;
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
