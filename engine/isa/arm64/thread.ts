/**
 * Machine code of the threads that run Wasm off the JavaScript thread they belong to.
 *
 * Enters: the address of a ThreadTable, in memory that is never unmapped; the code itself must never be unmapped either.
 * A JavaScript thread has a table of its own, and each thread a mailbox in it. Leaves:
 *  - `thread`, what pthread_create starts with a mailbox's address. It sleeps until the mailbox is `ready`, continues the
 *    fiber whose context the mailbox names until that leaves, for whatever reason, and says so: the mailbox is `back`, and
 *    unless TypeScript has yet to look anyway, a byte is written into the table's pipe, which the event loop polls.
 *  - `post` (`void f()`), which wakes the thread whose mailbox the table's `target` names.
 *  - `stop` (`void f(void *)`, the argument isn't used), which ends all threads of the table wherever they are, and waits
 *    until they have ended: the JavaScript thread is about to free what Wasm code uses.
 *  - `handler`, the handler of the signal that `stop` sends. It knows no table, so one serves the whole process.
 *
 * Who owns what: a mailbox and its fiber's context are TypeScript's, but while `state` is `ready` the thread's. `state` is
 * stored with release and loaded with acquire, so what was written before it is seen by who sees it; a load with acquire
 * that follows a store with release isn't executed before it (Arm ARM B2.3).
 *
 * No wake-up is lost: the thread stores `back` and then exchanges `signalled`; TypeScript clears `signalled` (an exchange
 * too) and then reads all states. If the thread found `signalled` set, TypeScript clears it, and reads, later.
 *
 * Signals: a thread blocks all but those that the processor raises, the one at which Wasm code leaves (SIGURG, see
 * clock.ts) and, once it knows the way back, the one that `stop` sends. That one comes with a mailbox's address and a code
 * that nobody else uses; the handler makes the thread go on at `end`, on its own stack, from anywhere: Wasm code holds
 * no lock, neither do the stubs and the C library's memmove and memset.
 *
 * Priority: a thread is a little nicer than the JavaScript thread. On a processor that they share, the event loop then goes on
 * at once when it has something to do, and not when the kernel next looks at who has run for long (every 4 ms, or 10).
 *
 * Sources: futex(2), setpriority(2), rt_sigprocmask(2), rt_tgsigqueueinfo(2), sigaction(2) (siginfo_t); Linux
 * arch/arm64/include/uapi/asm/sigcontext.h; AAPCS64, 6.1.
 */
import {
  futexWait,
  futexWake,
  invertedNiceness,
  noSuchThread,
  openSignals,
  prioProcess,
  SignalInfo,
  sigSetmask,
} from "../../machine/linux-abi.js";
import { Mailbox, MailboxState, stopCode, ThreadTable, threadNiceness } from "../../machine/native-tables.js";
import { savedPc, savedRegister, savedSp } from "./fault-handler.js";
import { contextRegister } from "./registers.js";
import { cc, RoutineEncoder, sp, zr } from "./routine-encoder.js";
import { SystemCall } from "./system-calls.js";
import { continueFiber, restoreHostRegisters, saveHostRegisters } from "./trampoline.js";

/** 16 bytes that no other code has, before the handler's entry. The last digit is the version of this contract. */
export const stopSignature: Uint8Array = new TextEncoder().encode("bkpl-stop-arm64b");

/** Holds the mailbox's address in the thread's loop. */
const mailbox = 19;
/** At sp in the thread's loop: a mask of signals, or what is written into the pipe. */
const frame = 16;

/** x2: the value, or how many to wake; x3: the timeout. */
function futex(e: RoutineEncoder, box: number, operation: number): void {
  e.addImmediate(0, box, Mailbox.state);
  e.immediate(1, operation);
  e.systemCall(SystemCall.futex);
}

/** Destroys x0 to x3 and what lies at sp. */
function blockAllBut(e: RoutineEncoder, signals: readonly number[]): void {
  let mask = -1n;
  for (const signal of signals) mask &= ~(1n << BigInt(signal - 1));
  e.immediate(0, mask);
  e.store(0, sp, 0);
  e.immediate(0, sigSetmask);
  e.moveSp(1, sp);
  e.move(2, zr);
  e.immediate(3, 8);
  e.systemCall(SystemCall.rtSigprocmask);
}

function storeState(e: RoutineEncoder, state: number): void {
  e.immediate(0, state);
  e.addImmediate(1, mailbox, Mailbox.state);
  e.storeRelease32(0, 1);
}

/** If the kernel refuses, the thread goes on as it is. */
function becomeNicer(e: RoutineEncoder): void {
  e.immediate(0, prioProcess);
  e.move(1, zr);
  e.systemCall(SystemCall.getpriority);
  e.immediate(2, invertedNiceness + threadNiceness);
  e.subtract(2, 2, 0);
  e.immediate(0, prioProcess);
  e.systemCall(SystemCall.setpriority);
}

