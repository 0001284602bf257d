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

/** `As` if the method implements the signature, else a text that says why not, or `Expected`. */
export type Checked<M extends AnyMethod, S extends FunctionSignature, As, Expected> =
  M extends FunctionOf<S>
    ? As
    : S extends FunctionSignature<infer P, infer R>
      ? // Of an unknown name in the signature the compiler has told already.
        (number extends P["length"] ? true : [R] extends [never] ? true : false) extends true
        ? As
        : Nameable<P[number] | Results<R>> extends true
          ? Fault<M, P, R>
          : Expected
      : never;

/** Whether all types have a short name: those of `json(schema)` are better compared by the compiler, field by field. */
type Nameable<T> = [Extract<T, object>] extends [never] ? true : false;
type Results<R> = R extends readonly (infer T)[] ? T : R;

type Fault<M extends AnyMethod, P extends readonly ValueType[], R> = Otherwise<
  ParameterFault<P, Parameters<M>> | ResultFault<R, ReturnType<M>>,
  "a parameter follows that is neither declared nor a CallContext"
>;

type Otherwise<T, U> = [T] extends [never] ? U : T;

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
