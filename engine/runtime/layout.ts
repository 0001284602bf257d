/**
 * The native contract in one table: what lies where in the records that TypeScript and emitted code share.
 * Emitted code, trampolines and the runtime all read these numbers; nothing else knows an offset.
 *
 * All records are ArrayBuffers (so V8 never moves them) whose addresses native code holds, but for the contexts, which
 * lie in memory that is never given back, since the clock may write to them at any time; 64-bit little endian.
 */

/** Why native code came back. */
export const ExitStatus = {
  /** The entered function returned; results are in the slots. */
  done: 0,
  /** An import that is a host function was called: `env` is its HostRecord, arguments are in the slots. */
  hostCall: 1,
  /** A runtime routine that TypeScript serves: `callIndex` is its Builtin number, arguments in the slots. */
  builtin: 2,
  /** A function without code was called: `callIndex` is its index in the module of the instance `env`. */
  compile: 3,
  /** `trapPc` is the faulting instruction, or the return address that a trap's exit pushed. */
  trap: 4,
  /** The clock (or whoever raised the interrupt word or the stack limit) wants TypeScript to look. */
  interrupt: 5,
  /** The same, but between any two instructions: the clock's signal struck. Nothing says where references are. */
  signal: 6,
  /** Not left: Wasm code or a stub runs. Set by entering. */
  running: 7,
} as const;
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** Runtime routines by number: parameters and result as Wasm calls pass them; `native` ones never exit to TypeScript. */
export const builtins = [
  { name: "memoryGrow", params: ["i32"], result: "i32", native: false },
  { name: "memorySize", params: [], result: "i32", native: false },
  /** memoryInit(segment, destination, source, length) */
  { name: "memoryInit", params: ["i32", "i32", "i32", "i32"], result: null, native: false },
  { name: "dataDrop", params: ["i32"], result: null, native: false },
  /** tableInit(table, segment, destination, source, length) */
  { name: "tableInit", params: ["i32", "i32", "i32", "i32", "i32"], result: null, native: false },
  { name: "elemDrop", params: ["i32"], result: null, native: false },
  /** tableCopy(destinationTable, sourceTable, destination, source, length) */
  { name: "tableCopy", params: ["i32", "i32", "i32", "i32", "i32"], result: null, native: false },
  /** tableGrow(table, initial value as 64 bits, delta) */
  { name: "tableGrow", params: ["i32", "i64", "i32"], result: "i32", native: false },
  /** tableFill(table, start, value as 64 bits, length) */
  { name: "tableFill", params: ["i32", "i32", "i64", "i32"], result: null, native: false },
  /** memoryMove(destination address, source address, bytes): the C library's memmove; bounds already checked. */
  { name: "memoryMove", params: ["ptr", "ptr", "i64"], result: null, native: true },
  /** memorySet(destination address, byte, bytes): the C library's memset; bounds already checked. */
  { name: "memorySet", params: ["ptr", "i32", "i64"], result: null, native: true },
] as const;
export type BuiltinName = (typeof builtins)[number]["name"];
export const builtinNumber = Object.fromEntries(builtins.map((b, i) => [b.name, i])) as Record<
  BuiltinName,
  number
>;

/** The execution context, one per fiber. The pinned context register holds its address while Wasm runs. */
export const Context = {
  status: 0, // u32 ExitStatus
  callIndex: 4, // u32
  wasmSp: 8, // stack pointer of the suspended fiber
  hostSp: 16, // stack pointer of the host while the fiber runs
  resumePc: 24, // where enter continues on the fiber
  stackLimit: 32, // prologues leave through limitStub when their frame would end below; the clock raises it
  interrupt: 40, // u64: loop headers leave when rsp is below; 0, or all ones from the clock
  fuel: 48, // i64
  slots: 56, // address of the argument and result slots, 8 bytes each (v128: two)
  limitStub: 64, // routine that prologues `call`: a trap below stackFloor, else an interrupt
  frameLimitStub: 72, // the same for prologues that compare rbx, the end of a large frame
  trapStub: 80, // routine that traps `call`: exits with ExitStatus.trap
  interruptStub: 88, // routine that interrupt checks `call`
  entryCode: 96, // code that the entry adapter calls
  entryEnv: 104, // instance (or HostRecord) it passes
  nullFuncref: 112, // address of the null function record
  env: 120, // see ExitStatus
  compileStub: 128, // common part of lazy stubs
  envIndex: 136, // u32: the first word of what `env` points at, copied at host calls, builtins and compile exits
  trapPc: 144,
  faultAddress: 152,
  stackFloor: 160, // what stackLimit is but for the clock
  memmove: 168, // C library
  memset: 176,
  link: 184, // on arm64: the link register at the exit, where frameless functions keep their return address
  builtins: 192, // address of each builtin's stub, 8 bytes each
  stackTop: 192 + 8 * builtins.length, // end of the fiber's stack, for hosts that keep the bounds of stacks
  stackBottom: 200 + 8 * builtins.length, // its lowest accessible byte
  size: 208 + 8 * builtins.length,
} as const;

