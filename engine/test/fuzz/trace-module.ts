/**
 * Runs a module on one engine and writes down everything that can be seen of it.
 *
 * In: a namespace, a valid module, a seed for arguments. Out: a list of lines: results bit for bit (a NaN is a NaN,
 * since JavaScript doesn't keep payloads), kinds of traps, calls of host functions with their arguments, at the end
 * globals, tables and a hash of memory. Two engines agree on a module when their traces are equal.
 *
 * Imports are made up from the module's own declarations. Host functions answer values that follow from their name,
 * their arguments and how often they were called; one named `throw...` sometimes throws, one named `enter...`
 * sometimes calls back into the module.
 */

import { createHash } from "node:crypto";

import { functionTypeOf, inspectModule, type ModuleShape } from "../support/inspect-module.js";
import type { Namespace, WasmGlobal, WasmInstance, WasmMemory, WasmTable } from "../support/namespace.js";
import { Random } from "../support/random.js";
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FunctionType,
  I32,
  I64,
  type ImportPart,
  KIND_FUNCTION,
  KIND_GLOBAL,
  KIND_MEMORY,
  KIND_TABLE,
  type ValueType,
} from "../support/wasm-bytes.js";
import { edgeFloat32Bits, edgeFloat64Bits, edgeInt32, edgeInt64 } from "./generate-constants.js";

/** The line that says that a stack was full: engines differ in when, so nothing after it is compared. */
export const EXHAUSTED = "exhausted";

export interface TraceOptions {
  /** decides the arguments of calls */
  readonly seed: number;
  /** how often every exported function is called; 3 by default, 0 for none */
  readonly rounds?: number;
  /** value of an exported global `fuel` before each call */
  readonly fuel?: number;
}

/** What a `throw...` import throws. */
class HostFailure extends Error {
  constructor(readonly id: number) {
    super(`host failure ${id}`);
  }
}

const externObjects = [{ extern: 0 }, { extern: 1 }, { extern: 2 }, "three", 4];

const MAXIMUM_LINES = 2000;
const MAXIMUM_DEPTH = 2;

const trapKinds: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/unreachable/, "unreachable"],
  [/(divide|division|remainder) by zero/, "divide by zero"],
  [/divide result unrepresentable|integer overflow/, "overflow"],
  [/float unrepresentable|invalid conversion/, "float to integer"],
  [/null function or function signature|signature mismatch|null reference|indirect call type/, "signature"],
  [/memory access out of bounds|out of bounds memory|data segment.*out of bounds/, "memory"],
  [/table.*out of bounds|out of bounds table|element segment.*out of bounds|undefined element/, "table"],
];

/** The same word for what both engines say of a trap. */
export function trapKind(message: string): string {
  return trapKinds.find(([pattern]) => pattern.test(message))?.[1] ?? message;
}

const floatView = new DataView(new ArrayBuffer(8));

export function randomArgument(random: Random, type: ValueType): unknown {
  switch (type) {
    case I32:
      return edgeInt32(random);
    case I64:
      return BigInt.asIntN(64, edgeInt64(random));
    case F32:
      floatView.setUint32(0, edgeFloat32Bits(random));
      return floatView.getFloat32(0);
    case F64:
      floatView.setBigUint64(0, edgeFloat64Bits(random));
      return floatView.getFloat64(0);
    case EXTERNREF:
      return random.chance(30) ? null : random.pick(externObjects);
    default:
      return null;
  }
}

class Tracer {
  readonly lines: string[] = [];
  private readonly shape: ModuleShape;
  private readonly callCounts = new Map<string, number>();
  private readonly functionNames = new Map<unknown, string>();
  private instance: WasmInstance | undefined;
  private depth = 0;
  private exhausted = false;

  constructor(
    private readonly namespace: Namespace,
    bytes: Uint8Array,
    private readonly options: TraceOptions,
  ) {
    this.shape = inspectModule(bytes);
  }

  private log(line: string): void {
    if (this.lines.length < MAXIMUM_LINES && !this.exhausted) this.lines.push(line);
  }

