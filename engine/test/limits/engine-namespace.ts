// The WebAssembly namespace under test in a child process: Node's own or this engine's.

/** The parts of a namespace that the limit tests use. */
export interface Namespace {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports?: object,
  ) => { readonly exports: Record<string, WasmExport> };
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

interface EngineModule {
  readonly WebAssembly: Namespace;
  withLimits<T>(limits: object, action: () => T): T;
  createNamespace(options: object): Namespace;
}

const variants: Readonly<Record<string, object>> = {
  explicit: { bounds: "explicit" },
  interrupts: { interrupts: true },
  quick: { effort: "quick" },
  ahead: { compile: "ahead" },
  fuel: { fuel: true },
  /** Nothing of the namespace: see `inScopeOf`. */
  deadline: {},
};

/** The namespace of an engine by its name: `node`, `backplane`, or with options as in `backplane+explicit+ahead`. */
export async function namespaceOf(engine: string): Promise<Namespace> {
  if (engine === "node") return (globalThis as unknown as { WebAssembly: Namespace }).WebAssembly;
  const [, ...options] = engine.split("+");
  const path = "../../index.js";
  const { WebAssembly, createNamespace } = (await import(path)) as EngineModule;
  if (options.length === 0) return WebAssembly;
  return createNamespace(
    Object.assign({}, ...options.map((option) => variants[option] ?? unknownVariant(option))),
  );
}

/** Runs an action as an engine's name says: `backplane+deadline` has a limit that is far away. */
export async function inScopeOf<T>(engine: string, action: () => T): Promise<T> {
  if (!engine.split("+").includes("deadline")) return action();
  const path = "../../index.js";
  return ((await import(path)) as EngineModule).withLimits({ timeout: 3_600_000 }, action);
}

function unknownVariant(option: string): never {
  throw new Error(`no engine option named ${option}`);
}
