/**
 * UTF-8 in a plugin's memory, exactly: neither direction replaces what it can't express.
 *
 * Node decodes faster than a checking TextDecoder but puts U+FFFD where bytes are invalid, so only text that has one is
 * decoded again, by the strict decoder. A byte order mark is a character like any other.
 */

import { MarshalError } from "../errors.js";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The methods below `Buffer.prototype.toString` and `write`, which first look for what `encoding` says. */
export interface TextBuffer extends Buffer {
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number, length: number): number;
  latin1Write(text: string, offset: number, length: number): number;
}

/** Strings know it by themselves since ES2024, which the compiler's library isn't. */
interface WellFormed {
  isWellFormed(): boolean;
  toWellFormed(): string;
}

/**
 * @param buffer of memory that nobody else writes meanwhile
 * Errors: TypeError for bytes that aren't UTF-8, Error for more than a JavaScript string can hold.
 */
export function decodeText(buffer: TextBuffer, start: number, end: number): string {
  const text = buffer.utf8Slice(start, end);
  if (text.includes("\ufffd")) strict.decode(buffer.subarray(start, end));
  return text;
}

/**
 * The same with the errors of a value that crosses.
 *
 * @param where the value
 * @param pointer where it is in the plugin's memory
 * Errors: MarshalError.
 */
export function decodeUtf8(
  buffer: TextBuffer,
  start: number,
  length: number,
  where: string,
  pointer: number,
): string {
  try {
    return decodeText(buffer, start, start + length);
  } catch (cause) {
    const fault = cause instanceof TypeError ? "are not valid UTF-8" : "are too many for a string";
    throw new MarshalError(`${where}: the ${length} bytes at ${pointer} ${fault}`, { cause });
  }
}

/** Bytes that the text takes as UTF-8, or -1 if it has a lone surrogate. */
export function textSize(text: string): number {
  const size = Buffer.byteLength(text);
  // A lone surrogate would take three bytes: text of as many bytes as characters has none.
  return size === text.length || (text as unknown as WellFormed).isWellFormed() ? size : -1;
}

/** Writes text of which `textSize` said the size. */
export function encodeText(buffer: TextBuffer, text: string, start: number, size: number): void {
  if (size === text.length) buffer.latin1Write(text, start, size);
  else buffer.utf8Write(text, start, size);
}

/** The text with U+FFFD in place of lone surrogates. */
export function wellFormed(text: string): string {
  return (text as unknown as WellFormed).toWellFormed();
}
