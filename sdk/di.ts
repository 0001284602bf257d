/**
 * Host modules made by dependency injection: one child container for the host and one for each plugin, both disposed
 * with their owner. tsyringe's global container gets nothing.
 *
 * A token is looked for in the plugin's container, the host's, then asked of the application's `resolve`; a class
 * that none of them knows is constructed with what its declaration injects. The plugin's container has the `Plugin`.
 *
 * What a container constructs and that has a `dispose()` is disposed with it; what the application made is its own.
 */
import "reflect-metadata";
import { type DependencyContainer, type InjectionToken, container as rootContainer } from "tsyringe";
import {
  collectMarks,
  type HostModuleClass,
  type HostModuleDeclaration,
  hostModuleDeclaration,
  hostModuleError,
  requireDistinct,
} from "./declare/decorators.js";
import type { DefinedClass, DefinedModule } from "./declare/define.js";
import { type HookReport, ModuleHooks, type PluginEventListeners } from "./declare/hooks.js";
import { BackplaneError, messageOf } from "./errors.js";
import type { PluginEvent, PluginHostEventName } from "./events.js";
import { defaultDrainTimeout } from "./lifecycle/hand-over.js";
import { Plugin } from "./plugin/plugin.js";

export type { DefinedModule } from "./declare/define.js";

/** A class marked with `@hostModule`, an instance of one, or what `defineHostModule` or `implementHostModule` gave. */
export type HostModuleSource = HostModuleClass | DefinedModule | DefinedClass | object;

/** Asks the application's own container; undefined if it doesn't know the token. */
export type TokenResolver = (token: InjectionToken) => unknown;

interface Offer {
  readonly declaration: HostModuleDeclaration;
  readonly make: (container: DependencyContainer) => DefinedModule;
}

/** Host modules as one plugin sees them. */
export interface PluginContainer {
  readonly modules: readonly DefinedModule[];
  /** Tells the modules that are this plugin's alone. */
  notify(event: PluginHostEventName, payload: PluginEvent): void;
  dispose(): Promise<void>;
}

export class HostContainer {
  private readonly container: DependencyContainer = rootContainer.createChildContainer();
  private readonly offers: readonly Offer[];
  private readonly made = new Map<Offer, DefinedModule>();
  private readonly hooks: ModuleHooks;

  /**
   * Errors: BackplaneError HOST_MODULE.
   * @param report told of hooks, and of `dispose` methods, that throw
   */
  constructor(
    modules: readonly HostModuleSource[],
    provide: readonly (readonly [InjectionToken, unknown])[],
    private readonly resolver: TokenResolver | undefined,
    private readonly report: HookReport,
  ) {
    for (const [token, value] of provide) {
      this.container.register(token as InjectionToken<unknown>, { useValue: value });
    }
    this.offers = modules.map((source) => this.offer(source));
    requireDistinctImports(this.declarations);
    // Those of the host are made now, so that a fault in them shows at the start.
    for (const offer of this.offers) {
      if (offer.declaration.scope !== "plugin") this.made.set(offer, offer.make(this.container));
    }
    this.hooks = new ModuleHooks([...this.made.values()], report);
  }

  get declarations(): HostModuleDeclaration[] {
    return this.offers.map((offer) => offer.declaration);
  }

  /** Makes the modules that are one plugin's alone. Errors: BackplaneError HOST_MODULE. */
  forPlugin(plugin: Plugin): PluginContainer {
    const container = this.container.createChildContainer();
    container.register(Plugin, { useValue: plugin });
    const own: DefinedModule[] = [];
    const modules = this.offers.map((offer) => {
      const shared = this.made.get(offer);
      if (shared !== undefined) return shared;
      const module = offer.make(container);
      own.push(module);
      return module;
    });
    const hooks = new ModuleHooks(own, this.report);
    return {
      modules,
      notify: (event, payload) => hooks.notify(event, payload),
      dispose: () => this.disposeAll(hooks, [() => container.dispose()]),
    };
  }

  /** Tells the modules that all plugins share. */
  notify(event: PluginHostEventName, payload: PluginEvent): void {
    this.hooks.notify(event, payload);
  }

  async dispose(): Promise<void> {
    const own = [...this.made.values()].map((module) => () => module.dispose?.());
    await this.disposeAll(this.hooks, [...own, () => this.container.dispose()]);
  }

