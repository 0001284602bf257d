/**
 * `@hostModule` and `@hostFunction`: what a class offers to plugins.
 *
 * Registration is explicit (tsyringe tokens), so neither parameter decorators nor emitted metadata are needed. The
 * decorators are TypeScript's legacy ones (`experimentalDecorators`).
 */
import "reflect-metadata";
import { type InjectionToken, inject, injectable } from "tsyringe";
import type { FunctionOf, FunctionSignature } from "./signature.js";

export interface HostFunctionDeclaration {
  /** The import's name. */
  readonly name: string;
  readonly method: string;
  readonly signature: FunctionSignature;
}

export interface HostModuleDeclaration {
  /** The import's module name. */
  readonly name: string;
  readonly className: string;
  /** A semantic version, for plugins that depend on one. */
  readonly version?: string;
  readonly functions: readonly HostFunctionDeclaration[];
}

// biome-ignore lint/suspicious/noExplicitAny: a class of any constructor parameters
export type HostModuleClass = new (...args: any[]) => object;

const functionsOf = new WeakMap<object, HostFunctionDeclaration[]>();
const moduleOf = new WeakMap<object, HostModuleDeclaration>();

/**
 * Marks a class as a host module.
 *
 * @param name the module name that plugins import from
 * @param options.inject a token per constructor parameter, in order
 * @param options.version a semantic version, for plugins that depend on one
 * @example
 * @hostModule("kv", { inject: [KvStore] })
 * class KvHost { constructor(private readonly store: KvStore) {} }
 */
export function hostModule(
  name: string,
  options: { inject?: readonly InjectionToken[]; version?: string } = {},
): (target: HostModuleClass) => void {
  return (target) => {
    options.inject?.forEach((token, i) => {
      inject(token as InjectionToken<unknown>)(target, undefined, i);
    });
    injectable()(target);
    moduleOf.set(target, {
      name,
      className: target.name,
      version: options.version,
      functions: functionsOf.get(target.prototype as object) ?? [],
    });
  };
}

/**
 * Marks a method as a host function. TypeScript checks the method against the signature.
 *
 * @example
 * @hostFunction(fn(["i32", "i32"], "i32"))
 * add(a: number, b: number): number { return a + b; }
 */
export function hostFunction<S extends FunctionSignature>(
  signature: S,
  options: { name?: string } = {},
): <M extends FunctionOf<S>>(target: object, method: string, descriptor: TypedPropertyDescriptor<M>) => void {
  return (target, method) => {
    const list = functionsOf.get(target) ?? [];
    list.push({ name: options.name ?? method, method, signature });
    functionsOf.set(target, list);
  };
}

/** What `@hostModule` declared of a class, or undefined. */
export function hostModuleDeclaration(target: object): HostModuleDeclaration | undefined {
  return moduleOf.get(target);
}
