/** The option `cache`: where a host keeps compiled code. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CodeCache, type CodeCacheOptions } from "../engine/index.js";
import { BackplaneError, messageOf } from "./errors.js";

/**
 * `true`: in the user's cache folder; a folder, relative to the current one; how much of it (`CodeCacheOptions`); a cache
 * that several hosts share; `false`: nowhere.
 */
export type CacheSetting = boolean | string | URL | CodeCacheOptions | CodeCache;

/** @param warn told once of each kind of trouble. Errors: BackplaneError OPTIONS. */
export function codeCacheOf(
  setting: CacheSetting | undefined,
  warn: (message: string, cause: unknown) => void,
): CodeCache | undefined {
  if (setting === undefined || setting === false) return undefined;
  if (setting instanceof CodeCache) return setting;
  try {
    return new CodeCache({ warn, ...optionsOf(setting) });
  } catch (cause) {
    throw new BackplaneError("OPTIONS", messageOf(cause), { cause });
  }
}

/** Errors: TypeError. */
function optionsOf(setting: unknown): CodeCacheOptions {
  if (setting === true) return {};
  if (typeof setting === "string") return { folder: resolve(setting) };
  if (setting instanceof URL) return { folder: fileURLToPath(setting) };
  if (typeof setting === "object" && setting !== null) return setting as CodeCacheOptions;
  throw new TypeError(`cache: expected true, a folder or its options, got ${String(setting)}`);
}
