/**
 * Instances: a module's state in one native record (imports, tables, globals, function records), and what its segments
 * are copied by.
 *
 * Source: core specification 2.0, "Execution / Modules / Instantiation".
 */
import { type ConstExpr, ELEMENT_NULL, globalOfElement, ValType } from "../wasm/index.js";
import { RuntimeError } from "./errors.js";
import { FunctionReference } from "./function.js";
import { Global } from "./global.js";
import { FunctionRecord, Instance as Head, ImportSlot } from "./layout.js";
import { throwIfOver } from "./limits.js";
import { LinkGroup } from "./link-group.js";
import { Memory } from "./memory.js";
import type { Module } from "./module.js";
import { Monitor } from "./monitor.js";
import { bytePiece, entryPiece, inPieces } from "./pieces.js";
import { Table } from "./table.js";
import { setWord64 } from "./words.js";

/** What the imports resolved to, each list in the order of the module's imports of that kind; types already checked. */
export interface ResolvedImports {
  readonly functions: readonly FunctionReference[];
  readonly tables: readonly Table[];
  readonly memories: readonly Memory[];
  readonly globals: readonly Global[];
}

/** A function defined in an instance. */
export class WasmFunction extends FunctionReference {
  constructor(
    readonly instance: Instance,
    readonly index: number,
    recordOffset: number,
  ) {
    const { engine } = instance.module;
    super(
      engine,
      instance.module.functionSignature(index),
      instance.words,
      recordOffset >> 2,
      instance.ownGroup,
      instance.address + recordOffset,
    );
  }

  override get objectName(): string {
    return String(this.index);
  }

  protected override prepare(): void {
    this.instance.ensureCompiled(this.index);
  }
}

/** Before anything is linked, so that a refusal leaves nothing half done. */
function requireStopped({ functions, tables, memories, globals }: ResolvedImports): void {
  for (const { linkGroup } of [...functions, ...tables, ...globals]) linkGroup.monitor.requireStopped();
  for (const { monitor } of memories) monitor.requireStopped();
}

export class Instance {
  readonly ownGroup = new LinkGroup();
  readonly words: Int32Array;
  readonly address: number;
  readonly memory: Memory | undefined;
  readonly tables: readonly Table[];
  readonly globals: readonly Global[];
  private readonly importedFunctions: readonly FunctionReference[];
  private readonly ownFunctions = new Map<number, WasmFunction>();
  /** By segment: 1 if it was dropped. */
  readonly droppedData: Uint8Array;
  readonly droppedElements: Uint8Array;

  /**
   * Allocates everything and links it; `initialize` copies the segments, then the caller runs the start function.
   * Errors: InstanceBusy while code that what is imported belongs to runs on a thread; RangeError; InterruptError.
   */
  constructor(
    readonly module: Module,
    imports: ResolvedImports,
  ) {
    requireStopped(imports);
    const { engine, layout, module: wasm } = module;
    this.words = new Int32Array(Math.ceil(layout.size / 16) * 4);
    this.address = engine.platform.addressOf(this.words.buffer);
    this.importedFunctions = imports.functions;
    this.droppedData = new Uint8Array(wasm.data.length);
    this.droppedElements = new Uint8Array(wasm.elements.length);
    this.ownGroup.instances.push(this);
    this.ownGroup.addEnvironment(this);

    this.linkFunctions();
    const memories = wasm.memories.map((type, i) =>
      i < wasm.importedMemoryCount ? imports.memories[i] : Memory.create(engine, type.minimum, type.maximum),
    );
    this.memory = memories[0];
    this.linkMemory();
    this.tables = wasm.tables.map((type, i) =>
      i < wasm.importedTableCount
        ? imports.tables[i]
        : new Table(engine, type.element, type.minimum, type.maximum, () => throwIfOver(engine)),
    );
    for (let i = 0; i < this.tables.length; i++) this.linkTable(i);
    this.globals = this.createGlobals(imports.globals);
  }

  get linkGroup(): LinkGroup {
    return this.ownGroup.root();
  }

  setEnvironmentIndex(index: number): void {
    this.words[Head.index >> 2] = index;
  }

