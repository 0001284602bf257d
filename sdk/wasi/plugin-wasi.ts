/**
 * WASI for the instances of a plugin: one `Wasi` of the engine's for each, with what was granted.
 *
 * A guest that has to wait (in `poll_oneoff`, for a stream, for a pipe in a folder of the host's) is parked, and the
 * call's signal and deadline hold while it is. Functions that can't come to wait with what was granted stay plain
 * ones, which cost less and can be called while the plugin starts.
 */
import {
  type Clocks,
  fixedClocks,
  hostClocks,
  type ImportType,
  type RandomSource,
  type StdinSource,
  type StdoutTarget,
  StopCall,
  Suspending,
  seededRandom,
  Wasi,
  type WasiFunction,
  type WasiModule,
} from "../../engine/index.js";
import type { HostCallLimits } from "../binding/host-call-limits.js";
import { suggestion } from "../binding/nearest-name.js";
import { currentFrame } from "../call-frame.js";
import { BackplaneError } from "../errors.js";
import type { LogLevel } from "../plugin/guest-log.js";
import { LineLog } from "./line-log.js";
import type { GrantedWasi, WasiOutput } from "./wasi-grant.js";

/** Import modules that are WASI's. */
export const wasiModules: ReadonlySet<string> = new Set<WasiModule>([
  "wasi_snapshot_preview1",
  "wasi_unstable",
]);

type Imports = Readonly<Record<string, Readonly<Record<string, object>>>>;

/** Writes to the plugin's log. */
type Log = (level: LogLevel, text: string) => void;

/** Whom it is for. */
export interface PluginWasiOwner {
  /** The plugin's, and the program's first argument. */
  readonly name: string;
  /** Bounds on calls that wait. */
  readonly hostCalls: HostCallLimits;
}

export class PluginWasi {
  private readonly waiting: ReadonlySet<string>;

  /**
   * @param wanted its imports from WASI
   * Errors: BackplaneError IMPORT_MISMATCH.
   */
  constructor(
    private readonly owner: PluginWasiOwner,
    private readonly wanted: readonly ImportType[],
    private readonly granted: GrantedWasi,
    private readonly log: Log,
  ) {
    this.waiting = waitingFunctions(granted);
    this.requireKnown();
  }

  private requireKnown(): void {
    const { imports } = new Wasi();
    for (const { module, name } of this.wanted) {
      if (Object.hasOwn(imports[module as WasiModule], name)) continue;
      const near = suggestion(name, Object.keys(imports[module as WasiModule]), "it has");
      const text = `${this.owner.name}: import ${module}.${name}: WASI preview 1 has no such function${near}`;
      throw new BackplaneError("IMPORT_MISMATCH", text);
    }
  }

  /** Calls of the plugin may have to wait in WASI. */
  get waits(): boolean {
    return this.wanted.some(({ name }) => this.waiting.has(name));
  }

  /** Errors: an Error with a `code` if a folder can't be opened. */
  instance(): InstanceWasi {
    return new InstanceWasi(this.owner, this.wanted, this.waiting, this.granted, this.log);
  }
}

/** Those that may have to wait, with what is granted. */
function waitingFunctions({ stdin, stdout, stderr, preopens, sockets }: GrantedWasi): ReadonlySet<string> {
  const names = new Set(["poll_oneoff"]);
  const streams = [stdin, stdout, stderr].some(mayWait);
  // Folders of the host's can have pipes and devices.
  const pipes = Object.values(preopens).some((given) => typeof given === "string" || "path" in given);
  if (streams || pipes || sockets !== undefined) names.add("fd_read").add("fd_write");
  if (sockets !== undefined) names.add("sock_accept").add("sock_recv").add("sock_send");
  return names;
}

function mayWait(stream: StdinSource | WasiOutput | undefined): boolean {
  if (stream === "inherit" || typeof stream === "number") return true;
  return typeof stream === "object" && ("pipe" in stream || "writable" in stream);
}

export class InstanceWasi {
  /** By module and name: what the plugin imports of WASI. */
  readonly imports: Imports;
  private readonly wasi: Wasi;
  private readonly logs: LineLog[] = [];
  private gaveUp: () => void = () => {};

