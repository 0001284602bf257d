/**
 * Tables that TypeScript and the handlers and threads of machine code share, the same on every instruction set: of code
 * ranges (isa/NAME/fault-handler.ts), of the clock (isa/NAME/clock.ts), of threads that run Wasm (isa/NAME/thread.ts), where
 * who may write what is told. Offsets in bytes. They lie in memory that is never unmapped. Copies of the engine in one process
 * share the first two: whoever changes a layout changes the version in the signatures of the handlers as well.
 */

/** A page of the table of code ranges. All pages have it, but only the first one's head matters. */
export const FaultTable = {
  /** u32: entries of this page in use or used before. */
  count: 0,
  /** Address of the next page, 0 none. */
  next: 8,
  /** First page: sa_handler or sa_sigaction of the handlers before ours (0 SIG_DFL, 1 SIG_IGN). */
  previousSegv: 16,
  previousBus: 24,
  /** 32 bytes, a bit for each entry: its thread has ended, so another one may take the entry over. */
  retired: 32,
  /** First page: the handler of the interrupt signal before ours. */
  previousInterrupt: 64,
  /** First entry. */
  ranges: 72,
  pageSize: 4096,
  /** Where the process's clock has its table, from the first page: see ClockTable. */
  clock: 4096,
  entriesPerPage: Math.floor((4096 - 72) / 48),
} as const;

/** One entry: code in [start, end) is ours. */
export const FaultRange = {
  start: 0,
  /** 0: the entry is free. Written last. */
  end: 8,
  /** Address of a bitmap: bit n (of byte n >> 3) is set where start + n is an access site. */
  sites: 16,
  /** Address of the faultExit routine. */
  exit: 24,
  /** Address of a bitmap: bit n is set where page n of the range holds functions, and no stubs. */
  functionPages: 32,
  /** Address of the routine that takes interrupted functions to TypeScript. */
  interrupt: 40,
  size: 48,
} as const;

/** Head of the clock's table, and where its entries lie. */
export const ClockTable = {
  /** u32: the clock's thread number, 0 none. */
  thread: 0,
  /** u32, a futex: how often `wake` was called. */
  wakeups: 4,
  /** u32: not 0 if the thread sleeps until it is woken, or is about to. */
  parked: 8,
  /** u32: entries in use or used before. */
  count: 12,
  entries: 64,
  mostEntries: 1023,
  size: 1 << 16,
} as const;

/** One thread of the host's. A cache line each. */
export const ClockEntry = {
  /** u32: its thread number, 0 free. */
  owner: 0,
  /** u32: not 0 while it is in a call of Wasm code. Written by the owner only. */
  calls: 4,
  /** Address of the word that holds the current context's address; 0 none yet. */
  current: 8,
  /** f64: nanoseconds of CLOCK_MONOTONIC; infinite if there is no deadline. Written by the owner only. */
  deadline: 16,
  size: 64,
} as const;

/** Head of a table of threads, and where its mailboxes lie. */
export const ThreadTable = {
  /** u32: not 0 from a thread's writing into the pipe until TypeScript looks at the mailboxes. */
  signalled: 0,
  /** u32: the descriptor to write to. */
  pipe: 4,
  /** u32: threads that were started. */
  count: 8,
  /** Address of the mailbox that `post` is to wake. */
  target: 16,
  /** siginfo_t for `stop`. */
  signal: 64,
  mailboxes: 256,
  mostThreads: 126,
  size: 1 << 14,
} as const;

/** Two cache lines each: some processors fetch them in pairs, others have lines of 128 bytes. */
export const Mailbox = {
  /** u32, a futex: see MailboxState. */
  state: 0,
  /** u32: the thread's number; 0 until it can be stopped. */
  thread: 4,
  /** Address of the context to continue with. */
  context: 8,
  /** The thread's own stack pointer while it waits or runs Wasm. */
  home: 16,
  /** Address of the routine that ends the thread. */
  end: 24,
  size: 128,
} as const;

export const MailboxState = {
  /** Nothing to do yet. */
  idle: 0,
  /** The fiber is to run, or runs. */
  ready: 1,
  /** It has left. */
  back: 2,
  /** The thread has ended. */
  gone: 3,
} as const;

/**
 * How much nicer threads that run Wasm are than the thread that starts them: a third of its weight on a processor that they
 * share with it and others.
 */
export const threadNiceness = 5;

/** Nanoseconds between two looks of the clock at threads in a call. */
export const tick = 10_000_000;

/**
 * `si_code` of the signal that ends threads: SI_DETHREAD. No process gets that one from the kernel, so whoever has it means
 * a mailbox. It is negative, as codes that processes send have to be; and it is one whose layout the kernel knows: with a
 * code of our own it refuses a siginfo_t whose unused bytes aren't zero (E2BIG), and QEMU's user mode hands over such.
 *
 * Source: Linux kernel/signal.c (known_siginfo_layout), include/uapi/asm-generic/siginfo.h.
 */
export const stopCode = -7;
