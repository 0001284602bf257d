/**
 * The engine's arm64 code beside that of Node's optimizing compiler: `npm run -s bench:arm64 -- [--rounds N] [PART...]`.
 *
 * Parts: `time`, CoreMark's wall time under emulation; `instructions`, how many it executes; `size`, bytes of code of
 * @dprint/typescript and CoreMark (Node's arm64 compiler takes minutes under emulation). Without any all of them. Prints a line
 * for each figure; a ratio below 1 means that this engine needs less. What can't be measured is said, and the exit code is 1.
 */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { prepareTools } from "./arm64/tools.mjs";
import { root } from "./run-ava.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "15" } },
});

const bench = (name) => join(root, "dist", "engine", "bench", "arm64", name);
const optimizing = "--no-liftoff";
const eager = [optimizing, "--no-wasm-lazy-compilation", "--trace-wasm-compilation-times"];
const run = async (command, args, env = {}) => {
  const all = { maxBuffer: 1 << 28, env: { ...process.env, ...env } };
  return (await promisify(execFile)(command, args, all)).stdout;
};

const { median } = await import(join(root, "dist", "engine", "bench", "statistics.js"));
const { corporaFolder } = await import(join(root, "dist", "engine", "bench", "programs.js"));
const modules = {
  "@dprint/typescript": join(root, "node_modules", "@dprint", "typescript", "plugin.wasm"),
  CoreMark: join(corporaFolder(), "bench", "wasm3", "coremark", "coremark-minimal.wasm"),
};

/** One line: what, this engine's figure, Node's, their ratio. */
function print(what, ours, theirs, ratio = ours / theirs) {
  const figure = (n) => Math.round(n).toLocaleString("en-US").padStart(16);
  console.log(`${what.padEnd(56)}${figure(ours)}${figure(theirs)}${ratio.toFixed(3).padStart(10)}`);
}

/** Of the engines' runs, which come in rounds: the medians, and the median of the rounds' ratios. */
function printRuns(what, runs, field) {
  const of = (engine) => runs.filter((one) => one.engine === engine).map((one) => one[field]);
  const theirs = of("node");
  for (const [engine, how] of [
    ["backplane", ""],
    ["backplane-ahead", ", compiled ahead"],
  ]) {
    const ours = of(engine);
    print(`${what}${how}`, median(ours), median(theirs), median(ours.map((value, i) => value / theirs[i])));
  }
}

async function time(node) {
  const runs = JSON.parse(await run(node, [optimizing, bench("coremark.js"), options.rounds]));
  printRuns("CoreMark, ms of wall time", runs, "milliseconds");
  printRuns("CoreMark, ms of processor time", runs, "processor");
}

/** Counting is exact but for what other threads of Node do meanwhile: three rounds are plenty. */
async function instructions(node) {
  const folder = join(root, "dist", "tools", "arm64");
  const [plugin, counter] = [join(folder, "count-instructions.so"), join(folder, "instructions")];
  mkdirSync(folder, { recursive: true });
  const source = join(root, "scripts", "arm64", "count-instructions.c");
  execFileSync("cc", ["-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", plugin, source]);
  const args = [optimizing, bench("coremark.js"), "3", counter];
  const runs = JSON.parse(await run(node, args, { QEMU_PLUGIN: `${plugin},counter=${counter}` }));
  if (runs.some((one) => one.instructions === 0)) throw new Error("this emulator has no plugins");
  printRuns("CoreMark, instructions executed", runs, "instructions");
}

/** The sum of what V8 says of each function that it compiled. */
async function nodeSize(command, file, functions) {
  const output = await run(command, [...eager, bench("compile-eagerly.js"), file]);
  const sizes = [...output.matchAll(/using TurboFan, .* codesize (\d+)/g)].map((match) => Number(match[1]));
  if (sizes.length !== functions) throw new Error(`Node compiled ${sizes.length} of ${functions} functions`);
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function size(node) {
  for (const [name, file] of Object.entries(modules)) {
    const ours = JSON.parse(await run(process.execPath, [bench("code-size.js"), file]));
    const what = (architecture) => `${name}, ${ours.functions} functions, bytes for ${architecture}`;
    print(what("arm64"), ours.arm64, await nodeSize(node, file, ours.functions));
    if (process.arch === "x64") {
      print(what("amd64"), ours.amd64, await nodeSize(process.execPath, file, ours.functions));
    }
  }
}

const parts = { time, instructions, size };
const unknown = positionals.filter((name) => !(name in parts));
if (unknown.length > 0) throw new Error(`no part ${unknown.join(", ")}: ${Object.keys(parts).join(", ")}`);

/** One part; a figure that can't be had is said and doesn't keep the others from being measured. */
async function measure(name, node) {
  try {
    await parts[name](node);
  } catch (error) {
    const words = String(error.stderr ?? "")
      .trim()
      .split("\n")
      .at(-1);
    console.log(`${name}: not measured: ${words || error.message}`);
    process.exitCode = 1;
  }
}

const missing = Object.values(modules).filter((file) => !existsSync(file));
if (missing.length > 0) throw new Error(`not there: ${missing.join(", ")}`);
const node = prepareTools()[22].command;
console.log(`${"".padEnd(56)}${"Backplane".padStart(16)}${"Node".padStart(16)}${"ratio".padStart(10)}`);
for (const name of positionals.length > 0 ? positionals : Object.keys(parts)) await measure(name, node);
