/** Picks the operating system's implementation, or says clearly that there is none. */
import { readFileSync } from "node:fs";
import { debugOptions } from "../debug.js";
import { darwinPlatform } from "./darwin.js";
import { UnsupportedPlatformError } from "./errors.js";
import { type IKoffi, loadKoffi } from "./koffi.js";
import { linuxPlatform } from "./linux.js";
import { hasNodeWebAssembly } from "./native-webassembly.js";
import type { CodeRoutines, Platform } from "./platform.js";
import { windowsPlatform } from "./windows.js";

/** Makes each system's platform, by the names that Node has for the system and its architecture. */
const systems: Readonly<Record<string, (koffi: IKoffi, routines: CodeRoutines) => Platform>> = {
  "linux x64": linuxPlatform,
  "linux arm64": linuxPlatform,
  "darwin arm64": darwinPlatform,
  "darwin x64": darwinPlatform,
  "win32 x64": windowsPlatform,
};

export { UnsupportedPlatformError } from "./errors.js";
export { type NativeMemory, nodeWebAssembly } from "./native-webassembly.js";
export { PieceViews } from "./piece-views.js";
export type {
  CodeRoutines,
  ExecutableMapping,
  Platform,
  PublishRoutine,
  SignalSystem,
  ThreadSystem,
} from "./platform.js";

/** `routines`: what the process's Target has for writing code. Errors: UnsupportedPlatformError. */
export function createPlatform(routines: CodeRoutines): Platform {
  const open = systemHere();
  const platform = open(loadKoffi(), routines);
  return debugOptions.off.has("signals") ? { ...platform, signals: undefined } : platform;
}

/** Says what is missing where the engine can't run, before anything of this processor's is asked for. Errors: UnsupportedPlatformError. */
export function requireSystem(): void {
  systemHere();
}

function systemHere(): (koffi: IKoffi, routines: CodeRoutines) => Platform {
  const open = systems[`${process.platform} ${process.arch}`];
  if (open === undefined) {
    throw new UnsupportedPlatformError(
      "platform",
      "Backplane runs on Linux for x64 and arm64, and is there for macOS and for Windows on x64, where nobody has tried it " +
        `yet. This is ${process.platform} for ${process.arch}; use Node's own WebAssembly.`,
    );
  }
  if (!hasNodeWebAssembly()) {
    throw new UnsupportedPlatformError(
      "webassembly-missing",
      "Backplane keeps plugins' memories in Node's own WebAssembly.Memory, which --jitless takes away; start Node without it.",
    );
  }
  if (usesMusl()) {
    throw new UnsupportedPlatformError(
      "libc",
      "Backplane has not been tested with musl, the C library of this Node (Alpine); use a Node for glibc, as in the image node:22-slim.",
    );
  }
  return open;
}

/** Whether the process was linked by musl's loader, which then is one of its files. */
function usesMusl(): boolean {
  if (process.platform !== "linux") return false;
  try {
    return readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-");
  } catch {
    return false;
  }
}
