/**
 * What plugins see of an application: the host modules that they import and the functions that they are to export.
 *
 * Enters: what a module of the application exports. Leaves: an interface whose functions have names, signatures and
 * core signatures, in the order of declaration; what languages make of it is theirs.
 */
import { type HostModuleClass, hostModuleDeclaration } from "../declare/decorators.js";
import { type FunctionSignature, isSignature, resultTypes, type ValueType } from "../declare/signature.js";
import { BackplaneError } from "../errors.js";

export interface BoundFunction {
  /** The import's or export's name. */
  readonly name: string;
  readonly signature: FunctionSignature;
}

export interface BoundModule {
  readonly name: string;
  readonly functions: readonly BoundFunction[];
}

export interface PluginInterface {
  readonly imports: readonly BoundModule[];
  /** What the plugin is to export, by the name that the application gives the description. */
  readonly exports: BoundModule | undefined;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** A class with `@hostModule`, an instance of one, or a defined module. */
function moduleOf(value: object): BoundModule | undefined {
  if ("declaration" in value && isObject(value.declaration)) return value.declaration as BoundModule;
  const type = typeof value === "function" ? value : value.constructor;
  return type === undefined ? undefined : hostModuleDeclaration(type as HostModuleClass);
}

/** What `describe` gave. */
function descriptionOf(name: string, value: object): BoundModule | undefined {
  if (!("signatures" in value) || !isObject(value.signatures)) return undefined;
  const entries = Object.entries(value.signatures);
  if (!entries.every(([, signature]) => isSignature(signature))) return undefined;
  return { name, functions: entries.map(([key, signature]) => ({ name: key, signature })) };
}

/**
 * @param exported a module of the application, as `import` gives it; lists in it are looked into
 * @param plugin the name that it exports the plugin's description by; undefined: the only one, if there is one
 * Errors: BackplaneError OPTIONS if there is nothing to bind to, or no such description, or several.
 */
export function interfaceOf(exported: Readonly<Record<string, unknown>>, plugin?: string): PluginInterface {
  const modules = new Map<string, BoundModule>();
  const descriptions = new Map<string, BoundModule>();
  for (const [name, value] of Object.entries(exported)) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (!isObject(item)) continue;
      const module = moduleOf(item);
      const description = descriptionOf(name, item);
      if (module !== undefined) modules.set(module.name, module);
      else if (description !== undefined) descriptions.set(name, description);
    }
  }
  if (modules.size === 0 && descriptions.size === 0) {
    const text = "it exports no host module and no description made with this copy of backplane";
    throw new BackplaneError("OPTIONS", text);
  }
  return { imports: [...modules.values()], exports: chosen(descriptions, plugin) };
}

function chosen(
  descriptions: ReadonlyMap<string, BoundModule>,
  plugin: string | undefined,
): BoundModule | undefined {
  const names = [...descriptions.keys()].join(", ") || "none";
  if (plugin !== undefined) {
    const description = descriptions.get(plugin);
    if (description !== undefined) return description;
    throw new BackplaneError("OPTIONS", `it exports no description "${plugin}" (there are: ${names})`);
  }
  if (descriptions.size > 1) {
    throw new BackplaneError("OPTIONS", `it exports several descriptions, name the plugin's: ${names}`);
  }
  return [...descriptions.values()][0];
}

/** How a value crosses, for code that is written in another language. */
export type Kind = "core" | "bool" | "narrow" | "text" | "bytes";

export interface BoundType {
  /** The type's name, "json" for all kinds of it. */
  readonly name: string;
  readonly kind: Kind;
  readonly optional: boolean;
}

/** What languages need of a type. JSON is text to them. */
export function boundType(type: ValueType): BoundType {
  const full = typeof type === "string" ? type : type.optional ? "json?" : "json";
  const optional = full.endsWith("?");
  const name = full.replace("?", "");
  switch (name) {
    case "string":
    case "json":
      return { name, kind: "text", optional };
    case "bytes":
      return { name, kind: "bytes", optional };
    case "bool":
      return { name, kind: "bool", optional };
    case "i8":
    case "u8":
    case "i16":
    case "u16":
      return { name, kind: "narrow", optional };
    default:
      return { name, kind: "core", optional };
  }
}

export function isData({ kind }: BoundType): boolean {
  return kind === "text" || kind === "bytes";
}

/** A function's parameters and its result; languages here know at most one result. */
export interface BoundShape {
  readonly params: readonly BoundType[];
  readonly result: BoundType | undefined;
}

/**
 * The shape, or in a few words what about the function a language has no form for.
 *
 * @param references whether it has a form for references
 */
export function shapeOf({ signature }: BoundFunction, references: boolean): BoundShape | string {
  const results = resultTypes(signature);
  if (results.length > 1) return "several results";
  const [only] = results;
  const reference = [...signature.params, ...results]
    .map(boundType)
    .find(({ name }) => name === "externref" || name === "funcref");
  if (!references && reference !== undefined) return `the type ${reference.name}`;
  return {
    params: signature.params.map(boundType),
    result: only === undefined ? undefined : boundType(only),
  };
}

/** A name that any of the languages takes: other signs become underscores. */
export function identifier(name: string): string {
  const text = name.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[A-Za-z_]/.test(text) ? text : `_${text}`;
}

/** The name, or the name with an underscore where the language has it for itself. */
export function unreserved(name: string, reserved: ReadonlySet<string>): string {
  const text = identifier(name);
  return reserved.has(text) ? `${text}_` : text;
}