  /** The function with an index in the module, imported or own; own ones must be referenced somewhere. */
  function(index: number): FunctionReference {
    if (index < this.importedFunctions.length) return this.importedFunctions[index];
    let own = this.ownFunctions.get(index);
    if (own === undefined) {
      own = new WasmFunction(this, index, this.recordOffset(index));
      this.ownFunctions.set(index, own);
    }
    return own;
  }

  /** The own function whose record is at an address, or undefined. */
  functionWithRecord(address: number): FunctionReference | undefined {
    const offset = address - this.address - this.module.layout.functionRecords;
    if (offset < 0 || address - this.address >= this.module.layout.size) return undefined;
    const firstOwn = this.firstOwnReference;
    return this.function(this.module.referencedFunctions[firstOwn + offset / FunctionRecord.size]);
  }

  /** Tells the index of the function whose record is at an address, imported or own, or undefined. */
  functionIndexer(): (address: number) => number | undefined {
    const { layout, referencedFunctions } = this.module;
    const imported = new Map(this.importedFunctions.map((reference, i) => [reference.address, i]));
    const records = this.address + layout.functionRecords;
    const end = this.address + layout.size;
    const first = this.firstOwnReference;
    return (address) => {
      if (address < records || address >= end) return imported.get(address);
      return referencedFunctions[first + (address - records) / FunctionRecord.size];
    };
  }

  /** Whether there is a reference to a function: imported, or own and referenced somewhere in the module. */
  isReferable(index: number): boolean {
    const { layout, module: wasm } = this.module;
    if (index < this.importedFunctions.length) return true;
    return index < wasm.functionTypes.length && layout.functionRecord(index) >= 0;
  }

  /** Compiles a function if need be, and lets references to it lead to its code. Returns the code's address. */
  ensureCompiled(index: number): number {
    const { module } = this;
    const known = module.code.function(index);
    const address = known === undefined ? module.ensureCompiled(index) : known.address;
    const record = module.layout.functionRecord(index);
    if (record >= 0) setWord64(this.words, record + FunctionRecord.code, address);
    return address;
  }

  /**
   * Copies active segments in order. Errors: RuntimeError where one doesn't fit, InterruptError; what was copied before
   * stays.
   */
  initialize(): void {
    const { module: wasm, engine } = this.module;
    wasm.elements.forEach((segment, i) => {
      if (segment.mode === "active") {
        const offset = this.evaluate(segment.offset!).lo >>> 0;
        const { tableIndex: table, items } = segment;
        if (!this.tableInitFits(table, i, offset, 0, items.length)) {
          throw new RuntimeError(`table initializer ${i}: table index is out of bounds`);
        }
        inPieces(items.length, entryPiece, (done, piece) => {
          this.tableInit(table, i, offset + done, done, piece);
          throwIfOver(engine);
        });
      }
      if (segment.mode !== "passive") this.droppedElements[i] = 1;
    });
    wasm.data.forEach((segment, i) => {
      if (segment.mode !== "active") return;
      const offset = this.evaluate(segment.offset!).lo >>> 0;
      const length = segment.end - segment.start;
      if (!this.memoryInitFits(i, offset, 0, length)) {
        throw new RuntimeError(`data segment ${i} is out of bounds: memory access out of bounds`);
      }
      inPieces(length, bytePiece, (done, piece) => {
        this.memoryInit(i, offset + done, done, piece);
        throwIfOver(engine);
      });
      this.droppedData[i] = 1;
    });
  }

  // ---------------------------------------------------------------- segments

  memoryInitFits(segment: number, destination: number, source: number, length: number): boolean {
    const { start, end } = this.module.module.data[segment];
    const size = this.droppedData[segment] ? 0 : end - start;
    return source + length <= size && destination + length <= this.memory!.view.length;
  }

  /** Within bounds: the segment may have been dropped since. */
  memoryInit(segment: number, destination: number, source: number, length: number): void {
    const { start } = this.module.module.data[segment];
    const { bytes } = this.module.module;
    this.memory!.view.set(bytes.subarray(start + source, start + source + length), destination);
  }

  dropData(segment: number): void {
    this.droppedData[segment] = 1;
  }

  dropElements(segment: number): void {
    this.droppedElements[segment] = 1;
  }

  tableInitFits(
    table: number,
    segment: number,
    destination: number,
    source: number,
    length: number,
  ): boolean {
    const size = this.droppedElements[segment] ? 0 : this.module.module.elements[segment].items.length;
    return source + length <= size && this.tables[table].has(destination, length);
  }