function thread(e: RoutineEncoder, table: bigint, stopSignal: number): void {
  saveHostRegisters(e);
  e.addImmediate(sp, sp, -frame);
  e.move(mailbox, 0);
  blockAllBut(e, openSignals);
  becomeNicer(e);
  e.moveSp(0, sp);
  e.store(0, mailbox, Mailbox.home);
  e.systemCall(SystemCall.gettid);
  e.addImmediate(1, mailbox, Mailbox.thread);
  e.storeRelease32(0, 1);
  blockAllBut(e, [...openSignals, stopSignal]);

  e.place("wait");
  e.addImmediate(0, mailbox, Mailbox.state);
  e.loadAcquire32(2, 0);
  e.compareImmediate32(2, MailboxState.ready);
  e.branch(cc.eq, "ready");
  e.move(3, zr);
  futex(e, mailbox, futexWait);
  e.branch(null, "wait");

  e.place("ready");
  e.call("run");
  storeState(e, MailboxState.back);
  e.immediate(20, table);
  e.addImmediate(1, 20, ThreadTable.signalled);
  e.immediate(0, 1);
  e.place("exchange");
  e.loadExclusive32(2, 1);
  e.storeExclusive32(3, 0, 1);
  e.branchIfNotZero32(3, "exchange");
  e.branchIfNotZero32(2, "wait");
  e.load32(0, 20, ThreadTable.pipe);
  e.moveSp(1, sp);
  e.immediate(2, 1);
  e.systemCall(SystemCall.write);
  e.branch(null, "wait");
}

/** Where the handler sends a thread: x19 and sp are the loop's, all else is anything. */
function end(e: RoutineEncoder): void {
  blockAllBut(e, []);
  storeState(e, MailboxState.gone);
  e.immediate(2, 1);
  futex(e, mailbox, futexWake);
  e.addImmediate(sp, sp, frame);
  restoreHostRegisters(e);
  e.move(0, zr);
  e.return();
}

function post(e: RoutineEncoder, table: bigint): void {
  e.immediate(9, table);
  e.load(9, 9, ThreadTable.target);
  e.immediate(2, 1);
  futex(e, 9, futexWake);
  e.return();
}

/** x19 = the mailbox at hand, x20 = table, x21 = where mailboxes end, x22 = process, x23 = the state that was seen. */
function stop(e: RoutineEncoder, table: bigint, stopSignal: number): void {
  saveHostRegisters(e);
  // A millisecond as a timespec, for the waits.
  e.addImmediate(sp, sp, -frame);
  e.immediate(0, 1_000_000);
  e.storePair(zr, 0, sp, 0);
  e.immediate(20, table);
  e.systemCall(SystemCall.getpid);
  e.move(22, 0);
  e.addImmediate(mailbox, 20, ThreadTable.mailboxes);
  e.load32(0, 20, ThreadTable.count);
  e.immediate(1, Mailbox.size);
  e.multiplyAdd(21, 0, 1, mailbox);

  e.place("each");
  e.compare(mailbox, 21);
  e.branch(cc.hs, "stopped");
  e.place("look");
  e.addImmediate(0, mailbox, Mailbox.state);
  e.loadAcquire32(23, 0);
  e.compareImmediate32(23, MailboxState.gone);
  e.branch(cc.eq, "next");
  e.addImmediate(0, mailbox, Mailbox.thread);
  e.loadAcquire32(1, 0);
  e.branchIfZero32(1, "sleep");
  e.immediate(2, stopSignal);
  e.store32(2, 20, ThreadTable.signal + SignalInfo.number);
  e.immediate(0, stopCode);
  e.store32(0, 20, ThreadTable.signal + SignalInfo.code);
  e.store(mailbox, 20, ThreadTable.signal + SignalInfo.value);
  e.move(0, 22);
  e.addImmediate(3, 20, ThreadTable.signal);
  e.systemCall(SystemCall.rtTgsigqueueinfo);
  e.compareImmediate(0, noSuchThread);
  e.branch(cc.eq, "next");
  e.place("sleep");
  e.move(2, 23);
  e.moveSp(3, sp);
  futex(e, mailbox, futexWait);
  e.branch(null, "look");
  e.place("next");
  e.addImmediate(mailbox, mailbox, Mailbox.size);
  e.branch(null, "each");

  e.place("stopped");
  e.load32(0, 20, ThreadTable.pipe);
  e.systemCall(SystemCall.close);
  e.addImmediate(sp, sp, frame);
  restoreHostRegisters(e);
  e.return();
}

/** The routines for a table: their bytes, position-independent, and where each begins. */
export function threadRoutines(
  table: bigint,
  stopSignal: number,
): { bytes: Uint8Array; thread: number; end: number; post: number; stop: number } {
  const e = new RoutineEncoder("thread");
  thread(e, table, stopSignal);
  e.align();
  e.place("run");
  continueFiber(e, () => e.load(contextRegister, mailbox, Mailbox.context));
  const endAt = e.align();
  end(e);
  const postAt = e.align();
  post(e, table);
  const stopAt = e.align();
  stop(e, table, stopSignal);
  return { bytes: e.finished(), thread: 0, end: endAt, post: postAt, stop: stopAt };
}

/** The handler of the signal that ends threads, its signature before it; install it with SA_SIGINFO. */
export function stopHandler(): { bytes: Uint8Array; entry: number } {
  const e = new RoutineEncoder("stop handler");
  e.data(stopSignature);
  const entry = e.size;
  e.load32(3, 1, SignalInfo.code);
  e.immediate(4, stopCode);
  e.compare32(3, 4);
  e.branch(cc.ne, "other");
  e.load(3, 1, SignalInfo.value);
  e.store(3, 2, savedRegister(mailbox));
  e.load(4, 3, Mailbox.home);
  e.store(4, 2, savedSp);
  e.load(4, 3, Mailbox.end);
  e.store(4, 2, savedPc);
  e.place("other");
  e.return();
  return { bytes: e.finished(), entry };
}
