/**
 * Types that lie in the plugin's memory: text, bytes and JSON, at a pointer and a length. Pointer 0 is null.
 *
 * Enters: a pointer other than 0 and a length as the guest gave them, or a value of the host's. Errors are
 * MarshalErrors that begin with `where`.
 */
import type { SchemaIssue, SchemaResult, StandardSchema } from "../declare/schema.js";
import { MarshalError, messageOf } from "../errors.js";
import type { PluginMemory } from "./memory.js";
import { mismatch } from "./scalars.js";

export interface Reference {
  readonly optional: boolean;
  /** What a value of the host's has to be, for errors. */
  readonly expected: string;
  read(memory: PluginMemory, pointer: number, length: number, where: string): unknown;
  /** It crosses as bytes, not as text. */
  readonly binary: boolean;
  /** What crosses for a value other than null. */
  encode(value: unknown, where: string): string | Uint8Array;
  /** The value of what has crossed. */
  decode(data: string | Uint8Array, where: string): unknown;
}

/** "string", "bytes?" and so on, or JSON with a schema. `views`: bytes aren't copied. */
export function referenceOf(
  type: string | { readonly schema: StandardSchema; readonly optional: boolean },
  views: boolean,
): Reference {
  if (typeof type === "object") return jsonReference(type.optional, type.schema);
  const optional = type.endsWith("?");
  switch (optional ? type.slice(0, -1) : type) {
    case "string":
      return textReference(optional);
    case "bytes":
      return bytesReference(optional, views);
    default:
      return jsonReference(optional, undefined);
  }
}

function textReference(optional: boolean): Reference {
  const expected = optional ? "a string or null" : "a string";
  return {
    optional,
    expected,
    binary: false,
    read: (memory, pointer, length, where) => memory.text(pointer, length, where),
    encode(value, where) {
      if (typeof value !== "string") throw mismatch(where, expected, value);
      return value;
    },
    decode: (text) => text,
  };
}

function bytesReference(optional: boolean, views: boolean): Reference {
  const expected = optional ? "a Uint8Array or null" : "a Uint8Array";
  return {
    optional,
    expected,
    read: (memory, pointer, length, where) =>
      views ? memory.view(pointer, length, where) : memory.bytes(pointer, length, where),
    binary: true,
    encode(value, where) {
      if (!(value instanceof Uint8Array)) throw mismatch(where, expected, value);
      return value;
    },
    decode: (bytes) => bytes,
  };
}

function jsonReference(optional: boolean, schema: StandardSchema | undefined): Reference {
  const decode = (text: string, where: string): unknown => {
    const value = parseJson(text, where);
    // The null of an optional type isn't the schema's to judge.
    if (schema === undefined || (optional && value === null)) return value;
    return validated(schema, value, where);
  };
  return {
    optional,
    expected: "a value that JSON can express",
    binary: false,
    read: (memory, pointer, length, where) => decode(memory.text(pointer, length, where), where),
    encode: jsonText,
    decode: (text, where) => decode(text as string, where),
  };
}

/** Errors: MarshalError. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be secret.
    throw new MarshalError(`${where}: the ${text.length} characters are not JSON`);
  }
}

/** Errors: MarshalError for what JSON can't express. */
export function jsonText(value: unknown, where: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new MarshalError(`${where}: the value has no form in JSON: ${messageOf(cause)}`, { cause });
  }
  if (text === undefined) throw mismatch(where, "a value that JSON can express", value);
  return text;
}

/** Errors: MarshalError. */
export function validated(schema: StandardSchema, value: unknown, where: string): unknown {
  let result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
  try {
    result = schema["~standard"].validate(value);
  } catch (cause) {
    throw new MarshalError(`${where}: the schema threw: ${messageOf(cause)}`, { cause });
  }
  if (isThenable(result)) {
    (result as Promise<unknown>).then(undefined, () => {});
    const remedy =
      "a call can't wait for it: use one that validates synchronously, and check the rest in the method";
    throw new MarshalError(`${where}: the schema validates asynchronously; ${remedy}`);
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(issueText).join("; ");
  throw new MarshalError(`${where}: the JSON doesn't match its schema: ${issues}`, { cause: result.issues });
}

/** "items[0].price: expected a number" */
function issueText({ message, path }: SchemaIssue): string {
  if (path === undefined || path.length === 0) return message;
  const keys = path.map((segment) => (typeof segment === "object" ? segment.key : segment));
  const place = keys.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return `${place.replace(/^\./, "")}: ${message}`;
}

/** Whether a value would be waited for by `await`. Reading `then` may run the value's own code. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
