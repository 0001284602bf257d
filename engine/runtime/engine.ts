/**
 * The engine of one thread: code memory, stubs, signatures, fibers. Made when first needed, once a thread.
 */
import { isMainThread } from "node:worker_threads";
import { debugOptions } from "../debug.js";
import { nativeTarget } from "../isa/index.js";
import type { CpuFeatures, FixedStubs, Target } from "../machine/target.js";
import type { Effort } from "../pipeline.js";
import {
  createPlatform,
  nodeWebAssembly,
  type Platform,
  requireSystem,
  type SignalSystem,
  UnsupportedPlatformError,
} from "../platform/index.js";
import { type Clock, SignalClock } from "./clock.js";
import { CodeArena } from "./code-arena.js";
import { ContextMemory } from "./context-memory.js";
import { installFaultHandling } from "./fault-handling.js";
import { FiberPool } from "./fiber.js";
import { Context, FunctionRecord } from "./layout.js";
import type { Scope } from "./limits.js";
import { SignatureTable } from "./signatures.js";
import { Threads } from "./threads.js";
import { setWord64 } from "./words.js";
import { WorkerClock } from "./worker-clock.js";

/** How modules are compiled and run. */
export interface EngineOptions {
  /** How out-of-bounds accesses are found. Default: guard pages where they can be proved, else explicit checks. */
  readonly bounds: "guard" | "explicit";
  /** `lazy`: a function when first called. `ahead`: all of them by `new Module`. */
  readonly compile: "lazy" | "ahead";
  readonly effort: Effort;
  /** Compile checks of the interrupt word into loop headers, for where the clock's signal can't be used. */
  readonly interrupts: boolean;
  /** Take each executed instruction from a budget; see Fuel in limits.ts. */
  readonly fuel?: boolean;
  /** Make NaNs that arithmetic yields the same on every processor: positive, only the payload's highest bit set. */
  readonly canonicalNaNs: boolean;
  /** Its functions are in no stack trace: a module of the host's own between the plugin and JavaScript. */
  readonly hidden?: boolean;
  /** Whether vector instructions and the type v128 are allowed; if not, modules with them are refused. */
  readonly vectors: boolean;
}

/** Address space of a fiber's stack; memory is only given to what is touched. A function of 50,000 locals fits. */
const stackSize = 1 << 22;

export class Engine {
  readonly features: CpuFeatures;
  readonly arena: CodeArena;
  readonly stubs: FixedStubs;
  readonly signatures: SignatureTable;
  readonly fibers: FiberPool;
  readonly contexts: ContextMemory;
  /** Two 32-bit halves: the address of the context that `enter` continues with. */
  readonly contextWord: Int32Array;
  /** Continues the fiber whose context's address is in `contextWord`, until it exits. */
  readonly enter: () => void;
  /** Address of the record that stands for a null funcref: no signature matches it. */
  readonly nullFunctionAddress: number;
  /** The number of the next call from JavaScript. */
  nextSequence = 1;
  /** Whether guard pages surround memories here. */
  readonly guardPages: boolean;
  /** The limits of calls that begin now; see limits.ts. */
  scope: Scope | undefined = undefined;
  /** Undefined until something that can be interrupted is compiled or a limit is set. */
  clock: Clock | undefined = undefined;
  /** Calls whose Wasm code runs on threads, from their beginning to their end. */
  threadedCalls = 0;
  /** Calls that wait for promises of host functions, each on a stack of its own. */
  parkedCalls = 0;
  private parkable: number | undefined = undefined;
  private ownThreads: Threads | undefined = undefined;
  private readonly clockTable: number = 0;
  private readonly nullFunction = new ArrayBuffer(FunctionRecord.size);

  constructor(
    readonly target: Target,
    readonly platform: Platform,
  ) {
    this.arena = new CodeArena(platform);
    const { arena } = this;
    this.features = detectFeatures(target, platform, arena);
    this.contexts = new ContextMemory(platform);
    this.contextWord = this.contexts.current;
    this.stubs = target.fixedStubs(BigInt(this.contexts.currentAddress));
    const base = arena.addPermanent(this.stubs.bytes);
    this.enter = platform.routine(base + this.stubs.enter);
    this.nullFunctionAddress = platform.addressOf(this.nullFunction);
    this.signatures = new SignatureTable(target, arena);
    this.fibers = new FiberPool(this, this.contextTemplate(base), stackSize);
    const exits = { fault: base + this.stubs.faultExit, interrupt: base + this.stubs.signalStub };
    const { signals } = platform;
    if (signals === undefined) this.guardPages = false;
    else {
      const faults = installFaultHandling(target.faults, platform, signals, arena, exits);
      this.guardPages = provesGuardPages(platform, signals) && faults.installed;
      this.clockTable = faults.clockTable;
    }
    // So that a worker can be terminated while Wasm code runs; nobody can do that to the main thread.
    if (!isMainThread) this.startClock();
  }

