/** `backplane init [DIR]`: an application with a plugin. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { ParsedArguments } from "../../engine/cli/commands.js";
import { CliError, ExitCode, messageOf, UsageError } from "../../engine/cli/errors.js";
import { applicationFiles } from "./template.js";

/** Errors: CliError. */
export async function init({ positionals }: ParsedArguments): Promise<ExitCode> {
  const [given = ".", ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}"`, "init");
  const folder = resolve(given);
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new CliError(`${given} isn't empty`);
  const files = applicationFiles(packageName(folder), dependency(folder));
  try {
    for (const [path, text] of Object.entries(files)) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  } catch (error) {
    throw new CliError(messageOf(error));
  }
  const enter = given === "." ? "" : `cd ${/^[\w./-]+$/.test(given) ? given : JSON.stringify(given)}\n`;
  process.stdout.write(`${Object.keys(files).sort().join("\n")}\n\nNow:\n\n${enter}npm install\nnpm start\n`);
  return ExitCode.done;
}

function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, "-")
    .replace(/^[._-]+/, "");
  return name === "" ? "app" : name;
}

/** This very package by its folder or archive, unless npm has installed it from a registry. */
function dependency(folder: string): string {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const local = root.includes(`${sep}node_modules${sep}`) ? installedFrom(root) : root;
  if (local !== undefined) return `file:${relative(folder, local) || "."}`;
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return `^${version}`;
}

/** The folder or archive that npm has on record as what a package came from; undefined for a registry's, or no record. */
function installedFrom(root: string): string | undefined {
  const modules = dirname(root);
  try {
    const record = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8")) as {
      packages: Record<string, { resolved?: string } | undefined>;
    };
    const resolved = record.packages[`node_modules/${basename(root)}`]?.resolved;
    return resolved?.startsWith("file:") ? resolve(dirname(modules), resolved.slice(5)) : undefined;
  } catch {
    return undefined;
  }
}
