// A writer of WebAssembly binaries for tests. Enters: types, imports, functions as opcode bytes, and so on, in any
// order. Leaves: the bytes of a module. It checks nothing, so that invalid modules can be written too.
//
//   const m = new ModuleBytes();
//   const f = m.addFunction([I32, I32], [I32], (code) => code.localGet(0).localGet(1).op(0x6a));
//   m.exportFunction("add", f);
//   new WebAssembly.Module(m.toBytes());

export { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128 } from "../support/wasm-bytes.js";

/** The block type of a block without parameters and results. */
export const EMPTY = 0x40;

const scratch = new DataView(new ArrayBuffer(8));

/** A growing byte array with the encodings of the binary format. */
export class ByteWriter {
  private bytes = new Uint8Array(64);
  private used = 0;

  get length(): number {
    return this.used;
  }

  private room(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.used + count));
    larger.set(this.bytes.subarray(0, this.used));
    this.bytes = larger;
  }

  /** One byte: an opcode, a type, a flag. */
  op(byte: number): this {
    if (this.used === this.bytes.length) this.room(1);
    this.bytes[this.used++] = byte;
    return this;
  }

  /** Several bytes as they are. */
  raw(...bytes: number[]): this {
    for (const byte of bytes) this.op(byte);
    return this;
  }

  append(other: Uint8Array): this {
    this.room(other.length);
    this.bytes.set(other, this.used);
    this.used += other.length;
    return this;
  }

  /** An unsigned LEB128 number below 2^53. */
  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.op((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.op(rest);
  }

  /** A signed LEB128 number. */
  signed(value: number | bigint): this {
    let rest = BigInt(value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return this.op(low);
      this.op(low | 0x80);
    }
  }

  i32Const(value: number): this {
    this.op(0x41);
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return this.op(low);
      this.op(low | 0x80);
    }
  }

  i64Const(value: number | bigint): this {
    return this.op(0x42).signed(BigInt.asIntN(64, BigInt(value)));
  }

  f32Const(value: number): this {
    scratch.setFloat32(0, value, true);
    this.op(0x43);
    for (let i = 0; i < 4; i++) this.op(scratch.getUint8(i));
    return this;
  }

  f64Const(value: number): this {
    scratch.setFloat64(0, value, true);
    this.op(0x44);
    for (let i = 0; i < 8; i++) this.op(scratch.getUint8(i));
    return this;
  }

  localGet(index: number): this {
    return this.op(0x20).u32(index);
  }

  localSet(index: number): this {
    return this.op(0x21).u32(index);
  }

  localTee(index: number): this {
    return this.op(0x22).u32(index);
  }

  globalGet(index: number): this {
    return this.op(0x23).u32(index);
  }

  globalSet(index: number): this {
    return this.op(0x24).u32(index);
  }

  call(index: number): this {
    return this.op(0x10).u32(index);
  }

  callIndirect(type: number, table = 0): this {
    return this.op(0x11).u32(type).u32(table);
  }

  /** `block`, `loop` (0x03) or `if` (0x04) without parameters. */
  block(opcode = 0x02, result = EMPTY): this {
    return this.op(opcode).op(result);
  }

  br(depth: number): this {
    return this.op(0x0c).u32(depth);
  }

  brIf(depth: number): this {
    return this.op(0x0d).u32(depth);
  }

  end(): this {
    return this.op(0x0b);
  }

  /** A load or store: opcode, alignment 0, static offset. */
  memory(opcode: number, offset = 0): this {
    return this.op(opcode).u32(0).u32(offset);
  }

  refFunc(index: number): this {
    return this.op(0xd2).u32(index);
  }

  refNull(type: number): this {
    return this.op(0xd0).op(type);
  }

  /** A name: its length in bytes and its UTF-8. */
  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).append(bytes);
  }

  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.used);
  }
}

/** Runs of locals: how many of which type. */
export type LocalRuns = readonly (readonly [count: number, type: number])[];

/** Limits of a table or memory; `shared` is for memories only. */
export interface Limits {
  readonly minimum: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}

class Section {
  readonly body = new ByteWriter();
  count = 0;
}

function writeLimits(to: ByteWriter, limits: Limits): void {
  to.op((limits.maximum === undefined ? 0 : 1) | (limits.shared ? 2 : 0)).u32(limits.minimum);
  if (limits.maximum !== undefined) to.u32(limits.maximum);
}

/** A module in the making. Imports of functions must come before the first function, as in the format itself. */
export class ModuleBytes {
  private readonly sections = new Map<number, Section>();
  private readonly types = new Map<string, number>();
  private readonly customs: { after: number; name: string; bytes: Uint8Array }[] = [];
  private functions = 0;
  private tables = 0;
  private memories = 0;
  private globals = 0;
  private startFunction: number | undefined;

  private section(id: number): Section {
    let section = this.sections.get(id);
    if (section === undefined) {
      section = new Section();
      this.sections.set(id, section);
    }
    return section;
  }

  private entry(id: number): ByteWriter {
    const section = this.section(id);
    section.count++;
    return section.body;
  }

  /** The index of a function type; the same type has one index. */
  type(parameters: readonly number[], results: readonly number[]): number {
    const key = `${parameters.join()}>${results.join()}`;
    const known = this.types.get(key);
    if (known !== undefined) return known;
    const index = this.types.size;
    this.types.set(key, index);
    const body = this.entry(1)
      .op(0x60)
      .u32(parameters.length)
      .raw(...parameters);
    body.u32(results.length).raw(...results);
    return index;
  }

