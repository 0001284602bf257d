// Runs the command line, compiled beside these tests, in a child process; and assembles the modules that tests give it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface CliResult {
  /** The exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSettings {
  /** Node's own options. */
  readonly node?: readonly string[];
  readonly input?: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Close the reading end of standard output at its first bytes. */
  readonly closeOutput?: boolean;
}

/** The compiled command line. */
export const cliPath = fileURLToPath(new URL("../../../sdk/cli/main.js", import.meta.url));
/** The package's folder. */
export const packageFolder = fileURLToPath(new URL("../../../../", import.meta.url));

export function runCli(args: readonly string[], settings: CliSettings = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(settings.node ?? []), cliPath, ...args], {
      env: { ...process.env, ...settings.env },
      timeout: 60_000,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      if (settings.closeOutput === true) child.stdout.destroy();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code: code ?? signal, stdout, stderr }));
    // A command that fails before it reads closes the pipe; that isn't what a test of it is about.
    child.stdin.on("error", () => {});
    child.stdin.end(settings.input);
  });
}

export async function assemble(text: string): Promise<Uint8Array> {
  const { default: wabt } = await import("wabt");
  const module = (await wabt()).parseWat("test.wat", text);
  try {
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
}

/** A folder for a test file's modules. */
export class ModuleFolder {
  readonly path = mkdtempSync(join(tmpdir(), "backplane-cli-"));

  write(name: string, bytes: Uint8Array | string): string {
    const path = join(this.path, name);
    writeFileSync(path, bytes);
    return path;
  }

  async assemble(name: string, text: string): Promise<string> {
    return this.write(name, await assemble(text));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