/** A function reference points at one; table elements and ref.func values are addresses of these. 32 bytes. */
export const FunctionRecord = {
  code: 0,
  env: 8, // instance or HostRecord: what the callee gets in the instance register
  signature: 16, // u32 canonical signature number; 0 only in the null record, matching no signature
  size: 32,
} as const;

/** What a host function's stub gets in place of an instance. */
export const HostRecord = { index: 0, size: 16 } as const; // u32 index into the link group's environments

export const MemoryRecord = { base: 0, byteLength: 8, size: 16 } as const; // both u64
export const TableRecord = { elements: 0, length: 8, size: 16 } as const; // address of u64 elements; u32 count

/** The fixed head of an instance record; what follows depends on the module, see InstanceLayout. */
export const Instance = {
  index: 0, // u32 index into the link group's environments
  memoryRecord: 8, // address of memory 0's record
  memoryBase: 16, // memory 0's base; only meaningful (and then never changing) with guard pages
  size: 24,
} as const;

/** An imported function as an instance sees it. */
export const ImportSlot = { code: 0, env: 8, record: 16, size: 24 } as const;

/** What the layout depends on; a decoded module has all of it. */
export interface LayoutInput {
  readonly importedFunctionCount: number;
  readonly functionCount: number;
  readonly tableCount: number;
  readonly importedGlobalCount: number;
  readonly globalCount: number;
  /** Indices of the functions that can become references (elements, exports, ref.func), ascending. */
  readonly referencedFunctions: ArrayLike<number>;
}

/**
 * Offsets within an instance record of one module. Imported functions have an ImportSlot; tables a pointer to
 * their TableRecord; own globals a 16-byte cell in place, imported ones the cell's address; own functions that
 * can be referenced a FunctionRecord in place.
 */
export class InstanceLayout {
  readonly tables: number;
  readonly globals: number;
  readonly functionRecords: number;
  readonly size: number;
  /** Function index -> offset of its FunctionRecord, or -1 (own functions only). */
  private readonly recordOffset: Int32Array;

  constructor(readonly input: LayoutInput) {
    const align = (n: number, to: number): number => Math.ceil(n / to) * to;
    this.tables = Instance.size + input.importedFunctionCount * ImportSlot.size;
    this.globals = align(this.tables + input.tableCount * 8, 16);
    this.functionRecords = align(this.globals + input.globalCount * 16, 32);
    this.recordOffset = new Int32Array(input.functionCount).fill(-1);
    let offset = this.functionRecords;
    for (let i = 0; i < input.referencedFunctions.length; i++) {
      const f = input.referencedFunctions[i]!;
      if (f < input.importedFunctionCount) continue;
      this.recordOffset[f] = offset;
      offset += FunctionRecord.size;
    }
    this.size = offset;
  }

  importSlot(functionIndex: number): number {
    return Instance.size + functionIndex * ImportSlot.size;
  }
  /** Where the address of a table's record is. */
  table(index: number): number {
    return this.tables + index * 8;
  }
  /** Own global: its cell. Imported global: the word that holds its cell's address. */
  global(index: number): number {
    return this.globals + index * 16;
  }
  /** An own function's record, -1 if nothing in the module can refer to it. */
  functionRecord(functionIndex: number): number {
    return this.recordOffset[functionIndex]!;
  }
}
