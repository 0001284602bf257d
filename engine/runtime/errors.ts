/**
 * The JS API's error classes. They behave as the language's own native errors do (callable without `new`, name
 * and message on the prototype), which a class can't.
 *
 * Source: WebAssembly JavaScript Interface, "Error objects"; ECMA-262, "NativeError object structure".
 */
import type { TrapKind } from "../ssa/ops.js";

/** An error of the WebAssembly JavaScript API. */
export interface WasmError extends Error {}
/** The class of such errors, which may be called without `new`. */
export interface WasmErrorConstructor extends ErrorConstructor {
  new (message?: string, options?: ErrorOptions): WasmError;
  /** As with `new`. */
  (message?: string, options?: ErrorOptions): WasmError;
  readonly prototype: WasmError;
}

function nativeError(name: string): WasmErrorConstructor {
  const errorClass = {
    [name]: function (this: unknown, message?: unknown, options?: ErrorOptions): Error {
      const target = new.target ?? errorClass;
      const error = Reflect.construct(
        Error,
        message === undefined ? [] : [message, options],
        target,
      ) as Error;
      if (new.target === undefined) Error.captureStackTrace(error, errorClass);
      return error;
    },
  }[name] as unknown as WasmErrorConstructor;
  Object.setPrototypeOf(errorClass, Error);
  Object.defineProperty(errorClass, "length", { value: 1, configurable: true });
  const prototype = Object.create(Error.prototype, {
    constructor: { value: errorClass, writable: true, configurable: true },
    name: { value: name, writable: true, configurable: true },
    message: { value: "", writable: true, configurable: true },
  }) as Error;
  Object.defineProperty(errorClass, "prototype", {
    value: prototype,
    writable: false,
    enumerable: false,
    configurable: false,
  });
  return errorClass;
}

/** A module that isn't valid, or that this engine doesn't take; `cause` says where. */
export const CompileError: WasmErrorConstructor = nativeError("CompileError");
/** An import that isn't there or has another type. */
export const LinkError: WasmErrorConstructor = nativeError("LinkError");
/** A trap. */
export const RuntimeError: WasmErrorConstructor = nativeError("RuntimeError");
/** JavaScript Promise Integration's: a promise could not park its caller. */
export const SuspendError: WasmErrorConstructor = nativeError("SuspendError");

/** One Wasm function that was active at a trap, innermost first. */
export interface WasmFrame {
  /** `wasm://wasm/NAME-HASH` */
  readonly url: string;
  /** From the name section: `module.function`, or what there is of the two, or undefined. */
  readonly functionName: string | undefined;
  readonly functionIndex: number;
  /** Byte offset in the module, or -1. */
  readonly byteOffset: number;
}

/** Why a call was stopped from outside: its deadline, its AbortSignal, its budget of instructions. */
export type InterruptReason = "deadline" | "aborted" | "outOfFuel";

const interruptMessages: Record<InterruptReason, string> = {
  deadline: "the call was stopped at its deadline",
  aborted: "the call was stopped, since its signal was aborted",
  outOfFuel: "the call was stopped, since its fuel is used up",
};

/**
 * A call that was stopped by a limit. Its `stack` begins with the Wasm frames. The instance can be called again, with its
 * memory, tables and globals as the call left them.
 */
export class InterruptError extends Error {
  override readonly name = "InterruptError";

  /**
   * @param frames what the call was doing, innermost first; empty if it hadn't begun
   * @param cause the signal's reason, if it was aborted
   * @param waiting it was waiting, for a promise or for its turn, and not computing
   */
  constructor(
    readonly reason: InterruptReason,
    readonly frames: readonly WasmFrame[],
    cause?: unknown,
    readonly waiting = false,
  ) {
    super(interruptMessages[reason], cause === undefined ? undefined : { cause });
  }
}

/**
 * What the promise of a host function rejects with to stop the call that waits for it as its limits would: with an
 * InterruptError, which tells where in the Wasm code it was.
 *
 * @example
 * const wait = new Suspending(() => Promise.race([work(), gone.then(() => { throw new StopCall("aborted", why); })]));
 */
export class StopCall {
  /** @param cause of the InterruptError */
  constructor(
    readonly reason: InterruptReason,
    readonly cause?: unknown,
  ) {}
}

/**
 * Something of an instance was used while a call of it (or of one that it is linked with) runs on a thread. Wait for the
 * call to end, or make the other call asynchronously: then it waits by itself.
 */
export class InstanceBusy extends Error {
  override readonly name = "InstanceBusy";

  constructor(message = "the instance, or one it is linked with, is running a call on a thread") {
    super(message);
  }
}

/** What a RuntimeError (or RangeError) thrown by a trap knows beyond its message. */
export interface Trap {
  readonly kind: keyof typeof TrapKind;
  readonly frames: readonly WasmFrame[];
}

const traps = new WeakMap<object, Trap>();

/**
 * The trap an error stems from, or undefined.
 *
 * @example
 * try { instance.exports.run(); } catch (error) { console.log(trapOf(error)?.kind); } // "integerDivideByZero"
 */
export function trapOf(error: unknown): Trap | undefined {
  return typeof error === "object" && error !== null ? traps.get(error) : undefined;
}

export function recordTrap(error: object, trap: Trap): void {
  traps.set(error, trap);
}
