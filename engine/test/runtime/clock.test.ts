/** What the clock's thread finds where it may look at any moment: between any two stores of the JavaScript thread. */
import { setImmediate as macrotask } from "node:timers/promises";
import test from "ava";
import { nativeTarget } from "../../isa/index.js";
import { createPlatform } from "../../platform/index.js";
import { ContextMemory } from "../../runtime/context-memory.js";
import { Engine } from "../../runtime/engine.js";
import { Context } from "../../runtime/layout.js";
import { word64 } from "../../runtime/words.js";

const platform = createPlatform(nativeTarget());

test("the current context's address is a context's at any moment, before the first call too", (t) => {
  const contexts = new ContextMemory(platform);
  const seen: number[] = [];
  const look = (): void => void seen.push(word64(contexts.current, 0));
  look();
  const addresses = Array.from({ length: 3 }, () => contexts.allocate());
  for (const address of addresses) {
    contexts.current[0] = address | 0;
    look();
    contexts.current[1] = Math.floor(address / 2 ** 32);
    look();
  }
  const nobodys = seen[0]!;
  const distance = addresses[0]! - nobodys;
  t.true(nobodys > contexts.currentAddress && distance >= Context.size, "a context of its own");
  t.deepEqual(
    seen.slice(1),
    addresses.flatMap((address) => [address, address]),
  );
});

test("the clock strikes between the halves of the first context's address", async (t) => {
  const target = nativeTarget();
  const engine = new Engine(target, createPlatform(target));
  const clock = engine.startClock();
  const { words, contextLo } = engine.fibers.acquire(0);
  engine.contextWord[0] = contextLo;
  // The call that begins wakes the clock, which raises the interrupt word of the context that it finds.
  const outer = clock.enter();
  while (words[Context.interrupt >> 2] === 0) await macrotask();
  clock.leave(outer);
  t.is(words[(Context.interrupt >> 2) + 1], -1);
});
