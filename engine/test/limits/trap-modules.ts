// Modules that trap, with what each call must do. Enters: nothing. Leaves: modules and checks.

import { EXTERNREF, F32, F64, FUNCREF, I32, I64, ModuleBytes } from "./module-bytes.js";
import type { TrapKind } from "./trap-kinds.js";

/** A call of an export and the trap that it must end in, or "none". */
export interface TrapCheck {
  readonly export: string;
  readonly args: readonly unknown[];
  readonly trap: TrapKind | "none";
}

interface Access {
  readonly opcode: number;
  readonly width: number;
  readonly type: number;
}

const widths = [4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4];
const loadTypes = [I32, I64, F32, F64, I32, I32, I32, I32, I64, I64, I64, I64, I64, I64];
const loads: Access[] = widths.map((width, i) => ({ opcode: 0x28 + i, width, type: loadTypes[i] as number }));
const storeTypes = [I32, I64, F32, F64, I32, I32, I64, I64, I64];
const stores: Access[] = [4, 8, 4, 8, 1, 2, 1, 2, 4].map((width, i) => ({
  opcode: 0x36 + i,
  width,
  type: storeTypes[i] as number,
}));
const offsets = [0, 1, 7, 65528, 65535, 65536, 131071, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];
const page = 65536;

const samples = new Map<number, unknown>([
  [I32, 0x12345678],
  [I64, 0x123456789abcdef0n],
  [F32, 1.5],
  [F64, -2.5],
]);

/** The addresses at which an access of `width` at a static offset is interesting, in a memory of `size` bytes. */
function addressesFor(width: number, offset: number, size: number): number[] {
  const last = size - width - offset;
  const all = [
    0,
    1,
    last - 1,
    last,
    last + 1,
    last + width,
    size - 1,
    size,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    2 ** 32 - offset,
  ];
  return [...new Set(all.filter((address) => address >= 0 && address <= 0xffffffff))];
}

/**
 * Every load and store at every offset as an export, and the checks for a memory of `pages`; the memory is imported as
 * `env.memory`, so that its kind is the caller's choice.
 */
export function accessModule(pages: number): { bytes: Uint8Array; checks: TrapCheck[] } {
  const m = new ModuleBytes();
  const checks: TrapCheck[] = [];
  m.importMemory("env", "memory", { minimum: 0 });
  const add = (name: string, access: Access, offset: number, isStore: boolean): void => {
    for (const address of addressesFor(access.width, offset, pages * page)) {
      const trap = address + offset + access.width > pages * page ? "memory bounds" : "none";
      checks.push({
        export: name,
        args: isStore ? [address | 0, samples.get(access.type)] : [address | 0],
        trap,
      });
    }
  };
  for (const offset of offsets) {
    for (const load of loads) {
      const name = `load ${load.opcode.toString(16)} ${offset}`;
      m.exportFunction(
        name,
        m.addFunction([I32], [load.type], (code) => code.localGet(0).memory(load.opcode, offset)),
      );
      add(name, load, offset, false);
    }
    for (const store of stores) {
      const name = `store ${store.opcode.toString(16)} ${offset}`;
      m.exportFunction(
        name,
        m.addFunction([I32, store.type], [], (code) =>
          code.localGet(0).localGet(1).memory(store.opcode, offset),
        ),
      );
      add(name, store, offset, true);
    }
  }
  addConstantAccesses(m, checks, pages);
  return { bytes: m.toBytes(), checks };
}

