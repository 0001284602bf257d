/**
 * `@hostModule`, `@hostFunction` and `@onPluginEvent`: what a class offers to plugins, and what of their lives it is
 * told. They work as standard decorators and as TypeScript's legacy ones (`experimentalDecorators`).
 *
 * In both kinds a class's methods are decorated before the class itself. What a method decorator can leave for the
 * class decorator to find differs: the legacy one knows the prototype, the standard one only the method's function
 * (`context.metadata` would be the place, but no Node has `Symbol.metadata`, and a library must not define it for
 * all others). So marks are kept by prototype and name, or by function; the class decorator looks at each method of
 * the class and of its bases. A method that another decorator replaced after it was marked isn't found that way; the
 * first instance tells.
 *
 * Classes are registered with tsyringe by their tokens, so neither parameter decorators nor emitted metadata are
 * needed. Errors name modules and functions as declared, since minifiers rename classes.
 */
import "reflect-metadata";
import { type InjectionToken, inject, injectable } from "tsyringe";
import {
  anyFunction,
  anyObject,
  anything,
  fields,
  listOf,
  oneOf,
  requireValid,
  versionText,
} from "../checks.js";
import { BackplaneError } from "../errors.js";
import type { PluginHostEventName, PluginHostEvents } from "../events.js";
import type { AnyMethod, Checked } from "./faults.js";
import type { FunctionOf, FunctionSignature } from "./signature.js";

/** A method that plugins can import. */
export interface HostFunctionDeclaration {
  /** The import's name. */
  readonly name: string;
  /** The method's name. */
  readonly method: string;
  /** What it takes and gives. */
  readonly signature: FunctionSignature;
}

/** A method to call upon an event. */
export interface HookDeclaration {
  /** The event's name. */
  readonly event: PluginHostEventName;
  /** The method's name. */
  readonly method: string;
}

/** One object for all plugins, or one for each. */
export type HostModuleScope = "host" | "plugin";

/** What is declared of a host module, by whatever means. */
export interface HostModuleDeclaration {
  /** The import's module name. */
  readonly name: string;
  /** For messages. */
  readonly className: string;
  /** A semantic version, for plugins that depend on one. */
  readonly version?: string;
  /** What it offers. */
  readonly functions: readonly HostFunctionDeclaration[];
  /** What it is told. */
  readonly hooks?: readonly HookDeclaration[];
  /** Default: "host". */
  readonly scope?: HostModuleScope;
}

/** A class with whatever constructor parameters. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of any type are fine here
export type HostModuleClass = new (...args: any[]) => object;

/** Constructor parameters that the tokens stand for; a name or symbol may stand for anything. */
export type Injected<T extends readonly InjectionToken[]> = {
  [I in keyof T]: T[I] extends new (...args: never[]) => infer V ? V : never;
};

/** How the objects of a host module are made. */
export interface HostModuleOptions<T extends readonly InjectionToken[] = readonly InjectionToken[]> {
  /** A token for each constructor parameter, in order. Default: those of the base class. */
  readonly inject?: T;
  /** One object for all plugins, or one for each. Default: "host". */
  readonly scope?: HostModuleScope;
  /** A semantic version, for plugins that depend on one. */
  readonly version?: string;
}

/** Decorates a class whose constructor takes what is injected, in both modes. */
export type HostModuleDecorator<T extends readonly InjectionToken[]> = (
  target: new (...args: number extends T["length"] ? never : Injected<T>) => object,
  context?: ClassDecoratorContext,
) => void;

/** What a standard decorator is told of a method that the host can call. */
export type InstanceMethodContext = ClassMethodDecoratorContext & {
  readonly name: string;
  readonly static: false;
  readonly private: false;
};

/** What a legacy decorator is told of it: a class's prototype, not the class. */
export type ClassPrototype = object & { readonly prototype?: never };

/** Decorates a method that implements the signature: as a standard decorator, or as a legacy one. */
export interface HostFunctionDecorator<S extends FunctionSignature> {
  // The empty rest parameter keeps this overload out of the messages about legacy decorators: it rules it out by the
  // number of arguments.
  <M extends AnyMethod>(
    method: Checked<M, S, M, FunctionOf<S>>,
    context: InstanceMethodContext,
    ...standard: []
  ): void;
  <M extends AnyMethod>(
    target: ClassPrototype,
    method: string,
    descriptor: Checked<M, S, TypedPropertyDescriptor<M>, TypedPropertyDescriptor<FunctionOf<S>>>,
  ): void;
}

