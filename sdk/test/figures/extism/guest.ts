/**
 * Microseconds for a guest alone: its module and Backplane's kernel, linked by one engine and called without a plugin host.
 * What a call through an SDK takes beyond that is the SDK's.
 *
 *     node guest.js PROGRAM backplane|node
 */
import { performance } from "node:perf_hooks";
import { median } from "../../../../engine/bench/statistics.js";
import { WebAssembly as Backplane } from "../../../../engine/index.js";
import { blocksBytes, memoryBytes, valuesBytes } from "../../../abi/extism/kernel/bytes.js";
import { programs } from "./plugins.js";

interface Namespace {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { exports: object };
  readonly Memory: new (type: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
}

const [name, engine] = process.argv.slice(2) as [string, "backplane" | "node"];
const own = (globalThis as unknown as { WebAssembly: Namespace }).WebAssembly;
const { Module, Instance, Memory } = engine === "node" ? own : (Backplane as unknown as Namespace);
const link = (bytes: Uint8Array, imports: object): object => new Instance(new Module(bytes), imports).exports;
const kernelPart = (base64: string, imports: object): object => link(Buffer.from(base64, "base64"), imports);
const refuse = (): never => {
  throw new Error("the kernel refused");
};

const memory = kernelPart(memoryBytes, { host: { may_grow: () => 1 } });
const blocks = kernelPart(blocksBytes, { memory });
const table = new Memory({ initial: 1, maximum: 65_535 });
const state = new DataView(table.buffer);
state.setUint32(0, 4160, true);
state.setUint32(16, 1 << 20, true);
const values = kernelPart(valuesBytes, {
  kernel: { ...memory, ...blocks },
  values: { memory: table },
  host: { require_text: refuse, no_handle: refuse, no_memory: refuse, no_room: refuse },
});
const environment = {
  http_request: refuse,
  http_status_code: refuse,
  log_info: refuse,
  ...memory,
  ...blocks,
  ...values,
};

const { module, export: exported, input = "", plugins, warmUp, batch } = programs[name];
const guest = link(module() as Uint8Array, { "extism:host/env": environment }) as Record<
  string,
  () => number
>;
const { begin } = blocks as { begin(length: number): number };
const shared = (memory as { memory: { readonly buffer: ArrayBuffer } }).memory;
const bytes = Buffer.from(input as Uint8Array);
const call = (): void => {
  const at = begin(bytes.length) >>> 0;
  new Uint8Array(shared.buffer).set(bytes, at);
  if (guest[exported]() !== 0) throw new Error(`${exported} failed`);
};
for (let i = 0; i < plugins * warmUp; i++) call();
const samples: number[] = [];
for (let sample = 0; sample < 300; sample++) {
  const before = performance.now();
  for (let i = 0; i < batch; i++) call();
  samples.push(((performance.now() - before) * 1000) / batch);
}
console.log(median(samples));
