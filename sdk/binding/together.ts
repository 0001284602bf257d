/**
 * Values that cross together: the arguments of a call, or several results. If one can't cross, none of them reaches
 * its receiver, so the memory of the others is given back to the plugin.
 *
 * After a trap of the plugin's own, in its allocator above all, it isn't called any more.
 */
import { LimitError, MarshalError } from "../errors.js";
import type { Crossing } from "./crossing.js";
import { type PluginMemory, pack } from "./memory.js";

/** Where values lie that the plugin hasn't been handed yet. */
class Placed {
  private readonly ranges: [pointer: number, size: number][] = [];

  constructor(private readonly memory: PluginMemory) {}

  /**
   * Puts a value of two words; its pointer, and its size in `memory.putSize`.
   * Errors: MarshalError, also for memory that another of the values is in.
   */
  put(crossing: Crossing, value: unknown, where: string): number {
    const { memory, ranges } = this;
    const pointer = crossing.toParameter(memory, value, where) as number;
    const size = memory.putSize;
    if (pointer === 0) return pointer;
    if (ranges.some(([other, length]) => pointer < other + length && other < pointer + size)) {
      throw new MarshalError(`${where}: backplane_alloc gave memory that another value is in`);
    }
    ranges.push([pointer, size]);
    return pointer;
  }

  release(): void {
    for (const [pointer, size] of this.ranges) this.memory.release(pointer, size);
  }
}

function puttingAll(memory: PluginMemory, put: (placed: Placed) => void): void {
  const placed = new Placed(memory);
  try {
    put(placed);
  } catch (error) {
    if (error instanceof MarshalError) placed.release();
    throw error;
  }
}

/** Core values of arguments for the plugin. Errors: MarshalError; what the plugin's allocator throws. */
export function putArguments(
  memory: PluginMemory,
  params: readonly Crossing[],
  values: readonly unknown[],
  paths: readonly string[],
): unknown[] {
  const core: unknown[] = [];
  puttingAll(memory, (placed) => {
    for (const [i, param] of params.entries()) {
      if (param.width === 1) core.push(param.toParameter(memory, values[i], paths[i]));
      else core.push(placed.put(param, values[i], paths[i]), memory.putSize);
    }
  });
  return core;
}

/** Core values of several results for the plugin. Errors: as `putArguments`. */
export function putResults(
  memory: PluginMemory,
  results: readonly Crossing[],
  values: readonly unknown[],
  paths: readonly string[],
): unknown[] {
  const core: unknown[] = [];
  puttingAll(memory, (placed) => {
    for (const [i, result] of results.entries()) {
      if (result.width === 1) core.push(result.toResult(memory, values[i], paths[i]));
      else core.push(pack(placed.put(result, values[i], paths[i]), memory.putSize));
    }
  });
  return core;
}

/**
 * The values of several results of the plugin's, the memory of all given back.
 * Errors: MarshalError or LimitError, of the first that can't cross; what the plugin's allocator throws.
 */
export function takeResults(
  memory: PluginMemory,
  results: readonly Crossing[],
  core: readonly unknown[],
  paths: readonly string[],
): unknown[] {
  const faults: (MarshalError | LimitError)[] = [];
  const values = results.map((result, i) => {
    try {
      return result.fromResult(memory, core[i], paths[i]);
    } catch (error) {
      if (!(error instanceof MarshalError || error instanceof LimitError)) throw error;
      faults.push(error);
      return undefined;
    }
  });
  if (faults.length > 0) throw faults[0];
  return values;
}
