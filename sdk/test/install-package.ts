/**
 * An application that has installed the package, as npm would have: what `npm pack` puts into the archive, in
 * `node_modules/backplane`, beside its dependencies (links to those of the project). Needs no network.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectRoot } from "../../engine/test/support/corpora.js";

const root = projectRoot();

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

function link(folder: string, name: string): void {
  const target = join(folder, "node_modules", name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, "node_modules", name), target);
}

/**
 * Makes the application's folder.
 *
 * @param more packages beside the dependencies, which the project has
 */
export function installPackage(more: readonly string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), "backplane-consumer-"));
  const packed = execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  const installed = join(folder, "node_modules", "backplane");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, filename), "-C", installed, "--strip-components=1"]);
  const { dependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as Manifest;
  for (const name of [...Object.keys(dependencies), ...more]) link(folder, name);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", private: true }));
  return folder;
}

/** How a process ended and what it wrote. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in a folder; it is killed after two minutes. */
export function run(folder: string, command: string, args: readonly string[]): Promise<Outcome> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, env, timeout: 120_000, killSignal: "SIGKILL" });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (chunk: string) => {
        output[stream] += chunk;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
}

/**
 * A program of another runtime: named by an environment variable, or installed for the tests in `dist/tools`.
 *
 * @param path in `node_modules`
 */
export function tool(variable: string, path: string): string | undefined {
  const named = process.env[variable];
  if (named !== undefined && named !== "") return named;
  const installed = join(root, "dist", "tools", "node_modules", path);
  return existsSync(installed) ? installed : undefined;
}