/** Decorates a method that takes the event, in both modes. */
export interface PluginEventDecorator<E extends PluginHostEventName> {
  /**
   * As a standard decorator.
   * @typeParam M the method, which takes the event
   */
  <M extends (event: PluginHostEvents[E][0]) => unknown>(
    method: M,
    context: InstanceMethodContext,
    ...standard: []
  ): void;
  /**
   * As a legacy one.
   * @typeParam M the method, which takes the event
   */
  <M extends (event: PluginHostEvents[E][0]) => unknown>(
    target: ClassPrototype,
    method: string,
    descriptor: TypedPropertyDescriptor<M>,
  ): void;
}

/** What a decorator noted of a method. */
interface Mark {
  readonly offered?: { readonly name: string; readonly signature: FunctionSignature };
  readonly event?: PluginHostEventName;
  /** A class decorator came across it. */
  found: boolean;
}

const legacyMarks = new WeakMap<object, Map<string, Mark[]>>();
const standardMarks = new WeakMap<object, Mark[]>();
const moduleOf = new WeakMap<object, HostModuleDeclaration>();
const tokensOf = new WeakMap<object, readonly InjectionToken[]>();

/**
 * Marks a class as a host module.
 * Errors: BackplaneError HOST_MODULE if two methods offer the same import, and for unknown options.
 *
 * @param name the module name that plugins import from
 * @example
 * @hostModule("kv", { inject: [KvStore] })
 * class KvHost { constructor(private readonly store: KvStore) {} }
 */
export function hostModule<const T extends readonly InjectionToken[] = readonly InjectionToken[]>(
  name: string,
  options: HostModuleOptions<T> = {},
): HostModuleDecorator<T> {
  requireModuleOptions(name, options, ["inject", "scope", "version"]);
  return (target, context) => {
    registerInjection(target, options.inject);
    const { functions, hooks } = collectMarks(target.prototype as object);
    requireDistinct(name, functions);
    const { scope, version } = options;
    const className = context?.name ?? target.name;
    moduleOf.set(target, { name, className, version, functions, hooks, scope });
  };
}

/**
 * Marks a method as a host function. TypeScript checks the method against the signature.
 * Errors: BackplaneError HOST_MODULE for what isn't a public method with a name.
 *
 * @param options.name the import's name; default: the method's
 * @example
 * @hostFunction(fn(["i32", "i32"], "i32"))
 * add(a: number, b: number): number { return a + b; }
 */
export function hostFunction<S extends FunctionSignature>(
  signature: S,
  options: { readonly name?: string } = {},
): HostFunctionDecorator<S> {
  return markMethod("hostFunction", (method) => ({
    offered: { name: options.name ?? method, signature },
    found: false,
  }));
}

/**
 * Calls a method of a host module with each event of this name: those of all plugins, or in a module of
 * `scope: "plugin"` those of its own. What it throws is logged and breaks nothing.
 *
 * @example
 * @onPluginEvent("stopped")
 * forget({ name }: PluginEvent): void { this.sessions.delete(name); }
 */
export function onPluginEvent<E extends PluginHostEventName>(event: E): PluginEventDecorator<E> {
  return markMethod("onPluginEvent", () => ({ event, found: false }));
}

/** What `@hostModule` declared of a class, or undefined. */
export function hostModuleDeclaration(target: object): HostModuleDeclaration | undefined {
  return moduleOf.get(target);
}

/** Tells tsyringe what a class's constructor takes. */
export function registerInjection(
  type: HostModuleClass,
  tokens: readonly InjectionToken[] | undefined,
): void {
  // A class without a constructor of its own has its base's parameters, and the length 0.
  const known = tokens ?? (type.length === 0 ? inheritedTokens(type) : undefined);
  if (known !== undefined) tokensOf.set(type, known);
  known?.forEach((token, i) => {
    inject(token as InjectionToken<unknown>)(type, undefined, i);
  });
  injectable()(type);
}

function inheritedTokens(type: object): readonly InjectionToken[] | undefined {
  for (
    let base = Object.getPrototypeOf(type) as object | null;
    base !== null;
    base = Object.getPrototypeOf(base)
  ) {
    const tokens = tokensOf.get(base);
    if (tokens !== undefined) return tokens;
  }
  return undefined;
}

/** Errors: BackplaneError HOST_MODULE for functions of the same import name. */
export function requireDistinct(module: string, functions: readonly HostFunctionDeclaration[]): void {
  const methods = new Map<string, string>();
  for (const { name, method } of functions) {
    const other = methods.get(name);
    if (other !== undefined) {
      throw hostModuleError(`host module "${module}": ${other} and ${method} both offer "${name}"`);
    }
    methods.set(name, method);
  }
}

