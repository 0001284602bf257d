// The command line's grammar: help, versions, and each way to get it wrong.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { packageFolder, runCli } from "./run-cli.js";

test.serial("help and version", async (t) => {
  for (const args of [["--help"], ["-h"], ["help"]]) {
    const { code, stdout, stderr } = await runCli(args);
    t.is(code, 0);
    t.is(stderr, "");
    t.regex(stdout, /^Backplane, .*\n\nUsage: backplane COMMAND/);
    for (const command of ["run", "inspect", "help"]) t.regex(stdout, new RegExp(`^  ${command} `, "m"));
    t.notRegex(stdout, /compile/);
  }
  const manifest = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as {
    version: string;
  };
  for (const args of [["--version"], ["-V"], ["version"]]) {
    t.deepEqual(await runCli(args), { code: 0, stdout: `backplane ${manifest.version}\n`, stderr: "" });
  }
});

test.serial("help of a command names each of its options", async (t) => {
  const options = {
    run: [
      "invoke NAME",
      "dir HOST\\[::GUEST\\[::ro\\]\\]",
      "env NAME\\[=VALUE\\]",
      "timeout TIME",
      "unknown-imports HOW",
      "bounds HOW",
      "compile WHEN",
      "effort LEVEL",
      "time",
    ],
    inspect: ["func N\\|NAME", "ssa", "asm", "bounds HOW", "effort LEVEL", "json"],
  };
  for (const [command, names] of Object.entries(options)) {
    const help = await runCli(["help", command]);
    t.is(help.code, 0);
    for (const name of names) t.regex(help.stdout, new RegExp(`--${name}  `));
    t.deepEqual(await runCli([command, "--help"]), help);
    t.deepEqual(await runCli([command, "-h"]), help);
  }
});

test.serial("no command at all: the help, as an error", async (t) => {
  const { code, stdout, stderr } = await runCli([]);
  t.is(code, 2);
  t.is(stdout, "");
  t.regex(stderr, /^Backplane, .*\n\nUsage:/);
});

test.serial("wrong command lines exit with 2 and say why", async (t) => {
  const cases: [string[], string, string][] = [
    [
      ["frobnicate"],
      'unknown command "frobnicate" (there are init, bindings, run, inspect and help)',
      "--help",
    ],
    [
      ["help", "frobnicate"],
      'unknown command "frobnicate" (there are init, bindings, run, inspect and help)',
      "--help",
    ],
    [["a.wasm"], 'unknown command "a.wasm": to run a module, write backplane run a.wasm', "--help"],
    [
      ["compile", "a.wasm"],
      'unknown command "compile" (there are init, bindings, run, inspect and help)',
      "--help",
    ],
    [["--frob"], "unknown option --frob", "--help"],
    [["run"], "the module's file is missing", "help run"],
    [["inspect", "--json"], "the module's file is missing", "help inspect"],
    [["run", "--frob", "a.wasm"], "unknown option '--frob'", "help run"],
    [["run", "a.wasm", "-x"], "unknown option '-x'", "help run"],
    [["run", "a.wasm", "--invoke"], "option '--invoke <value>' argument missing", "help run"],
    [["run", "a.wasm", "--time=3"], "option '--time' does not take an argument", "help run"],
    [["run", "a.wasm", "--bounds", "no"], '--bounds takes guard or explicit, not "no"', "help run"],
    [["run", "a.wasm", "--compile", "-1"], '--compile takes lazy or ahead, not "-1"', "help run"],
    [["bindings", "a.mjs", "--lang", "go"], '--lang takes as, c or rust, not "go"', "help bindings"],
    [["run", "a.wasm", "--effort="], '--effort takes quick or full, not ""', "help run"],
    [["inspect", "a.wasm", "b.wasm"], 'unexpected argument "b.wasm"', "help inspect"],
    [["inspect", "a.wasm", "--invoke", "f"], "unknown option '--invoke'", "help inspect"],
    [["inspect", "a.wasm", "--ssa"], "--ssa needs a function: --func N or --func NAME", "help inspect"],
    [["inspect", "a.wasm", "--asm"], "--asm needs a function: --func N or --func NAME", "help inspect"],
  ];
  for (const [args, message, topic] of cases) {
    const expected = { code: 2, stdout: "", stderr: `error: ${message}\nFor more, try backplane ${topic}\n` };
    t.deepEqual(await runCli(args), expected, args.join(" "));
  }
});

test.serial("an environment variable that makes no sense", async (t) => {
  const { code, stderr } = await runCli(["run", "a.wasm"], { env: { BACKPLANE_DUMP: "ssa:f=3" } });
  t.is(code, 2);
  t.regex(stderr, /^error: BACKPLANE_DUMP: expected .*"ssa:f=3"\n/);
});
