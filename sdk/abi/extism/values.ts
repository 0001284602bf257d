/**
 * A plugin's settings and variables: what both ways of keeping them have in common.
 *
 * `NativeValues` serves plugins with functions of compiled code. All its instances share a memory, and what shares a
 * memory can't compute on two threads at once; so plugins with several instances have `MapValues`.
 */
import { HostError } from "../../errors.js";
import type { Kernel } from "./kernel.js";

/** Bytes by name, which stay from call to call, and when an instance is replaced. */
export interface Variables {
  get(name: string): Uint8Array | undefined;
  /** @param value not to be changed any more. Errors: HostError if there is no room, and nothing changes. */
  set(name: string, value: Uint8Array): void;
  delete(name: string): void;
  clear(): void;
}

// biome-ignore lint/suspicious/noExplicitAny: the engine passes what the import's type says
type CoreFunction = (...core: any[]) => any;

/** Values as one instance has them. */
export interface BoundValues {
  readonly variables: Variables;
  /** `config_get`, `var_get` and `var_set`. */
  readonly functions: Readonly<Record<string, CoreFunction>>;
  /** They are exports of an instance: plugins are linked with them natively. */
  readonly native: boolean;
}

export interface Values {
  bind(kernel: Kernel): BoundValues;
  /** The same settings, and no variables. */
  fresh(): Values;
}

/** Of variables, where nobody says it. */
export const defaultMaxVariableBytes = 1024 * 1024;
/** What Extism's runtime counts for each variable besides its name and its bytes. */
export const variableOverhead = 48;

/** @param maxBytes that all variables may count for; 0: there can be none */
export function noRoom(name: string, bytes: number, maxBytes: number): HostError {
  const text =
    maxBytes === 0
      ? "Vars are disabled by this host"
      : `Variable store is full: no room for "${name.slice(0, 40)}" with ${bytes} bytes, ${maxBytes} are allowed in all`;
  return new HostError(`extism:host/env: ${text}`);
}
