/** Types of imports and exports as text. */
import {
  type Export,
  formatFuncType,
  formatGlobalType,
  formatLimits,
  formatTableType,
  type Import,
  type WasmModule,
} from "../wasm/index.js";

/** "(i32) -> ()" for a function, "{min 1}" for a memory, and so on. */
export function importType(module: WasmModule, wanted: Import): string {
  switch (wanted.kind) {
    case "function":
      return formatFuncType(module.types[wanted.typeIndex]);
    case "table":
      return formatTableType(wanted.table);
    case "memory":
      return formatLimits(wanted.memory);
    default:
      return formatGlobalType(wanted.global);
  }
}

export function exportType(module: WasmModule, { kind, index }: Export): string {
  switch (kind) {
    case "function":
      return formatFuncType(module.types[module.functionTypes[index]]);
    case "table":
      return formatTableType(module.tables[index]);
    case "memory":
      return formatLimits(module.memories[index]);
    default:
      return formatGlobalType(module.globals[index]);
  }
}
