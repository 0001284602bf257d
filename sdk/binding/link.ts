/**
 * A plugin's imports: host methods as functions of core values. An `async` method parks the calling plugin until its
 * promise settles, or until the call that reached it is aborted.
 */
import { Suspending } from "../../engine/index.js";
import { currentFrame } from "../call-frame.js";
import type { HostFunctionDeclaration } from "../declare/decorators.js";
import type { FunctionSignature } from "../declare/signature.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError, HostError, messageOf } from "../errors.js";
import { PluginMemory } from "./memory.js";

type HostMethod = (...args: unknown[]) => unknown;

/** What an instance is linked with. */
export interface Linkage {
  readonly imports: Readonly<Record<string, Record<string, HostMethod | Suspending>>>;
  readonly memory: PluginMemory;
}

/** Errors: BackplaneError HOST_MODULE for a declared method that the object doesn't have. */
export function linkageOf(plugin: string, modules: readonly DefinedModule[]): Linkage {
  const memory = new PluginMemory(plugin);
  const imports: Record<string, Record<string, HostMethod | Suspending>> = {};
  for (const { declaration, object } of modules) {
    const fields = (imports[declaration.name] ??= {});
    for (const declared of declaration.functions) {
      const method = (object as Record<string, HostMethod | undefined>)[declared.method];
      const where = `${declaration.name}.${declared.name} (${declaration.className}.${declared.method})`;
      if (typeof method !== "function") {
        throw new BackplaneError("HOST_MODULE", `${plugin}: import ${where}: the module has no such method`);
      }
      fields[declared.name] = importOf(method, object, declared, memory, `${plugin}: import ${where}`);
    }
  }
  return { imports, memory };
}

function importOf(
  method: HostMethod,
  object: object,
  declared: HostFunctionDeclaration,
  memory: PluginMemory,
  where: string,
): HostMethod | Suspending {
  const wrap = (cause: unknown): HostError => new HostError(`${where}: ${messageOf(cause)}`, { cause });
  const marshal = argumentReader(declared.signature, memory);
  if (Object.prototype.toString.call(method) !== "[object AsyncFunction]") {
    return (...raw) => {
      const args = marshal(raw);
      try {
        return method.apply(object, args);
      } catch (cause) {
        throw wrap(cause);
      }
    };
  }
  return new Suspending((...raw: unknown[]) => {
    const promise = (method.apply(object, marshal(raw)) as Promise<unknown>).catch((cause) => {
      throw wrap(cause);
    });
    return currentFrame()?.untilAborted(promise) ?? promise;
  });
}

/** Strings are read from the plugin's memory, core values pass as they are. */
function argumentReader(signature: FunctionSignature, memory: PluginMemory): (raw: unknown[]) => unknown[] {
  if (!signature.params.includes("string")) return (raw) => raw;
  return (raw) => {
    let at = 0;
    return signature.params.map((type) =>
      type === "string" ? memory.text(raw[at++] as number, raw[at++] as number) : raw[at++],
    );
  };
}
