/**
 * Host modules made by dependency injection: one child container for the host and one for each plugin, both disposed
 * with their owner. tsyringe's global container gets nothing.
 *
 * A token is looked for in the plugin's container, the host's, then asked of the application's `resolve`; a class
 * that none of them knows is constructed with what its declaration injects.
 */
import "reflect-metadata";
import { type DependencyContainer, type InjectionToken, container as rootContainer } from "tsyringe";
import {
  type HostModuleClass,
  type HostModuleDeclaration,
  hostModuleDeclaration,
} from "./declare/decorators.js";
import { BackplaneError } from "./errors.js";

/** A host module without a class: its declaration and the object with its methods. */
export interface DefinedModule {
  readonly declaration: HostModuleDeclaration;
  readonly object: object;
}

/** A class marked with `@hostModule`, an instance of one, or what `defineHostModule` gave. */
export type HostModuleSource = HostModuleClass | DefinedModule | object;

/** Asks the application's own container; undefined if it doesn't know the token. */
export type TokenResolver = (token: InjectionToken) => unknown;

interface Offer {
  readonly declaration: HostModuleDeclaration;
  readonly make: (container: DependencyContainer) => object;
  readonly perPlugin: boolean;
}

function isDefined(source: object): source is DefinedModule {
  return "declaration" in source && "object" in source;
}

function hostModuleError(text: string): BackplaneError {
  return new BackplaneError("HOST_MODULE", text);
}

export class HostContainer {
  private readonly container: DependencyContainer = rootContainer.createChildContainer();
  private readonly offers: Offer[] = [];
  private readonly made = new Map<Offer, object>();

  /** Errors: BackplaneError HOST_MODULE. */
  constructor(
    modules: readonly HostModuleSource[],
    provide: readonly (readonly [InjectionToken, unknown])[],
    private readonly resolver: TokenResolver | undefined,
  ) {
    for (const [token, value] of provide) {
      this.container.register(token as InjectionToken<unknown>, { useValue: value });
    }
    for (const source of modules) this.offers.push(this.offer(source));
    // Those of the host are made now, so that a fault in them shows at the start.
    for (const offer of this.offers) if (!offer.perPlugin) this.made.set(offer, offer.make(this.container));
  }

  get declarations(): HostModuleDeclaration[] {
    return this.offers.map((offer) => offer.declaration);
  }

  /** Host modules as one plugin sees them. */
  forPlugin(): PluginContainer {
    const container = this.container.createChildContainer();
    const modules = this.offers.map((offer) => ({
      declaration: offer.declaration,
      object: this.made.get(offer) ?? offer.make(container),
    }));
    return { modules, dispose: async () => container.dispose() };
  }

  async dispose(): Promise<void> {
    await this.container.dispose();
  }

  private offer(source: HostModuleSource): Offer {
    if (typeof source === "function") return this.offerClass(source as HostModuleClass);
    if (isDefined(source))
      return { declaration: source.declaration, make: () => source.object, perPlugin: false };
    const type = (source as object).constructor as HostModuleClass;
    const declaration = hostModuleDeclaration(type);
    if (declaration === undefined) throw this.undeclared(type);
    return { declaration, make: () => source, perPlugin: false };
  }

  private offerClass(type: HostModuleClass): Offer {
    const declaration = hostModuleDeclaration(type);
    if (declaration === undefined) throw this.undeclared(type);
    const perPlugin = (declaration as { scope?: string }).scope === "plugin";
    return { declaration, make: (container) => this.make(type, container), perPlugin };
  }

  private undeclared(type: HostModuleClass): BackplaneError {
    return hostModuleError(`${type.name} is not a host module: mark it with @hostModule("name")`);
  }

  private make(type: HostModuleClass, container: DependencyContainer): object {
    if (this.resolver !== undefined) {
      const own = this.resolver(type);
      if (typeof own === "object" && own !== null) return own;
      this.provideMissing(type, container, this.resolver);
    }
    return container.resolve(type);
  }

  /** Registers what a class injects and no container has, as far as the application's resolver knows it. */
  private provideMissing(
    type: HostModuleClass,
    container: DependencyContainer,
    resolver: TokenResolver,
  ): void {
    // tsyringe's @inject keeps its tokens here, by parameter.
    const injected = Reflect.getOwnMetadata("injectionTokens", type) as Record<string, Injected> | undefined;
    for (const { token } of Object.values(injected ?? {})) {
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

export interface PluginContainer {
  readonly modules: readonly DefinedModule[];
  dispose(): Promise<void>;
}
