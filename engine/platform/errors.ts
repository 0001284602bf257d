/**
 * The one error for "this engine can't run here": its message is a sentence that says what is missing and what
 * to do about it; `reason` is stable.
 */
export type UnsupportedReason =
  | "platform"
  | "libc"
  | "webassembly-missing"
  | "addons-denied"
  | "koffi-missing"
  | "executable-memory-denied"
  | "processor";

/** The engine can't run here; thrown when it is first used. */
export class UnsupportedPlatformError extends Error {
  override readonly name = "UnsupportedPlatformError";
  constructor(
    readonly reason: UnsupportedReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
