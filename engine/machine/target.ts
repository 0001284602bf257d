/**
 * The whole contract of an instruction set: everything above knows a target only by this.
 *
 * lower: SSA -> virtual code; (allocation is shared); encode: allocated code -> bytes. Stubs are the small
 * routines between the host and Wasm that an instance of the engine emits once or once per signature.
 */
import type { SsaFunction } from "../ssa/function.js";
import type { Type } from "../ssa/ops.js";
import type { MachineCode } from "./machine-code.js";
import type { Allocation, RegisterFile, VCode } from "./vcode.js";

/** A signature in the SSA's types: what passes in registers and slots. */
export interface Signature {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}

/** Optional instructions, by the names /proc/cpuinfo and CPUID use (bmi1, bmi2, lzcnt, popcnt, sse4_1, avx, avx2). */
export type CpuFeatures = ReadonlySet<string>;

export interface LowerOptions {
  readonly features: CpuFeatures;
  /** Guard pages: loads and stores of linear memory are recorded as access sites. */
  readonly guardPages: boolean;
  /** Whether loops keep constants in registers: for the full allocator, which knows how many there are. */
  readonly keepConstants: boolean;
  /** Signature of the module's type `index`. */
  readonly signatureOf: (typeIndex: number) => Signature;
  /** Signature of the function being lowered. */
  readonly signature: Signature;
}

/** Addresses of the fixed routines, as offsets within `bytes`. See isa/NAME/trampoline.ts. */
export interface FixedStubs {
  readonly bytes: Uint8Array;
  /** void enter(): takes the context's address from the word whose address was given. */
  readonly enter: number;
  /** Where `trap` exits are called, see Context.trapStub; likewise the others. */
  readonly trapStub: number;
  readonly interruptStub: number;
  /** Where the interrupt signal's handler sends Wasm code. */
  readonly signalStub: number;
  readonly limitStub: number;
  readonly frameLimitStub: number;
  readonly compileStub: number;
  /** Where the fault handler sends a faulting fiber. */
  readonly faultExit: number;
  /** Address of each builtin's routine, by number. */
  readonly builtins: readonly number[];
}

/** Facts about the stubs that a stack walker needs; see isa/NAME/trampoline.ts. */
export interface StubFrames {
  /** Bytes from wasmSp to the return address after ExitStatus.compile, ExitStatus.interrupt, ExitStatus.signal. */
  readonly compileSaved: number;
  readonly interruptSaved: number;
  readonly signalSaved: number;
  /** Bytes of stack that the return address takes above those. */
  readonly savedReturnSize: number;
  /** Bytes that calling a function pushes: 8 where a call pushes its return address, 0 with a link register. */
  readonly callPushes: number;
  /** Most bytes of the out-of-line call of the limit's stub, before its site; and of what stands after it. */
  readonly limitCallSize: number;
  readonly limitJumpSize: number;
  /** Whether the instruction with these first 4 bytes returns: the function's frame is gone by then. */
  isReturn(bytes: Uint8Array): boolean;
  /** Where a register lies from wasmSp after ExitStatus.interrupt. */
  interruptSlot(register: number): number;
}

/** The fault handler's code; see isa/NAME/fault-handler.ts, and FaultTable in native-tables.ts. */
export interface FaultHandling {
  /** `interrupt` is where the handler of the clock's signal begins. */
  handler(table: bigint): { bytes: Uint8Array; entry: number; interrupt: number };
  /** Bytes at entry - 32 by which other copies of the engine know a handler. */
  readonly signature: Uint8Array;
  /** Where the table's address lies, from the entry. */
  readonly tableOffset: number;
}

/** The clock's code; see isa/NAME/clock.ts, and ClockTable in native-tables.ts. */
export interface ClockCode {
  /** @param features the processor's: which atomic instructions it has */
  routines(table: bigint, features: CpuFeatures): { bytes: Uint8Array; thread: number; wake: number };
}

/** The code of threads that run Wasm off the JavaScript thread; see isa/NAME/thread.ts, and ThreadTable in native-tables.ts. */
export interface ThreadCode {
  routines(
    table: bigint,
    stopSignal: number,
  ): { bytes: Uint8Array; thread: number; end: number; post: number; stop: number };
  /** The handler of the signal that ends threads. It knows no table: one serves the process. */
  handler(): { bytes: Uint8Array; entry: number };
  /** Bytes right before the handler's entry, by which other copies of the engine know it. */
  readonly signature: Uint8Array;
}

export interface Target {
  readonly name: "amd64" | "arm64";
  readonly registers: RegisterFile;
  lower(func: SsaFunction, blockOrder: Int32Array, options: LowerOptions): VCode;
  encode(code: VCode, allocation: Allocation, options: LowerOptions): MachineCode;
  /** Virtual code as text, with locations when allocated. */
  printVCode(code: VCode, allocation?: Allocation): string;
  /** Machine code as text for dumps. */
  printMachineCode(code: MachineCode, base?: number): string;

  /** Routines that don't depend on a module. `contextWord`: address of the word that holds the context's address. */
  fixedStubs(contextWord: bigint): FixedStubs;
  /** TypeScript -> Wasm: continues at Context.resumePc when first entered; calls entryCode with arguments from the slots. */
  entryAdapter(signature: Signature): Uint8Array;
  /** Wasm -> host function: an import's code for a signature. */
  hostStub(signature: Signature): Uint8Array;
  /** What a function's call slot leads to at first: exits with ExitStatus.compile for function `index`. */
  lazyStub(index: number): Uint8Array;
  /**
   * Jump through the call slot at address `slot`: the code address that function references and other instances hold
   * for a function that has no code yet. `address` is where these bytes will lie.
   */
  slotThunk(address: number, slot: number): Uint8Array;
  /** How far from a call, in bytes either way, the thunk may lie that it leads to; infinite where calls use the slot. */
  readonly callReach: number;
  /**
   * Completes the call at `offset` of a function's code that will lie at `address`, so that it leads through the call
   * slot whose address is `slot`, or directly to `code`, which is within reach: the callee's, its thunk or a copy of that.
   */
  linkCall(bytes: Uint8Array, offset: number, address: number, slot: number, code: number): void;
  /** Puts a signature's canonical number into the instructions at `offset`. */
  linkSignature(bytes: Uint8Array, offset: number, signature: number): void;
  readonly stubFrames: StubFrames;
  readonly faults: FaultHandling;
  readonly clock: ClockCode;
  readonly threads: ThreadCode;
  readonly featureProbe: {
    /** A routine `void f()` that fills `words` 32-bit words at an address with what `read` reads, if it reads any. */
    readonly routine: { readonly words: number; code(buffer: bigint): Uint8Array } | undefined;
    /** `capabilities`: what the system says of the processor (Platform.processorCapabilities). */
    read(words: Uint32Array, capabilities: number): CpuFeatures;
    /** Features that all emitted code may use, and what they are called in an error. */
    readonly required: ReadonlyMap<string, string>;
  };
  /**
   * A routine `void f()` that makes code visible to instruction fetch once it has been written; it finds the range, start
   * and end, in two 64-bit words at an address. Undefined where the processor sees to that.
   */
  readonly publishRoutine: ((range: bigint) => Uint8Array) | undefined;
  /**
   * A routine `void f()` that calls `count` C functions one after the other. `calls` is the address of four 64-bit words for
   * each: where it lies, and three arguments.
   */
  callSequence(calls: bigint, count: number): Uint8Array;
  /** 8-byte slots that a signature's arguments, and results, take (v128: two). */
  slotCount(signature: Signature): number;
}
