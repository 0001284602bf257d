/**
 * The types of a module's imports and exports, which the JavaScript API doesn't tell: it has names and kinds only.
 *
 * Enters a compiled module of this engine; leaves plain data, in the module's order.
 */
import { type FuncType, valTypeName } from "../wasm/index.js";
import { type ExportDescriptor, type ImportDescriptor, type Module, runtimeModuleOf } from "./namespace.js";

/** A function's type, in the names of the text format: "i32", "i64", "f32", "f64", "v128", "funcref", "externref". */
export interface FunctionType {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

/** An import and, for a function, its type. */
export interface ImportType extends Readonly<ImportDescriptor> {
  readonly type: FunctionType | undefined;
}

/** An export and, for a function, its type. */
export interface ExportType extends Readonly<ExportDescriptor> {
  readonly type: FunctionType | undefined;
}

/** A module's imports and exports with their types. */
export interface ModuleTypes {
  readonly imports: readonly ImportType[];
  readonly exports: readonly ExportType[];
}

function functionType({ params, results }: FuncType): FunctionType {
  return { params: params.map(valTypeName), results: results.map(valTypeName) };
}

/**
 * What a module imports and exports, with the types of functions.
 *
 * Errors: TypeError for what is no module of this engine.
 * @example
 * moduleTypes(module).exports // [{ name: "add", kind: "function", type: { params: ["i32", "i32"], results: ["i32"] } }]
 */
export function moduleTypes(module: Module): ModuleTypes {
  const { types, functionTypes, imports, exports } = runtimeModuleOf(module, "moduleTypes()").module;
  return {
    imports: imports.map((wanted) => ({
      module: wanted.module,
      name: wanted.name,
      kind: wanted.kind,
      type: wanted.kind === "function" ? functionType(types[wanted.typeIndex]) : undefined,
    })),
    exports: exports.map(({ name, kind, index }) => ({
      name,
      kind,
      type: kind === "function" ? functionType(types[functionTypes[index]]) : undefined,
    })),
  };
}
