/** What `plugin.call` takes as input, as the bytes or the text that a plugin gets. */
import { jsonText } from "../../binding/references.js";

/**
 * Text and bytes as they are, numbers as text, other values as JSON.
 * Errors: MarshalError for what JSON can't say.
 */
export function inputOf(value: unknown): string | Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return jsonText(value, "an Extism plugin's input");
}
