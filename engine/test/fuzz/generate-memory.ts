/**
 * Random accesses to linear memory and tables.
 *
 * Addresses stay inside the first page in most cases, in the shapes compilers fold: constant, pointer local
 * plus offset, masked value, base + index * scale + displacement. A daring access is at the memory's very end,
 * wraps around 2^32 or has a huge static offset.
 */

import { OP } from "../support/opcodes.js";
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type ValueType } from "../support/wasm-bytes.js";
import { FREE_SLOTS, type TablePlan } from "./generate-plan.js";
import type { FunctionState } from "./generate-state.js";
import { expression } from "./generate-values.js";

const PAGE = 65536;

const offsets = [
  0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 7, 8, 8, 12, 16, 24, 63, 64, 127, 128, 129, 255, 256, 1023, 4095,
  16383,
];
const hugeOffsets = [
  0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe, 0xfffffff8, 0xfffffff0, 0xffff0000,
];
const masks = [0x1f, 0x7f, 0xff, 0xff, 0xff, 0xfc, 0xf8, 0x1ff, 0xfff, 0xffc, 0x7ff8, 0x7fff, 0x3fff];

/** Writes `expression & mask`. */
function masked(s: FunctionState, mask: number, depth: number): void {
  expression(s, I32, depth - 1);
  s.i32(mask);
  s.op(OP.i32And);
}

function daringAddress(s: FunctionState, width: number, depth: number): number {
  const random = s.random;
  const size = s.plan.memoryPages * PAGE;
  switch (random.below(6)) {
    case 0:
      s.i32(size - width + random.between(-2, 2));
      return 0;
    case 1:
      masked(s, 7, depth);
      return size - width - random.below(9);
    case 2:
      expression(s, I32, depth - 1);
      return random.pick(offsets);
    case 3:
      masked(s, 0xfff, depth);
      return random.pick(hugeOffsets);
    case 4:
      s.i32(-random.between(1, 16));
      return random.between(1, 32);
    default:
      expression(s, I32, depth - 1);
      return random.chance(50) ? random.pick(hugeOffsets) : size;
  }
}

/** Writes an address; answers the static offset to go with it. */
export function address(s: FunctionState, width: number, depth: number): number {
  const random = s.random;
  if (s.dares()) return daringAddress(s, width, depth);
  const kind = random.below(10);
  if (kind < 4 && s.pointers.length > 0) {
    s.op1(OP.localGet, random.pick(s.pointers));
    if (random.chance(30)) {
      s.i32(random.between(0, 64));
      s.op(OP.i32Add);
    }
    return random.pick(offsets);
  }
  if (kind < 5) {
    s.i32(random.below(random.pick([0x100, 0x100, 0x8000])));
    return random.pick(offsets);
  }
  if (kind < 8) {
    masked(s, random.pick(masks), depth);
    return random.pick(offsets);
  }
  scaledAddress(s, depth);
  return random.pick(offsets);
}

/** base + index * scale + displacement, below 0x7000. */
function scaledAddress(s: FunctionState, depth: number): void {
  const random = s.random;
  if (s.pointers.length > 0 && random.chance(40)) {
    s.op1(OP.localGet, random.pick(s.pointers));
    s.i32(0xfff);
    s.op(OP.i32And);
  } else masked(s, random.pick([0x3f, 0xff, 0xfff]), depth);
  masked(s, random.pick([0x1f, 0xff, 0x3ff, 0x3f]), depth);
  const scale = random.below(4);
  if (random.chance(50)) {
    s.i32(scale);
    s.op(OP.i32Shl);
  } else {
    s.i32(random.chance(70) ? 1 << scale : random.between(3, 9));
    s.op(OP.i32Mul);
  }
  s.op(OP.i32Add);
  if (random.chance(60)) {
    s.i32(random.below(random.pick([0x10, 0x100, 0x1000])));
    s.op(OP.i32Add);
  }
}

