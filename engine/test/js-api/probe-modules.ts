// Modules that probes use. Leaves: bytes, and instances made with the namespace under question.

import {
  type ByteWriter,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I32,
  I64,
  ModuleBytes,
} from "../limits/module-bytes.js";
import type { Loose } from "./probe.js";

export { EXTERNREF, F32, F64, FUNCREF, I32, I64, ModuleBytes };

/** The bytes that `write` makes. */
export function bytesOf(write: (module: ModuleBytes) => unknown): Uint8Array {
  const module = new ModuleBytes();
  write(module);
  return module.toBytes();
}

/** A `Module` of the namespace. */
export function moduleOf(namespace: Loose, write: (module: ModuleBytes) => unknown): Loose {
  return new namespace.Module(bytesOf(write));
}

/** The exports of an instance made of what `write` makes. */
export function exportsOf(namespace: Loose, write: (module: ModuleBytes) => unknown, imports?: Loose): Loose {
  return new namespace.Instance(moduleOf(namespace, write), imports).exports;
}

/** An exported function with this body. */
export function functionOf(
  namespace: Loose,
  parameters: number[],
  results: number[],
  write: (code: ByteWriter) => unknown,
): Loose {
  return exportsOf(namespace, (m) => m.exportFunction("f", m.addFunction(parameters, results, write))).f;
}

/** An exported function that returns its one argument. */
export function echoOf(namespace: Loose, type: number): Loose {
  return functionOf(namespace, [type], [type], (code) => code.localGet(0));
}

/** The module with nothing in it. */
export const emptyBytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

/** A module with one of everything imported and exported. */
export function everything(m: ModuleBytes): void {
  const f = m.importFunction("env", "f", [I32], [I32]);
  m.importGlobal("env", "g", I32, false);
  m.importMemory("env", "m", { minimum: 1, maximum: 4 });
  m.importTable("env", "t", FUNCREF, { minimum: 2 });
  const twice = m.addFunction([I32, I64], [I64], (code) => code.localGet(1));
  const global = m.addGlobal(I64, true, (code) => code.i64Const(7));
  m.exportFunction("twice", twice).exportFunction("host", f);
  m.exportGlobal("counter", global).exportMemory("memory").exportTable("table").exportGlobal("imported", 0);
}

/** The imports that `everything` needs. */
export function everythingImports(namespace: Loose): Loose {
  return {
    env: {
      f: (x: number) => x + 1,
      g: 42,
      m: new namespace.Memory({ initial: 1, maximum: 4 }),
      t: new namespace.Table({ element: "anyfunc", initial: 2 }),
    },
  };
}
