/**
 * A host under random calls and random harm: calls on the main thread, in slices and on threads, that wait, nest, trap,
 * overflow, loop without end, are timed out and aborted, beside reloads, snapshots brought back, and plugins that are closed
 * in the middle of calls. What is chosen comes from a seed; what meets what depends on time.
 *
 * It goes in rounds. After each nothing may be left: no call that hasn't settled, none in a plugin, no parked stack.
 */
import { setTimeout as delay } from "node:timers/promises";
import { threadEngine } from "../../../engine/runtime/engine.js";
import { Random } from "../../../engine/test/support/random.js";
import {
  type BackplaneError,
  type CallOptions,
  defineHostModule,
  fn,
  PluginHost,
  type PluginOptions,
} from "../../index.js";
import { residentBytes } from "../figures/resident.js";
import { quiet } from "../quiet-host.js";
import { base, keeper, linked, resultOf, worker } from "./guests.js";
import { type Kind, Ledger } from "./ledger.js";

/** How many of 100 calls are of a kind. */
const kinds: readonly (readonly [Kind, number])[] = [
  ["ok", 34],
  ["park", 22],
  ["nest", 12],
  ["trap", 6],
  ["spin", 8],
  ["overflow", 4],
  ["fill", 7],
  ["grow", 7],
];

const common: PluginOptions = {
  circuit: { traps: Number.POSITIVE_INFINITY },
  maxWaiting: 100_000,
  drainTimeout: 200,
  timeout: 120_000,
};

const options: Readonly<Record<string, PluginOptions>> = {
  pool: { instances: 3 },
  threads: { instances: 3, run: "thread" },
  sliced: { slice: 2 },
  reentrant: { reentrant: true },
  reset: { reset: "call" },
  keeper: {},
  base: {},
  one: {},
  two: { run: "thread" },
};

const callable = ["pool", "threads", "sliced", "reentrant", "reset", "one", "two"];

export interface RoundFigures {
  readonly calls: number;
  /** Bytes, after everything that can be collected is. */
  readonly resident: number;
}

export class Soak {
  readonly ledger = new Ledger();
  private readonly random: Random;
  private host!: PluginHost;
  private transients = 0;
  /** What the keeper's counter has to be. */
  private kept = 0;
  private keeping = false;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  async start(): Promise<void> {
    const module = defineHostModule("soak", {
      begin: [fn(["i32"]), (id: number) => this.ledger.begin(id)],
      end: [fn(["i32"]), (id: number) => this.ledger.end(id)],
      wait: [fn(["i32"], "i32", { async: true }), (id: number) => this.wait(id)],
      nest: [fn(["i32"], "i32", { async: true }), (id: number) => this.nest(id)],
    });
    const manifest = (name: string) => ({
      name,
      version: "1.0.0",
      dependencies: { plugins: { base: "^1.0.0" } },
    });
    this.host = await PluginHost.start({
      logger: quiet,
      modules: [module],
      grant: () => ({ plugins: ["base"] }),
      limits: { memory: 70 * 65_536, stackBytes: 1 << 20, parkedCalls: 100_000 },
      options: (name) => ({ ...common, ...options[name] }),
      plugins: [
        ...["pool", "threads", "sliced", "reentrant", "reset"].map((name) => ({ name, bytes: worker })),
        { name: "keeper", bytes: keeper },
        { bytes: base, manifest: { name: "base", version: "1.0.0" } },
        { bytes: linked, manifest: manifest("one") },
        { bytes: linked, manifest: manifest("two") },
      ],
    });
    for (const [name, error] of this.host.failures) throw new Error(`${name} isn't loaded`, { cause: error });
  }

  /** Errors: whatever was wrong. */
  async round(milliseconds: number, callers: number): Promise<RoundFigures> {
    const end = performance.now() + milliseconds;
    const goesOn = (): boolean => performance.now() < end && this.ledger.failure === undefined;
    const loops = Array.from({ length: callers }, () =>
      this.repeat(goesOn, () => this.oneCall(this.pick(callable))),
    );
    loops.push(this.repeat(goesOn, () => this.oneChange()));
    loops.push(this.repeat(goesOn, () => this.keep()));
    await Promise.all(loops);
    if (this.ledger.failure !== undefined) throw this.ledger.failure;
    await this.requireQuiet();
    return { calls: this.ledger.count, resident: await residentBytes() };
  }

  async stop(): Promise<void> {
    await this.host.close();
    this.ledger.requireClosed();
  }

  private async repeat(goesOn: () => boolean, step: () => Promise<unknown>): Promise<void> {
    while (goesOn()) {
      try {
        await step();
      } catch (error) {
        this.ledger.failure ??= error as Error;
      }
      if (this.random.below(4) === 0) await delay(this.random.below(3));
    }
  }

  private pick<T>(of: readonly T[]): T {
    return of[this.random.below(of.length)] as T;
  }

  private kind(): Kind {
    let left = this.random.below(100);
    for (const [kind, share] of kinds) {
      left -= share;
      if (left < 0) return kind;
    }
    return "ok";
  }

