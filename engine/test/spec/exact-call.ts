/**
 * Calls exported functions bit for bit.
 *
 * The JS API can't carry every value: a NaN's payload may be lost when a float becomes a JavaScript
 * number, and a vector can't cross at all. So a function with floats or vectors in its signature is called
 * through a small wrapper module, made by the engine under test, that imports it and takes and gives integers:
 * f32 as i32, f64 as i64, v128 as two i64, least significant first.
 *
 * In: an exported function, its signature, `Cell`s. Out: `Cell`s, or what the call threw.
 */

import type { Namespace } from "../support/namespace.js";
import {
  ByteWriter,
  encodeModule,
  F32,
  F64,
  type FunctionType,
  I32,
  I64,
  KIND_FUNCTION,
  V128,
  type ValueType,
} from "../support/wasm-bytes.js";
import type { Cell } from "./values.js";

type Callable = (...args: unknown[]) => unknown;

const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const CALL = 0x10;
const END = 0x0b;
const I32_REINTERPRET_F32 = 0xbc;
const I64_REINTERPRET_F64 = 0xbd;
const F32_REINTERPRET_I32 = 0xbe;
const F64_REINTERPRET_I64 = 0xbf;
const VECTOR_PREFIX = 0xfd;
const I64X2_SPLAT = 0x12;
const I64X2_EXTRACT_LANE = 0x1d;
const I64X2_REPLACE_LANE = 0x1e;

function carriers(types: readonly ValueType[]): ValueType[] {
  return types.flatMap((type) =>
    type === F32 ? [I32] : type === F64 ? [I64] : type === V128 ? [I64, I64] : [type],
  );
}

function needsWrapper(type: FunctionType): boolean {
  const inexact = (value: ValueType) => value === F32 || value === F64 || value === V128;
  return type.params.some(inexact) || type.results.some(inexact);
}

function pushParameter(out: ByteWriter, type: ValueType, local: number): number {
  out.u8(LOCAL_GET);
  out.u32(local);
  if (type === F32) out.u8(F32_REINTERPRET_I32);
  if (type === F64) out.u8(F64_REINTERPRET_I64);
  if (type !== V128) return local + 1;
  out.bytes([VECTOR_PREFIX, I64X2_SPLAT, LOCAL_GET]);
  out.u32(local + 1);
  out.bytes([VECTOR_PREFIX, I64X2_REPLACE_LANE, 1]);
  return local + 2;
}

function pushResult(out: ByteWriter, type: ValueType, local: number): void {
  const get = () => {
    out.u8(LOCAL_GET);
    out.u32(local);
  };
  get();
  if (type === F32) out.u8(I32_REINTERPRET_F32);
  if (type === F64) out.u8(I64_REINTERPRET_F64);
  if (type !== V128) return;
  out.bytes([VECTOR_PREFIX, I64X2_EXTRACT_LANE, 0]);
  get();
  out.bytes([VECTOR_PREFIX, I64X2_EXTRACT_LANE, 1]);
}

/** The binary of a module that imports `f.f` of this type and exports `w` with integers in place of floats. */
function wrapperBytes(type: FunctionType): Uint8Array {
  const outer: FunctionType = { params: carriers(type.params), results: carriers(type.results) };
  const body = new ByteWriter();
  body.u32(type.results.length);
  for (const result of type.results) {
    body.u32(1);
    body.u8(result);
  }
  let local = 0;
  for (const param of type.params) local = pushParameter(body, param, local);
  body.bytes([CALL, 0]);
  for (let index = type.results.length - 1; index >= 0; index--) {
    body.u8(LOCAL_SET);
    body.u32(outer.params.length + index);
  }
  for (let index = 0; index < type.results.length; index++) {
    pushResult(body, type.results[index] as ValueType, outer.params.length + index);
  }
  body.u8(END);
  return encodeModule({
    types: [type, outer],
    imports: [{ module: "f", name: "f", kind: KIND_FUNCTION, typeIndex: 0 }],
    functions: [1],
    exports: [{ name: "w", kind: KIND_FUNCTION, index: 1 }],
    bodies: [body.toBytes()],
  });
}

function toJs(type: ValueType, cell: Cell | undefined): unknown {
  if (type === I32) return Number(BigInt.asIntN(32, cell as bigint));
  if (type === I64) return BigInt.asIntN(64, cell as bigint);
  return cell;
}

function fromJs(type: ValueType, value: unknown): Cell {
  if (type === I32) {
    if (typeof value !== "number") throw new Error(`an i32 came back as ${typeof value}`);
    return BigInt(value >>> 0);
  }
  if (type === I64) {
    if (typeof value !== "bigint") throw new Error(`an i64 came back as ${typeof value}`);
    return BigInt.asUintN(64, value);
  }
  return value as object | null;
}

function splitVectors(types: readonly ValueType[], cells: readonly Cell[]): Cell[] {
  const out: Cell[] = [];
  for (let index = 0; index < types.length; index++) {
    const cell = cells[index] as Cell;
    if (types[index] === V128) out.push(BigInt.asUintN(64, cell as bigint), (cell as bigint) >> 64n);
    else out.push(cell);
  }
  return out;
}

function joinVectors(types: readonly ValueType[], cells: readonly Cell[]): Cell[] {
  let next = 0;
  return types.map((type) => {
    const low = cells[next++] as Cell;
    return type === V128 ? (low as bigint) | ((cells[next++] as bigint) << 64n) : low;
  });
}

/** Calls functions of one namespace; wrapper modules are made once a signature. */
export class ExactCaller {
  private readonly modules = new Map<string, object>();
  private readonly wrappers = new WeakMap<object, Callable>();

  constructor(private readonly namespace: Namespace) {}

  /** @throws what the function throws; `Error` if a result has the wrong JavaScript type */
  call(target: Callable, type: FunctionType, args: readonly Cell[]): Cell[] {
    const exact = needsWrapper(type);
    const callee = exact ? this.wrapperOf(target, type) : target;
    const params = carriers(type.params);
    const results = carriers(type.results);
    const carried = splitVectors(type.params, args);
    const answer = callee(...params.map((param, index) => toJs(param, carried[index])));
    return joinVectors(type.results, resultCells(results, answer));
  }

  private wrapperOf(target: Callable, type: FunctionType): Callable {
    let wrapper = this.wrappers.get(target);
    if (wrapper === undefined) {
      const key = `${type.params.join()}>${type.results.join()}`;
      let module = this.modules.get(key);
      if (module === undefined) {
        module = new this.namespace.Module(wrapperBytes(type));
        this.modules.set(key, module);
      }
      wrapper = new this.namespace.Instance(module, { f: { f: target } }).exports.w as Callable;
      this.wrappers.set(target, wrapper);
    }
    return wrapper;
  }
}

function resultCells(types: readonly ValueType[], answer: unknown): Cell[] {
  if (types.length === 0) {
    if (answer !== undefined) throw new Error(`no result expected, got ${String(answer)}`);
    return [];
  }
  const values = types.length === 1 ? [answer] : answer;
  if (!Array.isArray(values) || values.length !== types.length) {
    throw new Error(`${types.length} results expected, got ${String(answer)}`);
  }
  return types.map((type, index) => fromJs(type, values[index]));
}
