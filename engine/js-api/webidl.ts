/**
 * What Web IDL says of arguments, as far as the JS API needs it.
 *
 * Source: Web IDL, "Type mapping"; WebAssembly JavaScript Interface.
 */
import { types } from "node:util";

/**
 * [EnforceRange] unsigned long. Errors: TypeError naming the place. As in V8, a negative fraction is refused rather
 * than rounded to zero.
 */
export function enforceRange(value: unknown, what: string): number {
  const number = toNumber(value, what);
  if (!Number.isFinite(number)) throw new TypeError(`${what} must be convertible to a valid number`);
  if (number < 0) throw new TypeError(`${what} must be non-negative, got ${number}`);
  const whole = Math.trunc(number);
  if (whole > largestUnsigned)
    throw new TypeError(`${what} must be in the unsigned long range, got ${whole}`);
  return whole;
}

const largestUnsigned = 0xffffffff;

function toNumber(value: unknown, what: string): number {
  if (typeof value === "bigint" || typeof value === "symbol") {
    throw new TypeError(`${what} must be convertible to a number, got a ${typeof value}`);
  }
  return +(value as number);
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Reads one member of a dictionary argument. */
export function member(dictionary: object, name: string): unknown {
  return (dictionary as Record<string, unknown>)[name];
}

/**
 * A copy of the bytes of an ArrayBuffer or typed array, of any realm; a detached one has none. As in V8, a DataView
 * or a bare SharedArrayBuffer is refused. Errors: TypeError.
 */
export function copyBufferSource(value: unknown, what: string): Uint8Array {
  if (types.isArrayBuffer(value))
    return value.byteLength === 0 ? new Uint8Array() : new Uint8Array(value).slice();
  if (types.isTypedArray(value)) {
    if (value.byteLength === 0) return new Uint8Array();
    return new Uint8Array(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  throw new TypeError(`${what} must be a buffer source: an ArrayBuffer or a typed array`);
}

/**
 * Gives a class the property attributes that a Web IDL interface has: enumerable members, an unenumerable tag.
 * @param lengths of functions whose declared parameters don't give it
 */
export function asInterface(
  interfaceClass: abstract new (...args: never[]) => unknown,
  tag: string,
  lengths: Record<string, number> = {},
): void {
  const prototype = interfaceClass.prototype as object;
  for (const owner of [prototype, interfaceClass]) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (
        name === "constructor" ||
        (owner === interfaceClass && ["prototype", "length", "name"].includes(name))
      )
        continue;
      const length = Object.hasOwn(lengths, name) ? lengths[name] : undefined;
      if (typeof descriptor.value === "function") setLength(descriptor.value as object, length);
      Object.defineProperty(owner, name, { ...descriptor, enumerable: true });
    }
  }
  setLength(interfaceClass, lengths.constructor_);
  Object.defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true });
}

function setLength(target: object, length: number | undefined): void {
  if (length !== undefined) Object.defineProperty(target, "length", { value: length, configurable: true });
}
