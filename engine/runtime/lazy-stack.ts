/**
 * Stacks of errors that begin with Wasm frames, put together when they are first read.
 *
 * As V8's own are: which line a JavaScript function was at is a question that V8 parses its source again for, which takes
 * milliseconds. The caller of a call that was stopped at its deadline isn't to wait for that.
 *
 * Source: V8, "Stack trace API" (`Error.captureStackTrace`, `Error.prepareStackTrace`).
 */
import type { WasmFrame } from "./errors.js";

/** A stack line as V8 writes it. */
export function formatFrame(frame: WasmFrame): string {
  const place = `${frame.url}:wasm-function[${frame.functionIndex}]:0x${Math.max(frame.byteOffset, 0).toString(16)}`;
  return frame.functionName === undefined ? `    at ${place}` : `    at ${frame.functionName} (${place})`;
}

/**
 * Makes an error's `stack` its name and message, then Wasm frames, then JavaScript's, which are taken now. For errors that
 * an application makes of those of calls.
 *
 * @param frames innermost first
 * @param above JavaScript's frames begin above this function; undefined: here
 * @param most lines beside the first
 *
 * @example
 * class RenderError extends Error {
 *   constructor(cause: InterruptError) {
 *     super("the page took too long", { cause });
 *     putFramesFirst(this, cause.frames, RenderError);
 *   }
 * }
 */
export function putFramesFirst(
  error: Error,
  frames: readonly WasmFrame[],
  // biome-ignore lint/complexity/noBannedTypes: any function
  above: Function | undefined,
  most = Number.POSITIVE_INFINITY,
): void {
  // V8 keeps what it needs in an object that has the error's name and message, for who prepares stacks.
  const site = Object.create(error) as Error;
  Error.captureStackTrace(site, above ?? putFramesFirst);
  const define = (target: object, value: unknown): void => {
    Object.defineProperty(target, "stack", { value, writable: true, enumerable: false, configurable: true });
  };
  // Defining it anew would have V8 (Node 20's) put its own together, to compare.
  delete error.stack;
  Object.defineProperty(error, "stack", {
    get(): unknown {
      const stack = joined(error, site.stack, frames, most);
      define(error, stack);
      return stack;
    },
    set(this: object, value: unknown): void {
      define(this, value);
    },
    enumerable: false,
    configurable: true,
  });
}

/** @param stack V8's, or whatever `Error.prepareStackTrace` made of it, which is left as it is if it's no text */
function joined(error: Error, stack: unknown, frames: readonly WasmFrame[], most: number): unknown {
  if (typeof stack !== "string") return stack;
  const header = `${error.name}: ${error.message}`;
  const rest = stack.startsWith(header) ? stack.slice(header.length) : "";
  const own = rest.split("\n").filter((line) => line !== "");
  return [header, ...[...frames.map(formatFrame), ...own].slice(0, most)].join("\n");
}
