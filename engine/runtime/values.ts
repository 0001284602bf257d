/**
 * Wasm values in slots, and as JavaScript's: ToWebAssemblyValue and ToJSValue of the JS API's specification.
 *
 * Conversions run the host's code (`valueOf`, getters, iterators) and may throw what it throws.
 * Source: WebAssembly JavaScript Interface, "ToJSValue", "ToWebAssemblyValue".
 */
import { ValType } from "../wasm/types.js";
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import { FunctionReference } from "./function.js";
import { LinkGroup } from "./link-group.js";

/** 8-byte slots that a value takes. */
export const slotsOf = (type: ValType): number => (type === ValType.v128 ? 2 : 1);

export function readSlot(fiber: Fiber, group: LinkGroup, type: ValType, slot: number): unknown {
  switch (type) {
    case ValType.i32:
      return fiber.i32[slot * 2];
    case ValType.f64:
      return fiber.f64[slot];
    case ValType.i64:
      return fiber.i64[slot];
    case ValType.f32:
      return fiber.f32[slot * 2];
    case ValType.externref:
      return group.valueOf(fiber.i32[slot * 2]!);
    case ValType.funcref:
      return functionObjectAt(fiber, group, slot);
    default:
      throw vectorsDontPass();
  }
}

function functionObjectAt(fiber: Fiber, group: LinkGroup, slot: number): unknown {
  const address = (fiber.i32[slot * 2]! >>> 0) + (fiber.i32[slot * 2 + 1]! >>> 0) * 2 ** 32;
  return address === fiber.nullFunction ? null : group.functionAt(address).object;
}

export function readSlots(fiber: Fiber, group: LinkGroup, types: readonly ValType[]): unknown[] {
  const values: unknown[] = [];
  let slot = 0;
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    values.push(readSlot(fiber, group, type, slot));
    slot += slotsOf(type);
  }
  return values;
}

/** Converts and stores; typed arrays do ToInt32, ToBigInt64 and the rest as the specification asks. */
export function writeSlot(
  engine: Engine,
  fiber: Fiber,
  group: LinkGroup,
  type: ValType,
  slot: number,
  value: unknown,
): void {
  switch (type) {
    case ValType.i32:
      fiber.i32[slot * 2] = value as number;
      return;
    case ValType.f64:
      fiber.f64[slot] = value as number;
      return;
    case ValType.i64:
      fiber.i64[slot] = value as bigint;
      return;
    case ValType.f32:
      fiber.f32[slot * 2] = value as number;
      return;
    case ValType.externref: {
      // The conversion of an earlier argument may have merged the group.
      const handle = group.root().handleOf(value);
      fiber.i32[slot * 2] = handle;
      fiber.i32[slot * 2 + 1] = 0;
      return;
    }
    case ValType.funcref: {
      const address = functionAddress(engine, group, value);
      fiber.i32[slot * 2] = address | 0;
      fiber.i32[slot * 2 + 1] = Math.floor(address / 2 ** 32);
      return;
    }
    default:
      throw vectorsDontPass();
  }
}

/** The record's address of a funcref value (null or an exported function); joins its group. */
export function functionAddress(engine: Engine, group: LinkGroup, value: unknown): number {
  if (value === null) return engine.nullFunctionAddress;
  const reference = FunctionReference.of(value);
  if (reference === undefined) {
    throw new TypeError(
      "WebAssembly objects are opaque: expected null or an exported WebAssembly function for a funcref, " +
        `got ${typeof value === "function" ? "a function of the host's own" : describe(value)}`,
    );
  }
  LinkGroup.join(group, reference.linkGroup);
  return reference.address;
}

/**
 * Converts in order, but makes the handles of external references last: the other conversions may run the host's
 * code, which may sweep, and no sweep sees a handle that is in a slot. Making handles runs nothing and can't fail.
 */
export function writeSlots(
  engine: Engine,
  fiber: Fiber,
  group: LinkGroup,
  types: readonly ValType[],
  values: ArrayLike<unknown>,
): void {
  let slot = 0;
  let hasHandles = false;
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    if (type === ValType.externref) hasHandles = true;
    else writeSlot(engine, fiber, group, type, slot, values[i]);
    slot += slotsOf(type);
  }
  if (hasHandles) writeHandles(engine, fiber, group, types, values);
}

function writeHandles(
  engine: Engine,
  fiber: Fiber,
  group: LinkGroup,
  types: readonly ValType[],
  values: ArrayLike<unknown>,
): void {
  let slot = 0;
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    if (type === ValType.externref) writeSlot(engine, fiber, group, type, slot, values[i]);
    slot += slotsOf(type);
  }
}

/** A host function's several results: an iterable of as many values. */
export function writeResults(
  engine: Engine,
  fiber: Fiber,
  group: LinkGroup,
  types: readonly ValType[],
  result: unknown,
): void {
  const values = Array.from(iterableOf(result, types.length));
  if (values.length !== types.length) {
    throw new TypeError(
      `multi-return length mismatch: expected ${types.length} values, got ${values.length}`,
    );
  }
  writeSlots(engine, fiber, group, types, values);
}

function iterableOf(value: unknown, count: number): Iterable<unknown> {
  if (
    value === null ||
    value === undefined ||
    typeof (value as Iterable<unknown>)[Symbol.iterator] !== "function"
  ) {
    throw new TypeError(
      `multi-return value must be iterable: expected ${count} values, got ${describe(value)}`,
    );
  }
  return value as Iterable<unknown>;
}

/** What a call returns to JavaScript: undefined, a value, or an array of values. */
export function readResults(fiber: Fiber, group: LinkGroup, types: readonly ValType[]): unknown {
  if (types.length === 0) return undefined;
  if (types.length === 1) return readSlot(fiber, group, types[0]!, 0);
  return readSlots(fiber, group, types);
}

export function vectorsDontPass(): TypeError {
  return new TypeError("type incompatibility when transforming from/to JS: v128 values can't pass");
}

/** Whether a value is a number or a bigint in JavaScript. */
export function isNumber(type: ValType): boolean {
  return type === ValType.i32 || type === ValType.i64 || type === ValType.f32 || type === ValType.f64;
}

/** Whether a signature can be called from, or call, JavaScript at all. */
export function passesVectors(types: readonly ValType[]): boolean {
  return types.includes(ValType.v128);
}

/** A short description of a value for error messages; never runs the host's code. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "bigint") return `a bigint (${value}n)`;
  if (typeof value === "number" || typeof value === "boolean") return `a ${typeof value} (${value})`;
  if (typeof value === "undefined") return "undefined";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
