/**
 * Types that cross as one core value: core types as they are, `bool` and integers by width.
 *
 * What the guest gives is converted, since its bits always mean something; what the host gives is checked, since a
 * value that doesn't fit is a mistake.
 */
import type { CoreTypes, MarshalledTypes } from "../declare/signature.js";
import { MarshalError } from "../errors.js";

export type ScalarType =
  | keyof CoreTypes
  | Exclude<keyof MarshalledTypes, `${"string" | "bytes" | "json"}${"" | "?"}`>;

export interface Scalar {
  /** The JavaScript value of what the guest gave. */
  fromGuest(core: unknown): unknown;
  /** The core value of what the host gave. Errors: MarshalError, which begins with `where`. */
  toGuest(value: unknown, where: string): unknown;
  /** What the guest gets in place of a value where a call failed. */
  readonly zero: unknown;
}

/** What was given instead, without disclosing more than a number. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case "number":
      return `the number ${value}`;
    case "bigint":
      return `the bigint ${value}`.slice(0, 40);
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : `an object (${nameOfClass(value)})`;
    default:
      return `a ${typeof value}`;
  }
}

function nameOfClass(value: object): string {
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return tag.slice(0, 40);
}

export function mismatch(where: string, expected: string, value: unknown, remedy = ""): MarshalError {
  return new MarshalError(`${where}: expected ${expected}, got ${describeValue(value)}${remedy}`);
}

const same = (core: unknown): unknown => core;

function number(value: unknown, where: string): unknown {
  if (typeof value === "number") return value;
  throw mismatch(where, "a number", value);
}

function integer(type: string, least: number, greatest: number, fromGuest: (core: number) => number): Scalar {
  const expected = `an integer from ${least} to ${greatest} (${type})`;
  return {
    fromGuest: fromGuest as (core: unknown) => number,
    toGuest(value, where) {
      if (Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest)
        return value;
      throw mismatch(where, expected, value);
    },
    zero: 0,
  };
}

const wideMask = 2n ** 64n - 1n;

export const scalars: Readonly<Record<ScalarType, Scalar>> = {
  i32: { fromGuest: same, toGuest: number, zero: 0 },
  f32: { fromGuest: same, toGuest: number, zero: 0 },
  f64: { fromGuest: same, toGuest: number, zero: 0 },
  i64: {
    fromGuest: same,
    toGuest(value, where) {
      if (typeof value === "bigint") return value;
      throw mismatch(where, "a bigint", value);
    },
    zero: 0n,
  },
  externref: { fromGuest: same, toGuest: same, zero: null },
  funcref: {
    fromGuest: same,
    toGuest(value, where) {
      if (value === null || typeof value === "function") return value;
      throw mismatch(where, "a function that a plugin exports, or null", value);
    },
    zero: null,
  },
  bool: {
    fromGuest: (core) => core !== 0,
    toGuest(value, where) {
      if (typeof value === "boolean") return value ? 1 : 0;
      throw mismatch(where, "true or false", value);
    },
    zero: 0,
  },
  i8: integer("i8", -128, 127, (core) => (core << 24) >> 24),
  u8: integer("u8", 0, 255, (core) => core & 0xff),
  i16: integer("i16", -32768, 32767, (core) => (core << 16) >> 16),
  u16: integer("u16", 0, 65535, (core) => core & 0xffff),
  u32: integer("u32", 0, 4294967295, (core) => core >>> 0),
  u64: {
    fromGuest: (core) => BigInt.asUintN(64, core as bigint),
    toGuest(value, where) {
      if (typeof value === "bigint" && value >= 0n && value <= wideMask) return value;
      throw mismatch(where, "a bigint from 0 to 2^64 - 1 (u64)", value);
    },
    zero: 0n,
  },
};
