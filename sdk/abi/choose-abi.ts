/** Which ABI a plugin's module is run under. */
import { inspect } from "node:util";
import type { ModuleTypes } from "../../engine/index.js";
import { BackplaneError } from "../errors.js";
import type { Abi } from "./abi.js";
import { backplaneAbi } from "./backplane/backplane-abi.js";
import { dprintAbi } from "./dprint/dprint-abi.js";
import { extismAbi } from "./extism/extism-abi.js";
import { wapcAbi } from "./wapc/wapc-abi.js";

/** Those that every host has, in the order in which they look at a module. */
export const builtInAbis: readonly Abi[] = [extismAbi, wapcAbi, dprintAbi, backplaneAbi];

/** Errors: BackplaneError OPTIONS for what can't be an ABI. */
export function requireAbis(abis: readonly Abi[]): void {
  for (const abi of abis) {
    if (typeof abi?.name === "string" && typeof abi.prepare === "function") continue;
    throw new BackplaneError(
      "OPTIONS",
      `abis: expected objects with a name and prepare(plugin), got ${inspect(abi)}`,
    );
  }
}

/**
 * The application's choice for the plugin if there is one, else the manifest's, else the first ABI that recognizes
 * the module, else Backplane's own.
 *
 * @param own the application's, which come before those that are built in
 * @param chosen by the application
 * @param named by the manifest
 * Errors: BackplaneError ABI.
 */
export function chooseAbi(
  plugin: string,
  types: ModuleTypes,
  own: readonly Abi[],
  chosen: Abi | string | undefined,
  named: string | undefined,
): Abi {
  if (typeof chosen === "object") {
    requireAbis([chosen]);
    return chosen;
  }
  const known = [...own, ...builtInAbis];
  const name = chosen ?? named;
  if (name === undefined) return known.find((abi) => abi.detects?.(types)) ?? backplaneAbi;
  const found = known.find((abi) => abi.name === name);
  if (found !== undefined) return found;
  const names = known.map((abi) => abi.name).join(", ");
  const who = chosen === undefined ? "its manifest" : "the application";
  throw new BackplaneError("ABI", `${plugin}: ${who} names the ABI "${name}"; there are: ${names}`);
}
