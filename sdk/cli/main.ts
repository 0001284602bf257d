#!/usr/bin/env node
/**
 * The command `backplane`: the engine's commands, and those for who writes plugins and applications.
 *
 * This folder is the one place of the SDK that may import `engine/cli/`: there is one command, whose commands are of
 * both, and the grammar, the help and the exit codes of a command line are there.
 */
import { engineCommands, help } from "../../engine/cli/commands.js";
import { executeEngineCommand } from "../../engine/cli/execute.js";
import { runProgram } from "../../engine/cli/program.js";

const commands = {
  init: {
    usage: "backplane init [OPTIONS] [DIR]",
    summary: "Make an application with a plugin",
    details: `Writes an application, a plugin in AssemblyScript and a test into DIR, which has to be empty or not there yet
(the default is the current folder), and says how to run them.

Exit code: 0, or 1 on an error, 2 on a wrong command line.`,
    options: { help },
  },
  bindings: {
    usage: "backplane bindings [OPTIONS] FILE",
    summary: "Write a plugin's declarations from an application's",
    details: `FILE is a JavaScript module of the application that exports its host modules (classes with @hostModule, or what
defineHostModule gave) and descriptions of plugins (what describe gave). It is imported, so it should do
nothing else. Written are the imports that plugins may use, and the exports that a description wants, as
functions that take and give the language's own strings and byte arrays.

Exit code: 0, or 1 on an error, 2 on a wrong command line.`,
    options: {
      lang: {
        value: "LANGUAGE",
        choices: ["as", "c", "rust"],
        text: "The plugin's language: as (AssemblyScript, the default), c or rust",
      },
      plugin: { value: "NAME", text: "The description of the plugin, by the name that FILE exports it by" },
      implementation: {
        value: "PATH",
        text: "For as: the module with the plugin's own functions (the default is ./plugin)",
      },
      out: { value: "FILE", short: "o", text: "Where to write to; the default is standard output" },
      help,
    },
  },
  ...engineCommands,
};

await runProgram({
  commands,
  async execute(name, args) {
    if (name === "bindings") return await (await import("./bindings.js")).bindings(args);
    if (name === "init") return await (await import("./init.js")).init(args);
    return await executeEngineCommand(name, args);
  },
});
