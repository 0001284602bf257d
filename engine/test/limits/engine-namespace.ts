// The WebAssembly namespace under test in a child process: Node's own or this engine's.

/** The parts of a namespace that the limit tests use. */
export interface Namespace {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports?: object) => { readonly exports: Record<string, WasmExport> };
  readonly Memory: new (descriptor: object) => { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly Table: new (descriptor: object, value?: unknown) => WasmTable;
  readonly Global: new (descriptor: object, value?: unknown) => { value: unknown };
  readonly RuntimeError: ErrorConstructor;
  readonly CompileError: ErrorConstructor;
  readonly LinkError: ErrorConstructor;
}

export interface WasmTable {
  readonly length: number;
  get(index: number): unknown;
  set(index: number, value?: unknown): void;
  grow(count: number, value?: unknown): number;
}

// biome-ignore lint/suspicious/noExplicitAny: exports are functions, memories, tables or globals by their names
export type WasmExport = any;

/** The namespace of an engine by its name. */
export async function namespaceOf(engine: string): Promise<Namespace> {
  if (engine === "node") return (globalThis as unknown as { WebAssembly: Namespace }).WebAssembly;
  const path = "../../index.js";
  return ((await import(path)) as { WebAssembly: Namespace }).WebAssembly;
}
