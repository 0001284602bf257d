/**
 * `node --import backplane/register app.js`: puts this engine in place of the global `WebAssembly`.
 *
 * With `BACKPLANE_FALLBACK=1` in the environment, modules that use features past WebAssembly 2.0 are handed to Node's
 * own engine; otherwise they are refused with a CompileError.
 */
import { createNamespace, WebAssembly as ownNamespace } from "./namespace.js";

const fallback = ["1", "true"].includes(process.env.BACKPLANE_FALLBACK ?? "");
Object.defineProperty(globalThis, "WebAssembly", {
  value: fallback ? createNamespace({ fallback: true }) : ownNamespace,
  writable: true,
  enumerable: false,
  configurable: true,
});
