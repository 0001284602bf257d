/**
 * What the runtime needs of the operating system. One file per system implements it; addresses are numbers
 * (user space has at most 2^47, well below 2^53).
 */
export interface ExecutableMapping {
  /** Where code runs: mapped readable and executable for good. */
  readonly address: number;
  readonly size: number;
  /**
   * Writes bytes, through another mapping: no page is ever writable and executable at one address (W^X). Afterwards this
   * thread may run them.
   */
  write(offset: number, bytes: Uint8Array): void;
  /** Gives the pages within a range back; their contents are lost. Page-aligned. */
  discard(offset: number, size: number): void;
}

/** What a memory fault raises; what the clock sends to threads (isa/NAME/clock.ts). */
export type HandledSignal = "fault" | "interrupt";

export interface ThreadSystem {
  /** A pipe's two descriptors; neither blocks, neither is inherited. Errors: Error when the system refuses it. */
  pipe(): { read: number; write: number };
  /** Sends a thread of this process the signal at which Wasm code leaves. */
  interrupt(thread: number): void;
  /** Address of a signal's handler: 0 the default, 1 ignored. */
  handlerOf(signal: number): number;
  installHandler(signal: number, address: number): void;
  /**
   * Has a routine `void f(void *)` called when this JavaScript thread ends, however it ends, before anything that
   * belongs to it is freed. Returns false where Node doesn't offer that.
   */
  atEnd(routine: number, argument: number): boolean;
  /** When it returns every thread of the process has forgotten what it fetched of code before the call. */
  synchronizeCode(): void;
}

/** Code of a routine `void f()` that publishes the range of code in two words at an address (see machine/target.ts). */
export type PublishRoutine = (range: bigint) => Uint8Array;

/** The instruction set's routines that a platform may need to write code; see machine/target.ts. */
export interface CodeRoutines {
  readonly publishRoutine: PublishRoutine | undefined;
  callSequence(calls: bigint, count: number): Uint8Array;
}

/**
 * Signals, and threads of the system's own: they stop Wasm code wherever it is, turn faults into traps, and run calls off
 * the JavaScript thread. On a system without them bounds are checked explicitly, loops look at the interrupt word, and the
 * clock is a worker (runtime/worker-clock.ts).
 */
export interface SignalSystem {
  /** This thread's number, unique in the system while it lives. */
  threadNumber(): number;
  /** Whether a thread of this process has a number. */
  hasThread(number: number): boolean;
  /** Starts a thread at an address that nobody joins, and that keeps nothing alive. Returns whether it could. */
  startThread(address: number, argument?: number): boolean;
  /** What threads that run Wasm need beside it. */
  readonly threads: ThreadSystem;
  /** The address ranges of this process with their protection, ascending; null where unknown. */
  addressMap(): { start: number; end: number; protection: string }[] | null;
  /** Makes a reserved, inaccessible range readable and writable; false when the system refuses. */
  open(address: number, size: number): boolean;
  /** Installs a handler; returns the address of the one it replaced (see isa/NAME/fault-handler.ts). */
  installHandler(signal: HandledSignal, handlerAddress: number): number;
  /** The installed handler's address and its flags, for chaining. */
  currentHandler(signal: HandledSignal): { address: number; flags: number };
}

export interface Platform {
  readonly name: string;
  /** 32 bits that say what the processor can do, as the system has them (AT_HWCAP); 0 where it has none. */
  readonly processorCapabilities: number;
  readonly pageSize: number;
  /** Least size of a signal frame that the kernel pushes (AT_MINSIGSTKSZ). */
  readonly signalFrameSize: number;
  /** Reads and writes, zeroed, given by the system when touched. */
  allocate(size: number): number;
  /** Makes a range inaccessible. */
  protect(address: number, size: number): void;
  free(address: number, size: number): void;
  /** Gives the memory of a range back; it reads as zeros afterwards. */
  release(address: number, size: number): void;
  /** Sizes of code memory to ask for, the best first. */
  readonly codeSizes: readonly number[];
  /**
   * One executable mapping of `codeSize`, followed without a gap by `dataSize` bytes that are readable and writable
   * only.
   */
  mapCode(codeSize: number, dataSize: number): ExecutableMapping;
  /** The bytes at an address, shared with native code. Never detach or outlive the mapping. */
  view(address: number, size: number): ArrayBuffer;
  /** The address of an ArrayBuffer's bytes. */
  addressOf(buffer: ArrayBufferLike): number;
  /** A routine `void f()` at an address as a function. */
  routine(address: number): () => void;
  /** Address of a C library's function. */
  symbol(name: string): number;
  /** Nanoseconds of the system's monotonic clock, which native code reads too (resolution below a microsecond). */
  now(): number;
  /** How many address ranges the system allows this process. */
  mostMappings(): number;
  /** Undefined on a system without signals, or where they aren't used. */
  readonly signals: SignalSystem | undefined;
}
