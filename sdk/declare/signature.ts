/**
 * `fn(params, result)`: the one vocabulary for what crosses between host and plugin, in both directions.
 *
 * Core types pass as WebAssembly passes them. Marshalled types are values of JavaScript; `docs/abi.md` fixes how each
 * crosses. A type has two sides: what comes from the guest and what goes to it, which differ where a schema
 * validates and transforms.
 */
import { inspect } from "node:util";
import { boolean, type Check, fields, isRecord, requireValid, shown } from "../checks.js";
import { BackplaneError } from "../errors.js";
import type { CallContext } from "./context.js";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./schema.js";

/** Core types of WebAssembly and their JavaScript values. */
export interface CoreTypes {
  /** 32 bits; comes as a signed number. */
  i32: number;
  /** 64 bits; comes as a signed number. */
  i64: bigint;
  /** Single precision. */
  f32: number;
  /** Double precision. */
  f64: number;
  /** Any value of the host's; the guest can hold it and give it back, not look into it. */
  externref: unknown;
  /** A function of WebAssembly, or null. */
  funcref: ((...args: never[]) => unknown) | null;
}

/** Marshalled types and their JavaScript values. */
export interface MarshalledTypes {
  /** UTF-8 in the guest's memory. */
  string: string;
  /** A copy, unless the signature says `views`. */
  bytes: Uint8Array;
  /** JSON text in the guest's memory; `json(schema)` for a checked type. */
  json: unknown;
  /** Text, or null. */
  "string?": string | null;
  /** Bytes, or null. */
  "bytes?": Uint8Array | null;
  /** JSON, or null. */
  "json?": unknown;
  /** 0 is false. */
  bool: boolean;
  /** -128 to 127. */
  i8: number;
  /** 0 to 255. */
  u8: number;
  /** -32,768 to 32,767. */
  i16: number;
  /** 0 to 65,535. */
  u16: number;
  /** 0 to 4,294,967,295. */
  u32: number;
  /** 0 to 2 ** 64 - 1. */
  u64: bigint;
}

/** A name of a core type. */
export type CoreType = keyof CoreTypes;
/** All that has a name. */
type NamedTypes = CoreTypes & MarshalledTypes;

/** JSON that a schema checks when it comes from the guest. */
export interface JsonType<S extends StandardSchema = StandardSchema, Optional extends boolean = boolean> {
  /** Tells it from types with names. */
  readonly kind: "json";
  /** Checks what comes from the guest. */
  readonly schema: S;
  /** Null is allowed, and crosses as pointer 0. */
  readonly optional: Optional;
}

/** A parameter or a result. */
export type ValueType = keyof NamedTypes | JsonType;

/** One result, several (as WebAssembly's multi-value), or none. */
export type ResultTypes = ValueType | readonly ValueType[] | undefined;

/** The value that a type has when it comes from the guest. */
export type FromGuest<T> = T extends keyof NamedTypes
  ? NamedTypes[T]
  : T extends JsonType<infer S, infer Optional>
    ? SchemaOutput<S> | (Optional extends true ? null : never)
    : never;

/** The value that a type has when it goes to the guest. */
export type ToGuest<T> = T extends keyof NamedTypes
  ? NamedTypes[T]
  : T extends JsonType<infer S, infer Optional>
    ? SchemaInput<S> | (Optional extends true ? null : never)
    : never;

/** What else a signature may say. */
export interface SignatureOptions {
  /**
   * A host function that throws hands the guest an error, which it can handle, instead of ending the call. The guest
   * passes one more i32 for it, see `docs/abi.md`. Default: false.
   */
  readonly throws?: boolean;
  /** `bytes` that come from the guest are views of its memory, valid until the first `await`. Default: false. */
  readonly views?: boolean;
  /**
   * The host function returns a promise although it isn't written as `async`, or a build step rewrites it so that
   * it isn't any more. Default: false.
   */
  readonly async?: boolean;
}

