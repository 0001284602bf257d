// Runs a scenario script in a child process on Node's own engine or on this one, and returns its transcript.
// Must hold: the project is built, so that the scripts and the register module are JavaScript beside this file.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Which engine the child's `globalThis.WebAssembly` is. */
export type EngineName = "node" | "backplane";

/** How a child ended and what it wrote. */
export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The absolute path of a compiled file, from a path relative to this file. */
export function compiledPath(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** The Node options that put this engine in place of Node's own and prove that it is there. */
export function registerOptions(): string[] {
  const paths = ["./remember-native.js", "../../js-api/register.js", "./check-replaced.js"];
  return paths.flatMap((path) => ["--import", new URL(path, import.meta.url).href]);
}

/** Runs `node ...args` and waits; the child is killed after `timeout` ms. */
export function runNode(
  args: readonly string[],
  options: { timeout?: number; node?: string; env?: Record<string, string>; input?: string } = {},
): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.node ?? process.execPath, args, {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: options.timeout ?? 120_000,
      killSignal: "SIGKILL",
      env: { ...process.env, NODE_OPTIONS: "", ...options.env },
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString("utf8");
      resolve({ code, signal, stdout: text(stdout), stderr: text(stderr) });
    });
  });
}

/** Runs a scenario and returns its transcript's lines; throws with the child's stderr if it fails. */
export async function runScenario(
  script: string,
  engine: EngineName,
  args: readonly string[] = [],
): Promise<unknown[]> {
  const options = engine === "backplane" ? registerOptions() : [];
  const result = await runNode([...options, compiledPath(script), ...args], { timeout: 240_000 });
  if (result.code !== 0) {
    const ended = result.signal ?? `exit code ${result.code}`;
    throw new Error(`${script} on ${engine}: ${ended}\n${result.stderr.slice(-4000)}`);
  }
  return JSON.parse(result.stdout) as unknown[];
}
