/** Picks the operating system's implementation, or says clearly that there is none. */
import { UnsupportedPlatformError } from "./errors.js";
import { loadKoffi } from "./koffi.js";
import { linuxPlatform } from "./linux.js";
import { hasNodeWebAssembly } from "./native-webassembly.js";
import type { Platform } from "./platform.js";

export { UnsupportedPlatformError } from "./errors.js";
export { type NativeMemory, nodeWebAssembly } from "./native-webassembly.js";
export type { ExecutableMapping, Platform, ThreadSystem } from "./platform.js";

/** Errors: UnsupportedPlatformError. */
export function createPlatform(): Platform {
  if (!hasNodeWebAssembly()) {
    throw new UnsupportedPlatformError(
      "webassembly-missing",
      "Backplane keeps plugins' memories in Node's own WebAssembly.Memory, which --jitless takes away; start Node without it.",
    );
  }
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new UnsupportedPlatformError(
      "platform",
      `Backplane runs on Linux for x64; this is ${process.platform} for ${process.arch}.`,
    );
  }
  return linuxPlatform(loadKoffi());
}
