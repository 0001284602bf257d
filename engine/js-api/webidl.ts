/**
 * What Web IDL says of arguments, as far as the JS API needs it.
 *
 * Source: Web IDL, "Type mapping"; WebAssembly JavaScript Interface.
 */

/** [EnforceRange] unsigned long. Errors: TypeError naming the place. */
export function enforceRange(value: unknown, what: string, largest = 0xffffffff): number {
  const number = Number(toNumber(value, what));
  if (!Number.isFinite(number)) throw new TypeError(`${what} must be convertible to a valid number`);
  const whole = Math.trunc(number) + 0;
  if (whole < 0) throw new TypeError(`${what} must be non-negative, got ${whole}`);
  if (whole > largest) throw new TypeError(`${what} must be in the unsigned range up to ${largest}, got ${whole}`);
  return whole;
}

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

/** A copy of a BufferSource's bytes. Errors: TypeError for anything else. */
export function copyBufferSource(value: unknown, what: string): Uint8Array {
  if (value instanceof ArrayBuffer || isForeignBuffer(value)) {
    return new Uint8Array(value as ArrayBuffer).slice();
  }
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  }
  throw new TypeError(`${what} must be a buffer source`);
}

/** ArrayBuffers of other realms and SharedArrayBuffers, which V8 takes as well. */
function isForeignBuffer(value: unknown): boolean {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

/**
 * Gives a class the property attributes that a Web IDL interface has: enumerable members, an unenumerable tag.
 * @param lengths of functions whose declared parameters don't give it
 */
export function asInterface(
  constructor: abstract new (...args: never[]) => unknown,
  tag: string,
  lengths: Record<string, number> = {},
): void {
  const prototype = constructor.prototype as object;
  for (const owner of [prototype, constructor]) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (["constructor", "prototype", "length", "name"].includes(name)) continue;
      if (typeof descriptor.value === "function") setLength(descriptor.value as object, lengths[name]);
      Object.defineProperty(owner, name, { ...descriptor, enumerable: true });
    }
  }
  setLength(constructor, lengths.constructor_);
  Object.defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true });
}

function setLength(target: object, length: number | undefined): void {
  if (length !== undefined) Object.defineProperty(target, "length", { value: length, configurable: true });
}
