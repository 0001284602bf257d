/**
 * The WebAssembly namespace over the runtime: Module, Instance, compile, instantiate, validate, the streaming
 * forms, the error classes, and Promise Integration.
 *
 * Source: WebAssembly JavaScript Interface; WebAssembly Web API for the streaming forms.
 */
import { nodeWebAssembly } from "../platform/index.js";
import type { CodeCache } from "../runtime/code-cache.js";
import { type EngineOptions, threadEngine } from "../runtime/engine.js";
import { CompileError, LinkError, RuntimeError, SuspendError } from "../runtime/errors.js";
import { Instance as RuntimeInstance } from "../runtime/instance.js";
import { checkedModule, Module as RuntimeModule } from "../runtime/module.js";
import type { Import, WasmModule } from "../wasm/index.js";
import { readImports } from "./imports.js";
import { Global, globalObject, Memory, memoryObject, Table, tableObject } from "./objects.js";
import { bytesOfResponse } from "./streaming.js";
import { promising, Suspending } from "./suspending.js";
import { asInterface, copyBufferSource, isObject } from "./webidl.js";

/** Options of a namespace; see EngineOptions for what each means. */
export interface NamespaceOptions extends Partial<EngineOptions> {
  /**
   * Modules that this engine refuses (they use features past 2.0) are handed to Node's own engine;
   * instances of the two can't import from each other. Default: false.
   */
  readonly fallback?: boolean;
  /** Where compiled functions are kept from one process to the next. Default: nowhere. */
  readonly cache?: CodeCache;
}

/** An import, as `Module.imports` tells it. */
export interface ImportDescriptor {
  module: string;
  name: string;
  kind: "function" | "table" | "memory" | "global";
}
/** An export, as `Module.exports` tells it. */
export interface ExportDescriptor {
  name: string;
  kind: "function" | "table" | "memory" | "global";
}

const modules = new WeakMap<object, RuntimeModule>();
const exportsOf = new WeakMap<object, object>();
const runtimeInstances = new WeakMap<object, RuntimeInstance>();

/** The runtime's instance behind an Instance. Errors: TypeError for anything else. */
export function runtimeInstanceOf(value: unknown, what: string): RuntimeInstance {
  const instance = isObject(value) ? runtimeInstances.get(value) : undefined;
  if (instance === undefined) throw new TypeError(`${what}: Argument 0 must be a WebAssembly.Instance`);
  return instance;
}

/** The runtime's module behind a Module. Errors: TypeError for any other value. */
export function runtimeModuleOf(value: unknown, what: string): RuntimeModule {
  const module = isObject(value) ? modules.get(value) : undefined;
  if (module === undefined) throw new TypeError(`${what}: Argument 0 must be a WebAssembly.Module`);
  return module;
}

/**
 * A compiled module. Compiling means decoding and validating; functions follow when first called, or ahead on request.
 * Each namespace has a constructor of its own options (see `moduleClass`) in front of this one prototype.
 */
export class Module {
  /** @param bytes copied, so they may change afterwards. Errors: TypeError, CompileError. */
  constructor(bytes: ArrayBuffer | ArrayBufferView) {
    attachModule(this, copyBufferSource(bytes, "WebAssembly.Module(): Argument 0"), {});
  }

  /** What the module imports, in its order. */
  static imports(module: Module): ImportDescriptor[] {
    return runtimeModuleOf(module, "WebAssembly.Module.imports()").module.imports.map(
      (i: Import): ImportDescriptor => ({ module: i.module, name: i.name, kind: i.kind }),
    );
  }

  /** What the module exports, in its order. */
  static exports(module: Module): ExportDescriptor[] {
    return runtimeModuleOf(module, "WebAssembly.Module.exports()").module.exports.map(({ name, kind }) => ({
      name,
      kind,
    }));
  }

  /** Copies of the payloads of all custom sections of a name. */
  static customSections(module: Module, name: string): ArrayBuffer[] {
    const wasm = runtimeModuleOf(module, "WebAssembly.Module.customSections()").module;
    if (name === undefined)
      throw new TypeError("WebAssembly.Module.customSections(): Argument 1 is required");
    // Not String(name): that would take a symbol.
    const wanted = `${name}`;
    return wasm.customSections.filter((s) => s.name === wanted).map((s) => payload(wasm, s.start, s.end));
  }
}
asInterface(Module, "WebAssembly.Module", { imports: 1, exports: 1, customSections: 2 });

function payload(wasm: WasmModule, start: number, end: number): ArrayBuffer {
  return wasm.bytes.slice(start, end).buffer as ArrayBuffer;
}

function attachModule(object: object, bytes: Uint8Array, options: NamespaceOptions): void {
  modules.set(
    object,
    RuntimeModule.compile(threadEngine(), bytes, engineOptions(options), undefined, options.cache),
  );
}

