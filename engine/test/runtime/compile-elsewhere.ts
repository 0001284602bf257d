/** Compiling a module to bytes, and running it with them, for tests. */
import type { CpuFeatures, Target } from "../../machine/target.js";
import { CompiledCode, compiledModule } from "../../runtime/compiled-module.js";
import type { Engine, EngineOptions } from "../../runtime/engine.js";
import { Instance } from "../../runtime/instance.js";
import { checkedModule, Module } from "../../runtime/module.js";

export const options: EngineOptions = {
  bounds: "explicit",
  compile: "lazy",
  effort: "full",
  interrupts: false,
  canonicalNaNs: false,
  vectors: true,
};

export function compile(bytes: Uint8Array, target: Target, features: CpuFeatures): Uint8Array {
  return compiledModule(checkedModule(bytes, options), target, features, options);
}

/** Calls an export of a module without imports. Errors: CompiledModuleError. */
export function runCompiled(
  engine: Engine,
  bytes: Uint8Array,
  code: Uint8Array,
  name: string,
  args: readonly number[],
): unknown {
  const module = Module.compile(engine, bytes, options, new CompiledCode(code));
  const instance = new Instance(module, { functions: [], tables: [], memories: [], globals: [] });
  instance.initialize();
  const index = module.module.exports.find((other) => other.name === name)!.index;
  return instance.function(index).call([...args]);
}
