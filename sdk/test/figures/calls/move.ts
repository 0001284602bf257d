/** Figures of calls on threads: two at once, the event loop beside them, files, and the end of process and worker. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { median } from "../../../../engine/bench/statistics.js";
import { assemble } from "../../../../engine/test/runtime/assemble.js";
import { PluginHost } from "../../../index.js";
import { milliseconds, type Row, require } from "../row.js";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const computing = assemble(`(module (func (export "work") (param i32) (result i32) (local $x i32)
  (loop $l (local.set $x (i32.add (i32.rotl (local.get $x) (i32.const 3)) (local.get 0)))
    (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $x)))`);

/** How late the event loop gets to a timer of a millisecond, again and again while actions run, in milliseconds. */
class LoopDelay {
  private looks = 0;
  worst = 0;
  /** Of each action. */
  private readonly most: number[] = [];

  async during<T>(action: () => Promise<T>): Promise<T> {
    const monitor = monitorEventLoopDelay({ resolution: 1 });
    monitor.enable();
    const result = await action();
    monitor.disable();
    this.looks += monitor.count;
    this.worst = Math.max(this.worst, late(monitor.max));
    this.most.push(late(monitor.percentile(99)));
    return result;
  }

  toString(): string {
    return `${milliseconds(this.worst)} at worst, 99 %: ${milliseconds(median(this.most))} (${this.looks} looks)`;
  }
}

/** The monitor's own interval of 1 ms is in what it counts. */
const late = (nanoseconds: number): number => (nanoseconds - 1e6) / 1e6;

/** Processes that compute, as nice as threads that run calls; not from the beginning. */
class Computing {
  private readonly processes: ChildProcess[];

  constructor(count: number) {
    const options = { stdio: "ignore" } as const;
    const start = (): ChildProcess => spawn("nice", ["-n", "5", process.execPath, "-e", "for(;;);"], options);
    this.processes = Array.from({ length: count }, start);
    this.signal("SIGSTOP");
  }

  private signal(name: NodeJS.Signals): void {
    for (const child of this.processes) child.kill(name);
  }

  async during(action: () => Promise<unknown>): Promise<void> {
    this.signal("SIGCONT");
    await action();
    this.signal("SIGSTOP");
  }

  [Symbol.dispose](): void {
    this.signal("SIGKILL");
  }
}

/**
 * One call on a thread and two at a time, in turns; the delay of the event loop meanwhile, beside two processes that compute,
 * and with nothing to do.
 */
export async function twoCalls(pairs = 7): Promise<Row[]> {
  const options = { run: "thread", instances: 2 } as const;
  await using host = await PluginHost.start({
    logger: quiet,
    plugins: [{ name: "p", bytes: computing }],
    options,
  });
  using processes = new Computing(2);
  const plugin = host.plugin("p");
  const steps = 400_000_000;
  const expected = await plugin.call("work", steps);
  const timed = async (count: number): Promise<number> => {
    const before = performance.now();
    const results = await Promise.all(Array.from({ length: count }, () => plugin.call("work", steps)));
    require(results.every((result) => result === expected), "a call on a thread has a wrong result");
    return performance.now() - before;
  };
  await timed(2);
  const [busy, beside, idle] = [new LoopDelay(), new LoopDelay(), new LoopDelay()];
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const one = await timed(1);
    const two = await busy.during(() => timed(2));
    ratios.push(two / one);
    await processes.during(() => beside.during(() => delay(two)));
    await idle.during(() => delay(two));
  }
  const ratio = median(ratios);
  return [
    {
      what: 'two CPU-bound calls with run: "thread", by the time of one',
      asked: "at most 1.15",
      measured: ratio.toFixed(2),
      within: ratio <= 1.15,
    },
    {
      what: "the event loop's delay meanwhile",
      asked: "under 5 ms",
      measured: `${busy}`,
      within: busy.worst < 5,
    },
    {
      what: "  beside two processes that compute, as nice, in turns: the machine's own",
      asked: "",
      measured: `${beside}`,
    },
    { what: "  with nothing to do, in turns: the machine's own", asked: "", measured: `${idle}` },
  ];
}

const child = fileURLToPath(new URL("../../../../engine/test/runtime/threads-child.js", import.meta.url));
const run = promisify(execFile);

async function scenario(name: string): Promise<{ answer: number | number[]; ended: number }> {
  const { stdout } = await run(process.execPath, [child, name], { timeout: 120_000 });
  return { answer: JSON.parse(stdout) as number | number[], ended: Date.now() };
}

/** What happens while eight calls loop on threads, in processes of their own. */
export async function besideLoops(rounds = 5): Promise<Row[]> {
  const reads: number[] = [];
  const exits: number[] = [];
  const mainExits: number[] = [];
  const terminations: number[] = [];
  for (let round = 0; round < rounds; round++) {
    reads.push((await scenario("readFile")).answer as number);
    const { answer, ended } = await scenario("exit");
    exits.push(ended - (answer as number));
    const sliced = await scenario("exitSliced");
    mainExits.push(sliced.ended - (sliced.answer as number));
    terminations.push(...((await scenario("terminate")).answer as number[]));
  }
  const row = (what: string, values: readonly number[], most: number): Row => {
    const worst = Math.max(...values);
    return {
      what,
      asked: `within ${most} ms`,
      measured: `${milliseconds(median(values))}, at worst ${milliseconds(worst)}`,
      within: worst <= most,
    };
  };
  return [
    row("process.exit() while calls loop on threads", exits, 200),
    row("process.exit() while a call loops on the main thread in slices", mainExits, 200),
    row("worker.terminate() while a worker's calls loop", terminations, 200),
    row("8 calls looping on threads, then fs.readFile", reads, 50),
  ];
}
