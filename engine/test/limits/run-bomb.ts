// Builds, compiles and runs one bomb in a process of its own and prints figures as JSON:
//   node run-bomb.js node|backplane NAME SIZE

import { performance } from "node:perf_hooks";
import { bombs } from "./bombs.js";
import { namespaceOf } from "./engine-namespace.js";

/** Times in milliseconds, sizes in bytes. */
export interface BombFigures {
  readonly moduleBytes: number;
  readonly compile: number;
  readonly firstCall: number;
  /** Processor time of both together, which other processes disturb less. */
  readonly processor: number;
  /** What the process grew by from before the module was compiled to its highest point. */
  readonly memory: number;
}

const [engine = "node", name, size] = process.argv.slice(2);
const bomb = bombs.find((candidate) => candidate.name === name);
if (bomb === undefined) throw new Error(`no bomb named ${name}`);
const { bytes, argument, expected } = bomb.build(Number(size));
const namespace = await namespaceOf(engine);
const rssBefore = process.memoryUsage.rss();
const cpuBefore = process.cpuUsage();
const start = performance.now();
const module = new namespace.Module(bytes);
const { exports } = new namespace.Instance(module);
const compiled = performance.now();
const actual: unknown = exports.run(argument);
const called = performance.now();
const cpu = process.cpuUsage(cpuBefore);
if (actual !== expected)
  throw new Error(`${name} at ${size}: got ${String(actual)}, expected ${String(expected)}`);
if (exports.run(argument) !== expected && !["accesses"].includes(name ?? ""))
  throw new Error("the second call differs");
const figures: BombFigures = {
  moduleBytes: bytes.length,
  compile: compiled - start,
  firstCall: called - compiled,
  processor: (cpu.user + cpu.system) / 1000,
  memory: Math.max(0, process.resourceUsage().maxRSS * 1024 - rssBefore),
};
process.stdout.write(JSON.stringify(figures));
