/**
 * The compiled code of a module as bytes: compiling is pure, so any machine can do it for any target.
 *
 * Such bytes are native code. Whoever can write them can make the process do anything: take them only from where the
 * program itself comes from. What is checked when they are taken, that they were made for this module, target and options
 * by this version of the engine, guards against mistakes, not against attacks.
 *
 * Bytes, all integers u32 little endian: "BPCM", the size of the identity, the identity as JSON in UTF-8, zeros up to a
 * multiple of 4; the number of functions, where each begins and the last one ends, from here; the functions as
 * machine/machine-code-bytes.ts has them, not linked to any process. One that takes no bytes isn't there.
 */
import { createHash } from "node:crypto";
import type { MachineCode } from "../machine/machine-code.js";
import { readMachineCode, writeMachineCode } from "../machine/machine-code-bytes.js";
import type { CpuFeatures, Target } from "../machine/target.js";
import { type CompileOptions, compileFunction } from "../pipeline.js";
import type { WasmModule } from "../wasm/index.js";
import { instanceLayoutOf } from "./instance-layout.js";
import * as layout from "./layout.js";
import { signatureOf } from "./signatures.js";

const magic = 0x4d435042;
/** Of these bytes, and of what emitted code expects of the runtime beyond layout.ts. Raise it when either changes. */
const version = 1;

/** What code depends on beside the module. */
export type CodeOptions = Omit<CompileOptions, "target" | "features">;

/** Everything that must be equal for code to be usable. */
export interface CodeIdentity {
  readonly version: number;
  /** Hash of the native contract's offsets. */
  readonly contract: string;
  readonly target: string;
  /** Optional instructions that may occur, sorted. */
  readonly features: readonly string[];
  readonly options: Required<CodeOptions>;
  /** SHA-256 of the module's bytes. */
  readonly module: string;
}

/** Compiled code isn't what it is taken for. */
export class CompiledModuleError extends Error {
  override readonly name = "CompiledModuleError";
}

const sha256 = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");

export function codeIdentity(
  bytes: Uint8Array,
  target: Target,
  features: CpuFeatures,
  { bounds, interrupts, fuel, effort, canonicalNaNs }: CodeOptions,
): CodeIdentity {
  return {
    version,
    contract: sha256(JSON.stringify(layout)),
    target: target.name,
    features: [...features].sort(),
    options: { bounds, interrupts, fuel: fuel ?? false, effort, canonicalNaNs },
    module: sha256(bytes),
  };
}

/**
 * Compiles all functions of a validated module for any target. Errors: EngineBug, CompileError's causes.
 *
 * @example compiledModule(checkedModule(bytes, options), targetOf("arm64")!, new Set(["atomics"]), options)
 */
export function compiledModule(
  module: WasmModule,
  target: Target,
  features: CpuFeatures,
  options: CodeOptions,
): Uint8Array {
  const unit = { module, layout: instanceLayoutOf(module), signatures: module.types.map(signatureOf) };
  const functions = module.bodies.map((_, i) =>
    writeMachineCode(
      compileFunction(unit, module.importedFunctionCount + i, { ...options, target, features }),
    ),
  );
  return packFunctions(codeIdentity(module.bytes, target, features, options), functions);
}

/** The bytes of a module's functions; those that aren't there are empty. */
export function packFunctions(identity: CodeIdentity, functions: readonly Uint8Array[]): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify(identity));
  const tableAt = (8 + head.length + 3) & ~3;
  const codeAt = tableAt + 4 * (functions.length + 2);
  const result = new Uint8Array(functions.reduce((sum, code) => sum + code.length, codeAt));
  const view = new DataView(result.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, head.length, true);
  result.set(head, 8);
  view.setUint32(tableAt, functions.length, true);
  let at = codeAt;
  functions.forEach((code, i) => {
    view.setUint32(tableAt + 4 * (i + 1), at - tableAt, true);
    result.set(code, at);
    at += code.length;
  });
  view.setUint32(tableAt + 4 * (functions.length + 1), at - tableAt, true);
  return result;
}

/** Compiled code that was checked; functions are read when they are asked for. */
export class CompiledCode {
  private readonly view: DataView;
  private readonly tableAt: number;
  readonly identity: CodeIdentity;
  readonly functionCount: number;

  /** Errors: CompiledModuleError if these bytes are no compiled code. */
  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 12 || this.view.getUint32(0, true) !== magic) {
      throw new CompiledModuleError("compiled code: expected it to begin with BPCM");
    }
    const headSize = this.view.getUint32(4, true);
    this.tableAt = (8 + headSize + 3) & ~3;
    if (this.tableAt + 8 > bytes.length)
      throw new CompiledModuleError("compiled code: it ends within its head");
    this.identity = parseIdentity(bytes.subarray(8, 8 + headSize));
    this.functionCount = this.view.getUint32(this.tableAt, true);
    if (this.endOf(this.functionCount - 1) !== bytes.length) {
      throw new CompiledModuleError("compiled code: its size isn't that of its functions");
    }
  }

  /** Errors: CompiledModuleError, which names what differs. */
  require(expected: CodeIdentity, functionCount: number): void {
    for (const key of Object.keys(expected) as (keyof CodeIdentity)[]) {
      const [want, have] = [JSON.stringify(expected[key]), JSON.stringify(this.identity[key])];
      if (want !== have)
        throw new CompiledModuleError(`compiled code: ${key}: expected ${want}, got ${have}`);
    }
    if (functionCount !== this.functionCount) {
      throw new CompiledModuleError(
        `compiled code: expected ${functionCount} functions, got ${this.functionCount}`,
      );
    }
  }

  /** A defined function's bytes, by its number without imports; none if it isn't there. Errors: CompiledModuleError. */
  functionBytes(defined: number): Uint8Array {
    return this.bytes.subarray(this.endOf(defined - 1), this.endOf(defined));
  }

  /** Its code; undefined if it isn't there. Errors: CompiledModuleError. */
  functionCode(defined: number): MachineCode | undefined {
    const bytes = this.functionBytes(defined);
    if (bytes.length === 0) return undefined;
    try {
      return readMachineCode(bytes);
    } catch (error) {
      throw new CompiledModuleError(`compiled code: function ${defined} is damaged`, { cause: error });
    }
  }

  /** Where a function ends: where the next one begins. */
  private endOf(defined: number): number {
    const at = this.tableAt + 4 * (defined + 2);
    if (at + 4 > this.bytes.length) throw new CompiledModuleError("compiled code: it ends within its table");
    return this.tableAt + this.view.getUint32(at, true);
  }
}

function parseIdentity(json: Uint8Array): CodeIdentity {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json)) as CodeIdentity;
  } catch (error) {
    throw new CompiledModuleError("compiled code: its head can't be read", { cause: error });
  }
}
