/** The layout of a module's instance records, from what the module declares. */
import { declaredFunctions, type WasmModule } from "../wasm/index.js";
import { InstanceLayout } from "./layout.js";

/** Where the records of a module's instances have what. */
export function instanceLayoutOf(module: WasmModule): InstanceLayout {
  const referenced = declaredFunctions(module);
  if (module.start >= 0) referenced[module.start] = 1;
  return new InstanceLayout({
    importedFunctionCount: module.importedFunctionCount,
    functionCount: module.functionTypes.length,
    tableCount: module.tables.length,
    importedGlobalCount: module.importedGlobalCount,
    globalCount: module.globals.length,
    referencedFunctions: indicesOf(referenced),
  });
}

function indicesOf(marks: Uint8Array): Int32Array {
  const indices: number[] = [];
  for (let i = 0; i < marks.length; i++) if (marks[i] !== 0) indices.push(i);
  return Int32Array.from(indices);
}