  constructor(
    private readonly owner: PluginWasiOwner,
    wanted: readonly ImportType[],
    waiting: ReadonlySet<string>,
    granted: GrantedWasi,
    log: Log,
  ) {
    const { args = [], env, stdin, preopens, sockets, maxDescriptors } = granted;
    this.wasi = new Wasi({
      args: [owner.name, ...args],
      env,
      stdin,
      preopens,
      sockets: typeof sockets === "function" ? sockets() : sockets,
      maxDescriptors,
      stdout: this.output(granted.stdout, (line) => log("info", line)),
      stderr: this.output(granted.stderr, (line) => log("warn", line)),
      clocks: clocksOf(granted),
      random: randomOf(granted),
    });
    const imports: Record<string, Record<string, object>> = {};
    for (const { module, name: wantedName } of wanted) {
      imports[module] ??= Object.create(null) as Record<string, object>;
      const found = this.functionFor(module as WasiModule, wantedName, waiting);
      if (found !== undefined) imports[module][wantedName] = found;
    }
    this.imports = imports;
  }

  private functionFor(module: WasiModule, name: string, waiting: ReadonlySet<string>): object | undefined {
    const from = waiting.has(name) ? this.wasi.asyncFunctions : this.wasi.imports;
    const found = from[module][name];
    if (found === undefined || !waiting.has(name)) return found;
    return new Suspending(this.untilAborted(found as WasiFunction));
  }

  /** Errors: LimitError if too many calls wait already. A wait that is given up with its call ends the instance: who knows how long it would go on for nobody. */
  private untilAborted(run: WasiFunction): WasiFunction {
    return (...args) => {
      const errno = run(...args);
      const frame = currentFrame();
      if (!(errno instanceof Promise) || frame === undefined) return errno;
      this.requireRoom(errno);
      const settled = frame.untilAborted(errno).catch((cause: unknown) => {
        if (!frame.aborted) throw cause;
        this.gaveUp();
        throw frame.isReason(cause) ? new StopCall("aborted", cause) : cause;
      });
      settled.catch(() => {});
      this.owner.hostCalls.park(settled);
      return settled;
    };
  }

  /** Errors: LimitError if too many calls wait already; this wait is given up then. */
  private requireRoom(waiting: Promise<number>): void {
    try {
      this.owner.hostCalls.requireRoom();
    } catch (error) {
      waiting.catch(() => {});
      this.gaveUp();
      throw error;
    }
  }

  private output(target: WasiOutput | undefined, write: (line: string) => void): StdoutTarget | undefined {
    if (target !== "log") return target;
    const lines = new LineLog(write);
    this.logs.push(lines);
    return (chunk) => lines.take(chunk);
  }

  /**
   * Takes the instance's memory.
   *
   * @param gaveUp called when a wait in WASI was given up: the instance can't be used any more
   */
  attach(exports: Readonly<Record<string, unknown>>, gaveUp: () => void): void {
    const { memory } = exports;
    if (typeof memory === "object" && memory !== null && "buffer" in memory) {
      this.wasi.bind(memory as { buffer: ArrayBuffer });
    }
    this.gaveUp = gaveUp;
  }

  /** How often the guest has called WASI: what that changed can't be put back. */
  get calls(): number {
    return this.wasi.calls;
  }

  /** The exit code, if an error is this guest's `proc_exit`. */
  exitCode(error: unknown): number | undefined {
    return this.wasi.exitCodeOf(error);
  }

  /** Closes all that the guest has open, and writes what is left of its output. */
  close(): void {
    this.wasi.close();
    for (const lines of this.logs) lines.close();
  }
}

function clocksOf({ clocks }: GrantedWasi): Clocks | undefined {
  if (clocks === "fine") return hostClocks({ resolution: 1n });
  if (clocks === "fixed") return fixedClocks();
  return typeof clocks === "function" ? clocks() : clocks && fixedClocks(clocks);
}

function randomOf({ random }: GrantedWasi): RandomSource | undefined {
  return typeof random === "function" ? random() : random && seededRandom(random.seed);
}
