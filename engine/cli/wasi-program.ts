/**
 * What a WASI program gets from the command line: its arguments, the standard streams, and the folders and variables
 * that `--dir` and `--env` name. The clocks are as fine as the host's, as in a shell.
 */
import { basename } from "node:path";
import { UnsupportedPlatformError } from "../index.js";
import { hostClocks, type Preopen, Wasi } from "../wasi/index.js";
import type { WasmModule } from "../wasm/index.js";
import { CliError, messageOf, UsageError } from "./errors.js";
import { printable } from "./text.js";

const wasiModules: ReadonlySet<string> = new Set(["wasi_snapshot_preview1", "wasi_unstable"]);
const separator = "::";

/** Whether a module imports something from WASI. */
export function usesWasi(wasm: WasmModule): boolean {
  return wasm.imports.some(({ module }) => wasiModules.has(module));
}

export interface WasiSettings {
  /** After the program's name. */
  readonly args: readonly string[];
  /** As `--dir` and `--env` have them. */
  readonly folders: readonly string[];
  readonly variables: readonly string[];
}

/** Errors: CliError. */
export function wasiFor(file: string, { args, folders, variables }: WasiSettings): Wasi {
  try {
    return new Wasi({
      args: [basename(file), ...args],
      env: Object.fromEntries(variables.map(parseVariable)),
      preopens: Object.fromEntries(folders.map(parseFolder)),
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
      clocks: hostClocks({ resolution: 1n, cpu: true }),
    });
  } catch (error) {
    if (error instanceof CliError || error instanceof UnsupportedPlatformError) throw error;
    throw new CliError(printable(messageOf(error)), undefined, { cause: error });
  }
}

/** `HOST`, `HOST::GUEST` or `HOST::GUEST::ro`; without GUEST the program knows it by the name HOST. */
function parseFolder(text: string): [string, Preopen] {
  const [path, guest = path, mode, ...rest] = text.split(separator);
  if (path === "" || guest === "" || rest.length > 0 || (mode !== undefined && mode !== "ro")) {
    throw new UsageError(`--dir takes HOST, HOST::GUEST or HOST::GUEST::ro, not "${printable(text)}"`, "run");
  }
  return [guest, { path, write: mode === undefined }];
}

function parseVariable(text: string): [string, string | undefined] {
  const end = text.indexOf("=");
  if (end === 0 || text === "") {
    throw new UsageError(`--env takes NAME or NAME=VALUE, not "${printable(text)}"`, "run");
  }
  return end < 0 ? [text, process.env[text]] : [text.slice(0, end), text.slice(end + 1)];
}
