/** What an instance asked for and didn't get: for hosts that limit memories and tables. Not in the JS API's specification. */
import { type Instance, runtimeInstanceOf } from "./namespace.js";

/** Sizes that growing would have led to; undefined: it didn't fail. */
export interface RefusedGrowth {
  readonly memoryPages: number | undefined;
  /** Of one table. */
  readonly tableEntries: number | undefined;
}

/**
 * The last `memory.grow` and `table.grow` that failed since this was last asked for; in the program they gave -1. Of
 * imported memories and tables too.
 *
 * @example
 * takeRefusedGrowth(instance).memoryPages // 17: it wanted to grow to 17 pages
 *
 * Errors: TypeError for what isn't an Instance.
 */
export function takeRefusedGrowth(instance: Instance): RefusedGrowth {
  const { memory, tables } = runtimeInstanceOf(instance, "takeRefusedGrowth()");
  const memoryPages = memory?.refusedPages || undefined;
  if (memory !== undefined) memory.refusedPages = 0;
  let tableEntries: number | undefined;
  for (const table of tables) {
    tableEntries = table.refusedLength || tableEntries;
    table.refusedLength = 0;
  }
  return { memoryPages, tableEntries };
}