function engineOptions(options: NamespaceOptions): EngineOptions {
  const engine = threadEngine();
  return {
    bounds: options.bounds === "explicit" || !engine.guardPages ? "explicit" : "guard",
    compile: options.compile ?? "lazy",
    effort: options.effort ?? "full",
    // Without signals nothing else stops a loop.
    interrupts: options.interrupts ?? engine.platform.signals === undefined,
    fuel: options.fuel ?? false,
    canonicalNaNs: options.canonicalNaNs ?? false,
    vectors: options.vectors ?? true,
    hidden: options.hidden ?? false,
  };
}

/** A module with its state. */
export class Instance {
  /** Links, initializes and starts. Errors: TypeError, LinkError, RuntimeError, whatever the start function throws. */
  constructor(module: Module, importObject?: object) {
    const compiled = runtimeModuleOf(module, "WebAssembly.Instance()");
    const instance = new RuntimeInstance(compiled, readImports(compiled, importObject));
    exportsOf.set(this, createExports(instance));
    runtimeInstances.set(this, instance);
    instance.initialize();
    const { start } = compiled.module;
    if (start >= 0) instance.function(start).call([]);
  }

  /** The instance's exports by name; frozen. */
  get exports(): Readonly<Record<string, unknown>> {
    const exports = isObject(this) ? exportsOf.get(this) : undefined;
    if (exports === undefined)
      throw new TypeError("WebAssembly.Instance.exports: Receiver is not a WebAssembly.Instance");
    return exports as Record<string, unknown>;
  }
}
asInterface(Instance, "WebAssembly.Instance", { constructor_: 1 });

function createExports(instance: RuntimeInstance): object {
  const exports = Object.create(null) as Record<string, unknown>;
  for (const { name, kind, index } of instance.module.module.exports) {
    exports[name] = exportedValue(instance, kind, index);
  }
  return Object.freeze(exports);
}

function exportedValue(instance: RuntimeInstance, kind: string, index: number): unknown {
  switch (kind) {
    case "function":
      return instance.function(index).object;
    case "table":
      return tableObject(instance.tables[index]);
    case "memory":
      return memoryObject(instance.memory!);
    default:
      return globalObject(instance.globals[index]);
  }
}

/** The shape of the namespace, that of the global `WebAssembly`. */
export interface Namespace {
  readonly Module: typeof Module;
  readonly Instance: typeof Instance;
  readonly Memory: typeof Memory;
  readonly Table: typeof Table;
  readonly Global: typeof Global;
  readonly CompileError: typeof CompileError;
  readonly LinkError: typeof LinkError;
  readonly RuntimeError: typeof RuntimeError;
  readonly SuspendError: typeof SuspendError;
  readonly Suspending: typeof Suspending;
  /** An export whose calls give promises, so that imports made with `Suspending` may wait. */
  promising: typeof promising;
  /** Whether the bytes are a valid module that this engine takes. */
  validate(bytes: ArrayBuffer | ArrayBufferView): boolean;
  /** Compiles a module. Errors: CompileError. */
  compile(bytes: ArrayBuffer | ArrayBufferView): Promise<Module>;
  /** The same, from what `fetch` gives. Errors: also TypeError for a response that isn't `application/wasm`. */
  compileStreaming(source: Response | PromiseLike<Response>): Promise<Module>;
  /** Makes an instance. Errors: LinkError; what its start function throws. */
  instantiate(module: Module, importObject?: object): Promise<Instance>;
  /** Compiles and makes an instance. Errors: CompileError, LinkError; what its start function throws. */
  instantiate(bytes: ArrayBuffer | ArrayBufferView, importObject?: object): Promise<InstantiatedSource>;
  /** The same, from what `fetch` gives. */
  instantiateStreaming(
    source: Response | PromiseLike<Response>,
    importObject?: object,
  ): Promise<InstantiatedSource>;
}

/** What `instantiate` gives for bytes. */
export interface InstantiatedSource {
  module: Module;
  instance: Instance;
}

/**
 * A namespace of its own options. All namespaces of a thread share Memory, Table, Global, Instance and the error
 * classes, so what one makes another may import.
 *
 * @example
 * const { Module } = createNamespace({ compile: "ahead", bounds: "explicit" });
 */
