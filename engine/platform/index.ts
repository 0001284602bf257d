/** Picks the operating system's implementation, or says clearly that there is none. */
import { readFileSync } from "node:fs";
import { debugOptions } from "../debug.js";
import { UnsupportedPlatformError } from "./errors.js";
import { loadKoffi } from "./koffi.js";
import { linuxPlatform } from "./linux.js";
import { hasNodeWebAssembly } from "./native-webassembly.js";
import type { Platform, PublishRoutine } from "./platform.js";

const architectures = ["x64", "arm64"];

export { UnsupportedPlatformError } from "./errors.js";
export { type NativeMemory, nodeWebAssembly } from "./native-webassembly.js";
export type { ExecutableMapping, Platform, PublishRoutine, SignalSystem, ThreadSystem } from "./platform.js";

/**
 * `publish`: the instruction set's routine for newly written code (Target.publishRoutine). Errors: UnsupportedPlatformError.
 */
export function createPlatform(publish?: PublishRoutine): Platform {
  if (!hasNodeWebAssembly()) {
    throw new UnsupportedPlatformError(
      "webassembly-missing",
      "Backplane keeps plugins' memories in Node's own WebAssembly.Memory, which --jitless takes away; start Node without it.",
    );
  }
  if (process.platform !== "linux" || !architectures.includes(process.arch)) {
    throw new UnsupportedPlatformError(
      "platform",
      `Backplane runs on Linux for x64 and arm64; this is ${process.platform} for ${process.arch}.`,
    );
  }
  if (usesMusl()) {
    throw new UnsupportedPlatformError(
      "libc",
      "Backplane has not been tested with musl, the C library of this Node (Alpine); use a Node for glibc, as in the image node:22-slim.",
    );
  }
  const platform = linuxPlatform(loadKoffi(), publish);
  return debugOptions.off.has("signals") ? { ...platform, signals: undefined } : platform;
}

/** Whether the process was linked by musl's loader, which then is one of its files. */
function usesMusl(): boolean {
  try {
    return readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-");
  } catch {
    return false;
  }
}