/** A declared signature. Its type parameters are what methods are checked against. */
export interface FunctionSignature<
  P extends readonly ValueType[] = readonly ValueType[],
  R extends ResultTypes = ResultTypes,
> {
  /** Of its parameters, in order. */
  readonly params: P;
  /** Of its result, its results, or undefined. */
  readonly result: R;
  /** See SignatureOptions. */
  readonly throws: boolean;
  /** See SignatureOptions. */
  readonly views: boolean;
  /** See SignatureOptions. */
  readonly async: boolean;
}

/** What a host function gives: several results are a tuple. */
export type ResultToGuest<R> = R extends readonly unknown[]
  ? { -readonly [I in keyof R]: ToGuest<R[I]> }
  : R extends ValueType
    ? ToGuest<R>
    : // biome-ignore lint/suspicious/noConfusingVoidType: it is a function's result
      void;

/** What an export of a plugin gives: several results are a tuple. */
export type ResultFromGuest<R> = R extends readonly unknown[]
  ? { -readonly [I in keyof R]: FromGuest<R[I]> }
  : R extends ValueType
    ? FromGuest<R>
    : // biome-ignore lint/suspicious/noConfusingVoidType: it is a function's result
      void;

/**
 * The TypeScript function that implements a signature in the host. It may take the call's context as one parameter
 * more, and may return a promise if it is `async`.
 */
export type FunctionOf<S> =
  S extends FunctionSignature<infer P, infer R>
    ? (
        ...args: [...{ -readonly [I in keyof P]: FromGuest<P[I]> }, context: CallContext]
      ) => ResultToGuest<R> | Promise<ResultToGuest<R>>
    : never;

/** Signatures by name: what a module imports from the host, or exports to it. */
export type Signatures = Readonly<Record<string, FunctionSignature>>;

/** What the compiler prints of a name that the vocabulary doesn't have. No value has this type. */
export interface NoSuchType<There extends string> {
  readonly "there are": There;
}

/** Nothing to add to a name of the vocabulary; what can't be met for another. */
export type KnownName<R> = R extends keyof NamedTypes
  ? unknown
  : R extends string
    ? NoSuchType<"there are i32, i64, f32, f64, externref, funcref, string, bytes, json, bool, i8, u8, i16, u16, u32, u64, string?, bytes?, json?">
    : unknown;

const knownOptions = fields({ throws: boolean, views: boolean, async: boolean } satisfies Record<
  keyof SignatureOptions,
  Check
>);

/**
 * Declares a signature.
 * Errors: BackplaneError OPTIONS for what isn't a type, or an option.
 *
 * @example
 * fn(["i32", "i32"], "i32")          // (a: number, b: number) => number
 * fn(["string"], "bytes?")           // (key: string) => Uint8Array | null
 * fn(["f64"], ["f64", "i32"])        // (x: number) => [number, number]
 * fn([json(Order)], json(Receipt))   // (order: Order) => Receipt
 * fn(["string"])                     // (line: string) => void
 */
export function fn<const P extends readonly ValueType[]>(params: P): FunctionSignature<P, undefined>;
export function fn<const P extends readonly ValueType[], const R extends ResultTypes | (string & {})>(
  params: P,
  result: R & KnownName<R>,
  options?: SignatureOptions,
): FunctionSignature<P, Extract<R, ResultTypes>>;
export function fn(
  params: readonly ValueType[],
  result?: ResultTypes,
  options: SignatureOptions = {},
): FunctionSignature {
  requireValid(knownOptions, options, "fn");
  const { throws = false, views = false, async = false } = options;
  if (!Array.isArray(params)) {
    throw new BackplaneError(
      "OPTIONS",
      `fn: the parameters are a list, as in fn(["string"]), not ${inspect(params)}`,
    );
  }
  const signature = { params, result, throws, views, async };
  for (const type of [...params, ...resultTypes(signature)]) requireType(type);
  return signature;
}