  importFunction(
    module: string,
    name: string,
    parameters: readonly number[],
    results: readonly number[],
  ): number {
    const type = this.type(parameters, results);
    this.entry(2).name(module).name(name).op(0).u32(type);
    return this.functions++;
  }

  importTable(module: string, name: string, element: number, limits: Limits): number {
    writeLimits(this.entry(2).name(module).name(name).op(1).op(element), limits);
    return this.tables++;
  }

  importMemory(module: string, name: string, limits: Limits): number {
    writeLimits(this.entry(2).name(module).name(name).op(2), limits);
    return this.memories++;
  }

  importGlobal(module: string, name: string, type: number, mutable: boolean): number {
    this.entry(2)
      .name(module)
      .name(name)
      .op(3)
      .op(type)
      .op(mutable ? 1 : 0);
    return this.globals++;
  }

  /** A function; `write` emits its body without the closing `end`. Returns its index. */
  addFunction(
    parameters: readonly number[],
    results: readonly number[],
    write: (code: ByteWriter) => unknown,
    locals: LocalRuns = [],
  ): number {
    this.entry(3).u32(this.type(parameters, results));
    const code = new ByteWriter().u32(locals.length);
    for (const [count, type] of locals) code.u32(count).op(type);
    write(code);
    code.end();
    const bytes = code.toBytes();
    this.entry(10).u32(bytes.length).append(bytes);
    return this.functions++;
  }

  addTable(element: number, limits: Limits): number {
    writeLimits(this.entry(4).op(element), limits);
    return this.tables++;
  }

  addMemory(limits: Limits): number {
    writeLimits(this.entry(5), limits);
    return this.memories++;
  }

  /** A global; `write` emits its constant expression without the closing `end`. */
  addGlobal(type: number, mutable: boolean, write: (code: ByteWriter) => unknown): number {
    const body = this.entry(6)
      .op(type)
      .op(mutable ? 1 : 0);
    write(body);
    body.end();
    return this.globals++;
  }

  private addExport(name: string, kind: number, index: number): this {
    this.entry(7).name(name).op(kind).u32(index);
    return this;
  }

  exportFunction(name: string, index: number): this {
    return this.addExport(name, 0, index);
  }

  exportTable(name: string, index = 0): this {
    return this.addExport(name, 1, index);
  }

  exportMemory(name: string, index = 0): this {
    return this.addExport(name, 2, index);
  }

  exportGlobal(name: string, index: number): this {
    return this.addExport(name, 3, index);
  }

  setStart(index: number): this {
    this.startFunction = index;
    return this;
  }

  /** An active segment of table 0 at a constant offset. */
  addElements(offset: number, functions: readonly number[]): this {
    const body = this.entry(9).op(0).i32Const(offset).end().u32(functions.length);
    for (const index of functions) body.u32(index);
    return this;
  }

  /** A declarative segment, which makes functions usable by `ref.func`. */
  declareFunctions(functions: readonly number[]): this {
    const body = this.entry(9).op(3).op(0).u32(functions.length);
    for (const index of functions) body.u32(index);
    return this;
  }

  /** An active data segment of memory 0. */
  addData(offset: number, bytes: Uint8Array): this {
    this.entry(11).op(0).i32Const(offset).end().u32(bytes.length).append(bytes);
    return this;
  }

  /** A custom section placed after the section with the id `after` (0: first). */
  addCustom(name: string, bytes: Uint8Array, after = 11): this {
    this.customs.push({ after, name, bytes });
    return this;
  }

  /** The name section with a module name and function names. */
  addNames(module: string | undefined, functions: readonly (readonly [index: number, name: string])[]): this {
    const body = new ByteWriter();
    if (module !== undefined) {
      const inner = new ByteWriter().name(module).toBytes();
      body.op(0).u32(inner.length).append(inner);
    }
    const map = new ByteWriter().u32(functions.length);
    for (const [index, name] of functions) map.u32(index).name(name);
    body.op(1).u32(map.length).append(map.toBytes());
    return this.addCustom("name", body.toBytes());
  }

  toBytes(): Uint8Array {
    const out = new ByteWriter().raw(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    this.writeCustoms(out, 0);
    for (let id = 1; id <= 11; id++) {
      this.writeSection(out, id);
      this.writeCustoms(out, id);
    }
    return out.toBytes();
  }

  private writeSection(out: ByteWriter, id: number): void {
    if (id === 8) {
      if (this.startFunction === undefined) return;
      const index = new ByteWriter().u32(this.startFunction).toBytes();
      out.op(8).u32(index.length).append(index);
      return;
    }
    const section = this.sections.get(id);
    if (section === undefined) return;
    const count = new ByteWriter().u32(section.count);
    out
      .op(id)
      .u32(count.length + section.body.length)
      .append(count.toBytes())
      .append(section.body.toBytes());
  }

  private writeCustoms(out: ByteWriter, after: number): void {
    for (const custom of this.customs) {
      if (custom.after !== after) continue;
      const name = new ByteWriter().name(custom.name);
      out
        .op(0)
        .u32(name.length + custom.bytes.length)
        .append(name.toBytes())
        .append(custom.bytes);
    }
  }
}
