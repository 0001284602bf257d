/**
 * waPC guest calls, "wapc-1": an operation's name and a payload of bytes go in, bytes or an error come out, and no side
 * allocates memory of the other's. A call of the host's that the guest makes names a binding, a namespace, an
 * operation and a payload; here that is the function of that operation's name in the host module of the namespace's.
 *
 * Source: waPC protocol, https://wapc.io/docs/spec.
 */
import { type ModuleTypes, Suspending } from "../../../engine/index.js";
import { isReference, resultTypes } from "../../declare/signature.js";
import { BackplaneError } from "../../errors.js";
import type { Abi, AbiHostFunction, AbiModule, AbiPlugin } from "../abi.js";
import { requireServed } from "../served-imports.js";
import { WapcInstance, wapcImports } from "./wapc-instance.js";

export const wapcAbi: Abi = {
  name: "wapc-1",
  callsByName: true,
  detects: ({ imports, exports }) =>
    imports.some(({ module }) => module === "wapc") && exports.some(({ name }) => name === "__guest_call"),
  prepare: (plugin) => {
    requireServed(plugin, "waPC", { wapc: wapcImports, env: ["abort"] });
    requireGuestCall(plugin.name, plugin.types);
    return new WapcModule(plugin);
  },
};

function requireGuestCall(plugin: string, { exports }: ModuleTypes): void {
  const type = exports.find(({ name }) => name === "__guest_call")?.type;
  if (`${type?.params} -> ${type?.results}` === "i32,i32 -> i32") return;
  const text = "export __guest_call: waPC needs it, (i32, i32) -> i32";
  throw new BackplaneError("EXPORT_MISMATCH", `${plugin}: ${text}`);
}

class WapcModule implements AbiModule {
  readonly waits: boolean;
  private readonly functions: ReadonlyMap<string, AbiHostFunction>;

  constructor(private readonly plugin: AbiPlugin) {
    this.functions = callable(plugin);
    this.waits = [...this.functions.values()].some((one) => one.waits);
  }

  instance(): WapcInstance {
    const { plugin, functions } = this;
    const find = (namespace: string, operation: string): AbiHostFunction | undefined =>
      functions.get(`${namespace}\0${operation}`);
    return new WapcInstance(plugin, find, (call) => (this.waits ? new Suspending(call) : call));
  }
}

/** Host functions that a payload can be given to and taken from: with one parameter and one result at most. */
function callable(plugin: AbiPlugin): Map<string, AbiHostFunction> {
  const found = new Map<string, AbiHostFunction>();
  for (const { declaration } of plugin.modules) {
    for (const { name, signature } of declaration.functions) {
      const results = resultTypes(signature);
      const fits = [...signature.params, ...results].every(isReference);
      if (!fits || signature.params.length > 1 || results.length > 1) continue;
      const host = plugin.hostFunction(declaration.name, name);
      if (host !== undefined) found.set(`${declaration.name}\0${name}`, host);
    }
  }
  return found;
}
