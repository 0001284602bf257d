/**
 * The shape of a WebAssembly JS API as the tests use it, and the two that they compare: Node's own and
 * this engine's. A test takes a `Namespace` as a parameter and never touches `globalThis.WebAssembly`.
 */

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export interface WasmTable {
  readonly length: number;
  get(index: number): unknown;
  set(index: number, value?: unknown): void;
  grow(delta: number, value?: unknown): number;
}

export interface WasmGlobal {
  value: unknown;
}

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: string;
}

export interface ModuleExport {
  readonly name: string;
  readonly kind: string;
}

export type ErrorClass = new (message?: string) => Error;

/** An object shaped like `globalThis.WebAssembly`. */
export interface Namespace {
  readonly Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): ModuleImport[];
    exports(module: object): ModuleExport[];
  };
  readonly Instance: new (module: object, imports?: object) => WasmInstance;
  readonly Memory: new (descriptor: { initial: number; maximum?: number }) => WasmMemory;
  readonly Table: new (descriptor: { element: string; initial: number; maximum?: number }) => WasmTable;
  readonly Global: new (descriptor: { value: string; mutable?: boolean }, value?: unknown) => WasmGlobal;
  validate(bytes: Uint8Array): boolean;
  readonly CompileError: ErrorClass;
  readonly LinkError: ErrorClass;
  readonly RuntimeError: ErrorClass;
}

/** What tests ask of this engine; passed on to `createNamespace`. */
export interface EngineOptions {
  /** how accesses to linear memory are checked */
  bounds?: "guard" | "explicit";
  /** when functions are compiled */
  compile?: "lazy" | "ahead";
  /** NaNs of arithmetic have the canonical bits */
  canonicalNaNs?: boolean;
  /** accept modules with 128-bit vectors; the default */
  vectors?: boolean;
}

/** Node's own engine. */
export const nodeNamespace = (globalThis as unknown as { WebAssembly: Namespace }).WebAssembly;

/** This engine, with `options`. Rejects if the engine isn't built or can't run here. */
export async function backplaneNamespace(options: EngineOptions = {}): Promise<Namespace> {
  const engine = (await import(new URL("../../index.js", import.meta.url).href)) as {
    createNamespace(options: EngineOptions): unknown;
  };
  return engine.createNamespace(options) as Namespace;
}

/** `"node"` or `"backplane"`, as command lines name them. */
export async function namespaceByName(name: string, options: EngineOptions = {}): Promise<Namespace> {
  if (name === "node") return nodeNamespace;
  if (name === "backplane") return backplaneNamespace(options);
  throw new Error(`unknown namespace ${name}: node or backplane`);
}
