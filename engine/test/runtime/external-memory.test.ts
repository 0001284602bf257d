/** What V8 takes for memory in use, which its collector goes by. Alone in its process: the engine starts here. */
import test from "ava";
import { trapOf, WebAssembly } from "../../index.js";
import { assemble } from "./assemble.js";

const bytes = assemble(`(module (memory 1)
  (func (export "one") (result i32) (i32.const 1))
  (func (export "trap") (drop (i32.load (i32.const 0x7fffffff)))))`);

test("what the engine maps for code and stacks isn't counted as used", (t) => {
  const before = process.memoryUsage().external;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const { one, trap } = instance.exports as Record<string, () => number>;
  t.is(one(), 1);
  t.is(trapOf(t.throws(() => trap()))?.kind, "memoryOutOfBounds");
  const taken = (process.memoryUsage().external - before) / 2 ** 20;
  t.true(taken < 16, `${taken.toFixed(1)} MiB`);
});
