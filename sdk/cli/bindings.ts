/** `backplane bindings FILE`: writes a plugin's declarations from what a module of the application exports. */
import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ParsedArguments } from "../../engine/cli/commands.js";
import { CliError, ExitCode, messageOf, UsageError } from "../../engine/cli/errors.js";
import { assemblyScriptBindings } from "../bindings/assemblyscript.js";
import { cBindings } from "../bindings/c.js";
import { interfaceOf, type PluginInterface } from "../bindings/interface.js";
import { rustBindings } from "../bindings/rust.js";

/** Errors: CliError. */
export async function bindings({ options, positionals }: ParsedArguments): Promise<ExitCode> {
  const [file, ...rest] = positionals;
  if (file === undefined) throw new UsageError("the application's file is missing", "bindings");
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}"`, "bindings");
  const face = await readInterface(file, options["plugin"] as string | undefined);
  const text = write(face, options["lang"] as string | undefined, options["implementation"] as string);
  const out = options["out"] as string | undefined;
  if (out === undefined) process.stdout.write(text);
  else writeOut(out, text);
  return ExitCode.done;
}

function writeOut(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CliError(`${file}: ${messageOf(error)}`);
  }
}

async function readInterface(file: string, plugin: string | undefined): Promise<PluginInterface> {
  if (!existsSync(file)) throw new CliError(`${file}: no such file`);
  try {
    const exported = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
    return interfaceOf(exported, plugin);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const hint = code === "ERR_UNKNOWN_FILE_EXTENSION" ? " (compile it to JavaScript first)" : "";
    throw new CliError(`${file}: ${messageOf(error)}${hint}`);
  }
}

function write(face: PluginInterface, language = "as", implementation = "./plugin"): string {
  if (language === "c") return cBindings(face);
  return language === "rust" ? rustBindings(face) : assemblyScriptBindings(face, implementation);
}
