/**
 * Microseconds for a call of a plugin: the median of 100 samples of each of the last two plugins. What comes before warms up
 * what a process has once. One plugin alone can't be called as often as that takes: Extism's SDK numbers the blocks of
 * all calls of a plugin up to 32,767.
 *
 *     node measure.js PROGRAM backplane|PATH_OF_EXTISM'S_SDK foreground|worker
 */
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { median } from "../../../../engine/bench/statistics.js";
import createPlugin from "../../../extism.js";
import { type CreatePlugin, programs } from "./plugins.js";

const [name, sdk, mode] = process.argv.slice(2) as [string, string, "foreground" | "worker"];
const { module, options, export: exported, input, check, plugins, warmUp, batch } = programs[name];
const create: CreatePlugin =
  sdk === "backplane"
    ? (createPlugin as CreatePlugin)
    : ((await import(pathToFileURL(sdk).href)) as { createPlugin: CreatePlugin }).createPlugin;

async function samplesOfPlugin(): Promise<number[]> {
  const manifest = { wasm: [{ data: module() }] };
  const plugin = await create(manifest, { ...options, runInWorker: mode === "worker" });
  for (let i = 0; i < warmUp; i++) {
    const output = await plugin.call(exported, input);
    if (!check(output)) throw new Error(`${exported} gave ${output?.text()}`);
  }
  const samples: number[] = [];
  for (let sample = 0; sample < 100; sample++) {
    const before = performance.now();
    for (let i = 0; i < batch; i++) await plugin.call(exported, input);
    samples.push(((performance.now() - before) * 1000) / batch);
  }
  await plugin.close();
  return samples;
}

const samples: number[][] = [];
for (let i = 0; i < plugins; i++) samples.push(await samplesOfPlugin());
console.log(median(samples.slice(-2).flat()));
