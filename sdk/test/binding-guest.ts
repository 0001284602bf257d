/** Guests for the tests of marshalling: WAT with an allocator, linked to host functions without a plugin host. */
import { moduleTypes, WebAssembly } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { BackplaneInstance } from "../abi/backplane/backplane-instance.js";
import { checkImports } from "../binding/check.js";
import { importLinker } from "../binding/link.js";
import type { PluginMemory } from "../binding/memory.js";
import { coreSignature, type FunctionSignature } from "../declare/signature.js";
import type { DefinedModule } from "../di.js";
import { PluginInstance } from "../plugin/plugin-instance.js";

export type Functions = Record<string, readonly [FunctionSignature, (...args: never[]) => unknown]>;

/** A host module "h" of the class "Host". */
export function hostFunctions(functions: Functions): DefinedModule {
  const declared = Object.entries(functions).map(([name, [signature]]) => ({
    name,
    method: name,
    signature,
  }));
  const object = Object.fromEntries(Object.entries(functions).map(([name, [, method]]) => [name, method]));
  return { declaration: { name: "h", className: "Host", functions: declared }, object };
}

export function valueTypes(signature: FunctionSignature): string {
  const { params, results } = coreSignature(signature);
  return `(param ${params.join(" ")}) (result ${results.join(" ")})`;
}

/** Text of an import of a host function, and an export of the same name that hands everything on to it. */
export function forward(name: string, signature: FunctionSignature): { imports: string; exports: string } {
  const types = valueTypes(signature);
  const gets = coreSignature(signature).params.map((_, i) => `(local.get ${i})`);
  return {
    imports: `(import "h" "${name}" (func $h_${name} ${types}))`,
    exports: `(func (export "${name}") ${types} (call $h_${name} ${gets.join(" ")}))`,
  };
}

/**
 * An allocator that never reuses memory, grows it page by page, and counts: `allocated` and `freed` are calls,
 * `lastFreed` and `lastSize` the last arguments of free.
 */
export const allocator = `
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 32768))
  (global $allocated (export "allocated") (mut i32) (i32.const 0))
  (global $freed (export "freed") (mut i32) (i32.const 0))
  (global $lastFreed (export "lastFreed") (mut i32) (i32.const 0))
  (global $lastSize (export "lastSize") (mut i32) (i32.const 0))
  (func $alloc (export "backplane_alloc") (param $size i32) (result i32) (local $at i32)
    (global.set $allocated (i32.add (global.get $allocated) (i32.const 1)))
    (local.set $at (global.get $top))
    (global.set $top (i32.add (global.get $top) (local.get $size)))
    (block $enough (loop $more
      (br_if $enough (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
      (return (i32.const 0))))
    (local.get $at))
  (func $free (export "backplane_free") (param i32 i32)
    (global.set $freed (i32.add (global.get $freed) (i32.const 1)))
    (global.set $lastFreed (local.get 0)) (global.set $lastSize (local.get 1)))`;

export interface Guest {
  readonly instance: BackplaneInstance;
  readonly plugin: PluginInstance;
  readonly memory: PluginMemory;
  /** The value of an exported global. */
  global(name: string): number;
}

export function linked(text: string, module: DefinedModule = hostFunctions({}), waits = false): Guest {
  const compiled = new WebAssembly.Module(assemble(text));
  const types = moduleTypes(compiled);
  checkImports("p", types, types.imports, [module]);
  const side = new BackplaneInstance(importLinker({ name: "p", config: {} }, compiled, [module])());
  const instance = new WebAssembly.Instance(compiled, side.imports);
  const plugin = new PluginInstance(instance, side, { plugin: "p", waits });
  plugin.start();
  return {
    instance: side,
    plugin,
    memory: side.memory,
    global: (name) => (instance.exports[name] as { value: number }).value,
  };
}

/** A guest that hands calls of its exports on to host functions of the same names. */
export function forwarder(functions: Functions, waits = false, more = allocator): Guest {
  const parts = Object.entries(functions).map(([name, [signature]]) => forward(name, signature));
  const imports = parts.map((part) => part.imports).join("\n");
  const exports = parts.map((part) => part.exports).join("\n");
  return linked(`(module ${imports} ${more} ${exports})`, hostFunctions(functions), waits);
}
