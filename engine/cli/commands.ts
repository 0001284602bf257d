/**
 * A command line's grammar as data: what commands and options there are. Arguments are parsed by it and help is
 * printed from it. The engine's own commands are here; a program may have more.
 */
import { parseArgs } from "node:util";
import { messageOf, UsageError } from "./errors.js";
import { printable } from "./text.js";

export interface Option {
  /** What its value stands for in help; a switch has none. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly short?: string;
  /** Whether it may be given several times; its values are then a list. */
  readonly multiple?: boolean;
  readonly text: string;
}

export interface Command {
  readonly usage: string;
  readonly summary: string;
  readonly details: string;
  readonly options: Readonly<Record<string, Option>>;
}

/** Commands by name. */
export type Commands = Readonly<Record<string, Command>>;

export const help: Option = { short: "h", text: "Print help" };
const bounds: Option = {
  value: "HOW",
  choices: ["guard", "explicit"],
  text: "How out-of-bounds accesses are found: by guard pages (guard, the default) or checks (explicit)",
};
const effort: Option = {
  value: "LEVEL",
  choices: ["quick", "full"],
  text: "How well functions are compiled: quick, or full (the default)",
};

export const engineCommands = {
  run: {
    usage: "backplane run [OPTIONS] FILE.wasm [ARGS]...",
    summary: "Run a module",
    details: `Instantiates the module, which runs its start function, then calls its export _start if it has one, or
the function that --invoke names with ARGS. Results are printed one per line.

A WASI program gets ARGS as its arguments, the standard streams, and what --dir and --env give it. For
--invoke, ARGS are read by the type of each parameter: i32 and i64 in decimal or hexadecimal (-5, 0xff),
f32 and f64 in decimal, inf or nan, references as null. Everything after -- is an argument.

FILE may be - for standard input. Exit code: the program's, else 0, or 1 on an error, 2 on a wrong command
line, 134 on a trap.`,
    options: {
      invoke: { value: "NAME", text: "Call the exported function NAME" },
      dir: {
        value: "HOST[::GUEST[::ro]]",
        multiple: true,
        text: "Give a WASI program the folder HOST, by the name GUEST; with ro, not to be changed",
      },
      env: {
        value: "NAME[=VALUE]",
        multiple: true,
        text: "Give a WASI program an environment variable; without VALUE, this process's own",
      },
      timeout: {
        value: "TIME",
        text: "Stop the module after a time, such as 500ms or 2s; it also stops when it waits",
      },
      "unknown-imports": {
        value: "HOW",
        choices: ["trap", "default"],
        text: "Functions that nothing provides: trap (when called), or default (they do nothing and return zeros)",
      },
      bounds,
      compile: {
        value: "WHEN",
        choices: ["lazy", "ahead"],
        text: "When functions are compiled: lazy, when first called (the default), or ahead",
      },
      effort,
      cache: {
        text: "Keep compiled code for the next run, in backplane in the user's cache folder (XDG_CACHE_HOME, ~/.cache)",
      },
      time: { text: "Print the time of each step to standard error" },
      help,
    },
  },
  inspect: {
    usage: "backplane inspect [OPTIONS] FILE.wasm",
    summary: "Show what is in a module",
    details: `Prints imports, exports, sections with their sizes and the features used; with --func what is known of one
function, its SSA and its machine code on request.

FILE may be - for standard input. Exit code: 0, or 1 on an error, 2 on a wrong command line.`,
    options: {
      func: { value: "N|NAME", text: "One function, by index (imports counted), by export or by its name" },
      ssa: { text: "With --func: its SSA, as built and as optimized" },
      asm: { text: "With --func: its machine code, as instructions with registers and as bytes" },
      bounds,
      effort,
      json: { text: "Print JSON" },
      help,
    },
  },
} as const satisfies Commands;

/** Values by option: a switch's is true, that of one which may be repeated a list. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface ParsedArguments {
  readonly options: OptionValues;
  readonly positionals: readonly string[];
}

/** A marker that no argument can contain, since arguments end at a NUL. */
const marker = "\0";
const negativeNumber = /^-(\d|\.\d|inf|nan)/i;

/**
 * Parses a command's arguments. Negative numbers are arguments, not options.
 * @throws {UsageError}
 */
export function parseCommand(commands: Commands, name: string, args: readonly string[]): ParsedArguments {
  const { options } = commands[name];
  const config = Object.fromEntries(
    Object.entries(options).map(([option, { value, short, multiple = false }]) => [
      option,
      {
        type: value === undefined ? "boolean" : "string",
        multiple,
        ...(short === undefined ? {} : { short }),
      } as const,
    ]),
  );
  const marked = args.map((arg) => (negativeNumber.test(arg) ? marker + arg : arg));
  const unmarked = (text: string): string => (text.startsWith(marker) ? text.slice(1) : text);
  try {
    const parsed = parseArgs({ args: marked, options: config, allowPositionals: true });
    const values: Record<string, string | boolean | readonly string[] | undefined> = {};
    for (const [option, value] of Object.entries(parsed.values)) {
      values[option] = Array.isArray(value)
        ? value.map((text) => unmarked(String(text)))
        : typeof value === "string"
          ? unmarked(value)
          : value;
      requireChoice(option, values[option], options[option].choices);
    }
    return { options: values, positionals: parsed.positionals.map(unmarked) };
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(error.message, name);
    // Node adds advice after the first sentence, on how to write an argument that begins with a dash.
    const sentence = messageOf(error).split(/[.\n]/, 1)[0];
    throw new UsageError(printable(sentence.replace(/^[A-Z]/, (c) => c.toLowerCase())), name);
  }
}

function requireChoice(option: string, value: unknown, choices: readonly string[] | undefined): void {
  if (choices === undefined || choices.includes(value as string)) return;
  const named = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  throw new UsageError(`--${option} takes ${named}, not "${printable(String(value))}"`);
}

/** The help of the whole, or of one command. */
export function helpText(commands: Commands, name?: string): string {
  if (name === undefined) return overview(commands);
  const { usage, summary, details, options } = commands[name];
  const rows = Object.entries(options).map(([option, { value, short, text }]) => [
    `  ${short === undefined ? "    " : `-${short}, `}--${option}${value === undefined ? "" : ` ${value}`}`,
    text,
  ]);
  const width = Math.max(...rows.map(([head]) => head.length));
  const lines = rows.map(([head, text]) => `${head.padEnd(width)}  ${text}`);
  return `${summary}\n\nUsage: ${usage}\n\n${details}\n\nOptions:\n${lines.join("\n")}\n`;
}

function overview(commands: Commands): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`);
  return `Backplane, a WebAssembly engine and plugin host for Node

Usage: backplane COMMAND [OPTIONS] [ARGS]...

Commands:
${lines.join("\n")}
  ${"help".padEnd(10)} Print help, of a command too: backplane help run

Options:
  -h, --help     Print help
  -V, --version  Print the version
`;
}