  /** Hooks may still use what is disposed, so they end first. */
  private async disposeAll(hooks: ModuleHooks, steps: readonly (() => unknown)[]): Promise<void> {
    await hooks.settled(defaultDrainTimeout);
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        this.report("dispose", "a host module's dispose", error);
      }
    }
  }

  private offer(source: HostModuleSource): Offer {
    if (typeof source === "function") {
      const type = source as HostModuleClass;
      return this.offerClass(type, requireDeclaration(type));
    }
    if (isDefinedClass(source)) return this.offerClass(source.type, source.declaration, source.on);
    if (isDefined(source)) return { declaration: source.declaration, make: () => source };
    const declaration = requireDeclaration((source as object).constructor as HostModuleClass);
    // It exists already, so all plugins have it.
    return {
      declaration: { ...declaration, scope: "host" },
      make: () => ({ declaration, object: source }),
    };
  }

  private offerClass(
    type: HostModuleClass,
    declaration: HostModuleDeclaration,
    on?: PluginEventListeners,
  ): Offer {
    const make = (container: DependencyContainer): DefinedModule => {
      try {
        return { declaration, object: this.make(type, declaration.name, container), on };
      } catch (cause) {
        if (cause instanceof BackplaneError) throw cause;
        throw hostModuleError(`host module "${declaration.name}": ${messageOf(cause)}`, cause);
      }
    };
    return { declaration, make };
  }

  private make(type: HostModuleClass, name: string, container: DependencyContainer): object {
    if (this.resolver !== undefined) {
      const own = this.resolver(type);
      if (typeof own === "object" && own !== null) return own;
      this.provideMissing(type, container, this.resolver);
    }
    if (!container.isRegistered(type, true)) requireKnownParameters(type, name);
    return container.resolve(type);
  }

  /** Registers what a class injects and no container has, as far as the application's resolver knows it. */
  private provideMissing(
    type: HostModuleClass,
    container: DependencyContainer,
    resolver: TokenResolver,
  ): void {
    for (const { token } of Object.values(injectedInto(type) ?? {})) {
      if (token === undefined) continue;
      if (container.isRegistered(token as InjectionToken<unknown>, true)) continue;
      const value = resolver(token);
      if (value !== undefined) container.register(token as InjectionToken<unknown>, { useValue: value });
    }
  }
}

/** A parameter's token; tsyringe has other forms too, which carry it elsewhere and resolve by themselves. */
interface Injected {
  readonly token?: InjectionToken;
}

/** tsyringe's @inject keeps its tokens here, by parameter. */
function injectedInto(type: HostModuleClass): Record<string, Injected> | undefined {
  return Reflect.getOwnMetadata("injectionTokens", type) as Record<string, Injected> | undefined;
}

function isDefined(source: object): source is DefinedModule {
  return "declaration" in source && "object" in source;
}

function isDefinedClass(source: object): source is DefinedClass {
  return "declaration" in source && "type" in source;
}

function requireDeclaration(type: HostModuleClass): HostModuleDeclaration {
  const declaration = hostModuleDeclaration(type);
  if (declaration !== undefined) return declaration;
  const methods = collectMarks(type.prototype as object).functions.map((declared) => declared.method);
  const but = methods.length === 0 ? "" : ` although it has host functions (${methods.join(", ")})`;
  throw hostModuleError(`${type.name} is not a host module${but}: mark it with @hostModule("name")`);
}

function requireKnownParameters(type: HostModuleClass, name: string): void {
  if (type.length === 0 || injectedInto(type) !== undefined) return;
  if (Reflect.hasMetadata("design:paramtypes", type)) return;
  const tokens = Array.from({ length: type.length }, () => "TOKEN").join(", ");
  throw hostModuleError(
    `host module "${name}": nothing says what its constructor takes: @hostModule("${name}", { inject: [${tokens}] })`,
  );
}

/** Two modules of one name may complete each other, but each import is one module's. */
function requireDistinctImports(declarations: readonly HostModuleDeclaration[]): void {
  for (const name of new Set(declarations.map((declaration) => declaration.name))) {
    const functions = declarations
      .filter((declaration) => declaration.name === name)
      .flatMap(({ className, functions }) =>
        functions.map((f) => ({ ...f, method: `${className}.${f.method}` })),
      );
    requireDistinct(name, functions);
  }
}
