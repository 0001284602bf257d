/**
 * Runs the programs of WASI's conformance suite (WebAssembly/wasi-testsuite): each beside a JSON file of its arguments,
 * environment, folders, and what it must print and exit with. Programs report what they find wrong by a trap, or by
 * an exit code that isn't 0.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createNamespace, type NamespaceOptions } from "../../index.js";
import { OutputBuffer, Wasi } from "../../wasi/index.js";

interface Settings {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly dirs?: readonly string[];
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exit_code?: number;
}

export interface Way {
  readonly bounds: NonNullable<NamespaceOptions["bounds"]>;
  readonly call: "synchronous" | "asynchronous";
}

export const ways: readonly Way[] = [
  { bounds: "guard", call: "synchronous" },
  { bounds: "guard", call: "asynchronous" },
  { bounds: "explicit", call: "synchronous" },
  { bounds: "explicit", call: "asynchronous" },
];

/** The suite's programs, sorted. */
export function programsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name.endsWith(".dir") ? [] : programsIn(path);
      return entry.name.endsWith(".wasm") ? [path] : [];
    })
    .sort();
}

function readSettings(program: string): Settings {
  const path = program.replace(/\.wasm$/, ".json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Settings) : {};
}

/** Runs a program in copies of its folders. Gives what it did wrong, undefined if nothing. */
export async function runProgram(program: string, way: Way): Promise<string | undefined> {
  const settings = readSettings(program);
  const folder = mkdtempSync(join(tmpdir(), "backplane-wasi-"));
  try {
    for (const dir of settings.dirs ?? []) {
      cpSync(join(dirname(program), dir), join(folder, dir), { recursive: true });
    }
    return await runIn(folder, program, settings, way);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(
  folder: string,
  program: string,
  settings: Settings,
  way: Way,
): Promise<string | undefined> {
  const stdout = new OutputBuffer();
  const stderr = new OutputBuffer();
  const wasi = new Wasi({
    args: [basename(program), ...(settings.args ?? [])],
    env: settings.env,
    preopens: Object.fromEntries(
      (settings.dirs ?? []).map((dir) => [dir, { path: join(folder, dir), write: true }]),
    ),
    stdout,
    stderr,
  });
  const { Module, Instance } = createNamespace({ bounds: way.bounds });
  const module = new Module(readFileSync(program));
  let code: number;
  try {
    code =
      way.call === "synchronous"
        ? wasi.start(new Instance(module, wasi.imports))
        : await wasi.startAsync(new Instance(module, wasi.asyncImports));
  } catch (error) {
    return `${(error as Error).message}; standard error: ${stderr.text()}`;
  }
  const expected = settings.exit_code ?? 0;
  if (code !== expected) return `exit code ${code}, expected ${expected}; standard error: ${stderr.text()}`;
  if (settings.stdout !== undefined && stdout.text() !== settings.stdout) {
    return `standard output ${JSON.stringify(stdout.text())}, expected ${JSON.stringify(settings.stdout)}`;
  }
  if (settings.stderr !== undefined && stderr.text() !== settings.stderr) {
    return `standard error ${JSON.stringify(stderr.text())}, expected ${JSON.stringify(settings.stderr)}`;
  }
  return undefined;
}
