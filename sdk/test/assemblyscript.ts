/**
 * AssemblyScript's compiler, as a program: its types declare globals of its own, which mustn't mix with those of Node.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../../engine/test/support/corpora.js";

const compiler = join(projectRoot(), "node_modules/assemblyscript/bin/asc.js");

/** Compiles `entry` of a folder to `plugin.wasm` there; what the compiler says, "" if nothing. */
export function compileAssemblyScript(folder: string, entry: string, options: readonly string[]): string {
  const args = [compiler, entry, "--outFile", "plugin.wasm", ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  return status === 0 ? stdout + stderr : `exit code ${status}: ${stdout}${stderr}`;
}
