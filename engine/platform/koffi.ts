/** Loads koffi when the engine is first used, not when it is imported: a missing or forbidden addon is a clear error. */
import { createRequire } from "node:module";
import { UnsupportedPlatformError } from "./errors.js";

export type IKoffi = typeof import("koffi");

export function loadKoffi(): IKoffi {
  try {
    return createRequire(import.meta.url)("koffi") as IKoffi;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_DLOPEN_DISABLED") {
      throw new UnsupportedPlatformError(
        "addons-denied",
        "Backplane needs native addons, which Node's permission model denies; start Node with --allow-addons.",
        { cause: error },
      );
    }
    throw new UnsupportedPlatformError(
      "koffi-missing",
      "Backplane could not load koffi, its way to native code; reinstall it (bundlers: mark koffi as external).",
      { cause: error },
    );
  }
}
