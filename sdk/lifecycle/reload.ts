/**
 * Hot reload of a plugin together with those that import from it: all of them are replaced, or none.
 *
 * 1. Compile the new code of all. The old generations serve.
 * 2. Make the new instances. Where they are linked with plugins that aren't reloaded, calls to those wait meanwhile.
 * 3. If state is handed over: hold new calls, let the running ones end, save and restore, member by member.
 * 4. Swap all members in one step, and stop the old generations when their calls have ended.
 *
 * Whatever fails before the swap, the old generations serve on, with their state.
 */
import { BackplaneError } from "../errors.js";
import type { Generation } from "../plugin/generation.js";
import { exclusively, type Linker, memberError, unoccupied } from "../plugin/linker.js";
import type { Draft } from "../plugin/loader.js";
import type { Plugin } from "../plugin/plugin.js";
import { drainedWithin, drainOrAbort, handsOver, transferState } from "./hand-over.js";

/** A member's part: what serves, and what is to. */
interface Replacement {
  readonly plugin: Plugin;
  readonly old: Generation;
  readonly next: Generation;
  readonly handsOver: boolean;
}

/** Errors: why the old generation of the plugin goes on serving. */
export async function reloadLinked(linker: Linker, plugin: Plugin): Promise<void> {
  for (;;) {
    const members = linker.dependents(plugin);
    // Compiled before the lock, as it takes long; what is wrong is told inside, where the state may change.
    const drafts = linker.draftAll(members);
    const known = await drafts.catch(() => []);
    const done = await linker.locks.run(
      () => unoccupied(linker.around(linker.dependents(plugin), known), "reload"),
      async () => {
        const now = linker.dependents(plugin);
        if (now.length !== members.length || now.some((member) => !members.includes(member))) return false;
        await replace(linker, plugin, now, drafts);
        return true;
      },
    );
    if (done) return;
  }
}

async function replace(
  linker: Linker,
  plugin: Plugin,
  members: readonly Plugin[],
  drafts: Promise<readonly Draft[]>,
): Promise<void> {
  plugin.requireOpen();
  for (const member of members) member.reloadBegins();
  const olds = members.map((member) => member.generation as Generation);
  try {
    const ready = await drafts;
    const around = linker.around(members, ready).flatMap((other) => other.generation ?? []);
    const kept = around.filter((generation) => !olds.includes(generation));
    if (kept.length === 0) {
      await swap(linker, members, ready);
      retireLater(members, olds);
    } else {
      await exclusively(plugin, kept, async () => {
        await hold(members, olds);
        const nexts = await swap(linker, members, ready);
        // The old ones are idle; what they do when they stop may reach the plugins that are kept.
        for (const next of nexts) next.pool.hold();
        await stopAll(members, olds);
        for (const next of nexts) next.pool.resume();
      });
    }
  } catch (error) {
    for (const [i, member] of members.entries()) {
      if (member.generation !== olds[i]) continue;
      olds[i].pool.resume();
      member.reloadFails(memberError(error, member));
    }
    throw memberError(error, plugin);
  }
}

/** Makes the new instances, hands state over and swaps. Upon an error nothing of the new ones is left. */
async function swap(
  linker: Linker,
  members: readonly Plugin[],
  drafts: readonly Draft[],
): Promise<Generation[]> {
  const made = linker.link(drafts);
  const replacements = members.map((plugin): Replacement => {
    const old = plugin.generation as Generation;
    const next = made.get(plugin) as Generation;
    return { plugin, old, next, handsOver: handsOver(old, next, plugin.options) };
  });
  const nexts = replacements.map((one) => one.next);
  try {
    if (replacements.some((one) => one.handsOver)) {
      await hold(
        members,
        replacements.map((one) => one.old),
      );
      for (const { plugin, old, next, handsOver } of replacements) {
        if (handsOver) await transferState(old, next, plugin);
      }
    }
    // Handles may have been made since the drafts were.
    for (const { plugin, next } of replacements) plugin.checkDescriptions(next.abi);
  } catch (error) {
    await stopAll(members, nexts);
    throw error;
  }
  for (const { plugin, next } of replacements) plugin.serve(next);
  for (const { plugin, handsOver } of replacements) plugin.reloadEnds(handsOver);
  return nexts;
}

/** Lets no call in and waits for those that run, or aborts them. Errors: BackplaneError DRAIN_TIMEOUT. */
async function hold(members: readonly Plugin[], olds: readonly Generation[]): Promise<void> {
  for (const old of olds) old.pool.hold();
  await Promise.all(
    members.map(async ({ name, drainTimeout, options }, i) => {
      const abandon = options.onDrainTimeout === "abandon";
      const idle = abandon
        ? await drainedWithin(olds[i], drainTimeout)
        : await drainOrAbort(olds[i], name, drainTimeout);
      if (idle) return;
      const text = `${name}: calls still ran ${drainTimeout} ms after the reload began`;
      throw new BackplaneError("DRAIN_TIMEOUT", text);
    }),
  );
}

/** Lets the calls of old generations end in the background, then stops them, dependents first. */
function retireLater(members: readonly Plugin[], olds: readonly Generation[]): void {
  const drained = members.map(({ name, drainTimeout, options }, i) => {
    if (options.onDrainTimeout === "abandon") return olds[i].pool.drained();
    return drainOrAbort(olds[i], name, drainTimeout);
  });
  const retired = Promise.all(drained).then(() => stopAll(members, olds));
  for (const member of members) member.retires(retired);
}

async function stopAll(members: readonly Plugin[], generations: readonly Generation[]): Promise<void> {
  for (let i = members.length - 1; i >= 0; i--) {
    members[i].report("stop", await generations[i].stop());
    generations[i].group?.leave(generations[i]);
  }
}
