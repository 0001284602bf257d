/**
 * A command line program: help, versions, mistakes, exit codes. Enters: its commands, and what executes one. Leaves:
 * results on standard output, errors as lines on standard error, and an exit code (see errors.ts).
 *
 * What a command needs is imported when it is executed, so help, versions and mistakes in the command line are quick
 * and work on any platform.
 */
import { readFileSync } from "node:fs";
import { type Commands, helpText, type ParsedArguments, parseCommand } from "./commands.js";
import { CliError, ExitCode, UsageError } from "./errors.js";
import { printable } from "./text.js";

export interface Program {
  readonly commands: Commands;
  execute(name: string, args: ParsedArguments): Promise<number>;
}

function version(): string {
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return `backplane ${(JSON.parse(manifest) as { version: string }).version}\n`;
}

async function dispatch(program: Program, args: readonly string[]): Promise<number> {
  const { commands } = program;
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      process.stderr.write(helpText(commands));
      return ExitCode.usage;
    case "-h":
    case "--help":
    case "help":
      process.stdout.write(helpOf(commands, rest[0]));
      return ExitCode.done;
    case "-V":
    case "--version":
    case "version":
      process.stdout.write(version());
      return ExitCode.done;
    default: {
      requireCommand(commands, first);
      const parsed = parseCommand(commands, first, rest);
      if (parsed.options["help"] !== true) return await program.execute(first, parsed);
      process.stdout.write(helpText(commands, first));
      return ExitCode.done;
    }
  }
}

function helpOf(commands: Commands, topic: string | undefined): string {
  if (topic !== undefined) requireCommand(commands, topic);
  return helpText(commands, topic);
}

/** Errors: UsageError. */
function requireCommand(commands: Commands, name: string): void {
  if (Object.hasOwn(commands, name)) return;
  if (name.startsWith("-")) throw new UsageError(`unknown option ${printable(name)}`);
  const names = Object.keys(commands).join(", ");
  const hint = name.endsWith(".wasm")
    ? `: to run a module, write backplane run ${printable(name)}`
    : ` (there are ${names} and help)`;
  throw new UsageError(`unknown command "${printable(name)}"${hint}`);
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

/** Runs the process's command line and sets its exit code. */
export async function runProgram(program: Program): Promise<void> {
  // A reader that closes the pipe early (`| head`) ends the command without a word.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  try {
    process.exitCode = await dispatch(program, process.argv.slice(2));
  } catch (error) {
    process.exitCode = report(error);
  }
}