  run(module: object): string[] {
    const imports = this.imports();
    try {
      this.instance = new this.namespace.Instance(module, imports);
    } catch (error) {
      this.log(`instantiate: ${this.outcome(error)}`);
      return this.lines;
    }
    this.nameFunctions(this.instance);
    this.callAll(this.instance);
    if (!this.exhausted) this.finalState(this.instance, imports);
    return this.lines;
  }

  private nameFunctions(instance: WasmInstance): void {
    for (const part of this.shape.exports) {
      const value = instance.exports[part.name];
      if (part.kind === KIND_FUNCTION && !this.functionNames.has(value))
        this.functionNames.set(value, part.name);
    }
  }

  private callAll(instance: WasmInstance): void {
    const random = new Random(this.options.seed);
    const functions = this.shape.exports.filter((part) => part.kind === KIND_FUNCTION);
    for (let round = this.options.rounds ?? 3; round > 0 && !this.exhausted; round--) {
      for (const part of functions) {
        this.refuel(instance);
        const type = functionTypeOf(this.shape, part.index);
        this.call(
          part.name,
          type,
          type.params.map((param) => randomArgument(random, param)),
        );
        if (this.exhausted) return;
      }
    }
  }

  private refuel(instance: WasmInstance): void {
    const fuel = this.shape.exports.find((part) => part.name === "fuel" && part.kind === KIND_GLOBAL);
    const type = this.shape.globals[fuel?.index ?? -1];
    if (type?.type === I32 && type.mutable)
      (instance.exports.fuel as WasmGlobal).value = this.options.fuel ?? 200;
    const initializer = instance.exports.hangLimitInitializer;
    if (typeof initializer === "function") initializer();
  }

  private call(name: string, type: FunctionType, args: readonly unknown[]): void {
    const head = `${name}(${args.map((arg) => this.shown(arg)).join()})`;
    try {
      const callee = this.instance?.exports[name] as (...args: unknown[]) => unknown;
      const result = callee(...args);
      this.log(`${head} = ${this.results(type, result)}`);
    } catch (error) {
      this.log(`${head}: ${this.outcome(error)}`);
    }
  }

  private results(type: FunctionType, result: unknown): string {
    if (type.results.length < 2) return this.shown(result);
    return Array.isArray(result)
      ? result.map((value) => this.shown(value)).join()
      : `no array: ${String(result)}`;
  }

  private outcome(error: unknown): string {
    if (error instanceof HostFailure) return error.message;
    if (error instanceof RangeError && /call stack/.test(error.message)) {
      this.log(EXHAUSTED);
      this.exhausted = true;
      return EXHAUSTED;
    }
    if (error instanceof this.namespace.RuntimeError) return `trap ${trapKind(error.message)}`;
    if (error instanceof this.namespace.LinkError) return "LinkError";
    return error instanceof Error ? error.constructor.name : `thrown ${String(error)}`;
  }

