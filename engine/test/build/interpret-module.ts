/**
 * Instantiates a module in a `World` and runs its functions by interpreting the SSA that the builder makes.
 *
 * Every function is verified when it is first called. With guard pages an access out of bounds traps; with
 * explicit bounds it is an error, since a check should have stood before it.
 */

import { FunctionRecord, ImportSlot, Instance, InstanceLayout, MemoryRecord } from "../../runtime/layout.js";
import { type BuildOptions, buildFunction } from "../../ssa/build/build-function.js";
import { typeOfValType } from "../../ssa/build/builder.js";
import type { SsaFunction, Value } from "../../ssa/function.js";
import { Op, OpFlag, opFlags, opNames, TrapKind, Type } from "../../ssa/ops.js";
import { verifyFunction } from "../../ssa/verify.js";
import {
  type ConstExpr,
  ELEMENT_NULL,
  type ElementSegment,
  type ExternKind,
  type GlobalType,
  globalOfElement,
  ValType,
  type WasmModule,
} from "../../wasm/types.js";
import { evaluate, InterpretedTrap, type Word } from "./arithmetic.js";
import { runBuiltin } from "./interpret-builtin.js";
import { memorySpacing, type TableState, type World } from "./world.js";

/** Something exported: where its record or cell is. */
export interface External {
  readonly kind: ExternKind;
  readonly address: number;
  readonly type:
    | { readonly params: readonly ValType[]; readonly results: readonly ValType[] }
    | GlobalType
    | null;
}

const deepestCall = 700;
let callDepth = 0;

export class InterpretedInstance {
  readonly record: number;
  readonly layout: InstanceLayout;
  readonly exports = new Map<string, External>();
  readonly droppedData: boolean[];
  readonly droppedElements: boolean[];
  private readonly built: SsaFunction[] = [];
  private readonly code: number[] = [];

  constructor(
    readonly world: World,
    readonly module: WasmModule,
    private readonly options: BuildOptions,
    imports: (module: string, name: string) => External,
  ) {
    const functionCount = module.functionTypes.length;
    this.layout = new InstanceLayout({
      importedFunctionCount: module.importedFunctionCount,
      functionCount,
      tableCount: module.tables.length,
      importedGlobalCount: module.importedGlobalCount,
      globalCount: module.globals.length,
      referencedFunctions: Int32Array.from({ length: functionCount }, (_, i) => i),
    });
    this.record = world.allocate(this.layout.size);
    this.droppedData = module.data.map(() => false);
    this.droppedElements = module.elements.map(() => false);
    for (const wanted of module.imports)
      this.link(wanted.kind, wanted.index, imports(wanted.module, wanted.name));
    this.define();
    this.exportAll();
    this.initialize();
  }

  // ---------------------------------------------------------------- instantiation

  private setPointer(offset: number, address: number): void {
    this.world.write(Type.ptr, this.record + offset, address);
  }

  private link(kind: ExternKind, index: number, external: External): void {
    if (external.kind !== kind) throw new Error(`import is a ${external.kind}, not a ${kind}`);
    if (kind === "table") this.setPointer(this.layout.table(index), external.address);
    else if (kind === "memory") this.setMemory(external.address);
    else if (kind === "global") this.setPointer(this.layout.global(index), external.address);
    else {
      const slot = this.layout.importSlot(index);
      this.setPointer(slot + ImportSlot.record, external.address);
      this.setPointer(slot + ImportSlot.code, this.field(external.address, FunctionRecord.code));
      this.setPointer(slot + ImportSlot.env, this.field(external.address, FunctionRecord.env));
    }
  }

  private field(record: number, offset: number): number {
    return this.world.read(Type.ptr, record + offset) as number;
  }

  private setMemory(record: number): void {
    this.setPointer(Instance.memoryRecord, record);
    const base = this.options.bounds === "guard" ? this.field(record, MemoryRecord.base) : 0xdead;
    this.setPointer(Instance.memoryBase, base);
  }

