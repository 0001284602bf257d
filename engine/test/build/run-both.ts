/**
 * The same calls on Node's WebAssembly and on interpreted SSA. Outcomes are text: results bit by bit (all NaNs
 * alike), or a trap's kind and the byte offset where it happened.
 */
import type { BuildOptions } from "../../ssa/build/build-function.js";
import { typeOfValType } from "../../ssa/build/builder.js";
import { TrapKind, Type } from "../../ssa/ops.js";
import { decodeModule, validateModule } from "../../wasm/index.js";
import type { FuncType, WasmModule } from "../../wasm/types.js";
import { nodeNamespace, type WasmInstance } from "../support/namespace.js";
import { bitsOf, floatOf, InterpretedTrap, type Word } from "./arithmetic.js";
import { type External, InterpretedInstance } from "./interpret-module.js";
import { World } from "./world.js";

export type JsValue = number | bigint | null;
export type HostFunction = (...args: never[]) => JsValue | JsValue[] | undefined;
/** Of the import module "env". */
export type HostFunctions = Readonly<Record<string, HostFunction>>;

/** Node's messages; where they don't tell kinds apart, neither do we. */
const trapGroups: readonly (readonly [message: RegExp, name: string, kinds: readonly number[]])[] = [
  [/unreachable/, "unreachable", [TrapKind.unreachable]],
  [/memory access out of bounds/, "memory", [TrapKind.memoryOutOfBounds]],
  [/(divide|remainder) by zero/, "by zero", [TrapKind.integerDivideByZero]],
  [/unrepresentable/, "unrepresentable", [TrapKind.integerOverflow, TrapKind.invalidConversion]],
  [/table index is out of bounds/, "table", [TrapKind.undefinedElement, TrapKind.tableOutOfBounds]],
  [/(table|element segment).*out of bounds/, "table", []],
  [/null function or function signature/, "signature", [TrapKind.signatureMismatch]],
];

function float(x: number): string {
  return Object.is(x, -0) ? "-0" : String(x);
}

export class NodeSide {
  private readonly instance: WasmInstance;

  constructor(bytes: Uint8Array, host: HostFunctions) {
    const module = new nodeNamespace.Module(bytes);
    this.instance = new nodeNamespace.Instance(module, { env: { ...host } });
  }

  call(name: string, args: readonly JsValue[]): string {
    const f = this.instance.exports[name] as (...args: readonly JsValue[]) => unknown;
    try {
      const result = f(...args);
      const results = Array.isArray(result) ? result : result === undefined ? [] : [result];
      return results.map((r) => (typeof r === "number" ? float(r) : String(r))).join(" ");
    } catch (error) {
      if (!(error instanceof nodeNamespace.RuntimeError)) throw error;
      const group = trapGroups.find(([message]) => message.test(error.message));
      if (group === undefined) throw error;
      const place = /wasm-function\[\d+\]:0x([0-9a-f]+)/.exec(error.stack ?? "");
      return `trap ${group[1]} at ${Number.parseInt(place?.[1] ?? "0", 16)}`;
    }
  }
}

export class SsaSide {
  readonly world = new World();
  readonly module: WasmModule;
  readonly instance: InterpretedInstance;

  constructor(bytes: Uint8Array, host: HostFunctions, options: BuildOptions) {
    this.module = decodeModule(bytes);
    validateModule(this.module);
    this.instance = new InterpretedInstance(this.world, this.module, options, (_, name) =>
      this.host(name, host[name]!),
    );
  }

  private host(name: string, f: HostFunction): External {
    const { module, world } = this;
    const found = module.imports.find((i) => i.name === name);
    if (found?.kind !== "function") throw new Error(`${name} is no imported function`);
    const type = module.types[found.typeIndex]!;
    const address = world.hostFunction(type, (words) => {
      const result = f(...(words.map((w, i) => this.fromWord(type.params[i]!, w)) as never[]));
      const results = Array.isArray(result) ? result : result === undefined ? [] : [result];
      return results.map((r, i) => this.toWord(type.results[i]!, r));
    });
    return { kind: "function", address, type };
  }

  private toWord(type: number, value: JsValue): Word {
    const t = typeOfValType[type]!;
    if (t === Type.i32) return Number(value) | 0;
    if (t === Type.i64) return BigInt.asIntN(64, BigInt(value ?? 0));
    if (t === Type.f32 || t === Type.f64) return bitsOf(t, Number(value));
    return t === Type.ptr ? this.world.nullFuncref : value === null ? 0 : this.world.extern(value);
  }

  private fromWord(type: number, word: Word): JsValue {
    const t = typeOfValType[type]!;
    if (t === Type.f32 || t === Type.f64) return floatOf(t, word);
    if (t === Type.i32 || t === Type.i64) return word;
    if (t === Type.ptr) return word === this.world.nullFuncref ? null : Number.NaN;
    return this.world.externs[word as number] as JsValue;
  }

  call(name: string, args: readonly JsValue[]): string {
    const external = this.instance.exports.get(name)!;
    const type = external.type as FuncType;
    try {
      const words = type.params.map((p, i) => this.toWord(p, args[i] as JsValue));
      const results = this.instance.callRecord(external.address, words);
      const values = type.results.map((r, i) => this.fromWord(r, results[i]!));
      return values.map((v) => (typeof v === "number" ? float(v) : String(v))).join(" ");
    } catch (error) {
      if (!(error instanceof InterpretedTrap)) throw error;
      const group = trapGroups.find(([, , kinds]) => kinds.includes(error.kind));
      if (group === undefined) throw error;
      return `trap ${group[1]} at ${error.offset}`;
    }
  }
}

/** Every way to build, for tests that run them all. */
export const allOptions: readonly BuildOptions[] = [
  { bounds: "guard", interrupts: false },
  { bounds: "explicit", interrupts: true },
  { bounds: "guard", interrupts: true, locals: "slots" },
];

/** The differences between both sides over some calls, in order; empty if there are none. */
export function differences(
  bytes: Uint8Array,
  calls: readonly (readonly [name: string, ...args: JsValue[]])[],
  host: HostFunctions = {},
): string[] {
  const found: string[] = [];
  for (const options of allOptions) {
    const node = new NodeSide(bytes, host);
    const ssa = new SsaSide(bytes, host, options);
    for (const [name, ...args] of calls) {
      const expected = node.call(name, args);
      const actual = ssa.call(name, args);
      if (expected === actual) continue;
      found.push(
        `${name}(${args.join(", ")}) [${Object.values(options)}]: expected ${expected}, got ${actual}`,
      );
    }
  }
  return found;
}
