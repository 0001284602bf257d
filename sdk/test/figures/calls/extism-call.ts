/**
 * The same host call in Extism's SDK for JavaScript, whose way of making a plugin wait is a worker. Prints nanoseconds for
 * one, the best of several runs.
 *
 *     node extism-call.js PATH_OF_THE_PACKAGE
 */
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { assemble } from "../../../../engine/test/runtime/assemble.js";

interface ExtismPlugin {
  call(name: string): Promise<unknown>;
  close(): Promise<void>;
}
interface Extism {
  createPlugin(manifest: object, options: object): Promise<ExtismPlugin>;
}

const count = 200;
const module = assemble(`(module (import "extism:host/user" "wait" (func $wait (param i64) (result i64)))
  (func (export "run") (result i32) (local $n i32) (local.set $n (i32.const ${count}))
    (loop $l
      (if (i64.ne (call $wait (i64.const 7)) (i64.const 7)) (then (return (i32.const 1))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0)))`);

const { createPlugin } = (await import(pathToFileURL(process.argv[2] as string).href)) as Extism;
const plugin = await createPlugin(
  { wasm: [{ data: module }] },
  {
    runInWorker: true,
    functions: { "extism:host/user": { wait: async (_call: unknown, value: bigint) => value } },
  },
);
let best = Number.POSITIVE_INFINITY;
for (let round = 0; round < 10; round++) {
  const before = performance.now();
  await plugin.call("run");
  best = Math.min(best, (performance.now() - before) / count);
}
await plugin.close();
console.log(best * 1e6);
