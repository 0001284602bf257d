/**
 * Machine code of the clock: a thread of the process that makes running Wasm code return to TypeScript, at deadlines
 * and every few milliseconds.
 *
 * Enters: the address of a ClockTable, in memory that is never unmapped; the code itself must never be unmapped either.
 * Leaves: two routines. `thread` is what pthread_create starts; a table needs one such thread, and any other that is
 * started finds the first one's number in the table and ends. `wake` (`void f()`) makes the thread look at the table at
 * once; it can't be left half-way by a worker that is terminated.
 *
 * A pass of the thread looks at all entries. Where a thread is in a call (`calls` isn't 0) it takes the context that is
 * current there and raises the interrupt word and the stack limit to all ones, so that the next prologue or compiled check
 * leaves for TypeScript, which decides and lowers both again. If Wasm code runs there at the moment (the context's status)
 * the thread gets a signal as well, whose handler makes it leave from anywhere in a function (fault-handler.ts). Then the
 * clock sleeps until the earliest deadline or for a tick, whichever is less; if no thread is in a call, without end, and
 * costs nothing.
 *
 * Why no lock is needed (aligned 8 bytes are stored and loaded at once; two accesses of one thread may be seen by others in
 * either order where nothing below orders them):
 *  - What an entry points at is never unmapped: contexts and the word that holds the current one's address lie in memory
 *    that a thread's engine keeps for good. A store to a context that is no longer current, or whose thread has ended,
 *    or that serves another call by now, is an interrupt without a cause: TypeScript finds none and goes on.
 *  - All contexts of a thread lie within one aligned 4 GiB, and from the beginning one is current, so the address of the
 *    current one, which TypeScript writes in two halves, is a context's at any moment (runtime/context-memory.ts).
 *  - A signal that comes late finds the interrupt word lowered, or another context, and does nothing.
 *  - TypeScript lowers the words first and looks at the time afterwards. An interrupt that is lost thereby was for a
 *    deadline that TypeScript then sees, or is repeated: a thread that runs on past its deadline is interrupted again.
 *  - Going to sleep. TypeScript stores `calls`, then reads `parked`; the thread stores `parked`, then reads `calls` once
 *    more. One of the two must see the other's store, which needs a full barrier on both sides: membarrier(2) makes every
 *    thread of the process execute one, so TypeScript pays nothing. Where the kernel refuses it the thread wakes ten times
 *    a second instead.
 *  - `wake` adds to `wakeups` before the futex call, and the thread sleeps only if `wakeups` is what it was before the pass.
 *
 * The owner of an entry may end at any time, in a call even (a worker that is terminated): a thread number that the kernel
 * doesn't know any more frees the entry, unless somebody else has taken it meanwhile (compare and exchange). If the kernel
 * gives the number to another thread of the process, the entry only lives longer.
 *
 * Sources: futex(2), membarrier(2), tgkill(2), clock_gettime(2), rt_sigprocmask(2) (SIG_SETMASK with all ones: no signal's
 * handler runs here); Arm Architecture Reference Manual (DDI 0487), B2.3 (memory ordering), and CASAL, LDADDAL, LDAXR and
 * STLXR in C6.2.
 */
import {
  clockMonotonic,
  futexWaitBitset,
  futexWake,
  interruptSignal,
  membarrierPrivateExpedited,
  membarrierRegisterPrivateExpedited,
  sigSetmask,
} from "../../machine/linux-abi.js";
import { ClockEntry, ClockTable, tick } from "../../machine/native-tables.js";
import type { CpuFeatures } from "../../machine/target.js";
import { Context, ExitStatus } from "../../runtime/layout.js";
import { cc, RoutineEncoder, sp, zr } from "./routine-encoder.js";
import { SystemCall } from "./system-calls.js";
import { restoreHostRegisters, saveHostRegisters } from "./trampoline.js";

/** Nanoseconds until a thread that runs past its deadline is interrupted again. */
const retry = 1_000_000;
/** Nanoseconds between two looks at threads that are in none, without membarrier. */
const poll = 100_000_000;

const second = 1_000_000_000;

