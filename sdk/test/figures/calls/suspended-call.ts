/**
 * A host call whose promise is resolved already, on this engine or, in a Node that has JavaScript Promise Integration, on
 * Node's own. Prints nanoseconds for one, the best of several runs.
 *
 *     node suspended-call.js node|backplane
 */
import { performance } from "node:perf_hooks";

interface Integration {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
  readonly Suspending: new (f: (n: number) => unknown) => object;
  promising(f: unknown): (n: number) => Promise<number>;
}

// (module (import "h" "wait" (func $wait (param i32) (result i32)))
//   (func (export "run") (param $n i32) (result i32) (local $sum i32)
//     (loop $l
//       (local.set $sum (i32.add (local.get $sum) (call $wait (local.get $n))))
//       (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
//     (local.get $sum)))
const bytes = Buffer.from(
  "AGFzbQEAAAABBgFgAX8BfwIKAQFoBHdhaXQAAAMCAQAHBwEDcnVuAAEKHQEbAQF/A0AgASAAEABqIQEgAEEBayIADQALIAEL",
  "base64",
);

async function integration(engine: string): Promise<Integration> {
  if (engine === "node") return (globalThis as unknown as { WebAssembly: Integration }).WebAssembly;
  const path = "../../../../engine/index.js";
  return ((await import(path)) as { WebAssembly: Integration }).WebAssembly;
}

const { Module, Instance, Suspending, promising } = await integration(process.argv[2] as string);
const imports = { h: { wait: new Suspending((n) => Promise.resolve(n)) } };
const run = promising(new Instance(new Module(bytes), imports).exports.run);
const count = 20_000;
let best = Number.POSITIVE_INFINITY;
for (let round = 0; round < 15; round++) {
  const before = performance.now();
  const sum = await run(count);
  best = Math.min(best, (performance.now() - before) / count);
  if (sum !== (count * (count + 1)) / 2) throw new Error(`the sum is ${sum}`);
}
console.log(best * 1e6);