/** Accesses whose address is a constant, which a compiler may check once and for all. */
function addConstantAccesses(m: ModuleBytes, checks: TrapCheck[], pages: number): void {
  for (const address of [0, 65532, 65533, 65536, 131068, 131069, 0x7fffffff, -1, -4]) {
    for (const offset of [0, 4, 0xffffffff]) {
      const load = `constant load ${address} ${offset}`;
      m.exportFunction(
        load,
        m.addFunction([], [I32], (code) => code.i32Const(address).memory(0x28, offset)),
      );
      const store = `constant store ${address} ${offset}`;
      m.exportFunction(
        store,
        m.addFunction([], [], (code) => code.i32Const(address).i32Const(1).memory(0x36, offset)),
      );
      const trap = (address >>> 0) + offset + 4 > pages * page ? "memory bounds" : "none";
      checks.push({ export: load, args: [], trap }, { export: store, args: [], trap });
    }
  }
}

/** A load whose result is dropped still traps, and a store before a trap has happened. */
function addOrderedEffects(
  m: ModuleBytes,
  add: (name: string, args: unknown[], trap: TrapCheck["trap"], index: number) => void,
): void {
  add(
    "dropped load",
    [-1],
    "memory bounds",
    m.addFunction([I32], [], (code) => code.localGet(0).memory(0x28).op(0x1a)),
  );
  add(
    "dropped division",
    [0],
    "divide by zero",
    m.addFunction([I32], [], (code) => code.i32Const(1).localGet(0).op(0x6d).op(0x1a)),
  );
  add(
    "dropped conversion",
    [Number.NaN],
    "invalid conversion",
    m.addFunction([F64], [], (code) => code.localGet(0).op(0xaa).op(0x1a)),
  );
}

/** One module with every other kind of trap. */
export function trapModule(): { bytes: Uint8Array; checks: TrapCheck[] } {
  const m = new ModuleBytes();
  const checks: TrapCheck[] = [];
  const add = (name: string, args: unknown[], trap: TrapCheck["trap"], index: number): void => {
    if (!checks.some((check) => check.export === name)) m.exportFunction(name, index);
    checks.push({ export: name, args, trap });
  };
  const minimum32 = -(2 ** 31);
  const minimum64 = -(2n ** 63n);
  const seven = m.addFunction([], [I32], (code) => code.i32Const(7));
  const other = m.addFunction([I64], [], () => {});
  m.addMemory({ minimum: 1, maximum: 2 });
  m.addTable(FUNCREF, { minimum: 4, maximum: 4 });
  m.addTable(EXTERNREF, { minimum: 2 });
  m.addElements(0, [seven, other]);

  add(
    "unreachable",
    [],
    "unreachable",
    m.addFunction([], [], (code) => code.op(0)),
  );
  [0x6d, 0x6e, 0x6f, 0x70].forEach((op, i) => {
    const name = `i32 division ${op.toString(16)}`;
    const index = m.addFunction([I32, I32], [I32], (code) => code.localGet(0).localGet(1).op(op));
    add(name, [5, 0], "divide by zero", index);
    add(name, [0, 0], "divide by zero", index);
    add(name, [minimum32, -1], i === 0 ? "integer overflow" : "none", index);
  });
  [0x7f, 0x80, 0x81, 0x82].forEach((op, i) => {
    const name = `i64 division ${op.toString(16)}`;
    const index = m.addFunction([I64, I64], [I64], (code) => code.localGet(0).localGet(1).op(op));
    add(name, [5n, 0n], "divide by zero", index);
    add(name, [minimum64, 0n], "divide by zero", index);
    add(name, [minimum64, -1n], i === 0 ? "integer overflow" : "none", index);
  });
  addConstantDivisions(m, add);
  addConversions(m, add);

  const call = m.addFunction([I32], [I32], (code) => code.localGet(0).callIndirect(m.type([], [I32])));
  add("call_indirect", [0], "none", call);
  add("call_indirect", [1], "bad indirect call", call);
  add("call_indirect", [2], "bad indirect call", call);
  add("call_indirect", [4], "table bounds", call);
  add("call_indirect", [-1], "table bounds", call);
  const get = m.addFunction([I32], [EXTERNREF], (code) => code.localGet(0).raw(0x25, 1));
  add("table.get", [1], "none", get);
  add("table.get", [2], "table bounds", get);
  add("table.get", [-1], "table bounds", get);
  const set = m.addFunction([I32, EXTERNREF], [], (code) => code.localGet(0).localGet(1).raw(0x26, 1));
  add("table.set", [1, "text"], "none", set);
  add("table.set", [2, "text"], "table bounds", set);
  const three = (bytes: number[]): number =>
    m.addFunction([I32, I32, I32], [], (code) =>
      code
        .localGet(0)
        .localGet(1)
        .localGet(2)
        .raw(...bytes),
    );
  for (const [name, bytes] of [
    ["memory.fill", [0xfc, 11, 0]],
    ["memory.copy", [0xfc, 10, 0, 0]],
  ] as [string, number[]][]) {
    const index = three(bytes);
    add(name, [65536, 0, 0], "none", index);
    add(name, [65536, 0, 1], "memory bounds", index);
    add(name, [65530, 0, 7], "memory bounds", index);
    add(name, [-1, 0, -1], "memory bounds", index);
  }
  const fill = m.addFunction([I32, EXTERNREF, I32], [], (code) =>
    code.localGet(0).localGet(1).localGet(2).raw(0xfc, 17, 1),
  );
  add("table.fill", [1, null, 1], "none", fill);
  add("table.fill", [1, null, 2], "table bounds", fill);
  const copy = three([0xfc, 14, 1, 1]);
  add("table.copy", [0, 1, 1], "none", copy);
  add("table.copy", [1, 0, 2], "table bounds", copy);
  addOrderedEffects(m, add);
  add("recursion", [], "stack overflow", recursion(m));
  return { bytes: m.toBytes(), checks };
}

