/**
 * State from one generation of a plugin to the next, and waiting for the old one's calls to end.
 *
 * The next generation's instance exists and serves no calls. After a transfer it has the state; if that throws, the
 * old generation is as it was.
 */
import { runInStep, StepFrame } from "../call-frame.js";
import { BackplaneError, CallStoppedError, messageOf } from "../errors.js";
import type { Generation } from "../plugin/generation.js";
import type { HandOverSide, PluginOptions } from "../plugin/options.js";

export const defaultDrainTimeout = 5000;

/** Waits until no call runs; false if that takes longer than `timeout` milliseconds. */
export async function drainedWithin(generation: Generation, timeout: number): Promise<boolean> {
  if (generation.pool.active === 0) return true;
  const { clock } = generation;
  let timer: unknown;
  const late = new Promise<boolean>((resolve) => {
    timer = clock.setTimeout(() => resolve(false), timeout);
  });
  const drained = generation.pool.drained().then(() => true);
  try {
    return await Promise.race([drained, late]);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** Waits, then aborts what still runs and waits again; false if calls go on even so. */
export async function drainOrAbort(
  generation: Generation,
  plugin: string,
  timeout: number,
): Promise<boolean> {
  if (await drainedWithin(generation, timeout)) return true;
  generation.abortCalls(new CallStoppedError("ABORTED", `${plugin}: stopped while the call was running`, []));
  return drainedWithin(generation, timeout);
}

/** Whether a reload from one to the other hands state over. */
export function handsOver(old: Generation, next: Generation, options: PluginOptions): boolean {
  if (options.handOver === false) return false;
  if (options.transfer !== undefined) return true;
  return old.abi.saves === true && next.abi.restores === true;
}

function side(generation: Generation): HandOverSide {
  return { generation: generation.number, exports: generation.pool.slots[0].instance().exports };
}

/**
 * Gives the next generation the state of the old one, which is held and idle.
 * Errors: BackplaneError STATE_TRANSFER.
 */
export async function transferState(
  old: Generation,
  next: Generation,
  plugin: { readonly name: string; readonly options: PluginOptions },
): Promise<void> {
  const { transfer } = plugin.options;
  const occupied = [...old.linked, ...next.linked].map((generation) => generation.owner);
  const step = <T>(name: string, waits: boolean, action: () => T): Promise<Awaited<T>> =>
    runInStep(new StepFrame(plugin.name, old.owner, name, occupied), waits, action);
  try {
    if (transfer !== undefined) {
      await step("transfer", true, () => transfer(side(old), side(next)));
      return;
    }
    const state = await step("save", old.waits, () => old.pool.slots[0].instance().save());
    await step("restore", next.waits, () => next.pool.slots[0].instance().restoreState(state));
  } catch (cause) {
    const text = `${plugin.name}: state can't be handed over to generation ${next.number}: ${messageOf(cause)}`;
    throw new BackplaneError("STATE_TRANSFER", text, { cause });
  }
}
