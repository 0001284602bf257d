/**
 * `fn(params, result)`: the one vocabulary for what host functions take and give.
 *
 * Core types pass as WebAssembly passes them; `string` is a pair of pointer and length in the plugin's memory,
 * UTF-8, and so takes two i32 of the import's parameters.
 */

/** What a host function takes, by the type declared: the TypeScript type of the argument. */
export interface ParameterTypes {
  i32: number;
  i64: bigint;
  f32: number;
  f64: number;
  externref: unknown;
  string: string;
}
/** What a host function may return. */
export type ResultTypes = Omit<ParameterTypes, "string">;

export type ParameterType = keyof ParameterTypes;
export type ResultType = keyof ResultTypes;

/** A declared signature. Its type parameters are what the method is checked against. */
export interface FunctionSignature<
  P extends readonly ParameterType[] = readonly ParameterType[],
  R extends ResultType | undefined = ResultType | undefined,
> {
  readonly params: P;
  readonly result: R;
}

/** The TypeScript function type that a signature stands for. */
export type FunctionOf<S> =
  S extends FunctionSignature<infer P, infer R>
    ? (
        ...args: { -readonly [I in keyof P]: P[I] extends ParameterType ? ParameterTypes[P[I]] : never }
      ) => R extends ResultType ? ResultTypes[R] | Promise<ResultTypes[R]> : void | Promise<void>
    : never;

/**
 * Declares a signature.
 *
 * @example
 * fn(["i32", "i32"], "i32") // (a: number, b: number) => number
 * fn(["string"])            // (text: string) => void
 */
export function fn<const P extends readonly ParameterType[], R extends ResultType | undefined = undefined>(
  params: P,
  result?: R,
): FunctionSignature<P, R> {
  return { params, result: result as R };
}

/** "(i32, i32) -> i32", in core types. */
export function formatSignature(signature: FunctionSignature): string {
  const params = signature.params.flatMap((p) => (p === "string" ? ["i32", "i32"] : [p]));
  return `(${params.join(", ")}) -> ${signature.result ?? "()"}`;
}
