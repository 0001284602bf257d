/**
 * WASI preview 1 for one instance: what the guest was given, its import objects, and ways to start it.
 *
 * Nothing is granted that isn't asked for: without options there are no arguments, no environment and no folders, input
 * is at its end, output is thrown away, and clocks count milliseconds. Randomness is the host's, since weak randomness
 * would be worse than none.
 *
 * Source: WASI preview 1, wasi_snapshot_preview1.witx.
 */
import { setMaxListeners } from "node:events";
import { Server, type Socket } from "node:net";
import { promising, Suspending } from "../js-api/suspending.js";
import { argumentsFunctions } from "./arguments-functions.js";
import { type Clocks, hostClocks } from "./clocks.js";
import { asWasiFunction, type Operations, type WasiFunction, type World } from "./context.js";
import { preview1, type Snapshot, unstable } from "./definitions.js";
import { type Descriptor, DescriptorTable, type WaitMode } from "./descriptor.js";
import { ExitError, WasiError } from "./errors.js";
import { fdFunctions } from "./fd-functions.js";
import { DirectoryDescriptor } from "./file-descriptor.js";
import type { FileSystem } from "./file-system.js";
import { GuestMemory, type LinearMemory } from "./guest-memory.js";
import { HostFileSystem } from "./host-file-system.js";
import { pathFunctions } from "./path-functions.js";
import { pollFunction } from "./poll-function.js";
import { hostRandom, type RandomSource } from "./random.js";
import { socketFunctions } from "./socket-functions.js";
import { ListenerDescriptor, SocketDescriptor } from "./sockets.js";
import { type StdinSource, type StdoutTarget, stdinDescriptor, stdoutDescriptor } from "./stdio.js";
import { systemFunctions } from "./system-functions.js";

/** A folder for the guest: a path of the host's, or a file system; read-only unless `write` is true. */
export type Preopen =
  | string
  | FileSystem
  | { readonly path: string; readonly write?: boolean }
  | { readonly fs: FileSystem; readonly write?: boolean };

/** What a guest is given. What is left out isn't there, but for the clock of milliseconds and randomness. */
export interface WasiOptions {
  /** The first one is the program's name. */
  readonly args?: readonly string[];
  /** Variables whose value is undefined are left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folders by the guest's name for them. */
  readonly preopens?: Readonly<Record<string, Preopen>>;
  readonly stdin?: StdinSource;
  readonly stdout?: StdoutTarget;
  readonly stderr?: StdoutTarget;
  /** Default: `hostClocks()`, milliseconds. */
  readonly clocks?: Clocks;
  /** Default: `hostRandom`. */
  readonly random?: RandomSource;
  /** Connections and listening servers; their descriptors follow those of the folders. */
  readonly sockets?: readonly (Socket | Server)[];
  /** As many descriptors as the guest may have open. Default: 1024. */
  readonly maxDescriptors?: number;
}

/** An instance of either engine, as far as it matters here. */
export interface WasiInstance {
  readonly exports: object;
}

/** Import objects: WASI functions by name, by module. */
export type WasiImports = Readonly<Record<WasiModule, WasiFunctions>>;
/** Names of import modules: preview 1, and the snapshot before it. */
export type WasiModule = "wasi_snapshot_preview1" | "wasi_unstable";

const defaultMaxDescriptors = 1024;
/** As many exports as an error names. */
const maxListed = 8;

/** Functions that may have to wait. */
const waitingFunctions: ReadonlySet<string> = new Set([
  "fd_read",
  "fd_write",
  "poll_oneoff",
  "sched_yield",
  "sock_accept",
  "sock_recv",
  "sock_send",
]);

/**
 * @example
 * const wasi = new Wasi({ args: ["greet", "Ada"], stdout: "inherit", preopens: { "/data": "./data" } });
 * const { instance } = await WebAssembly.instantiate(bytes, wasi.imports);
 * const exitCode = wasi.start(instance);
 */
export class Wasi {
  private readonly world: World;
  private readonly closed = new AbortController();
  private started = false;
  private blockingImports: WasiImports | undefined;
  private parkingImports: WasiImports | undefined;
  private parkingFunctions: WasiImports | undefined;