export function createNamespace(options: NamespaceOptions = {}): Namespace {
  const OwnModule = moduleClass(options);
  const compileBytes = (bytes: Uint8Array): Module => new OwnModule(bytes);

  const functions = {
    compile: (bytes: unknown): Promise<Module> =>
      attempt(() => copyBufferSource(bytes, "WebAssembly.compile(): Argument 0")).then(compileBytes),
    validate(bytes: unknown): boolean {
      const copy = copyBufferSource(bytes, "WebAssembly.validate(): Argument 0");
      return validates(copy, options);
    },
    instantiate: (source: unknown, importObject?: unknown): Promise<unknown> =>
      attempt(() => {
        requireImportObject(importObject, "WebAssembly.instantiate()");
        if (isObject(source) && modules.has(source)) {
          return Promise.resolve(new Instance(source as Module, importObject as object));
        }
        if (isNativeModule(source)) return nodeWebAssembly().instantiate(source, importObject as object);
        const bytes = copyBufferSource(source, "WebAssembly.instantiate(): Argument 0");
        return Promise.resolve(bytes).then((b) => instantiateModule(compileBytes(b), importObject));
      }),
    compileStreaming: (source: unknown): Promise<Module> =>
      bytesOfResponse(source, "compileStreaming").then(compileBytes),
    instantiateStreaming: (source: unknown, importObject?: unknown): Promise<unknown> =>
      attempt(() => {
        requireImportObject(importObject, "WebAssembly.instantiateStreaming()");
        return bytesOfResponse(source, "instantiateStreaming").then((b) =>
          instantiateModule(compileBytes(b), importObject),
        );
      }),
    promising,
  };
  for (const [name, length] of [
    ["instantiate", 1],
    ["instantiateStreaming", 1],
  ] as const) {
    Object.defineProperty(functions[name], "length", { value: length, configurable: true });
  }

  const namespace = {} as Record<string, unknown>;
  for (const [name, value] of Object.entries(functions)) namespace[name] = value;
  const classes = {
    Module: OwnModule,
    Instance: options.fallback ? fallbackInstance() : Instance,
    Table,
    Memory,
    Global,
    CompileError,
    LinkError,
    RuntimeError,
    SuspendError,
    Suspending,
  };
  for (const [name, value] of Object.entries(classes)) {
    Object.defineProperty(namespace, name, { value, writable: true, configurable: true });
  }
  Object.defineProperty(namespace, Symbol.toStringTag, { value: "WebAssembly", configurable: true });
  return namespace as unknown as Namespace;
}

/** Runs what may throw; its error becomes a rejection. */
function attempt<T>(action: () => T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve) => {
    resolve(action());
  });
}

function requireImportObject(importObject: unknown, what: string): void {
  if (importObject !== undefined && !isObject(importObject)) {
    throw new TypeError(`${what}: Argument 1 must be an object`);
  }
}

function instantiateModule(module: Module, importObject: unknown): InstantiatedSource | Promise<unknown> {
  if (isNativeModule(module)) {
    return nodeWebAssembly()
      .instantiate(module, importObject as object)
      .then((instance) => ({ module, instance }));
  }
  return { module, instance: new Instance(module, importObject as object) };
}

function validates(bytes: Uint8Array, options: NamespaceOptions): boolean {
  try {
    checkedModule(bytes, { vectors: options.vectors ?? true });
    return true;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return options.fallback === true && nodeWebAssembly().validate(bytes);
  }
}

/** Module, bound to a namespace's options. It shares Module's prototype, so `instanceof` holds across namespaces. */
function moduleClass(options: NamespaceOptions): typeof Module {
  const bound = {
    Module: function (this: unknown, bytes: unknown): object {
      if (new.target === undefined) throw new TypeError("WebAssembly.Module must be invoked with 'new'");
      const copy = copyBufferSource(bytes, "WebAssembly.Module(): Argument 0");
      const prototype = (new.target as { prototype?: unknown }).prototype;
      const object = Object.create(isObject(prototype) ? prototype : Module.prototype) as object;
      try {
        attachModule(object, copy, options);
      } catch (error) {
        if (options.fallback !== true || !(error instanceof CompileError)) throw error;
        return new (nodeWebAssembly().Module)(copy);
      }
      return object;
    },
  }.Module as unknown as typeof Module;
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(Module))) {
    if (name !== "prototype") Object.defineProperty(bound, name, descriptor);
  }
  Object.defineProperty(bound, "prototype", { value: Module.prototype, writable: false });
  return bound;
}

const defaultOptions: NamespaceOptions = {};

function isNativeModule(value: unknown): value is object {
  return value instanceof nodeWebAssembly().Module;
}

/** Instance that takes native modules too, for namespaces with `fallback`. */
function fallbackInstance(): typeof Instance {
  return new Proxy(Instance, {
    construct: (target, args: [unknown, never], newTarget) =>
      isNativeModule(args[0])
        ? new (nodeWebAssembly().Instance)(args[0], args[1])
        : (Reflect.construct(target, args, newTarget) as object),
  });
}

/** The namespace with default options: what `globalThis.WebAssembly` is, on this engine. */
export const WebAssembly: Namespace = createNamespace(defaultOptions);
Object.defineProperty(Module.prototype, "constructor", {
  value: WebAssembly.Module,
  writable: true,
  configurable: true,
});