const moduleOptions = {
  inject: listOf(anything),
  scope: oneOf("host", "plugin"),
  version: versionText,
  on: anyObject,
  dispose: anyFunction,
};

/** @param known the options that this kind of module has. Errors: BackplaneError HOST_MODULE. */
export function requireModuleOptions(
  name: string,
  options: object,
  known: readonly (keyof typeof moduleOptions)[],
): void {
  const checks = Object.fromEntries(known.map((option) => [option, moduleOptions[option]]));
  requireValid(fields(checks), options, `host module "${name}"`, "HOST_MODULE");
}

export function hostModuleError(text: string, cause?: unknown): BackplaneError {
  return new BackplaneError("HOST_MODULE", text, cause === undefined ? undefined : { cause });
}

/** A method decorator of either kind: (prototype, name, descriptor), or (method, context). */
type MethodDecoration = (
  target: object,
  key: string | symbol | ClassMethodDecoratorContext,
  descriptor?: PropertyDescriptor,
) => void;

function markMethod(decorator: string, markOf: (method: string) => Mark): MethodDecoration {
  return (target, key, descriptor) => {
    if (typeof key === "object") markStandard(decorator, markOf, target, key);
    else markLegacy(decorator, markOf, target, key, descriptor);
  };
}

function markStandard(
  decorator: string,
  markOf: (method: string) => Mark,
  method: object,
  context: ClassMethodDecoratorContext,
): void {
  const fault =
    context.kind !== "method"
      ? `is a ${String(context.kind)}`
      : context.private
        ? "is private"
        : context.static
          ? "is static"
          : undefined;
  const name = requireMethodName(decorator, context.name, fault);
  const mark = markOf(name);
  append(standardMarks, method, mark);
  context.addInitializer(function (this: unknown) {
    const declared = moduleOf.get((this as object).constructor);
    if (declared === undefined || mark.found) return;
    throw hostModuleError(
      `host module "${declared.name}": another decorator replaced ${name} after @${decorator}; write @${decorator} above it`,
    );
  });
}

function markLegacy(
  decorator: string,
  markOf: (method: string) => Mark,
  target: object,
  key: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): void {
  const fault =
    typeof target === "function"
      ? "is static"
      : typeof descriptor?.value !== "function"
        ? "is no method"
        : undefined;
  const name = requireMethodName(decorator, key, fault);
  let marks = legacyMarks.get(target);
  if (marks === undefined) legacyMarks.set(target, (marks = new Map()));
  append(marks, name, markOf(name));
}

function requireMethodName(decorator: string, name: string | symbol, fault: string | undefined): string {
  const problem = fault ?? (typeof name === "symbol" ? "has a symbol for a name" : undefined);
  if (problem === undefined) return name as string;
  throw hostModuleError(
    `@${decorator}: ${String(name)} ${problem}; it has to be a public method of the instance, named by a string`,
  );
}

function append<K>(
  lists: { get(key: K): Mark[] | undefined; set(key: K, list: Mark[]): unknown },
  key: K,
  mark: Mark,
): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [mark]);
  else list.push(mark);
}

/** What the methods of a class and of its bases are marked with; what a class says of a method overrides its bases. */
export function collectMarks(
  prototype: object,
): Pick<Required<HostModuleDeclaration>, "functions" | "hooks"> {
  const functions = new Map<string, HostFunctionDeclaration>();
  const hooks = new Map<string, HookDeclaration>();
  for (const [method, marks] of markedChain(prototype)) {
    const offered = marks.findLast((mark) => mark.offered !== undefined)?.offered;
    if (offered !== undefined) functions.set(method, { ...offered, method });
    for (const mark of marks) {
      mark.found = true;
      if (mark.event !== undefined) hooks.set(`${mark.event} ${method}`, { event: mark.event, method });
    }
  }
  return { functions: [...functions.values()], hooks: [...hooks.values()] };
}

/** Marked methods from the outermost base inwards, each class's in their order. */
function markedChain(prototype: object): [method: string, marks: Mark[]][] {
  const base = Object.getPrototypeOf(prototype) as object | null;
  const chain = base === null ? [] : markedChain(base);
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const marks = [
      ...(legacyMarks.get(prototype)?.get(name) ?? []),
      ...((typeof value === "function" && standardMarks.get(value)) || []),
    ];
    if (marks.length > 0) chain.push([name, marks]);
  }
  return chain;
}