  /** Within bounds: the segment may have been dropped since. */
  tableInit(table: number, segment: number, destination: number, source: number, length: number): void {
    const { items } = this.module.module.elements[segment];
    const target = this.tables[table];
    for (let i = 0; i < length; i++)
      target.setWord(destination + i, this.elementWord(table, items[source + i]));
  }

  // ---------------------------------------------------------------- linking

  private get firstOwnReference(): number {
    const { referencedFunctions, module: wasm } = this.module;
    let first = 0;
    while (referencedFunctions[first] < wasm.importedFunctionCount) first++;
    return first;
  }

  private recordOffset(index: number): number {
    const offset = this.module.layout.functionRecord(index);
    if (offset < 0) throw new Error(`function ${index} has no record: nothing in the module refers to it`);
    return offset;
  }

  private linkFunctions(): void {
    const { layout, code, engine, referencedFunctions, module: wasm } = this.module;
    const { words } = this;
    this.importedFunctions.forEach((reference, i) => {
      LinkGroup.join(this.ownGroup, reference.linkGroup);
      const slot = layout.importSlot(i);
      reference.copyTarget(words, slot + ImportSlot.code);
      setWord64(words, slot + ImportSlot.record, reference.address);
    });
    for (let i = this.firstOwnReference; i < referencedFunctions.length; i++) {
      const index = referencedFunctions[i];
      const record = layout.functionRecord(index);
      setWord64(words, record + FunctionRecord.code, code.entryAddress(index));
      setWord64(words, record + FunctionRecord.env, this.address);
      words[(record + FunctionRecord.signature) >> 2] = engine.signatures.of(
        wasm.types[wasm.functionTypes[index]],
      ).number;
    }
  }

  private linkMemory(): void {
    if (this.memory === undefined) return;
    Monitor.unite(this.linkGroup.monitor, this.memory.monitor);
    setWord64(this.words, Head.memoryRecord, this.memory.recordAddress);
    setWord64(this.words, Head.memoryBase, this.memory.base);
  }

  private linkTable(index: number): void {
    const table = this.tables[index];
    LinkGroup.join(this.ownGroup, table.linkGroup);
    setWord64(this.words, this.module.layout.table(index), table.recordAddress);
  }

  private createGlobals(imported: readonly Global[]): Global[] {
    const { layout, engine, module: wasm } = this.module;
    const globals: Global[] = [];
    wasm.globals.forEach((type, i) => {
      const offset = layout.global(i);
      if (type.init === null) {
        const global = imported[i];
        if (type.type === ValType.funcref || type.type === ValType.externref) {
          LinkGroup.join(this.ownGroup, global.linkGroup);
        } else if (type.mutable) Monitor.unite(this.linkGroup.monitor, global.linkGroup.monitor);
        setWord64(this.words, offset, global.cellAddress);
        globals.push(global);
        return;
      }
      const global = new Global(
        engine,
        type,
        this.words.buffer as ArrayBuffer,
        offset,
        this.ownGroup,
        this.address,
      );
      globals.push(global);
      this.initializeGlobal(global, type.init, globals);
    });
    return globals;
  }

  private initializeGlobal(global: Global, init: ConstExpr, globals: readonly Global[]): void {
    if (init.op === "global.get") {
      global.copyFrom(globals[init.index]);
      return;
    }
    if (init.op === "ref.func") global.word = this.function(init.index).address;
    else if (init.op === "ref.null") {
      global.word = init.refType === ValType.funcref ? this.module.engine.nullFunctionAddress : 0;
    } else global.setBits(init.lo, init.hi, init.upperLo, init.upperHi);
  }

  /** The value of an i32 offset expression. */
  private evaluate(expr: ConstExpr): { lo: number } {
    if (expr.op === "global.get") return { lo: this.globals[expr.index].word | 0 };
    return expr;
  }

  private elementWord(table: number, item: number): number {
    if (item >= 0) {
      if (item < this.importedFunctions.length) return this.importedFunctions[item].address;
      return this.address + this.recordOffset(item);
    }
    if (item === ELEMENT_NULL) return this.tables[table].nullWord;
    return this.globals[globalOfElement(item)].word;
  }
}
