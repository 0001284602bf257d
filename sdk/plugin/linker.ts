/**
 * Which plugins import from which, and the steps that follow from it: a plugin is loaded after those it depends on,
 * those that import from one another are loaded together, and a plugin is reloaded and closed with those that import
 * from it.
 *
 * Imports are links between generations, made natively by the engine: a dependent's instance calls the very instance
 * of its dependency. In a circle of imports one side has to be made first; its imports of the others go through
 * functions that look them up when called.
 *
 * Steps that concern the same plugins run one after the other (`Locks`); a step that makes instances against plugins
 * that go on serving has those for itself while it does (`exclusively`), as start functions may call them.
 */
import { type FunctionType, moduleTypes } from "../../engine/index.js";
import { chainThrough } from "../call-frame.js";
import { type CoreSignature, formatCoreSignature } from "../declare/signature.js";
import { BackplaneError, DependencyError, messageOf, ReentrancyError } from "../errors.js";
import { drainedWithin } from "../lifecycle/hand-over.js";
import { requireVersion } from "../manifest/dependencies.js";
import type { Generation, PluginLink } from "./generation.js";
import { LinkGroup } from "./link-group.js";
import type { Draft } from "./loader.js";
import { Locks } from "./locks.js";
import type { Plugin } from "./plugin.js";

export interface LinkerServices {
  find(name: string): Plugin | undefined;
  /** Why a plugin could not be loaded. */
  failure(plugin: Plugin): unknown;
  draft(plugin: Plugin): Promise<Draft>;
  /** An error that names the plugin. */
  loadError(plugin: Plugin, cause: unknown): unknown;
}

type Generations = ReadonlyMap<Plugin, Generation>;

/** One of several plugins that are loaded or reloaded together could not be. */
class MemberFailure {
  constructor(
    readonly culprit: Plugin,
    readonly cause: unknown,
  ) {}

  /** What is told of a member. */
  errorFor(member: Plugin): unknown {
    if (member === this.culprit) return this.cause;
    const { name } = this.culprit;
    const text = `${member.name}: "${name}", which it is linked with, can't be loaded: ${messageOf(this.cause)}`;
    return new DependencyError(name, text, { cause: this.cause });
  }
}

/** The error of a step of several members, as one of them tells it. */
export function memberError(error: unknown, member: Plugin): unknown {
  return error instanceof MemberFailure ? error.errorFor(member) : error;
}

export class Linker {
  readonly locks = new Locks<Plugin>();
  /** First generations of plugins that are loaded together, until each has taken its own. */
  private readonly loads = new Map<Plugin, Promise<Generations>>();

  constructor(private readonly services: LinkerServices) {}

  /** The first generation of a plugin, its instances made. Errors: why it can't be loaded. */
  async load(plugin: Plugin): Promise<Generation> {
    const circle = await this.circleOf(plugin);
    let load = this.loads.get(plugin);
    if (load === undefined) {
      load = this.loadTogether(circle);
      for (const member of circle) this.loads.set(member, load);
      for (const member of circle) if (member !== plugin) member.load().catch(() => {});
    }
    try {
      return (await load).get(plugin) as Generation;
    } catch (error) {
      throw memberError(error, plugin);
    } finally {
      this.loads.delete(plugin);
    }
  }

  /** Compiles plugins, and loads what they depend on. Errors: MemberFailure. */
  async draftAll(plugins: readonly Plugin[]): Promise<Draft[]> {
    return Promise.all(
      plugins.map(async (plugin) => {
        try {
          const draft = await this.services.draft(plugin);
          const names = [...draft.imports.keys(), ...draft.companions.keys()];
          const others = names
            .map((name) => this.dependency(plugin, name))
            .filter((p) => !plugins.includes(p));
          await Promise.all(others.map((other) => this.loaded(plugin, other)));
          return draft;
        } catch (cause) {
          throw new MemberFailure(plugin, cause);
        }
      }),
    );
  }

  /** Links drafts with one another and with the plugins that serve, and makes their instances. Errors: MemberFailure. */
  link(drafts: readonly Draft[]): Generations {
    const made = new Map<Plugin, Generation>();
    let current = drafts[0].plugin;
    try {
      const ordered = this.inOrder(drafts);
      for (const draft of ordered) {
        current = draft.plugin;
        made.set(current, draft.generation(current.nextNumber));
      }
      const placed = new Set<Plugin>();
      for (const draft of ordered) {
        current = draft.plugin;
        (made.get(current) as Generation).links = this.linksOf(draft, made, placed);
        placed.add(current);
      }
      spreadWaiting([...made.values()]);
      for (const [plugin, generation] of made) {
        current = plugin;
        generation.start();
      }
    } catch (cause) {
      throw new MemberFailure(current, this.services.loadError(current, cause));
    }
    for (const generation of made.values()) {
      LinkGroup.join([generation, ...generation.links.map((link) => link.target)]);
    }
    return made;
  }

