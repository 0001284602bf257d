/**
 * Host modules without decorators: functions given beside their signatures, or signatures declared once as a value
 * (`describe`) and implemented by an object or a class.
 */
import type { InjectionToken } from "tsyringe";
import { isRecord, shown } from "../checks.js";
import {
  collectMarks,
  type HostFunctionDeclaration,
  type HostModuleClass,
  type HostModuleDeclaration,
  type HostModuleOptions,
  hostModuleError,
  type Injected,
  registerInjection,
  requireModuleOptions,
} from "./decorators.js";
import type { Description, HostSide } from "./describe.js";
import type { PluginEventListeners } from "./hooks.js";
import { type FunctionOf, isSignature, type Signatures } from "./signature.js";

/** A host module whose object exists. */
export interface DefinedModule {
  /** What it offers. */
  readonly declaration: HostModuleDeclaration;
  /** Has the declared methods. */
  readonly object: object;
  /** Told of events of all plugins. */
  readonly on?: PluginEventListeners;
  /** Called when a host that has the module is closed. */
  readonly dispose?: () => void | Promise<void>;
}

/** A host module whose object each host, or each plugin, makes of a class. */
export interface DefinedClass {
  /** What it offers. */
  readonly declaration: HostModuleDeclaration;
  /** Has the declared methods; tsyringe knows what to inject. */
  readonly type: HostModuleClass;
  /** Told of events: of all plugins, or with `scope: "plugin"` of the object's own. */
  readonly on?: PluginEventListeners;
}

/** What a host module without decorators may say besides its functions. */
export type DefinedModuleOptions = Pick<HostModuleDeclaration, "version"> &
  Pick<DefinedModule, "on" | "dispose">;

/** A function of TypeScript beside its signature. */
export type DefinedFunctions<T extends Signatures> = {
  readonly [K in keyof T]: readonly [signature: T[K], implementation: FunctionOf<T[K]>];
};

/**
 * Defines a host module by its functions, each beside its signature.
 * Errors: BackplaneError HOST_MODULE for what isn't a signature with a function, and for unknown options.
 *
 * @param name the module name that plugins import from
 * @example
 * const kv = defineHostModule("kv", {
 *   get: [fn(["string"], "bytes?"), (key) => store.get(key)],
 *   add: [fn(["i32", "i32"], "i32"), (a, b) => a + b],
 * });
 * await PluginHost.start({ plugins: "./plugins", modules: [kv] });
 */
export function defineHostModule<T extends Signatures>(
  name: string,
  functions: DefinedFunctions<T>,
  options: DefinedModuleOptions = {},
): DefinedModule {
  if (typeof name !== "string" || !isRecord(functions)) {
    const given = [name, functions].map(shown).join(" and ");
    throw hostModuleError(`defineHostModule: expected a name and functions, got ${given}`);
  }
  requireModuleOptions(name, options, ["version", "on", "dispose"]);
  const entries = Object.entries(functions as DefinedFunctions<Signatures>).map(([key, pair]) => {
    if (!Array.isArray(pair)) {
      throw hostModuleError(`host module "${name}": ${key} has to be [fn(...), function]`);
    }
    return [key, pair] as const;
  });
  const signatures = Object.fromEntries(entries.map(([key, [signature]]) => [key, signature]));
  const object = Object.fromEntries(entries.map(([key, [, implementation]]) => [key, implementation]));
  return definedModule(name, signatures, object, options);
}

/** A class that implements a description, whose constructor takes what the tokens stand for. */
export type HostSideClass<T extends Signatures, Tokens extends readonly InjectionToken[]> = new (
  ...args: number extends Tokens["length"] ? never : Injected<Tokens>
) => HostSide<T>;

/**
 * Defines a host module by a description and what implements it: an object, or a class with what its constructor
 * injects.
 * Errors: BackplaneError HOST_MODULE for a method that the object or class doesn't have, for `inject` and `scope`
 * with an object, and for `dispose` with a class, which has a method for that.
 *
 * @param name the module name that plugins import from
 * @example
 * const Kv = describe({ get: fn(["string"], "bytes?") });
 * class KvHost implements HostSide<typeof Kv> {
 *   constructor(private readonly store: KvStore) {}
 *   get(key: string): Uint8Array | null { return this.store.get(key); }
 * }
 * const kv = implementHostModule("kv", Kv, KvHost, { inject: [KvStore] });
 */
export function implementHostModule<
  T extends Signatures,
  const Tokens extends readonly InjectionToken[] = readonly InjectionToken[],
>(
  name: string,
  description: Description<T>,
  implementation: HostSide<T> | HostSideClass<T, Tokens>,
  options: HostModuleOptions<Tokens> & DefinedModuleOptions = {},
): DefinedModule | DefinedClass {
  requireModuleOptions(name, options, ["inject", "scope", "version", "on", "dispose"]);
  const { signatures } = description;
  const { inject, scope, version, on, dispose } = options;
  if (typeof implementation !== "function") {
    if (inject === undefined && scope === undefined) {
      return definedModule(name, signatures, implementation, options);
    }
    throw hostModuleError(
      `host module "${name}": inject and scope are for a class, an object is made already`,
    );
  }
  if (dispose !== undefined) {
    throw hostModuleError(`host module "${name}": dispose is for an object, a class has a method dispose()`);
  }
  const type = implementation as HostModuleClass;
  const prototype = type.prototype as object;
  const functions = declaredFunctions(name, signatures, prototype);
  registerInjection(type, inject);
  const { hooks } = collectMarks(prototype);
  return { declaration: { name, className: type.name, version, functions, hooks, scope }, type, on };
}

function definedModule(
  name: string,
  signatures: Signatures,
  object: object,
  options: DefinedModuleOptions,
): DefinedModule {
  const functions = declaredFunctions(name, signatures, object);
  const { version, on, dispose } = options;
  return { declaration: { name, className: name, version, functions }, object, on, dispose };
}

function declaredFunctions(name: string, signatures: Signatures, object: object): HostFunctionDeclaration[] {
  return Object.entries(signatures).map(([key, signature]) => {
    if (!isSignature(signature))
      throw hostModuleError(`host module "${name}": ${key} has no signature: fn(...)`);
    if (typeof (object as Record<string, unknown>)[key] !== "function") {
      throw hostModuleError(`host module "${name}": there is no function for ${key}`);
    }
    return { name: key, method: key, signature };
  });
}
