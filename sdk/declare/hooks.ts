/**
 * Host modules are told of the lives of plugins: by methods with `@onPluginEvent`, or by the `on` of a module that was
 * defined without decorators.
 *
 * A hook can't break the step that it is told of: what it throws or rejects with is reported, and nothing waits for
 * its promise but the disposal of the modules, for a while.
 */
import type { PluginHostEventName, PluginHostEvents } from "../events.js";
import type { HostModuleDeclaration } from "./decorators.js";

/** Called with the events of plugins, by the event's name. What they throw is logged and breaks nothing. */
export type PluginEventListeners = {
  readonly [E in PluginHostEventName]?: (event: PluginHostEvents[E][0]) => unknown;
};

/** A host module whose object exists. */
export interface HookedModule {
  readonly declaration: HostModuleDeclaration;
  readonly object: object;
  readonly on?: PluginEventListeners;
}

/** Told of what a hook threw or rejected with; `hook` reads as `kv.forget`. */
export type HookReport = (event: string, hook: string, error: unknown) => void;

type Hook = (event: unknown) => unknown;

export class ModuleHooks {
  private readonly pending = new Set<Promise<void>>();

  constructor(
    private readonly modules: readonly HookedModule[],
    private readonly report: HookReport,
  ) {}

  notify(event: PluginHostEventName, payload: unknown): void {
    for (const { declaration, object, on } of this.modules) {
      for (const hook of declaration.hooks ?? []) {
        if (hook.event !== event) continue;
        const method = (object as Record<string, Hook>)[hook.method];
        this.run(event, `${declaration.name}.${hook.method}`, () => method.call(object, payload));
      }
      const listener = on?.[event] as Hook | undefined;
      if (listener !== undefined) this.run(event, `${declaration.name}.on`, () => listener.call(on, payload));
    }
  }

  /** Waits for hooks that haven't ended, `timeout` milliseconds at most. */
  async settled(timeout: number): Promise<void> {
    if (this.pending.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, timeout);
    });
    await Promise.race([late, Promise.all(this.pending)]);
    clearTimeout(timer);
  }

  private run(event: string, hook: string, call: () => unknown): void {
    const failed = (error: unknown): void => this.report(event, hook, error);
    try {
      const result = call();
      if (!(result instanceof Promise)) return;
      const done: Promise<void> = result.catch(failed).finally(() => this.pending.delete(done));
      this.pending.add(done);
    } catch (error) {
      failed(error);
    }
  }
}