  private define(): void {
    const { module, world, layout } = this;
    for (let i = module.importedFunctionCount; i < module.functionTypes.length; i++) {
      this.code[i] = world.addFunction((args, env) => this.enter(i, args, env));
      const record = this.record + layout.functionRecord(i);
      world.writeFunctionRecord(record, this.code[i]!, this.record, module.types[module.functionTypes[i]!]!);
    }
    for (let i = module.importedTableCount; i < module.tables.length; i++) {
      const { element, minimum, maximum } = module.tables[i]!;
      this.setPointer(layout.table(i), world.addTable(typeOfValType[element]!, minimum, maximum).record);
    }
    if (module.importedMemoryCount < module.memories.length) {
      const { minimum, maximum } = module.memories[0]!;
      this.setMemory(world.addMemory(minimum, maximum).record);
    }
    for (let i = module.importedGlobalCount; i < module.globals.length; i++) {
      const global = module.globals[i]!;
      world.write(typeOfValType[global.type]!, this.globalCell(i), this.constant(global.init!));
    }
  }

  private globalCell(index: number): number {
    const place = this.record + this.layout.global(index);
    return index < this.module.importedGlobalCount ? this.field(place, 0) : place;
  }

  private functionRecord(index: number): number {
    if (index >= this.module.importedFunctionCount) return this.record + this.layout.functionRecord(index);
    return this.field(this.record, this.layout.importSlot(index) + ImportSlot.record);
  }

  private constant(init: ConstExpr): Word {
    switch (init.op) {
      case "i32.const":
      case "f32.const":
        return init.lo;
      case "i64.const":
      case "f64.const":
        return BigInt.asIntN(64, (BigInt(init.hi) << 32n) | BigInt(init.lo >>> 0));
      case "ref.null":
        return init.refType === ValType.funcref ? this.world.nullFuncref : 0;
      case "ref.func":
        return this.functionRecord(init.index);
      case "global.get":
        return this.readGlobal(init.index);
      case "v128.const":
        throw new Error("vectors are not interpreted");
    }
  }

  private readGlobal(index: number): Word {
    return this.world.read(typeOfValType[this.module.globals[index]!.type]!, this.globalCell(index));
  }

  private exportAll(): void {
    const { module } = this;
    for (const { name, kind, index } of module.exports) {
      if (kind === "function") {
        const type = module.types[module.functionTypes[index]!]!;
        this.exports.set(name, { kind, address: this.functionRecord(index), type });
      } else if (kind === "table")
        this.exports.set(name, { kind, address: this.table(index).record, type: null });
      else if (kind === "memory") {
        this.exports.set(name, { kind, address: this.field(this.record, Instance.memoryRecord), type: null });
      } else this.exports.set(name, { kind, address: this.globalCell(index), type: module.globals[index]! });
    }
  }

  private initialize(): void {
    const { module } = this;
    module.elements.forEach((segment, i) => {
      if (segment.mode === "active") {
        const offset = this.constant(segment.offset!) as number;
        this.initTable(segment.tableIndex, i, offset >>> 0, 0, segment.items.length);
      }
      if (segment.mode !== "passive") this.droppedElements[i] = true;
    });
    module.data.forEach((segment, i) => {
      if (segment.mode !== "active") return;
      const offset = this.constant(segment.offset!) as number;
      this.initMemory(i, offset >>> 0, 0, segment.end - segment.start);
      this.droppedData[i] = true;
    });
    if (module.start >= 0) this.callRecord(this.functionRecord(module.start), []);
  }

  // ---------------------------------------------------------------- what builtins need

  table(index: number): TableState {
    return this.world.tables.get(this.field(this.record, this.layout.table(index)))!;
  }

  initTable(table: number, segment: number, destination: number, source: number, count: number): void {
    const to = this.table(table);
    const from: ElementSegment = this.module.elements[segment]!;
    const available = this.droppedElements[segment] ? 0 : from.items.length;
    if (source + count > available || destination + count > this.world.tableLength(to)) {
      throw new InterpretedTrap(TrapKind.tableOutOfBounds);
    }
    for (let i = 0; i < count; i++)
      this.world.setElement(to, destination + i, this.segmentItem(from.items[source + i]!, to));
  }

  private segmentItem(item: number, table: TableState): number {
    if (item === ELEMENT_NULL) return table.nullElement;
    return item < ELEMENT_NULL
      ? (this.readGlobal(globalOfElement(item)) as number)
      : this.functionRecord(item);
  }

  memory(): { bytes: Uint8Array; record: number; readonly maximum: number } {
    return this.world.memoryAt(this.field(this.record, Instance.memoryRecord));
  }

  initMemory(segment: number, destination: number, source: number, count: number): void {
    const { start, end } = this.module.data[segment]!;
    const available = this.droppedData[segment] ? 0 : end - start;
    const { bytes } = this.memory();
    if (source + count > available || destination + count > bytes.length) {
      throw new InterpretedTrap(TrapKind.memoryOutOfBounds);
    }
    bytes.set(this.module.bytes.subarray(start + source, start + source + count), destination);
  }