/** At sp: a timespec. */
const frame = 16;

// What the thread's registers hold.
const table = 19;
const processNumber = 20;
/** 0 where membarrier works. */
const barrierFailure = 21;
/** `wakeups` before the pass. */
const seen = 22;
const now = 23;
/** When to wake. */
const until = 24;
/** Whether a thread is in a call. */
const anyCall = 25;
/** The entry at hand, and where they end. */
const entry = 26;
const entriesEnd = 27;

/** What `replace` found. */
const found = 4;

/** Replaces the 32-bit word at an address if it is as expected; `found` is what was there. Destroys x3. */
function replace(
  e: RoutineEncoder,
  hasAtomics: boolean,
  { place, expected, by, at }: { place: string; expected: number; by: number; at: number },
): void {
  if (hasAtomics) {
    e.move(found, expected);
    e.compareAndSwap32(found, by, at);
    return;
  }
  const done = `${place} done`;
  e.place(place);
  e.loadExclusive32(found, at);
  e.compare32(found, expected);
  e.branch(cc.ne, done);
  e.storeExclusive32(3, by, at);
  e.branchIfNotZero32(3, place);
  e.place(done);
}

/** to = from + an amount that may be large. Destroys x16. */
function addLarge(e: RoutineEncoder, to: number, from: number, amount: number): void {
  e.immediate(16, amount);
  e.add(to, from, 16);
}

/** Becomes the table's thread or ends. */
function start(e: RoutineEncoder, tableAddress: bigint, hasAtomics: boolean): void {
  saveHostRegisters(e);
  e.addImmediate(sp, sp, -frame);
  e.immediate(table, tableAddress);
  e.immediate(0, -1);
  e.store(0, sp, 0);
  e.immediate(0, sigSetmask);
  e.moveSp(1, sp);
  e.move(2, zr);
  e.immediate(3, 8);
  e.systemCall(SystemCall.rtSigprocmask);
  e.systemCall(SystemCall.gettid);
  e.addImmediate(2, table, ClockTable.thread);
  replace(e, hasAtomics, { place: "claim", expected: zr, by: 0, at: 2 });
  e.branchIfNotZero32(found, "end");
  e.systemCall(SystemCall.getpid);
  e.move(processNumber, 0);
  membarrier(e, membarrierRegisterPrivateExpedited);
  e.move(barrierFailure, 0);
}

function membarrier(e: RoutineEncoder, command: number): void {
  e.immediate(0, command);
  e.move(1, zr);
  e.move(2, zr);
  e.systemCall(SystemCall.membarrier);
}

/** Looks at all entries. */
function pass(e: RoutineEncoder, hasAtomics: boolean): void {
  e.place("pass");
  e.addImmediate(0, table, ClockTable.wakeups);
  e.loadAcquire32(seen, 0);
  e.immediate(0, clockMonotonic);
  e.moveSp(1, sp);
  e.systemCall(SystemCall.clockGettime);
  e.loadPair(0, 1, sp, 0);
  e.immediate(2, second);
  e.multiplyAdd(now, 0, 2, 1);
  addLarge(e, until, now, tick);
  e.move(anyCall, zr);
  e.addImmediate(entry, table, ClockTable.entries);
  e.load32(0, table, ClockTable.count);
  e.immediate(1, ClockEntry.size);
  e.multiplyAdd(entriesEnd, 0, 1, entry);

  e.place("entry");
  e.compare(entry, entriesEnd);
  e.branch(cc.hs, "looked");
  e.load32(1, entry, ClockEntry.owner);
  e.branchIfZero32(1, "next");
  // Infinity converts to the greatest integer. What is due wakes nobody: this pass interrupts it.
  e.convertDouble(5, 0, entry, ClockEntry.deadline);
  e.compare(5, now);
  e.branch(cc.le, "calls");
  e.compare(5, until);
  e.branch(cc.ge, "calls");
  e.move(until, 5);
  e.place("calls");
  e.load32(0, entry, ClockEntry.calls);
  e.branchIfZero32(0, "next");
  e.immediate(anyCall, 1);
  // Nothing is raised until the entry has its word, and the word a context.
  e.load(0, entry, ClockEntry.current);
  e.branchIfZero(0, "next");
  e.load(0, 0, 0);
  e.branchIfZero(0, "next");
  e.immediate(2, -1);
  e.store(2, 0, Context.stackLimit);
  e.store(2, 0, Context.interrupt);
  // A signal for what runs; else only the question whether the thread is still there.
  e.move(2, zr);
  e.load32(3, 0, Context.status);
  e.compareImmediate32(3, ExitStatus.running);
  e.branch(cc.ne, "notify");
  e.immediate(2, interruptSignal);
  // Past its deadline: should the signal strike a stub or the C library, the next try comes soon.
  e.compare(5, now);
  e.branch(cc.gt, "notify");
  addLarge(e, until, now, retry);
  e.place("notify");
  // The handler is to find the words raised.
  e.barrier();
  e.move(0, processNumber);
  e.systemCall(SystemCall.tgkill);
  e.branchIfZero(0, "next");
  e.addImmediate(2, entry, ClockEntry.owner);
  replace(e, hasAtomics, { place: "free", expected: 1, by: zr, at: 2 });
  e.place("next");
  e.addImmediate(entry, entry, ClockEntry.size);
  e.branch(null, "entry");
}