/** Whether `fn` made it, as far as can be seen. */
export function isSignature(value: unknown): value is FunctionSignature {
  return typeof value === "object" && value !== null && "params" in value && Array.isArray(value.params);
}

/**
 * JSON whose shape a Standard Schema (zod, valibot, arktype, ...) checks when it comes from the guest.
 * Errors: BackplaneError OPTIONS for what isn't one.
 */
export function json<S extends StandardSchema>(schema: S): JsonType<S, false> {
  const standard: unknown = schema?.["~standard"];
  if (!isRecord(standard) || typeof standard.validate !== "function") {
    const text = `json: expected a Standard Schema (an object with "~standard"), got ${shown(schema)}`;
    throw new BackplaneError("OPTIONS", text);
  }
  return { kind: "json", schema, optional: false };
}

/** The optional form of a type that has one. `optional("string")` is `"string?"`. */
export function optional<S extends StandardSchema>(type: JsonType<S, false>): JsonType<S, true>;
export function optional<T extends "string" | "bytes" | "json">(type: T): `${T}?`;
export function optional(type: JsonType<StandardSchema, false> | string): JsonType | string {
  return typeof type === "string" ? `${type}?` : { ...type, optional: true };
}

/** How each type crosses: as one value of a core type, or as a reference to the guest's memory. */
const crossings: { readonly [T in keyof NamedTypes]: CoreType | "reference" } = {
  i32: "i32",
  i64: "i64",
  f32: "f32",
  f64: "f64",
  externref: "externref",
  funcref: "funcref",
  string: "reference",
  bytes: "reference",
  json: "reference",
  bool: "i32",
  i8: "i32",
  u8: "i32",
  i16: "i32",
  u16: "i32",
  u32: "i32",
  u64: "i64",
  "string?": "reference",
  "bytes?": "reference",
  "json?": "reference",
};

function crossingOf(type: ValueType): CoreType | "reference" {
  return typeof type === "object" ? "reference" : crossings[type];
}

/** Errors: BackplaneError OPTIONS for what isn't a type. */
function requireType(type: ValueType): void {
  if (typeof type === "object" && type?.kind === "json") return;
  if (typeof type === "string" && Object.hasOwn(crossings, type)) return;
  const there = Object.keys(crossings).join(", ");
  throw new BackplaneError(
    "OPTIONS",
    `fn: no type is named ${inspect(type)}; there are ${there}, and json(schema)`,
  );
}

/** Whether it crosses as pointer and length, packed in an i64 as a result. */
export function isReference(type: ValueType): boolean {
  return crossingOf(type) === "reference";
}

/** The results as a list. */
export function resultTypes(signature: FunctionSignature): readonly ValueType[] {
  const { result } = signature;
  if (result === undefined) return [];
  return Array.isArray(result) ? (result as readonly ValueType[]) : [result as ValueType];
}

/** The WebAssembly function type of a signature. */
export interface CoreSignature {
  /** In order. */
  readonly params: readonly CoreType[];
  /** In order. */
  readonly results: readonly CoreType[];
}

/** What WebAssembly sees of a signature. */
export function coreSignature(signature: FunctionSignature): CoreSignature {
  const params = signature.params.flatMap((type): CoreType[] => {
    const crossing = crossingOf(type);
    return crossing === "reference" ? ["i32", "i32"] : [crossing];
  });
  if (signature.throws) params.push("i32");
  const results = resultTypes(signature).map((type): CoreType => {
    const crossing = crossingOf(type);
    return crossing === "reference" ? "i64" : crossing;
  });
  return { params, results };
}

/** "(i32, i32) -> i32", "() -> ()", "(f64) -> (f64, i32)". */
export function formatCoreSignature(type: CoreSignature): string {
  const results = type.results.length === 1 ? type.results[0] : `(${type.results.join(", ")})`;
  return `(${type.params.join(", ")}) -> ${results}`;
}