  // ---------------------------------------------------------------- running

  /** Calls the function of a record, as a host does. */
  callRecord(record: number, args: readonly Word[]): Word[] {
    callDepth = 0;
    return this.world.function(this.field(record, FunctionRecord.code))(
      args,
      this.field(record, FunctionRecord.env),
    );
  }

  /** The SSA of a function, built and verified once. */
  build(index: number): SsaFunction {
    let f = this.built[index];
    if (f === undefined) {
      f = buildFunction(this.module, index, this.layout, this.options);
      verifyFunction(f, "build");
      this.built[index] = f;
    }
    return f;
  }

  private enter(index: number, args: readonly Word[], env: number): Word[] {
    if (env !== this.record) throw new Error("a function was called with another's instance");
    if (++callDepth > deepestCall) throw new InterpretedTrap(TrapKind.stackOverflow);
    const f = this.build(index);
    const results = new Activation(this, f, [env, ...args]).run();
    callDepth--;
    return results;
  }

  callOwn(index: number, args: readonly Word[], env: number): Word[] {
    return this.world.function(this.code[index]!)(args, env);
  }
}

/** One call: the values of a function's rows. */
class Activation {
  private readonly values: Word[];
  private readonly slots: Word[] = [];
  private readonly results = new Map<number, Word[]>();
  private current = 0;

  constructor(
    private readonly owner: InterpretedInstance,
    private readonly f: SsaFunction,
    args: readonly Word[],
  ) {
    this.values = new Array(f.rowCount);
    f.params[0]!.forEach((p, i) => {
      this.values[p] = args[i]!;
    });
  }

  run(): Word[] {
    try {
      return this.rows();
    } catch (error) {
      if (error instanceof InterpretedTrap && error.offset < 0) error.offset = this.f.source[this.current]!;
      throw error;
    }
  }

  private rows(): Word[] {
    const { f } = this;
    let v = f.firstRow[0]!;
    for (;;) {
      this.current = v;
      const op = f.op[v]!;
      if (op === Op.return) return this.operands(v, 0);
      if (op === Op.trap) throw new InterpretedTrap(f.lo[v]!);
      if ((opFlags[op]! & OpFlag.terminator) !== 0) v = this.follow(v, op);
      else {
        this.row(v, op);
        v = f.next[v]!;
      }
    }
  }

  private operands(v: number, from: number): Word[] {
    const list: Word[] = [];
    for (let i = from; i < this.f.operandCount(v as Value); i++)
      list.push(this.values[this.f.operand(v as Value, i)]!);
    return list;
  }

  /** Takes an edge: all arguments are read before a parameter is written. */
  private follow(v: number, op: number): number {
    const { f, values } = this;
    const count = f.hi[v]!;
    let which = 0;
    if (op === Op.brif) which = values[f.a0[v]!] !== 0 ? 0 : 1;
    else if (op === Op.brtable) which = Math.min((values[f.a0[v]!] as number) >>> 0, count - 1);
    const edge = f.lo[v]! + which;
    const target = f.edgeTarget[edge]!;
    const args = f.params[target]!.map((_, i) => values[f.edgeArg(edge as never, i)]!);
    f.params[target]!.forEach((p, i) => {
      values[p] = args[i]!;
    });
    return f.firstRow[target]!;
  }

  private row(v: number, op: number): void {
    const { f, values } = this;
    const a = values[f.a0[v]!]!;
    const b = values[f.a1[v]!]!;
    if (op === Op.call || op === Op.callptr || op === Op.builtin) this.call(v, op, a as number);
    else if (op >= Op.load && op <= Op.check) this.memory(v, op, a, b);
    else if (op >= Op.peek && op <= Op.interrupt) this.record(v, op, a, b);
    else this.pure(v, op, a, b);
  }

  private pure(v: number, op: number, a: Word, b: Word): void {
    const { f, values } = this;
    switch (op) {
      case Op.const:
        values[v] = this.constant(v);
        return;
      case Op.ctx:
        values[v] = this.owner.world.context;
        return;
      case Op.proj:
        values[v] = this.results.get(f.a0[v]!)![f.lo[v]!]!;
        return;
    }
    const result = evaluate(op, f.type[v]!, f.type[f.a0[v]!]!, a, b, values[f.a2[v]!]!);
    if (result === undefined) throw new Error(`${opNames[op]} is not interpreted`);
    values[v] = result;
  }

