/**
 * A module: decoded, validated, and compiled function by function when first called (or ahead on request).
 *
 * Instances share its code. Its collection gives the code memory back.
 */

import { timeStage } from "../debug.js";
import type { MachineCode } from "../machine/machine-code.js";
import { type CompileUnit, compileFunction } from "../pipeline.js";
import {
  decodeModule,
  type FuncType,
  readNames,
  validateModule,
  WasmFormatError,
  type WasmModule,
} from "../wasm/index.js";
import type { CodeCache, StoredCode } from "./code-cache.js";
import { type CodeIdentity, type CompiledCode, codeIdentity } from "./compiled-module.js";
import type { Engine, EngineOptions } from "./engine.js";
import { CompileError } from "./errors.js";
import { instanceLayoutOf } from "./instance-layout.js";
import type { InstanceLayout } from "./layout.js";
import { ModuleCode } from "./module-code.js";
import type { CanonicalSignature } from "./signatures.js";
import type { FrameNames } from "./stack-trace.js";

const codeFinalizer = new FinalizationRegistry<ModuleCode>((code) => code.free());

export class Module implements CompileUnit {
  readonly layout: InstanceLayout;
  readonly code: ModuleCode;
  /** By type index. */
  readonly signatures: readonly CanonicalSignature[];
  /** Own and imported functions that can become references, ascending. */
  readonly referencedFunctions: Int32Array;

  private constructor(
    readonly engine: Engine,
    readonly module: WasmModule,
    readonly options: EngineOptions,
    private readonly compiled: CompiledCode | undefined,
    private readonly stored: StoredCode | undefined,
  ) {
    this.signatures = module.types.map((type) => engine.signatures.of(type));
    this.layout = instanceLayoutOf(module);
    this.referencedFunctions = this.layout.input.referencedFunctions as Int32Array;
    this.code = new ModuleCode(
      engine.arena,
      engine.target,
      module.importedFunctionCount,
      module.bodies.length,
      Int32Array.from(this.signatures, (s) => s.number),
      frameNames(module, options.hidden ?? false),
    );
    codeFinalizer.register(this, this.code);
  }

  /**
   * Decodes and validates. The bytes are kept and must not change.
   *
   * @param code what `compiledModule` made of them, from a trusted place: functions that are there aren't compiled
   * @param cache where compiled functions come from and go to
   * Errors: CompileError, CompiledModuleError.
   */
  static compile(
    engine: Engine,
    bytes: Uint8Array,
    options: EngineOptions,
    code?: CompiledCode,
    cache?: CodeCache,
  ): Module {
    // Hashes the bytes: only for what asks for it.
    const identity = (): CodeIdentity => codeIdentity(bytes, engine.target, engine.features, options);
    const stored = cache?.open(identity(), options);
    const module = decodedModule(bytes);
    stored?.begin(module.bodies.length);
    // What is stored was validated before it was.
    if (!stored?.isKnown) validated(module, options);
    code?.require(identity(), module.bodies.length);
    if (options.interrupts && engine.platform.signals !== undefined) engine.startClock();
    const compiled = new Module(engine, module, options, code, stored);
    if (options.compile === "ahead") compiled.compileAll();
    return compiled;
  }

  functionType(index: number): FuncType {
    return this.module.types[this.module.functionTypes[index]];
  }

  functionSignature(index: number): CanonicalSignature {
    return this.signatures[this.module.functionTypes[index]];
  }

  /** The address of a function's code, compiling it if need be. Errors: CompileError beyond the compiler's limits. */
  ensureCompiled(index: number): number {
    const known = this.code.function(index);
    if (known !== undefined) return known.address;
    const code = this.machineCode(index);
    return timeStage("link", () => this.code.link(index, code));
  }

  private machineCode(index: number): MachineCode {
    const defined = index - this.module.importedFunctionCount;
    const made = this.compiled?.functionCode(defined);
    if (made !== undefined) return made;
    const { stored } = this;
    return stored === undefined ? this.compileOne(index) : stored.code(defined, () => this.compileOne(index));
  }

  private compileOne(index: number): MachineCode {
    const { target, features } = this.engine;
    const { bounds, interrupts, fuel, effort, canonicalNaNs } = this.options;
    return asCompileError(() =>
      compileFunction(this, index, { target, features, bounds, interrupts, fuel, effort, canonicalNaNs }),
    );
  }

  compileAll(): void {
    const first = this.module.importedFunctionCount;
    for (let i = 0; i < this.module.bodies.length; i++) this.ensureCompiled(first + i);
  }
}

/** Errors: CompileError with the decoder's or validator's error as cause. */
export function checkedModule(bytes: Uint8Array, options: { readonly vectors: boolean }): WasmModule {
  return validated(decodedModule(bytes), options);
}

function validated(module: WasmModule, { vectors }: { readonly vectors: boolean }): WasmModule {
  asCompileError(() => timeStage("validate", () => validateModule(module, { simd: vectors })));
  return module;
}

function decodedModule(bytes: Uint8Array): WasmModule {
  return asCompileError(() => timeStage("decode", () => decodeModule(bytes)));
}

function asCompileError<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof WasmFormatError) throw new CompileError(error.message, { cause: error });
    throw error;
  }
}

/** FNV-1a, 32 bits: tells modules apart in stack lines as V8's hash does. */
function hashOf(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function frameNames(module: WasmModule, hidden: boolean): FrameNames {
  let names: ReturnType<typeof readNames> | undefined;
  const section = (): ReturnType<typeof readNames> => (names ??= readNames(module));
  let url: string | undefined;
  return {
    hidden,
    get url() {
      if (url === undefined) {
        const name = section().moduleName;
        const hash = hashOf(module.bytes);
        url = `wasm://wasm/${name === undefined ? hash : `${name}-${hash}`}`;
      }
      return url;
    },
    functionName(index) {
      const parts = [section().moduleName, section().functionName(index)].filter(
        (part) => part !== undefined,
      );
      return parts.length === 0 ? undefined : parts.join(".");
    },
    functionStart: (index) => module.bodies[index - module.importedFunctionCount].codeStart,
  };
}