type Add = (name: string, args: unknown[], trap: TrapCheck["trap"], index: number) => void;

function recursion(m: ModuleBytes): number {
  const helper: number = m.addFunction([], [I32], (code) => code.i32Const(1));
  // A function's own index is the one after the helper's.
  return m.addFunction([], [I32], (code) =>
    code
      .call(helper + 1)
      .i32Const(1)
      .op(0x6a),
  );
}

/** Divisions by constants, which compilers rewrite. */
function addConstantDivisions(m: ModuleBytes, add: Add): void {
  const minimum = -(2 ** 31);
  for (const op of [0x6d, 0x6e, 0x6f, 0x70]) {
    for (const divisor of [0, -1, 1, 7]) {
      const trap =
        divisor === 0 ? "divide by zero" : divisor === -1 && op === 0x6d ? "integer overflow" : "none";
      const index = m.addFunction([I32], [I32], (code) => code.localGet(0).i32Const(divisor).op(op));
      add(`i32 ${op.toString(16)} by ${divisor}`, [minimum], trap, index);
    }
  }
}

function addConversions(m: ModuleBytes, add: Add): void {
  const conversions: [number, number, number, number, number][] = [
    // opcode, source, target, the lowest and highest integers that convert
    [0xa8, F32, I32, -(2 ** 31), 2 ** 31],
    [0xa9, F32, I32, 0, 2 ** 32],
    [0xaa, F64, I32, -(2 ** 31), 2 ** 31],
    [0xab, F64, I32, 0, 2 ** 32],
    [0xae, F32, I64, -(2 ** 63), 2 ** 63],
    [0xaf, F32, I64, 0, 2 ** 64],
    [0xb0, F64, I64, -(2 ** 63), 2 ** 63],
    [0xb1, F64, I64, 0, 2 ** 64],
  ];
  for (const [op, source, target, low, high] of conversions) {
    const name = `convert ${op.toString(16)}`;
    const index = m.addFunction([source], [target], (code) => code.localGet(0).op(op));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      add(name, [value], "invalid conversion", index);
    add(name, [high], "invalid conversion", index);
    add(name, [low === 0 ? -1 : low * 1.5], "invalid conversion", index);
    add(name, [low === 0 ? -0.99 : low], "none", index);
    add(name, [high * 0.75], "none", index);
  }
}
