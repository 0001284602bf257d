/** Refuses imports that an ABI doesn't serve, as a plugin is loaded. */
import { suggestion } from "../binding/nearest-name.js";
import { BackplaneError } from "../errors.js";
import type { AbiPlugin } from "./abi.js";

/** @param served names by module. Errors: BackplaneError IMPORT_MISMATCH. */
export function requireServed(
  { name: plugin, imports }: AbiPlugin,
  abi: string,
  served: Readonly<Record<string, readonly string[]>>,
): void {
  for (const { module, name } of imports) {
    const names = Object.hasOwn(served, module) ? served[module] : undefined;
    if (names?.includes(name)) continue;
    const near =
      names === undefined
        ? suggestion(module, Object.keys(served), "there are")
        : suggestion(name, names, "it has");
    const what = names === undefined ? `no module "${module}"` : `no such function`;
    throw new BackplaneError(
      "IMPORT_MISMATCH",
      `${plugin}: import ${module}.${name}: ${abi} has ${what}${near}`,
    );
  }
}
