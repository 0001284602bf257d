/** What the WASI functions of one import object work on, and how they wait. */
import type { Clocks } from "./clocks.js";
import type { Snapshot } from "./definitions.js";
import type { DescriptorTable, WaitMode } from "./descriptor.js";
import { errnoOf } from "./errno.js";
import type { ExitError } from "./errors.js";
import type { GuestMemory } from "./guest-memory.js";
import type { RandomSource } from "./random.js";

/** What all import objects of one `Wasi` share. */
export interface World {
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
  /** Without their final NULs. */
  readonly args: readonly Uint8Array[];
  readonly environ: readonly Uint8Array[];
  readonly clocks: Clocks;
  readonly random: RandomSource;
  /** Aborted by `Wasi.close`, with the error that ends calls which wait. */
  readonly closing: AbortSignal;
  /** What this guest's `proc_exit` has thrown: another guest's may pass through the same call. */
  readonly exits: WeakSet<ExitError>;
  /** How often the guest has called. */
  readonly usage: { calls: number };
}

export interface Context extends World {
  readonly snapshot: Snapshot;
  readonly mode: WaitMode;
}

/** A WASI function as the files of this folder write it: results go to memory, failures are thrown. */
export type Operation = (...args: never[]) => void | Promise<void>;
export type Operations = Readonly<Record<string, Operation>>;

/** A WASI function as a guest calls it: gives an error number, or a promise of one. */
export type WasiFunction = (...args: (number | bigint)[]) => number | Promise<number>;

/** Counts its calls, and turns what an operation throws into an error number. Faults of the host's are passed on. */
export function asWasiFunction(operation: Operation, usage: World["usage"]): WasiFunction {
  const run = operation as (...args: (number | bigint)[]) => void | Promise<void>;
  return (...args) => {
    usage.calls++;
    try {
      const result = run(...args);
      return result === undefined ? 0 : result.then(succeeded, failed);
    } catch (error) {
      return failed(error);
    }
  };
}

function succeeded(): number {
  return 0;
}

function failed(error: unknown): number {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return errno;
}