export function memoryArgument(s: FunctionState, alignment: number, offset: number): void {
  s.code.u32(s.random.chance(60) ? alignment : s.random.below(alignment + 1));
  s.code.u32(offset);
}

/** Alignment (log2 of the width) of every load from 0x28 and store from 0x36 on. */
const loadWidths = [2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2];
const storeWidths = [2, 3, 2, 3, 0, 1, 0, 1, 2];

const loads = new Map<ValueType, readonly number[]>([
  [I32, [0x28, 0x28, 0x2c, 0x2d, 0x2e, 0x2f]],
  [I64, [0x29, 0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35]],
  [F32, [0x2a]],
  [F64, [0x2b]],
]);

const stores = new Map<ValueType, readonly number[]>([
  [I32, [0x36, 0x36, 0x3a, 0x3b]],
  [I64, [0x37, 0x37, 0x3c, 0x3d, 0x3e]],
  [F32, [0x38]],
  [F64, [0x39]],
]);

export function load(s: FunctionState, type: ValueType, depth: number): void {
  const opcode = s.random.pick(loads.get(type) ?? []);
  const alignment = loadWidths[opcode - 0x28] as number;
  const offset = address(s, 1 << alignment, depth);
  s.op(opcode);
  memoryArgument(s, alignment, offset);
}

export function store(s: FunctionState, depth: number): void {
  const type = s.random.pick(s.plan.numbers);
  const opcode = s.random.pick(stores.get(type) ?? []);
  const alignment = storeWidths[opcode - 0x36] as number;
  const offset = address(s, 1 << alignment, depth);
  expression(s, type, depth - 1);
  s.op(opcode);
  memoryArgument(s, alignment, offset);
}

/** Several accesses through one pointer, as to the fields of a record. */
export function recordAccess(s: FunctionState, depth: number): void {
  if (s.pointers.length === 0) {
    store(s, depth);
    return;
  }
  const pointer = s.random.pick(s.pointers);
  for (let count = s.random.between(2, 6); count > 0; count--) {
    const type = s.random.pick(s.plan.numbers);
    const [loadOpcode, storeOpcode] = [loads.get(type)?.[0] as number, stores.get(type)?.[0] as number];
    s.op1(OP.localGet, pointer);
    s.op1(OP.localGet, pointer);
    s.op(loadOpcode);
    memoryArgument(s, loadWidths[loadOpcode - 0x28] as number, s.random.pick(offsets));
    s.op(storeOpcode);
    memoryArgument(s, storeWidths[storeOpcode - 0x36] as number, s.random.pick(offsets));
  }
}

export function setPointer(s: FunctionState, depth: number): void {
  if (s.pointers.length === 0) return;
  masked(s, s.random.pick([0x1f, 0xff, 0xff, 0xf8, 0xfff, 0x7ff8, 0x7fff]), depth);
  s.op1(OP.localSet, s.random.pick(s.pointers));
}

export function memoryGrow(s: FunctionState, depth: number): void {
  masked(s, s.random.pick([0, 1, 1, 3]), depth);
  s.op1(OP.memoryGrow, 0);
}

/** memory.copy, memory.fill, memory.init, data.drop. */
export function bulkMemory(s: FunctionState, depth: number): void {
  const random = s.random;
  const daring = s.dares();
  const position = () => (daring ? expression(s, I32, depth - 1) : masked(s, random.pick(masks), depth));
  const length = () =>
    daring ? masked(s, 0x1ffff, depth) : masked(s, random.pick([0, 1, 7, 15, 31, 63, 0xff, 0xfff]), depth);
  const segments = s.plan.data.flatMap((segment, index) => (segment.passive ? [index] : []));
  const kind = random.below(10);
  if (kind < 4) {
    position();
    position();
    length();
    s.op2(OP.memoryCopy, 0, 0);
  } else if (kind < 7 || segments.length === 0) {
    position();
    expression(s, I32, depth - 1);
    length();
    s.op1(OP.memoryFill, 0);
  } else if (kind < 9 || !(daring || random.chance(25))) {
    const segment = random.pick(segments);
    const size = s.plan.data[segment]?.length ?? 0;
    const from = random.below(size + 1);
    position();
    s.i32(daring ? from + random.below(3) : from);
    s.i32(random.below(size - from + 1));
    s.op2(OP.memoryInit, segment, 0);
  } else {
    s.op1(OP.dataDrop, random.pick(segments));
  }
}

