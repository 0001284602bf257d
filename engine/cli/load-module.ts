/** Reads a module's file; whatever is wrong with it becomes one clear line. */
import { readFileSync } from "node:fs";
import {
  ByteReader,
  decodeModule,
  type FormatErrorCode,
  WasmFormatError,
  type WasmModule,
} from "../wasm/index.js";
import { CliError, messageOf } from "./errors.js";
import { printable } from "./text.js";

const readErrors: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file: a part of the path is not a folder",
  EISDIR: "this is a folder, not a module",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ERR_ACCESS_DENIED: "Node's permission model denies reading this file: allow it by --allow-fs-read",
};

/** Errors about the file as a whole: their byte offset would tell nothing. */
const wholeFile: ReadonlySet<FormatErrorCode> = new Set<FormatErrorCode>([
  "empty-input",
  "text-input",
  "component-input",
  "bad-magic",
  "unknown-version",
]);

/** An error about a file, which its message begins with. */
export function fileError(file: string, message: string, cause?: unknown): CliError {
  return new CliError(`${printable(file)}: ${message}`, undefined, { cause });
}

/** The bytes of a file, or of standard input for "-". Errors: CliError. */
export function readFile(file: string): Uint8Array {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    throw fileError(file, readErrors[code] ?? messageOf(error), error);
  }
}

/** Runs a step that reads the module; what it finds wrong with it becomes an error about the file. */
export function readingModule<Result>(file: string, step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof WasmFormatError ? error.cause : error;
    if (!(cause instanceof WasmFormatError)) throw error;
    throw fileError(
      file,
      wholeFile.has(cause.code) ? cause.detail : `invalid module: ${cause.message}`,
      cause,
    );
  }
}

/** Decodes a module, without validating its functions. Errors: CliError. */
export function decodeFile(file: string, bytes: Uint8Array): WasmModule {
  try {
    return readingModule(file, () => decodeModule(bytes));
  } catch (error) {
    const cause = error instanceof CliError ? error.cause : undefined;
    if (!(cause instanceof WasmFormatError) || wholeFile.has(cause.code) || !isTruncated(bytes)) throw error;
    throw fileError(file, `truncated module: ${cause.message}`, cause);
  }
}

/** Magic bytes and version; the first section follows. */
const headerSize = 8;

/** Whether the file ends within its header or within a section. */
function isTruncated(bytes: Uint8Array): boolean {
  if (bytes.length < headerSize) return true;
  const reader = new ByteReader(bytes, headerSize);
  try {
    while (reader.position < bytes.length) {
      reader.u8();
      reader.skip(reader.u32(), "a section");
    }
    return false;
  } catch (error) {
    return error instanceof WasmFormatError && error.code === "unexpected-end";
  }
}