  /**
   * Starts the clock for this thread: from now on calls are interrupted at their deadlines and at each tick.
   * Errors: Error when the system refuses the clock's thread.
   */
  startClock(): Clock {
    this.clock ??= this.newClock();
    return this.clock;
  }

  private newClock(): Clock {
    const { platform, target, features, arena, contexts, clockTable } = this;
    const { signals } = platform;
    if (signals === undefined) return new WorkerClock(platform, contexts);
    return new SignalClock(target.clock, features, platform, signals, arena, contexts, clockTable);
  }

  /**
   * How many calls may wait at a time: a stack is two mappings, of which a process has only so many, and the memory of
   * V8 and the C library needs some as well.
   */
  get mostParkedCalls(): number {
    this.parkable ??= Math.floor(this.platform.mostMappings() * 0.375);
    return this.parkable;
  }

  /** Where calls run off this thread. Made when first asked for. Errors: Error when threads can't be had. */
  get threads(): Threads {
    this.ownThreads ??= new Threads(this);
    return this.ownThreads;
  }

  private contextTemplate(base: number): ArrayBuffer {
    const template = new ArrayBuffer(Context.size);
    const words = new Int32Array(template);
    const { stubs, platform } = this;
    setWord64(words, Context.nullFuncref, this.nullFunctionAddress);
    setWord64(words, Context.trapStub, base + stubs.trapStub);
    setWord64(words, Context.interruptStub, base + stubs.interruptStub);
    setWord64(words, Context.limitStub, base + stubs.limitStub);
    setWord64(words, Context.frameLimitStub, base + stubs.frameLimitStub);
    setWord64(words, Context.compileStub, base + stubs.compileStub);
    setWord64(words, Context.memmove, platform.symbol("memmove"));
    setWord64(words, Context.memset, platform.symbol("memset"));
    stubs.builtins.forEach((offset, i) => {
      setWord64(words, Context.builtins + 8 * i, base + offset);
    });
    return template;
  }
}

let engine: Engine | undefined;

/** This thread's engine. Errors: UnsupportedPlatformError. */
export function threadEngine(): Engine {
  engine ??= createEngine();
  return engine;
}

function createEngine(): Engine {
  requireSystem();
  const target = nativeTarget();
  return new Engine(target, createPlatform(target));
}

/** Errors: UnsupportedPlatformError without the instructions that all emitted code may use. */
function detectFeatures(target: Target, platform: Platform, arena: CodeArena): CpuFeatures {
  const { routine, read, required } = target.featureProbe;
  const answers = new Uint32Array(new ArrayBuffer((routine?.words ?? 0) * 4));
  if (routine !== undefined) {
    const code = routine.code(BigInt(platform.addressOf(answers.buffer)));
    platform.routine(arena.addPermanent(code))();
  }
  const features = new Set(read(answers, platform.processorCapabilities));
  for (const feature of debugOptions.off) features.delete(feature);
  for (const [feature, name] of required) {
    if (features.has(feature)) continue;
    throw new UnsupportedPlatformError(
      "processor",
      `Backplane needs a processor with ${name}, which this one lacks; use Node's own WebAssembly.`,
    );
  }
  return features;
}

/** What guard-page code relies on: any 32-bit index plus any 32-bit static offset stays within it. */
const reservation = 2 ** 33;

/**
 * Looks a probe memory up in the address map: everything from its end to 8 GiB from its base must be mapped and
 * inaccessible.
 */
function provesGuardPages(platform: Platform, signals: SignalSystem): boolean {
  const { Memory } = nodeWebAssembly();
  const probe = new Memory({ initial: 1, maximum: 2 });
  const base = platform.addressOf(probe.buffer);
  const accessible = base + probe.buffer.byteLength;
  let covered = accessible;
  for (const { start, end, protection } of signals.addressMap() ?? []) {
    if (end <= covered) continue;
    if (start > covered) break;
    if (!protection.startsWith("---")) return false;
    covered = end;
    if (covered >= base + reservation) return true;
  }
  return false;
}
