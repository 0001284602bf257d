/**
 * WebAssembly's types and the decoded module, as plain data.
 *
 * The decoder fills these, everybody else reads them. Positions ("byteOffset", "start", "end") are offsets
 * into the module's bytes. Lists whose index space counts imports first (`functionTypes`, `tables`,
 * `memories`, `globals`) do so here too.
 */

/** A value type, as the byte that the binary format uses for it. */
export const ValType = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
} as const;
export type ValType = (typeof ValType)[keyof typeof ValType];
export type RefType = typeof ValType.funcref | typeof ValType.externref;

export interface FuncType {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

export interface Limits {
  readonly minimum: number;
  readonly maximum: number | undefined;
}

/** Limits count entries. */
export interface TableType extends Limits {
  readonly element: RefType;
  readonly byteOffset: number;
}

/** Limits count pages of 65,536 bytes. */
export interface MemoryType extends Limits {
  readonly byteOffset: number;
}

export interface GlobalType {
  readonly type: ValType;
  readonly mutable: boolean;
}

/** A global of the module's index space; `init` is null for an imported one. */
export interface Global extends GlobalType {
  readonly init: ConstExpr | null;
  readonly byteOffset: number;
}

export type ConstOp =
  | "i32.const"
  | "i64.const"
  | "f32.const"
  | "f64.const"
  | "v128.const"
  | "ref.null"
  | "ref.func"
  | "global.get";

/**
 * A constant expression: in WebAssembly 2.0 always one instruction.
 * Numbers are bits: an i32 or f32 in `lo`, an i64 or f64 in `lo` and `hi`, a v128 in all four words.
 * `index` is the function of `ref.func` or the global of `global.get`, else -1; `refType` belongs to
 * `ref.null`, else it is 0.
 */
export interface ConstExpr {
  readonly op: ConstOp;
  readonly lo: number;
  readonly hi: number;
  readonly upperLo: number;
  readonly upperHi: number;
  readonly index: number;
  readonly refType: RefType | 0;
  readonly byteOffset: number;
}

export type ExternKind = "function" | "table" | "memory" | "global";

interface ImportBase {
  readonly module: string;
  readonly name: string;
  /** Position in the index space of its kind. */
  readonly index: number;
  readonly byteOffset: number;
}
export interface FunctionImport extends ImportBase {
  readonly kind: "function";
  readonly typeIndex: number;
}
export interface TableImport extends ImportBase {
  readonly kind: "table";
  readonly table: TableType;
}
export interface MemoryImport extends ImportBase {
  readonly kind: "memory";
  readonly memory: MemoryType;
}
export interface GlobalImport extends ImportBase {
  readonly kind: "global";
  readonly global: GlobalType;
}
export type Import = FunctionImport | TableImport | MemoryImport | GlobalImport;

export interface Export {
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: number;
  readonly byteOffset: number;
}

/** The item of an element segment that is a null reference. */
export const ELEMENT_NULL = -1;

/** The item that stands for `global.get index`; function references are their index itself. */
export function elementOfGlobal(index: number): number {
  return -2 - index;
}

/** The global that an item below `ELEMENT_NULL` reads. */
export function globalOfElement(item: number): number {
  return -2 - item;
}

/**
 * An element segment. `items` holds one number per entry: a function index (0 and above), `ELEMENT_NULL`,
 * or a global to read (`globalOfElement(item)`, for items below `ELEMENT_NULL`).
 */
export interface ElementSegment {
  readonly mode: "active" | "passive" | "declarative";
  readonly type: RefType;
  /** Of an active segment; else 0 and null. */
  readonly tableIndex: number;
  readonly offset: ConstExpr | null;
  readonly items: Int32Array;
  /** Whether the items were written as expressions (else as function indices), from `itemsStart` on. */
  readonly itemsAreExpressions: boolean;
  readonly itemsStart: number;
  readonly byteOffset: number;
}

/** A data segment: the bytes `start` to `end` (exclusive) of the module. */
export interface DataSegment {
  readonly mode: "active" | "passive";
  readonly memoryIndex: number;
  readonly offset: ConstExpr | null;
  readonly start: number;
  readonly end: number;
  readonly byteOffset: number;
}

export interface LocalRun {
  readonly count: number;
  readonly type: ValType;
}

/**
 * A function body. The bytes `start` to `codeStart` declare the locals, `codeStart` to `end` (exclusive) are
 * its instructions, the closing `end` among them.
 */
export interface FunctionBody {
  readonly functionIndex: number;
  readonly start: number;
  readonly codeStart: number;
  readonly end: number;
  /** The declared locals, parameters not among them, run by run: a hostile module names 50,000 in 4 bytes. */
  readonly locals: readonly LocalRun[];
  readonly localCount: number;
}

/** A custom section's payload, its name not included. */
export interface CustomSection {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** A section's payload in file order; `byteOffset` is where its id stands. */
export interface Section {
  readonly id: number;
  readonly byteOffset: number;
  readonly start: number;
  readonly end: number;
}

export interface WasmModule {
  readonly bytes: Uint8Array;
  readonly types: readonly FuncType[];
  readonly imports: readonly Import[];
  /** The type index of every function, imported ones first. */
  readonly functionTypes: Uint32Array;
  readonly importedFunctionCount: number;
  readonly tables: readonly TableType[];
  readonly importedTableCount: number;
  readonly memories: readonly MemoryType[];
  readonly importedMemoryCount: number;
  readonly globals: readonly Global[];
  readonly importedGlobalCount: number;
  readonly exports: readonly Export[];
  /** The start function's index, or -1. */
  readonly start: number;
  readonly elements: readonly ElementSegment[];
  readonly data: readonly DataSegment[];
  /** What the data count section says, or -1 where there is none. */
  readonly dataCount: number;
  /** One per function defined here: `bodies[i]` is function `importedFunctionCount + i`. */
  readonly bodies: readonly FunctionBody[];
  readonly customSections: readonly CustomSection[];
  readonly sections: readonly Section[];
  /** Where the first `v128` type outside of a function body stands, or -1. */
  readonly firstVectorTypeOffset: number;
}

const names = new Map<number, string>(Object.entries(ValType).map(([name, code]) => [code, name]));

/** "i32" for 0x7f; a byte that is no type is shown in hexadecimal. */
export function valTypeName(type: number): string {
  return names.get(type) ?? `0x${type.toString(16).padStart(2, "0")}`;
}

export function isRefType(type: number): type is RefType {
  return type === ValType.funcref || type === ValType.externref;
}

export function isValType(type: number): type is ValType {
  return (type <= 0x7f && type >= 0x7b) || isRefType(type);
}

/** "(i32, i64)" */
export function formatTypes(types: ArrayLike<number>): string {
  return `(${Array.from(types, valTypeName).join(", ")})`;
}

/** "(i32, i64) -> f32"; more or fewer results than one are put in parentheses: "(i32) -> ()". */
export function formatFuncType(type: FuncType): string {
  const results = type.results.length === 1 ? valTypeName(type.results[0]) : formatTypes(type.results);
  return `${formatTypes(type.params)} -> ${results}`;
}

/** "{min 1, max 2}" */
export function formatLimits(limits: Limits): string {
  return limits.maximum === undefined
    ? `{min ${limits.minimum}}`
    : `{min ${limits.minimum}, max ${limits.maximum}}`;
}

/** "funcref {min 1}" */
export function formatTableType(type: Limits & { readonly element: RefType }): string {
  return `${valTypeName(type.element)} ${formatLimits(type)}`;
}

/** "mut i32" or "i32" */
export function formatGlobalType(type: GlobalType): string {
  return `${type.mutable ? "mut " : ""}${valTypeName(type.type)}`;
}

/** Whether two function types are the same one (types are structural in WebAssembly 2.0). */
export function sameFuncType(a: FuncType, b: FuncType): boolean {
  return a === b || (sameTypes(a.params, b.params) && sameTypes(a.results, b.results));
}

function sameTypes(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