  private shown(value: unknown): string {
    if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "function") return `function ${this.functionNames.get(value) ?? "?"}`;
    if (value === null || value === undefined) return String(value);
    const extern = externObjects.indexOf(value as string);
    return extern >= 0 ? `extern ${extern}` : `foreign ${typeof value}`;
  }

  private imports(): Record<string, Record<string, unknown>> {
    const imports: Record<string, Record<string, unknown>> = Object.create(null);
    for (const part of this.shape.imports) {
      let module = imports[part.module];
      if (module === undefined) {
        module = Object.create(null) as Record<string, unknown>;
        imports[part.module] = module;
      }
      // One name imported twice gets one value, the first: the second may then not link, on any engine.
      if (!(part.name in module)) module[part.name] = this.importValue(part);
    }
    return imports;
  }

  private importValue(part: ImportPart): unknown {
    switch (part.kind) {
      case KIND_FUNCTION:
        return this.hostFunction(part.name, this.shape.types[part.typeIndex] as FunctionType);
      case KIND_MEMORY: {
        const { minimum, maximum } = part.memory;
        return new this.namespace.Memory({ initial: minimum, ...(maximum === undefined ? {} : { maximum }) });
      }
      case KIND_TABLE: {
        const { minimum, maximum, element } = part.table;
        const kind = element === FUNCREF ? "anyfunc" : "externref";
        return new this.namespace.Table({
          element: kind,
          initial: minimum,
          ...(maximum === undefined ? {} : { maximum }),
        });
      }
      case KIND_GLOBAL:
        return this.importedGlobal(part.global.type, part.global.mutable, part.name);
    }
  }

  private importedGlobal(type: ValueType, mutable: boolean, name: string): unknown {
    const names = new Map<ValueType, string>([
      [I32, "i32"],
      [I64, "i64"],
      [F32, "f32"],
      [F64, "f64"],
      [FUNCREF, "anyfunc"],
      [EXTERNREF, "externref"],
    ]);
    const value = names.get(type);
    if (value === undefined) return undefined;
    return new this.namespace.Global({ value, mutable }, this.hostValue(type, hashText(name)));
  }

  /** A value that follows from `hash`; never a NaN. */
  private hostValue(type: ValueType, hash: number): unknown {
    const random = new Random(hash);
    if (type === F32 || type === F64) return random.between(-100000, 100000) / 8;
    return randomArgument(random, type);
  }

  private hostFunction(name: string, type: FunctionType): (...args: unknown[]) => unknown {
    return (...args) => {
      const count = (this.callCounts.get(name) ?? 0) + 1;
      this.callCounts.set(name, count);
      const line = `${name}(${args.map((arg) => this.shown(arg)).join()})`;
      this.log(`host ${line}`);
      const hash = hashText(`${line}${count}`);
      if (name.startsWith("throw") && hash % 8 === 0) throw new HostFailure(hash);
      if (name.startsWith("enter") && hash % 3 === 0) this.enter(hash);
      const results = type.results.map((result, index) => this.hostValue(result, hash + index));
      return results.length > 1 ? results : results[0];
    };
  }

  private enter(hash: number): void {
    if (this.depth >= MAXIMUM_DEPTH || this.instance === undefined) return;
    const functions = this.shape.exports.filter((part) => part.kind === KIND_FUNCTION);
    const part = functions[hash % functions.length];
    if (part === undefined) return;
    const type = functionTypeOf(this.shape, part.index);
    const random = new Random(hash);
    this.depth++;
    try {
      const args = type.params.map((param) => randomArgument(random, param));
      if (hash % 2 === 0) this.call(part.name, type, args);
      // Let what it throws pass through the frames of the module that called the host.
      else (this.instance.exports[part.name] as (...args: unknown[]) => unknown)(...args);
    } finally {
      this.depth--;
    }
  }

  private finalState(instance: WasmInstance, imports: Record<string, Record<string, unknown>>): void {
    for (const part of this.shape.exports) {
      if (part.name === "fuel") continue;
      this.describe(`export ${part.name}`, part.kind, instance.exports[part.name]);
    }
    for (const part of this.shape.imports) {
      this.describe(`import ${part.name}`, part.kind, imports[part.module]?.[part.name]);
    }
  }

  private describe(name: string, kind: number, value: unknown): void {
    if (kind === KIND_GLOBAL) this.log(`${name} = ${this.globalText(value as WasmGlobal)}`);
    else if (kind === KIND_TABLE) this.log(`${name} = ${this.tableText(value as WasmTable)}`);
    else if (kind === KIND_MEMORY) {
      const buffer = (value as WasmMemory).buffer;
      const hash = createHash("sha1").update(new Uint8Array(buffer)).digest("hex");
      this.log(`${name} = ${buffer.byteLength} bytes, ${hash}`);
    }
  }

  /** A vector can't be read. */
  private globalText(global: WasmGlobal): string {
    try {
      return this.shown(global.value);
    } catch (error) {
      return this.outcome(error);
    }
  }

  private tableText(table: WasmTable): string {
    const entries: string[] = [];
    for (let index = 0; index < Math.min(table.length, 200); index++)
      entries.push(this.shown(table.get(index)));
    return `${table.length} [${entries.join()}]`;
  }
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** The trace of a module on an engine. Throws what `namespace.Module` throws. */
export function traceModule(namespace: Namespace, bytes: Uint8Array, options: TraceOptions): string[] {
  return new Tracer(namespace, bytes, options).run(new namespace.Module(bytes));
}