/** Sleeps as long as the pass found right. */
function sleep(e: RoutineEncoder): void {
  e.place("looked");
  e.branchIfZero(anyCall, "idle");
  e.store32(zr, table, ClockTable.parked);
  e.move(0, until);
  e.branch(null, "until");

  e.place("idle");
  e.load32(0, table, ClockTable.parked);
  e.branchIfNotZero32(0, "park");
  e.immediate(0, 1);
  e.store32(0, table, ClockTable.parked);
  membarrier(e, membarrierPrivateExpedited);
  e.branch(null, "pass");

  e.place("park");
  e.move(3, zr);
  e.branchIfZero(barrierFailure, "wait");
  addLarge(e, 0, now, poll);

  e.place("until");
  e.immediate(1, second);
  e.divide(2, 0, 1);
  e.multiplySubtract(3, 2, 1, 0);
  e.storePair(2, 3, sp, 0);
  e.moveSp(3, sp);
  e.place("wait");
  e.addImmediate(0, table, ClockTable.wakeups);
  e.immediate(1, futexWaitBitset);
  e.move(2, seen);
  e.move(4, zr);
  e.immediate(5, -1);
  e.systemCall(SystemCall.futex);
  e.branch(null, "pass");

  e.place("end");
  e.addImmediate(sp, sp, frame);
  restoreHostRegisters(e);
  e.move(0, zr);
  e.return();
}

function wakeRoutine(e: RoutineEncoder, tableAddress: bigint, hasAtomics: boolean): void {
  e.immediate(9, tableAddress);
  e.store32(zr, 9, ClockTable.parked);
  e.addImmediate(0, 9, ClockTable.wakeups);
  if (hasAtomics) {
    e.immediate(1, 1);
    e.addAtomically32(found, 1, 0);
  } else {
    e.place("count");
    e.loadExclusive32(1, 0);
    e.addImmediate(1, 1, 1);
    e.storeExclusive32(2, 1, 0);
    e.branchIfNotZero32(2, "count");
  }
  e.immediate(1, futexWake);
  e.immediate(2, 1);
  e.systemCall(SystemCall.futex);
  e.return();
}

/**
 * The routines for a table: their bytes, position-independent, and where each begins. Atomic changes are single instructions
 * where the processor has the Large System Extensions (`atomics`), else exclusive sequences.
 */
export function clockRoutines(
  tableAddress: bigint,
  features: CpuFeatures,
): { bytes: Uint8Array; thread: number; wake: number } {
  const e = new RoutineEncoder("clock");
  const hasAtomics = features.has("atomics");
  start(e, tableAddress, hasAtomics);
  pass(e, hasAtomics);
  sleep(e);
  const wake = e.align();
  wakeRoutine(e, tableAddress, hasAtomics);
  return { bytes: e.finished(), thread: 0, wake };
}
