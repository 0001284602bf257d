/** Which instruction sets there are, and the one of this process. */
import type { Target } from "../machine/target.js";
import { amd64, amd64Windows } from "./amd64/index.js";
import { arm64 } from "./arm64/index.js";

/** By the names that Node has for them (`process.arch`). */
const targets: ReadonlyMap<string, Target> = new Map([
  ["x64", amd64],
  ["arm64", arm64],
]);

/** Undefined: the engine has none for this architecture. */
export function targetOf(architecture: string, platform: string = process.platform): Target | undefined {
  if (architecture === "x64" && platform === "win32") return amd64Windows;
  return targets.get(architecture);
}

/** This process's. Errors: RangeError on an architecture without one; `requireSystem` tells users before that. */
export function nativeTarget(): Target {
  const target = targetOf(process.arch);
  if (target === undefined) throw new RangeError(`no instruction set for ${process.arch}`);
  return target;
}
