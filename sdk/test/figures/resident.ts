/** Resident memory after everything that can be collected is collected. */
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes. Finalizers free code and stacks in turns of the event loop, which may let more be collected. */
export async function residentBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collect();
    await delay(10);
  }
  return process.memoryUsage.rss();
}