  /** A plugin that serves, and those that import from it, directly or through others; dependencies first. */
  dependents(plugin: Plugin): Plugin[] {
    const first = plugin.generation;
    if (first === undefined) return [plugin];
    const found = new Set([first]);
    for (const generation of found) {
      for (const other of generation.linked) {
        const live = (other.owner as Plugin).generation === other;
        if (live && other.links.some((link) => link.target === generation)) found.add(other);
      }
    }
    const ordered: Plugin[] = [];
    const visit = (generation: Generation): void => {
      if (!found.delete(generation)) return;
      for (const link of generation.links) visit(link.target);
      ordered.push(generation.owner as Plugin);
    };
    for (const generation of [...found]) visit(generation);
    return ordered;
  }

  /** Plugins that serve and that a step on these ones can touch. */
  around(plugins: readonly Plugin[], drafts: readonly Draft[]): Plugin[] {
    const names = drafts.flatMap((draft) => [...draft.imports.keys()]);
    const others = names.map((name) => this.services.find(name)).filter((other) => other !== undefined);
    const near = [...plugins, ...others];
    const linked = near.flatMap((p) => p.generation?.linked ?? []).map((g) => g.owner as Plugin);
    return [...new Set([...near, ...linked])];
  }

  /**
   * Closes those that import from a plugin, then runs the step that stops it.
   *
   * @param step gets those whose instances its own may call when it stops
   */
  async close(plugin: Plugin, step: (linked: readonly Generation[]) => Promise<void>): Promise<void> {
    const others = this.dependents(plugin).filter((other) => other !== plugin);
    const first = others.filter((other) => !(other.isClosing && this.dependents(other).includes(plugin)));
    await Promise.all(first.map((other) => other.close()));
    await this.locks.run(
      () => this.around([plugin], []),
      () => {
        const { generation } = plugin;
        const linked = generation === undefined || generation.links.length === 0 ? [] : generation.linked;
        return step(linked.filter((other) => other !== generation));
      },
    );
  }

  private async loadTogether(circle: readonly Plugin[]): Promise<Generations> {
    const drafts = await this.draftAll(circle);
    if (drafts.every((draft) => draft.imports.size === 0)) return this.link(drafts);
    return this.locks.run(
      () => unoccupied(this.around(circle, drafts), "load"),
      () => {
        const serving = this.around([], drafts).flatMap((plugin) => plugin.generation ?? []);
        return exclusively(circle[0], serving, () => this.link(drafts));
      },
    );
  }

  /** Errors: BackplaneError DEPENDENCY. */
  private dependency(plugin: Plugin, name: string): Plugin {
    const found = this.services.find(name);
    if (found !== undefined) return found;
    const text = `${plugin.name}: it depends on the plugin "${name}", which isn't there`;
    throw new DependencyError(name, text);
  }

  /** Errors: BackplaneError DEPENDENCY. A plugin that failed isn't tried again here: `reload` does that. */
  private async loaded(plugin: Plugin, dependency: Plugin): Promise<void> {
    try {
      if (dependency.state === "failed") throw this.services.failure(dependency);
      await dependency.load();
    } catch (cause) {
      const { name } = dependency;
      const text = `${plugin.name}: it depends on the plugin "${name}", which failed: ${messageOf(cause)}`;
      throw new DependencyError(name, text, { cause });
    }
  }

  /** Those that aren't loaded and depend on the plugin that they are dependencies of, itself included. */
  private async circleOf(plugin: Plugin): Promise<Plugin[]> {
    const known = new Map<Plugin, Promise<Plugin[]>>();
    const next = (from: Plugin): Promise<Plugin[]> => {
      let found = known.get(from);
      if (found === undefined) known.set(from, (found = this.unloadedDependencies(from)));
      return found;
    };
    const reach = async (from: Plugin): Promise<Set<Plugin>> => {
      const seen = new Set(await next(from));
      for (const one of seen) for (const other of await next(one)) seen.add(other);
      return seen;
    };
    const circle = [plugin];
    for (const other of await reach(plugin)) {
      if (other !== plugin && (await reach(other)).has(plugin)) circle.push(other);
    }
    return circle;
  }

  private async unloadedDependencies(plugin: Plugin): Promise<Plugin[]> {
    try {
      const names = Object.keys((await plugin.source.dependencies()).plugins ?? {});
      return names
        .flatMap((name) => this.services.find(name) ?? [])
        .filter((p) => p.generation === undefined);
    } catch {
      return []; // Its own load tells what is wrong with it.
    }
  }

  /** Dependencies before dependents; within a circle of imports, in the order of discovery. */
  private inOrder(drafts: readonly Draft[]): Draft[] {
    const left = new Map(drafts.map((draft) => [draft.plugin, draft]));
    const ordered: Draft[] = [];
    const visit = (draft: Draft): void => {
      if (!left.delete(draft.plugin)) return;
      for (const name of draft.imports.keys()) {
        const next = left.get(this.dependency(draft.plugin, name));
        if (next !== undefined) visit(next);
      }
      ordered.push(draft);
    };
    for (const draft of drafts) visit(draft);
    return ordered;
  }

