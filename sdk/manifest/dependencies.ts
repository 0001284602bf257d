/**
 * Versions: what a manifest's `dependencies` demand, compared with what is there. Ranges and versions are those of
 * semver; a pre-release satisfies only a range that names one.
 */
import { satisfies } from "semver";
import type { HostModuleDeclaration } from "../declare/decorators.js";
import { BackplaneError } from "../errors.js";
import type { PluginManifest } from "./manifest.js";

/**
 * @param what the dependency, as errors name it: `host module "kv"`
 * @param version what is there
 * Errors: BackplaneError VERSION_MISMATCH.
 */
export function requireVersion(
  plugin: string,
  what: string,
  range: string,
  version: string | undefined,
): void {
  if (version !== undefined && satisfies(version, range)) return;
  if (version === undefined && range.trim() === "*") return;
  const found = version === undefined ? "which names no version" : `which is ${version}`;
  throw new BackplaneError("VERSION_MISMATCH", `${plugin}: it depends on ${what} ${range}, ${found}`);
}

/** Errors: BackplaneError DEPENDENCY, VERSION_MISMATCH. */
export function requireHostModules(
  plugin: string,
  manifest: PluginManifest | undefined,
  registered: readonly HostModuleDeclaration[],
): void {
  for (const [name, range] of Object.entries(manifest?.dependencies?.modules ?? {})) {
    const declared = registered.find((module) => module.name === name);
    if (declared === undefined) {
      const names = registered.map((module) => module.name).join(", ") || "none";
      throw new BackplaneError(
        "DEPENDENCY",
        `${plugin}: it depends on the host module "${name}" ${range}, which the application doesn't have (it has: ${names})`,
      );
    }
    requireVersion(plugin, `the host module "${name}"`, range, declared.version);
  }
}