  /** @throws TypeError for texts with a NUL in them; Error with a `code` if a folder can't be opened */
  constructor(options: WasiOptions = {}) {
    setMaxListeners(0, this.closed.signal);
    this.world = {
      memory: new GuestMemory(),
      descriptors: new DescriptorTable(options.maxDescriptors ?? defaultMaxDescriptors),
      args: (options.args ?? []).map((text) => encode("an argument", text)),
      environ: Object.entries(options.env ?? {}).flatMap(([name, value]) =>
        value === undefined ? [] : [encode(`the variable ${name}`, `${name}=${value}`)],
      ),
      clocks: options.clocks ?? hostClocks(),
      random: options.random ?? hostRandom,
      closing: this.closed.signal,
      exits: new WeakSet(),
      usage: { calls: 0 },
    };
    try {
      for (const descriptor of openDescriptors(options)) this.world.descriptors.add(descriptor);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Imports for calls that are made synchronously: a guest that waits, in `poll_oneoff` or for input, blocks the thread.
   * They work with any engine.
   */
  get imports(): WasiImports {
    this.blockingImports ??= importObject(this.world, "block");
    return this.blockingImports;
  }

  /**
   * Imports for calls that are made with `promising` or `parkable`: a guest that waits is parked, and the event loop
   * goes on. Called otherwise, such a guest gets a `SuspendError` when it has to wait.
   */
  get asyncImports(): WasiImports {
    this.parkingImports ??= importObject(this.world, "park");
    return this.parkingImports;
  }

  /**
   * The functions of `asyncImports` before they are wrapped in `Suspending`: those that have to wait give promises. For
   * hosts that wrap them themselves.
   */
  get asyncFunctions(): WasiImports {
    this.parkingFunctions ??= importObject(this.world, "park", false);
    return this.parkingFunctions;
  }

  /** How often the guest has called WASI functions. */
  get calls(): number {
    return this.world.usage.calls;
  }

  /**
   * Runs a command: calls `_start`, then closes all that the guest had open.
   *
   * @returns the exit code: 0 unless the guest exited with another
   * @throws {WasiError} if the instance isn't a command; what the guest's traps and host functions throw
   */
  start(instance: WasiInstance): number {
    const entry = this.prepare(instance, "_start", "_initialize");
    try {
      entry!();
      return 0;
    } catch (error) {
      return this.exitCode(error);
    } finally {
      this.close();
    }
  }

  /** The same for an instance that was linked with `asyncImports`. */
  async startAsync(instance: WasiInstance): Promise<number> {
    const entry = this.prepare(instance, "_start", "_initialize");
    try {
      await promising(entry!)();
      return 0;
    } catch (error) {
      return this.exitCode(error);
    } finally {
      this.close();
    }
  }

  /**
   * Prepares a reactor, whose exports are called afterwards: calls `_initialize` if there is one.
   *
   * @throws {WasiError} if the instance is a command; {ExitError} if the guest exits
   */
  initialize(instance: WasiInstance): void {
    this.prepare(instance, "_initialize", "_start")?.();
  }

  /** The same for an instance that was linked with `asyncImports`. */
  async initializeAsync(instance: WasiInstance): Promise<void> {
    const entry = this.prepare(instance, "_initialize", "_start");
    if (entry !== undefined) await promising(entry)();
  }

  /**
   * Gives the guest's memory, where that isn't the export `memory`, or where WASI is needed before `start` or
   * `initialize`.
   */
  bind(memory: LinearMemory): void {
    this.world.memory.bind(memory);
  }

  /** The exit code, if an error is this guest's `proc_exit`; else undefined. */
  exitCodeOf(error: unknown): number | undefined {
    return error instanceof ExitError && this.world.exits.has(error) ? error.exitCode : undefined;
  }

  /** Closes all that the guest has open. Calls that wait end with a `WasiError`. */
  close(): void {
    if (!this.closed.signal.aborted)
      this.closed.abort(new WasiError("closed", "closed while this call waited"));
    this.world.descriptors.closeAll();
  }

  private exitCode(error: unknown): number {
    const code = this.exitCodeOf(error);
    if (code === undefined) throw error;
    return code;
  }

  /** Checks what kind of module it is, and takes its memory. */
  private prepare(instance: WasiInstance, name: string, other: string): (() => unknown) | undefined {
    const exports = instance.exports as Readonly<Record<string, unknown>>;
    if (this.started) throw new WasiError("already-started", "started before; each instance needs its own");
    const entry = exports[name];
    if (
      exports[other] !== undefined ||
      (typeof entry !== "function" && (name === "_start" || entry !== undefined))
    ) {
      const kind =
        name === "_start" ? "a command, which exports _start" : "a reactor, which exports no _start";
      throw new WasiError("wrong-kind", `expected ${kind}, got exports ${listOf(exports)}`);
    }
    const memory = exports["memory"] as LinearMemory | undefined;
    if (memory !== undefined) this.bind(memory);
    else if (!this.world.memory.isBound) {
      throw new WasiError("memory-missing", "expected an export memory; bind(memory) takes another one");
    }
    this.started = true;
    return entry as (() => unknown) | undefined;
  }
}

function listOf(exports: object): string {
  const names = Object.keys(exports);
  return names.length === 0 ? "of no name" : names.slice(0, maxListed).join(", ");
}

function encode(what: string, text: string): Uint8Array {
  if (text.includes("\0")) throw new TypeError(`WASI: ${what} has a NUL in it, which ends texts there`);
  return Buffer.from(text);
}

/** In the order of their numbers. */
function* openDescriptors(options: WasiOptions): Generator<Descriptor> {
  yield stdinDescriptor(options.stdin);
  yield stdoutDescriptor(options.stdout, 1);
  yield stdoutDescriptor(options.stderr, 2);
  for (const [name, preopen] of Object.entries(options.preopens ?? {})) {
    const { fs, write } = asFileSystem(preopen);
    const encoded = encode("the name of a folder", name);
    yield new DirectoryDescriptor(fs.openRoot(), write, encoded);
  }
  for (const socket of options.sockets ?? []) {
    yield socket instanceof Server ? new ListenerDescriptor(socket) : new SocketDescriptor(socket);
  }
}

function asFileSystem(preopen: Preopen): { fs: FileSystem; write: boolean } {
  if (typeof preopen === "string") return { fs: new HostFileSystem(preopen), write: false };
  if ("openRoot" in preopen) return { fs: preopen, write: false };
  const { write = false } = preopen;
  return { fs: "fs" in preopen ? preopen.fs : new HostFileSystem(preopen.path), write };
}

type WasiFunctions = Readonly<Record<string, WasiFunction | Suspending>>;

/** @param wrap those that wait are `Suspending` in mode "park" */
function functionsOf(world: World, snapshot: Snapshot, mode: WaitMode, wrap: boolean): WasiFunctions {
  const context = { ...world, snapshot, mode };
  const functions: Record<string, WasiFunction | Suspending> = {};
  const addAll = (operations: Operations): void => {
    for (const name of Object.keys(operations)) {
      const run = asWasiFunction(operations[name]!, world.usage);
      const suspends = mode === "park" && wrap && waitingFunctions.has(name);
      functions[name] = suspends ? new Suspending(run) : run;
    }
  };
  addAll(argumentsFunctions(context));
  addAll(systemFunctions(context));
  addAll(fdFunctions(context));
  addAll(pathFunctions(context));
  addAll(pollFunction(context));
  addAll(socketFunctions(context));
  return functions;
}

/** Each module's functions are made when they are first asked for: hardly a guest uses both. */
function importObject(world: World, mode: WaitMode, wrap = true): WasiImports {
  const made = new Map<Snapshot, WasiFunctions>();
  const functions = (snapshot: Snapshot): WasiFunctions => {
    let found = made.get(snapshot);
    if (found === undefined) {
      found = functionsOf(world, snapshot, mode, wrap);
      made.set(snapshot, found);
    }
    return found;
  };
  return {
    get wasi_snapshot_preview1() {
      return functions(preview1);
    },
    get wasi_unstable() {
      return functions(unstable);
    },
  };
}
