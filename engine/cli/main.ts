#!/usr/bin/env node
/**
 * The command `backplane`. Enters: the process's arguments. Leaves: results on standard output, errors as lines on
 * standard error, and an exit code (see errors.ts).
 *
 * The engine is imported when a command needs it, so help, versions and mistakes in the command line are quick and
 * work on any platform.
 */
import { readFileSync } from "node:fs";
import { type CommandName, commands, helpText, isCommand, parseCommand } from "./commands.js";
import { CliError, ExitCode, messageOf, UsageError } from "./errors.js";
import { printable } from "./text.js";

function version(): string {
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return `backplane ${(JSON.parse(manifest) as { version: string }).version}\n`;
}

async function runMain(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      process.stderr.write(helpText());
      return ExitCode.usage;
    case "-h":
    case "--help":
    case "help":
      process.stdout.write(helpOf(rest));
      return ExitCode.done;
    case "-V":
    case "--version":
    case "version":
      process.stdout.write(version());
      return ExitCode.done;
    default:
      if (!isCommand(first)) throw unknownCommand(first);
      return await runCommand(first, rest);
  }
}

function helpOf(topic: readonly string[]): string {
  const name = topic[0];
  if (name === undefined) return helpText();
  if (!isCommand(name)) throw unknownCommand(name);
  return helpText(name);
}

function unknownCommand(name: string): UsageError {
  if (name.startsWith("-")) return new UsageError(`unknown option ${printable(name)}`);
  const names = Object.keys(commands).join(", ");
  const hint = name.endsWith(".wasm")
    ? `: to run a module, write backplane run ${printable(name)}`
    : ` (there are ${names} and help)`;
  return new UsageError(`unknown command "${printable(name)}"${hint}`);
}

async function runCommand(name: CommandName, args: readonly string[]): Promise<number> {
  const { options, positionals } = parseCommand(name, args);
  if (options["help"] === true) {
    process.stdout.write(helpText(name));
    return ExitCode.done;
  }
  const [file, ...rest] = positionals;
  if (file === undefined) throw new UsageError("the module's file is missing", name);
  await requireValidEnvironment();
  if (name === "run") return await (await import("./run.js")).run(file, rest, options);
  if (rest.length > 0) throw new UsageError(`unexpected argument "${printable(rest[0])}"`, name);
  return await (await import("./inspect.js")).inspect(file, options);
}

/** The engine reads `BACKPLANE_*` when it is imported, and throws where it can't make sense of one. */
async function requireValidEnvironment(): Promise<void> {
  try {
    await import("../debug.js");
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

function report(error: unknown): ExitCode {
  if (error instanceof CliError) {
    process.stderr.write(`error: ${error.message}\n`);
    if (error instanceof UsageError) {
      const topic = error.command === undefined ? "--help" : `help ${error.command}`;
      process.stderr.write(`For more, try backplane ${topic}\n`);
    }
    return error.exitCode;
  }
  // Anything else is a fault of the engine's or of this program: its stack is what a report of it needs.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`error: internal error, please report it: ${text}\n`);
  return ExitCode.failed;
}

// A reader that closes the pipe early (`| head`) ends the command without a word.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  process.exitCode = await runMain(process.argv.slice(2));
} catch (error) {
  process.exitCode = report(error);
}
