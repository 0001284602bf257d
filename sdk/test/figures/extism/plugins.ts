/** What is measured of Extism plugins: the same calls for Backplane's `createPlugin` and for Extism's SDK. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assemble } from "../../../../engine/test/runtime/assemble.js";
import { corpusFolder } from "../../../../engine/test/support/corpora.js";

/** The part of `createPlugin` that both have. */
export type CreatePlugin = (manifest: object, options: object) => Promise<MeasuredPlugin>;

export interface MeasuredPlugin {
  call(name: string, input?: string | Uint8Array): Promise<Output | null>;
  close(): Promise<void>;
}

interface Output {
  readonly byteLength: number;
  text(): string;
}

export interface Program {
  readonly title: string;
  /** Undefined without the corpora. */
  readonly module: () => Uint8Array | undefined;
  readonly options?: object;
  /** Nothing but a worker of Extism's SDK can do it. */
  readonly waits?: boolean;
  readonly export: string;
  readonly input?: string | Uint8Array;
  /** Plugins made one after the other; all but the last two are there to warm up. */
  readonly plugins: number;
  /** Calls of each plugin before the first one that counts, and in each of its samples. */
  readonly warmUp: number;
  readonly batch: number;
  check(output: Output | null): boolean;
}

function fromCorpus(file: string): Uint8Array | undefined {
  const folder = corpusFolder("extism");
  return folder === undefined ? undefined : readFileSync(join(folder, file));
}

const calling = (): Uint8Array =>
  assemble(`(module (import "extism:host/user" "add" (func $add (param i64) (result i64)))
    (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
    (func (export "run") (result i32) (i64.ne (call $add (i64.const 41)) (i64.const 42))))`);

const add = (_context: unknown, value: bigint): bigint => value + 1n;
const hostCall = { module: calling, export: "run", plugins: 10, warmUp: 1000, batch: 10, check: () => true };

export const programs: Readonly<Record<string, Program>> = {
  count_vowels: {
    title: "count_vowels of 26 bytes (code.wasm)",
    module: () => fromCorpus("code.wasm"),
    options: { useWasi: true },
    export: "count_vowels",
    input: "a text of twenty-six bytes",
    plugins: 10,
    warmUp: 1000,
    batch: 10,
    check: (output) => /^\{"count":6,"total":\d+,"vowels":"aeiouAEIOU"\}$/.test(output?.text() ?? ""),
  },
  consume: {
    title: "consume of 1 MiB (consume.wasm)",
    module: () => fromCorpus("consume.wasm"),
    export: "consume",
    input: new Uint8Array(1 << 20).fill(7),
    plugins: 2,
    warmUp: 40,
    batch: 1,
    check: () => true,
  },
  host_function: {
    title: "a call of one host function",
    options: { functions: { "extism:host/user": { add } } },
    ...hostCall,
  },
  async_function: {
    title: "a call of one asynchronous host function",
    options: {
      functions: { "extism:host/user": { add: async (...args: [unknown, bigint]) => add(...args) } },
    },
    waits: true,
    ...hostCall,
  },
};
