/**
 * `describe({...})`: functions by name as a value that types are read from. It is neutral: a plugin's exports are
 * called through its `Handle`, and a class or an object implements its `HostSide`.
 */
import { anyObject, isRecord, requireValid, shown } from "../checks.js";
import { BackplaneError } from "../errors.js";
import type { CallOptions } from "../plugin/options.js";
import {
  type FunctionOf,
  type FunctionSignature,
  isSignature,
  type ResultFromGuest,
  type Signatures,
  type ToGuest,
  type ValueType,
} from "./signature.js";

/** What `describe` gives. */
export interface Description<T extends Signatures = Signatures> {
  /** By the name of the import or export. */
  readonly signatures: T;
}

/** The signatures of a description, or of a plain record of them. */
export type SignaturesOf<D> = D extends Description<infer T> ? T : D extends Signatures ? D : never;

/**
 * The methods that implement a description in the host.
 *
 * @example
 * const Kv = describe({ get: fn(["string"], "bytes?") });
 * class KvHost implements HostSide<typeof Kv> {
 *   async get(key: string): Promise<Uint8Array | null> { ... }
 * }
 */
export type HostSide<D> = { readonly [K in keyof SignaturesOf<D>]: FunctionOf<SignaturesOf<D>[K]> };

/** What a call through a handle takes after its arguments. */
export type HandleCallOptions = Pick<
  CallOptions,
  "signal" | "timeout" | "deadline" | "run" | "slice" | "fuel" | "context"
>;

/** How the application calls an export of a signature. */
export type HandleFunction<S> =
  S extends FunctionSignature<infer P, infer R>
    ? (...args: [...Arguments<P>, options?: HandleCallOptions]) => Promise<ResultFromGuest<R>>
    : never;

type Arguments<P extends readonly ValueType[]> = { -readonly [I in keyof P]: ToGuest<P[I]> };

/**
 * A plugin's exports as typed methods: they go on working after a reload, and a reload to a module that no longer
 * has them fails. Errors of each: those of `Plugin.call`.
 */
export type Handle<D> = { readonly [K in keyof SignaturesOf<D>]: HandleFunction<SignaturesOf<D>[K]> };

/**
 * Describes functions by name, for `host.plugin(name, description)` and `defineHostModule`.
 * Errors: BackplaneError OPTIONS for a value that `fn` didn't make, and for the name "then", which would make the
 * handle a promise to `await`.
 *
 * @example
 * const Greeter = describe({ greet: fn(["string"], "string") });
 * const greeter = await host.plugin("greeter", Greeter);
 * await greeter.greet("Ada", { timeout: 100 });
 */
export function describe<const T extends Signatures>(
  signatures: T & { readonly then?: "not to be named then: a handle with it would be taken for a promise" },
): Description<T> {
  requireValid(anyObject, signatures, "describe");
  for (const [name, signature] of Object.entries(signatures as Signatures)) {
    if (name === "then") {
      throw new BackplaneError("OPTIONS", 'describe: a handle with "then" would be taken for a promise');
    }
    if (!isSignature(signature)) {
      throw new BackplaneError(
        "OPTIONS",
        `describe: ${name} is not a signature: write ${name}: fn([...], ...)`,
      );
    }
  }
  return Object.freeze({ signatures: Object.freeze({ ...signatures }) as T });
}

/** Errors: BackplaneError OPTIONS for what `describe` didn't make, as a plain record of signatures. */
export function requireDescription(place: string, description: Description): void {
  if (isRecord(description) && isRecord(description.signatures)) return;
  throw new BackplaneError(
    "OPTIONS",
    `${place}: expected what describe({ ... }) gave, got ${shown(description)}`,
  );
}