  /** Errors: BackplaneError DEPENDENCY, VERSION_MISMATCH, OPTIONS, IMPORT_MISMATCH. */
  private linksOf(draft: Draft, made: Generations, placed: ReadonlySet<Plugin>): PluginLink[] {
    const { plugin } = draft;
    const target = (name: string, range: string): Generation => {
      const dependency = this.dependency(plugin, name);
      const generation = made.get(dependency) ?? dependency.generation;
      if (generation === undefined || dependency.isClosing) {
        const text = `${plugin.name}: it depends on the plugin "${name}", which is ${dependency.isClosing ? "closed" : dependency.state}`;
        throw new DependencyError(name, text);
      }
      requireVersion(plugin.name, `the plugin "${name}"`, range, generation.code.manifest?.version);
      return generation;
    };
    for (const [name, range] of draft.companions) target(name, range);
    return [...draft.imports].map(([name, range]) => {
      const generation = target(name, range);
      const dependency = generation.owner as Plugin;
      requireLinkable(plugin);
      requireLinkable(dependency);
      const late = made.has(dependency) && !placed.has(dependency);
      requireExports(draft, name, generation, late);
      return { name, target: generation, late };
    });
  }
}

function requireLinkable({ name, options }: Plugin): void {
  const { instances = 1, reset } = options;
  if (instances === 1 && reset !== "call") return;
  const has = instances === 1 ? `reset: "call"` : `${instances} instances`;
  const text = `${name}: plugins that import from one another have one instance each, which keeps its state; this one has ${has}`;
  throw new BackplaneError("OPTIONS", text);
}

/** Errors: BackplaneError IMPORT_MISMATCH. Limits of memories and tables are for the engine to check. */
function requireExports(draft: Draft, from: string, target: Generation, late: boolean): void {
  const offered = moduleTypes(target.module).exports;
  for (const wanted of moduleTypes(draft.module).imports) {
    if (wanted.module !== from) continue;
    const found = offered.find((one) => one.name === wanted.name);
    const refuse = (text: string): never => {
      throw new BackplaneError(
        "IMPORT_MISMATCH",
        `${draft.plugin.name}: import ${from}.${wanted.name}: ${text}`,
      );
    };
    if (found === undefined) {
      const names = [...target.exportNames].join(", ") || "nothing";
      refuse(`the plugin "${from}" has no such export (it exports: ${names})`);
    } else if (typeText(found) !== typeText(wanted)) {
      refuse(`expected ${typeText(wanted)}, the plugin "${from}" exports ${typeText(found)}`);
    } else if (late && wanted.kind !== "function") {
      refuse(`plugins that import from each other can share functions only, this is ${typeText(wanted)}`);
    }
  }
}

function typeText({ kind, type }: { kind: string; type: FunctionType | undefined }): string {
  return type === undefined ? `a ${kind}` : formatCoreSignature(type as CoreSignature);
}

/** A generation that can reach one whose calls may wait has calls that may wait. */
function spreadWaiting(generations: readonly Generation[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const generation of generations) {
      if (generation.waits || !generation.links.some((link) => link.target.waits)) continue;
      generation.waits = true;
      changed = true;
    }
  }
}

/**
 * Plugins that a step may wait for. Errors: ReentrancyError within a step that occupies one of them, which would never end.
 *
 * @param name the new step's
 */
export function unoccupied(plugins: readonly Plugin[], name: string): readonly Plugin[] {
  for (const plugin of plugins) plugin.requireNoStep(name);
  return plugins;
}

/**
 * Runs a step while no call runs in generations that go on serving; their calls wait until it is over.
 * Errors: ReentrancyError if the step was asked for by a call into one of them; BackplaneError DRAIN_TIMEOUT, the step
 * not begun; the step's own.
 *
 * @param plugin whom the step is for; its drainTimeout counts
 */
export async function exclusively<R>(
  plugin: Plugin,
  generations: readonly Generation[],
  step: () => R | Promise<R>,
): Promise<R> {
  for (const { owner } of generations) {
    const chain = chainThrough(owner);
    if (chain !== undefined) throw new ReentrancyError([...chain, plugin.name]);
  }
  for (const generation of generations) generation.pool.hold();
  try {
    const timeout = plugin.drainTimeout;
    const idle = await Promise.all(generations.map((generation) => drainedWithin(generation, timeout)));
    if (idle.includes(false)) {
      const text = `${plugin.name}: calls still ran after ${timeout} ms in plugins that it is linked with`;
      throw new BackplaneError("DRAIN_TIMEOUT", text);
    }
    return await step();
  } finally {
    for (const generation of generations) generation.pool.resume();
  }
}
