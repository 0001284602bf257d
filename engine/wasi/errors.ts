/** The errors of a `Wasi` that are the host's to see. What a guest does wrong, it learns as an error number. */

/**
 * How a guest's `proc_exit` ends its call. `Wasi.start` turns it into the exit code; from other calls it is thrown.
 */
export class ExitError extends Error {
  override readonly name = "ExitError";

  /** @param exitCode what the guest passed: 0 to 2^32 - 1 */
  constructor(readonly exitCode: number) {
    super(`the guest exited with code ${exitCode}`);
  }
}

/**
 * - `closed`: a call was waiting while its `Wasi` was closed
 * - `memory-missing`: WASI was called, or started, without a memory
 * - `wrong-kind`: not the exports of a command, or of a reactor
 * - `already-started`: a `Wasi` is for one instance
 */
export type WasiErrorReason = "closed" | "memory-missing" | "wrong-kind" | "already-started";

/** A `Wasi` can't be used so. `reason` is stable. */
export class WasiError extends Error {
  override readonly name = "WasiError";
  constructor(
    readonly reason: WasiErrorReason,
    message: string,
  ) {
    super(`WASI: ${message}`);
  }
}
