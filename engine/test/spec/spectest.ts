/**
 * The module `spectest` that scripts import, as the specification's reference interpreter offers it.
 *
 * It is a module of the engine under test, since only then do its functions have types to be checked when a
 * script links against them; its functions are host functions passed through.
 */

import type { Namespace } from "../support/namespace.js";
import {
  ByteWriter,
  encodeModule,
  F32,
  F64,
  FUNCREF,
  type FunctionType,
  I32,
  I64,
  KIND_FUNCTION,
  KIND_GLOBAL,
  KIND_MEMORY,
  KIND_TABLE,
  type ValueType,
} from "../support/wasm-bytes.js";
import { floatBits } from "./literals.js";

const functions: readonly (readonly [name: string, ...params: ValueType[]])[] = [
  ["print"],
  ["print_i32", I32],
  ["print_i64", I64],
  ["print_f32", F32],
  ["print_f64", F64],
  ["print_i32_f32", I32, F32],
  ["print_f64_f64", F64, F64],
];

function constant(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter();
  write(out);
  out.u8(0x0b);
  return out.toBytes();
}

function globals() {
  const i32 = constant((out) => {
    out.u8(0x41);
    out.s32(666);
  });
  const i64 = constant((out) => {
    out.u8(0x42);
    out.s64(666n);
  });
  const f32 = constant((out) => {
    out.u8(0x43);
    out.fixed32(Number(floatBits("666.6", 32)));
  });
  const f64 = constant((out) => {
    out.u8(0x44);
    out.fixed64(floatBits("666.6", 64));
  });
  return [
    { type: I32, mutable: false, init: i32 },
    { type: I64, mutable: false, init: i64 },
    { type: F32, mutable: false, init: f32 },
    { type: F64, mutable: false, init: f64 },
  ];
}

function spectestBytes(): Uint8Array {
  const types: FunctionType[] = functions.map(([, ...params]) => ({ params, results: [] }));
  return encodeModule({
    types,
    imports: functions.map(([name], typeIndex) => ({ module: "host", name, kind: KIND_FUNCTION, typeIndex })),
    tables: [{ element: FUNCREF, minimum: 10, maximum: 20 }],
    memories: [{ minimum: 1, maximum: 2 }],
    globals: globals(),
    exports: [
      ...functions.map(([name], index) => ({ name, kind: KIND_FUNCTION, index })),
      { name: "table", kind: KIND_TABLE, index: 0 },
      { name: "memory", kind: KIND_MEMORY, index: 0 },
      ...["i32", "i64", "f32", "f64"].map((type, index) => ({
        name: `global_${type}`,
        kind: KIND_GLOBAL,
        index,
      })),
    ],
  });
}

/** A fresh `spectest`, as an object of exports. */
export function createSpectest(namespace: Namespace): Readonly<Record<string, unknown>> {
  const host = Object.fromEntries(functions.map(([name]) => [name, () => {}]));
  return new namespace.Instance(new namespace.Module(spectestBytes()), { host }).exports;
}