  /** Makes a call and sees what becomes of it. Errors: what is wrong with that. */
  private async oneCall(plugin: string, host = this.host): Promise<void> {
    const kind = this.kind();
    const { random } = this;
    // Alone what never ends has to be stopped.
    const timed = kind === "spin" || random.below(5) === 0;
    const aborted = random.below(6) === 0;
    const id = this.ledger.add({ kind, plugin, timed, aborted });
    const controller = new AbortController();
    const time = random.below(kind === "spin" ? 30 : 12);
    const call: { -readonly [K in keyof CallOptions]: CallOptions[K] } = {};
    if (timed && random.below(2) === 0) call.deadline = performance.now() + time;
    else if (timed) call.timeout = time;
    if (aborted) call.signal = controller.signal;
    if (random.below(3) === 0) call.run = this.pick(["main", "thread"] as const);
    const abort = aborted
      ? setTimeout(() => controller.abort(new Error("given up")), random.below(15))
      : undefined;
    try {
      const value = await host.plugin(plugin).call(kind, [id, random.below(20_000)], call);
      this.ledger.settle(id, value, undefined);
    } catch (error) {
      this.ledger.settle(id, undefined, error);
    } finally {
      clearTimeout(abort);
    }
  }

  /** The host function that a guest waits for. */
  private async wait(id: number): Promise<number> {
    const { random } = this;
    if (random.below(20) === 0) throw this.ledger.refuse(id);
    if (random.below(3) > 0) await delay(random.below(6));
    return id;
  }

  /** The host function that calls another plugin, and waits for it. */
  private async nest(id: number): Promise<number> {
    const inner = this.ledger.add({ kind: "inner", plugin: "pool", timed: true, aborted: true });
    try {
      const value = await this.host.plugin("pool").call("ok", [inner, 100]);
      this.ledger.settle(inner, value, undefined);
    } catch (error) {
      this.ledger.settle(inner, undefined, error);
      throw error;
    }
    return id;
  }

  /** A reload, or a plugin that comes and goes. */
  private async oneChange(): Promise<void> {
    await delay(this.random.below(40));
    const what = this.random.below(4);
    if (what < 2) await this.reload(this.pick([...callable, "base"]));
    else if (what === 2) await this.transient();
    else await this.echo();
  }

  private async reload(name: string): Promise<void> {
    try {
      await this.host.reload(name);
    } catch (error) {
      // Linked plugins that wait for one another's calls longer than the drain timeout.
      if ((error as BackplaneError).code !== "DRAIN_TIMEOUT") throw error;
    }
  }

  /** Loaded, called, and closed while calls run. */
  private async transient(): Promise<void> {
    const name = `transient${++this.transients}`;
    const run = this.pick(["main", "thread"] as const);
    const own = { ...common, run, instances: 1 + this.random.below(2), drainTimeout: this.random.below(10) };
    await this.host.load({ name, bytes: worker }, own);
    const calls = Array.from({ length: 6 }, () => this.oneCall(name));
    await delay(this.random.below(10));
    const closing = this.host.plugin(name).close();
    await Promise.all([...calls, closing]);
  }

  /** Text through the allocator, of a plugin that calls on threads are in. */
  private async echo(): Promise<void> {
    const text = `text ${this.random.next()}`;
    const name = this.pick(["threads", "reentrant", "sliced"]);
    const run = this.pick(["main", "thread"] as const);
    try {
      const answer = await this.host.plugin(name).call("echo", text, { run });
      if (answer !== text) throw new Error(`${name}.echo gave ${String(answer)}, not ${text}`);
    } catch (error) {
      if ((error as BackplaneError).code !== "ABORTED") throw error;
    }
  }

  /** The keeper's counter: exact through snapshots and hand-overs. */
  private async keep(): Promise<void> {
    if (this.keeping) throw new Error("the keeper is kept by one");
    this.keeping = true;
    const plugin = this.host.plugin("keeper");
    const bump = async (): Promise<void> => {
      const run = this.pick(["main", "thread"] as const);
      const value = await plugin.call("bump", undefined, { run });
      if (value !== ++this.kept) throw new Error(`the keeper has ${String(value)}, not ${this.kept}`);
    };
    await bump();
    if (this.random.below(8) === 0) {
      const bytes = await plugin.snapshot();
      const before = this.kept;
      await bump();
      await this.host.restore(bytes);
      this.kept = before;
      await bump();
    }
    if (this.random.below(30) === 0) await this.host.reload("keeper");
    await delay(this.random.below(4));
    this.keeping = false;
  }

  private async requireQuiet(): Promise<void> {
    this.ledger.requireClosed();
    // Old generations may still be stopping.
    for (let tries = 0; tries < 100; tries++) {
      const { parkedCalls, threadedCalls } = threadEngine();
      if (parkedCalls === 0 && threadedCalls === 0) break;
      await delay(20);
    }
    const { parkedCalls, threadedCalls } = threadEngine();
    const left: Record<string, number> = { parkedCalls, threadedCalls };
    for (const [name, { active, waiting }] of Object.entries(this.host.stats()))
      left[name] = active + waiting;
    const bad = Object.entries(left).filter(([, count]) => count !== 0);
    if (bad.length > 0) throw new Error(`left after a round: ${JSON.stringify(Object.fromEntries(bad))}`);
    for (const name of callable) {
      const id = this.ledger.add({ kind: "ok", plugin: name, timed: false, aborted: false });
      const value = await this.host.plugin(name).call("ok", [id, 10]);
      this.ledger.settle(id, value, undefined);
      if (value !== resultOf(id)) throw new Error(`${name} is out of order`);
    }
  }
}