  private constant(v: number): Word {
    const { f } = this;
    const type = f.type[v]!;
    if (type !== Type.i64 && type !== Type.f64) return f.lo[v]!;
    return (BigInt(f.hi[v]!) << 32n) | BigInt(f.lo[v]! >>> 0);
  }

  private call(v: number, op: number, env: number): void {
    const { f, owner } = this;
    const args = this.operands(v, 1);
    let results: Word[];
    if (op === Op.call) results = owner.callOwn(f.lo[v]!, args, env);
    else if (op === Op.callptr) results = owner.world.function(args[0] as number)(args.slice(1), env);
    else results = runBuiltin(owner, f.lo[v]!, args);
    this.results.set(v, results);
    this.values[v] = results[0]!;
  }

  private memory(v: number, op: number, base: Word, index: Word): void {
    const { f, values, owner } = this;
    if (op === Op.check) {
      const end = ((base as number) >>> 0) + (f.lo[v]! >>> 0) + f.hi[v]! * 2 ** 32;
      if (BigInt(end) > (index as bigint)) throw new InterpretedTrap(TrapKind.memoryOutOfBounds);
      return;
    }
    const address = (base as number) + ((index as number) >>> 0) + (f.lo[v]! >>> 0);
    const isStore = op >= Op.store;
    const type = isStore ? f.type[f.a2[v]!]! : f.type[v]!;
    const cell = owner.world.memories[Math.floor(address / memorySpacing) - 1]!.bytes;
    const at = address % memorySpacing;
    const width = accessWidth(op, type);
    if (at + width > cell.length) throw new InterpretedTrap(TrapKind.memoryOutOfBounds);
    const view = new DataView(cell.buffer, at, width);
    if (isStore) storeBits(view, width, values[f.a2[v]!]!);
    else values[v] = loadBits(view, width, op, type);
  }

  private record(v: number, op: number, address: Word, value: Word): void {
    const { f, values, owner } = this;
    const { world } = owner;
    // Of a slotstore and a trapif, the first operand is no address.
    const at = op <= Op.offset ? (address as number) + f.lo[v]! : 0;
    switch (op) {
      case Op.peek:
        values[v] = world.read(f.type[v]!, at);
        return;
      case Op.peek32:
        values[v] = f.type[v] === Type.i64 ? BigInt(world.read32(at) >>> 0) : world.read32(at);
        return;
      case Op.poke:
        world.write(f.type[f.a1[v]!]!, at, value);
        return;
      case Op.offset:
        values[v] = at;
        return;
      case Op.element:
        values[v] = (address as number) + ((value as number) >>> 0) * 2 ** f.lo[v]!;
        return;
      case Op.slotload:
        values[v] = this.slots[f.lo[v]!]!;
        return;
      case Op.slotstore:
        this.slots[f.lo[v]!] = address;
        return;
      case Op.trapif:
        if (address !== 0) throw new InterpretedTrap(f.lo[v]!);
        return;
      case Op.signature:
        values[v] = world.signature(owner.module.types[f.lo[v]!]!);
        return;
      case Op.interrupt:
        return;
    }
    throw new Error(`${opNames[op]} is not interpreted`);
  }
}

function accessWidth(op: number, type: number): number {
  if (op === Op.load || op === Op.store) return type === Type.i32 || type === Type.f32 ? 4 : 8;
  if (op === Op.load8u || op === Op.load8s || op === Op.store8) return 1;
  return op === Op.load16u || op === Op.load16s || op === Op.store16 ? 2 : 4;
}

function storeBits(view: DataView, width: number, value: Word): void {
  const bits = BigInt(value);
  for (let i = 0; i < width; i++) view.setUint8(i, Number((bits >> BigInt(8 * i)) & 0xffn));
}

function loadBits(view: DataView, width: number, op: number, type: number): Word {
  let bits = 0n;
  for (let i = width - 1; i >= 0; i--) bits = (bits << 8n) | BigInt(view.getUint8(i));
  if (op === Op.load8s || op === Op.load16s || op === Op.load32s) bits = BigInt.asIntN(width * 8, bits);
  return type === Type.i32 || type === Type.f32 ? Number(BigInt.asIntN(32, bits)) : BigInt.asIntN(64, bits);
}
