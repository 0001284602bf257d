/**
 * What TypeScript says of a method that contradicts its declaration.
 *
 * A failed check of one function type against another is told in terms of `args_0` and of contravariance. Here the
 * method's type is checked, and if it doesn't fit, the decorator's parameter gets a string literal as its type, which
 * says what was declared; the compiler prints it beside the method's type.
 */
import type { FromGuest, FunctionOf, FunctionSignature, ResultToGuest, ValueType } from "./signature.js";

/** Any method, before it is checked. */
export type AnyMethod = (...args: never[]) => unknown;

/** `As` if the method implements the signature, else a text that says why not. */
export type Checked<M extends AnyMethod, S extends FunctionSignature, As> =
  M extends FunctionOf<S>
    ? As
    : S extends FunctionSignature<infer P, infer R>
      ? Fault<M, P, R, S, As>
      : never;

/**
 * Types that have no short name (those of `json(schema)`) are left to the compiler, which compares field by field; so
 * are signatures that aren't known in detail, since an unknown name was reported already.
 */
type Fault<M extends AnyMethod, P extends readonly ValueType[], R, S, As> = number extends P["length"]
  ? As
  : Nameable<P[number] | Results<R>> extends true
    ? Otherwise<
        ParameterFault<P, Parameters<M>> | ResultFault<R, ReturnType<M>>,
        "a parameter follows that is neither declared nor a CallContext"
      >
    : FunctionOf<S>;

type Otherwise<T, U> = [T] extends [never] ? U : T;
type Results<R> = R extends readonly (infer T)[] ? T : R;
type Nameable<T> = [Extract<T, object>] extends [never] ? true : false;

type ParameterFault<
  P extends readonly unknown[],
  Args extends readonly unknown[],
  Seen extends readonly unknown[] = [unknown],
> = [P, Args] extends [readonly [infer T, ...infer Ts], readonly [(infer A)?, ...infer As]]
  ?
      | (FromGuest<T> extends A ? never : `parameter ${Seen["length"] & number} is declared as ${Spoken<T>}`)
      | ParameterFault<Ts, As, [...Seen, unknown]>
  : never;

type ResultFault<R, Given> = Given extends ResultToGuest<R> | Promise<ResultToGuest<R>>
  ? never
  : R extends undefined
    ? "no result is declared"
    : `the result is declared as ${R extends readonly unknown[] ? `[${SpokenList<R>}]` : Spoken<R>}`;

type SpokenList<R extends readonly unknown[]> = R extends readonly [infer T]
  ? Spoken<T>
  : R extends readonly [infer T, ...infer Ts]
    ? `${Spoken<T>}, ${SpokenList<Ts>}`
    : "";

/** "i64 (bigint)", "string". */
type Spoken<T> = T extends "string"
  ? "string"
  : T extends string
    ? `${T} (${TypeName<FromGuest<T>>})`
    : never;

type TypeName<T> = unknown extends T
  ? "unknown"
  : [T] extends [number]
    ? "number"
    : [T] extends [bigint]
      ? "bigint"
      : [T] extends [boolean]
        ? "boolean"
        : [T] extends [Uint8Array]
          ? "Uint8Array"
          : [T] extends [Uint8Array | null]
            ? "Uint8Array | null"
            : [T] extends [string | null]
              ? "string | null"
              : "function | null";