function freeSlot(s: FunctionState, table: TablePlan, depth: number): void {
  if (s.dares()) {
    expression(s, I32, depth - 1);
    return;
  }
  masked(s, 3, depth);
  if (table.freeStart > 0) {
    s.i32(table.freeStart);
    s.op(OP.i32Add);
  }
}

function randomTable(s: FunctionState, element?: ValueType): number {
  const fitting = s.plan.tables.flatMap((table, index) =>
    element === undefined || table.element === element ? [index] : [],
  );
  return fitting.length === 0 ? -1 : s.random.pick(fitting);
}

/** A reference out of a table, or null if there is no fitting table. */
export function tableGet(s: FunctionState, type: ValueType, depth: number): void {
  const index = randomTable(s, type);
  if (index < 0) {
    s.op(OP.refNull);
    s.code.u8(type);
    return;
  }
  freeSlot(s, s.plan.tables[index] as TablePlan, depth);
  s.op1(OP.tableGet, index);
}

/** table.size, or table.grow by little; an i32. */
export function tableSizeOrGrow(s: FunctionState, depth: number): void {
  const index = randomTable(s);
  if (index < 0) {
    s.i32(0);
    return;
  }
  const table = s.plan.tables[index] as TablePlan;
  if (s.random.chance(50)) {
    s.op1(OP.tableSize, index);
    return;
  }
  expression(s, table.element, depth - 1);
  masked(s, s.random.pick([0, 1, 3]), depth);
  s.op1(OP.tableGrow, index);
}

/** table.set, fill, copy, init, elem.drop on the slots that may change. */
export function tableStatement(s: FunctionState, depth: number): void {
  const random = s.random;
  const index = randomTable(s);
  if (index < 0) return;
  const table = s.plan.tables[index] as TablePlan;
  const count = () => masked(s, random.pick([0, 1, 3]), depth);
  const segments = s.plan.elements.flatMap((segment, at) => (segment.element === table.element ? [at] : []));
  const kind = random.below(10);
  if (kind < 4) {
    freeSlot(s, table, depth);
    expression(s, table.element, depth - 1);
    s.op1(OP.tableSet, index);
  } else if (kind < 6) {
    freeSlot(s, table, depth);
    expression(s, table.element, depth - 1);
    count();
    s.op1(OP.tableFill, index);
  } else if (kind < 8 || segments.length === 0) {
    const from = randomTable(s, table.element);
    const source = s.plan.tables[from] as TablePlan;
    freeSlot(s, table, depth);
    s.i32(random.below(source.minimum - 3 + (s.dares() ? FREE_SLOTS : 0)));
    count();
    s.op2(OP.tableCopy, index, from);
  } else if (kind === 8 || !(s.dares() || random.chance(25))) {
    const segment = random.pick(segments);
    const size = s.plan.elements[segment]?.count ?? 0;
    const from = random.below(size + 1);
    freeSlot(s, table, depth);
    s.i32(from);
    s.i32(Math.min(random.below(size - from + 1), FREE_SLOTS - 4));
    s.op2(OP.tableInit, segment, index);
  } else {
    s.op1(OP.elemDrop, random.pick(segments));
  }
}

/** Whether a value type is a reference. */
export function isReference(type: ValueType): boolean {
  return type === FUNCREF || type === EXTERNREF;
}
