/**
 * What handlers and threads of machine code know of Linux that is the same on every architecture; numbers of system calls and
 * signal frames are in isa/NAME/.
 *
 * Source: Linux include/uapi/linux/futex.h, time.h, membarrier.h; include/uapi/asm-generic/signal.h, siginfo.h; resource.h.
 */

/** SIGURG: nobody minds one too many, and without a handler it is ignored. */
export const interruptSignal = 23;
export const sigbus = 7;
/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGURG: what threads of ours don't block. */
export const openSignals: readonly number[] = [4, 5, sigbus, 8, 11, interruptSignal];
export const sigSetmask = 2;

/** Offsets in siginfo_t; `address` of a fault, `value` of a signal that was queued. */
export const SignalInfo = { number: 0, code: 8, address: 16, value: 24 } as const;

const futexPrivate = 128;
export const futexWait = 0 | futexPrivate;
export const futexWake = 1 | futexPrivate;
export const futexWaitBitset = 9 | futexPrivate;

export const clockMonotonic = 1;
export const membarrierPrivateExpedited = 1 << 3;
export const membarrierRegisterPrivateExpedited = 1 << 4;

/** With "who" 0: the calling thread, on Linux. */
export const prioProcess = 0;
/** What getpriority gives, the system call, is this less the niceness. */
export const invertedNiceness = 20;
/** -ESRCH. */
export const noSuchThread = -3;
