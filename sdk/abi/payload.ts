/** Inputs and outputs of ABIs whose calls have one of each: bytes, UTF-8 or JSON. */
import { jsonText, parseJson, validated } from "../binding/references.js";
import { mismatch } from "../binding/scalars.js";
import type { ValueType } from "../declare/signature.js";
import { MarshalError } from "../errors.js";
import type { CallResult } from "../plugin/options.js";

/** What an input is, and its result is to be if nothing else was asked for. */
function formOf(input: unknown): CallResult {
  if (typeof input === "string") return "string";
  return input === undefined || input instanceof Uint8Array ? "bytes" : "json";
}

/** A string as UTF-8, bytes as they are, nothing for undefined, anything else as JSON. Errors: MarshalError. */
export function inputBytes(input: unknown, where: string): Uint8Array {
  if (input instanceof Uint8Array) return input;
  if (input === undefined) return new Uint8Array(0);
  return Buffer.from(typeof input === "string" ? input : jsonText(input, where));
}

/**
 * @param wanted default: the input's own form; "core" is bytes
 * Errors: MarshalError.
 */
export function outputOf(
  bytes: Uint8Array,
  wanted: CallResult | undefined,
  input: unknown,
  where: string,
): unknown {
  const form = wanted ?? formOf(input);
  if (form === "bytes" || form === "core") return bytes;
  const text = utf8(bytes, where);
  return form === "string" ? text : parseJson(text, where);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Errors: MarshalError. */
function utf8(bytes: Uint8Array, where: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new MarshalError(`${where}: the ${bytes.length} bytes are not valid UTF-8`, { cause });
  }
}

/** How a string, bytes or JSON are called as results. */
export function kindOf(type: ValueType): CallResult {
  return typeof type === "object" ? "json" : (type.replace("?", "") as CallResult);
}

export function isOptional(type: ValueType): boolean {
  return typeof type === "object" ? type.optional : type.endsWith("?");
}

/** Bytes of the guest's as a host function takes them. Errors: MarshalError. */
export function decodeValue(bytes: Uint8Array, type: ValueType, where: string): unknown {
  const kind = kindOf(type);
  if (kind === "bytes") return bytes;
  const text = utf8(bytes, where);
  if (kind === "string") return text;
  const value = parseJson(text, where);
  return typeof type === "object" ? validated(type.schema, value, where) : value;
}

/** What a host function gave, as bytes for the guest; null and nothing are no bytes. Errors: MarshalError. */
export function encodeValue(value: unknown, type: ValueType | undefined, where: string): Uint8Array {
  if (type === undefined || (value === null && isOptional(type))) return new Uint8Array(0);
  switch (kindOf(type)) {
    case "bytes":
      if (value instanceof Uint8Array) return value;
      throw mismatch(where, "a Uint8Array", value);
    case "string":
      if (typeof value === "string") return Buffer.from(value);
      throw mismatch(where, "a string", value);
    default:
      return Buffer.from(jsonText(value, where));
  }
}
