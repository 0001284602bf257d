/**
 * A plugin's imports from host modules: worked out once for a compiled module, bound for each instance of it.
 *
 * Only what the module imports is bound. Objects without a prototype hold the functions, so that a plugin that
 * imports "constructor" or "toString" doesn't get those of JavaScript's objects.
 */
import { type Module, moduleTypes, type Suspending } from "../../engine/index.js";
import type { HostFunctionDeclaration } from "../declare/decorators.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError } from "../errors.js";
import {
  bindImport,
  type HostMethod,
  type ImportFunction,
  type ImportTarget,
  importTarget,
} from "./bind-import.js";
import type { CallingPlugin } from "./context.js";
import { PluginMemory } from "./memory.js";

/** What an instance is linked with. */
export interface Linkage {
  readonly imports: Readonly<Record<string, Record<string, ImportFunction | Suspending>>>;
  readonly memory: PluginMemory;
}

/** A function that the host offers. */
export interface Offer {
  readonly declared: HostFunctionDeclaration;
  readonly className: string;
  readonly object: object;
}

/** What host modules offer: function by name, by module name. Of two of one name the later holds. */
export type Offers = ReadonlyMap<string, ReadonlyMap<string, Offer>>;

export function offersOf(modules: readonly DefinedModule[]): Offers {
  const offers = new Map<string, Map<string, Offer>>();
  for (const { declaration, object } of modules) {
    const functions = offers.get(declaration.name) ?? new Map<string, Offer>();
    offers.set(declaration.name, functions);
    for (const declared of declaration.functions) {
      functions.set(declared.name, { declared, className: declaration.className, object });
    }
  }
  return offers;
}

interface Wanted {
  readonly module: string;
  readonly name: string;
  readonly target: ImportTarget;
}

/**
 * Returns what makes the imports of one instance. Imports that no host module offers are left out.
 * Errors: BackplaneError HOST_MODULE for a declared method that the object doesn't have.
 */
export function importLinker(
  caller: CallingPlugin,
  module: Module,
  modules: readonly DefinedModule[],
): () => Linkage {
  const offers = offersOf(modules);
  const wanted: Wanted[] = [];
  for (const { module: from, name, kind } of moduleTypes(module).imports) {
    const offer = offers.get(from)?.get(name);
    if (offer !== undefined && kind === "function") {
      wanted.push({ module: from, name, target: targetOf(caller, `${from}.${name}`, offer) });
    }
  }
  return () => {
    const memory = new PluginMemory(caller.name, caller.outputBytes);
    const imports = Object.create(null) as Record<string, Record<string, ImportFunction | Suspending>>;
    for (const { module: from, name, target } of wanted) {
      imports[from] ??= Object.create(null) as Record<string, ImportFunction | Suspending>;
      imports[from][name] = bindImport(target, memory);
    }
    return { imports, memory };
  };
}

function targetOf(caller: CallingPlugin, name: string, offer: Offer): ImportTarget {
  const { declared, className, object } = offer;
  const path = `${caller.name}: import ${name} (${className}.${declared.method})`;
  const method = (object as Record<string, HostMethod | undefined>)[declared.method];
  if (typeof method !== "function") {
    throw new BackplaneError("HOST_MODULE", `${path}: the module has no such method`);
  }
  return importTarget(method, object, declared.signature, caller, path);
}
