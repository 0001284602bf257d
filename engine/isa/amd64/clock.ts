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
 * Why no lock is needed (x86-64; stores become visible in their order, aligned 8 bytes at once, and a load may pass an
 * older store of its own thread):
 *  - What an entry points at is never unmapped: contexts and the word that holds the current one's address lie in memory
 *    that a thread's engine keeps for good. A store to a context that is no longer current, or whose thread has ended,
 *    or that serves another call by now, is an interrupt without a cause: TypeScript finds none and goes on.
 *  - All contexts of a thread lie within one aligned 4 GiB, and from the beginning one is current, so the address of the
 *    current one, which TypeScript writes in two halves, is a context's at any moment (runtime/context-memory.ts).
 *  - A signal that comes late finds the interrupt word lowered, or another context, and does nothing.
 *  - TypeScript lowers the words first and looks at the time afterwards. An interrupt that is lost thereby was for a
 *    deadline that TypeScript then sees; anything else is repeated by the next tick.
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
 * handler runs here); Intel SDM volume 3, 9.2.2 (memory ordering).
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
import { Context, ExitStatus } from "../../runtime/layout.js";
import { inMemory } from "./encode.js";
import { Amd64 } from "./instructions.js";
import { r8, r9, r10, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp } from "./registers.js";
import { cc, RoutineEncoder } from "./routine-encoder.js";
import { SystemCall } from "./system-calls.js";

/** Nanoseconds until a thread that runs past its deadline is interrupted again. */
const retry = 1_000_000;
/** Nanoseconds between two looks at threads that are in none, without membarrier. */
const poll = 100_000_000;

const second = 1_000_000_000;

const saved = [rbx, rbp, r12, r13, r14, r15];
/** From rsp: a timespec, and where the last entry ends. */
const timespec = 0;
const entriesEnd = 16;
const frame = 24;

function compareExchange32(e: RoutineEncoder, base: number, displacement: number): void {
  // lock cmpxchg [base + displacement], ecx: with eax, which gets what was there.
  for (const b of [0xf0, 0x0f, 0xb1, 0x40 | (rcx << 3) | (base & 7), displacement]) e.byte(b);
}

/** rax nanoseconds -> the timespec. Destroys rcx, rdx. */
function toTimespec(e: RoutineEncoder): void {
  e.emit(Amd64.xor32_rr, rdx, rdx);
  e.moveImmediate32(rcx, second);
  e.emit(Amd64.div64, 0, rcx);
  e.store(rax, rsp, timespec);
  e.store(rdx, rsp, timespec + 8);
}

/** Becomes the table's thread or ends. rbx = table, r15 = process, r12 = 0 where membarrier works. */
function start(e: RoutineEncoder, table: bigint): void {
  for (const r of saved) e.push(r);
  e.emit(Amd64.sub64_ri, 0, rsp, frame);
  e.address(rbx, table);
  e.setAddress(rsp, timespec);
  e.emit(Amd64.mov64_mi, 0, inMemory, -1);
  e.moveImmediate32(rdi, sigSetmask);
  e.emit(Amd64.mov64_rr, rsi, rsp);
  e.emit(Amd64.xor32_rr, rdx, rdx);
  e.moveImmediate32(r10, 8);
  e.systemCall(SystemCall.rtSigprocmask);
  e.systemCall(SystemCall.gettid);
  e.emit(Amd64.mov32_rr, rcx, rax);
  e.emit(Amd64.xor32_rr, rax, rax);
  compareExchange32(e, rbx, ClockTable.thread);
  e.farBranch(cc.ne, "end");
  e.systemCall(SystemCall.getpid);
  e.emit(Amd64.mov32_rr, r15, rax);
  membarrier(e, membarrierRegisterPrivateExpedited);
  e.emit(Amd64.mov64_rr, r12, rax);
}

function membarrier(e: RoutineEncoder, command: number): void {
  e.moveImmediate32(rdi, command);
  e.emit(Amd64.xor32_rr, rsi, rsi);
  e.emit(Amd64.xor32_rr, rdx, rdx);
  e.systemCall(SystemCall.membarrier);
}

/** r13 = wakeups before, rbp = now, r14 = when to wake, r9 = whether a thread is in a call, r8 = the entry at hand. */
function pass(e: RoutineEncoder): void {
  e.place("pass");
  e.load(Amd64.mov32_rm, r13, rbx, ClockTable.wakeups);
  e.moveImmediate32(rdi, clockMonotonic);
  e.emit(Amd64.mov64_rr, rsi, rsp);
  e.systemCall(SystemCall.clockGettime);
  e.setAddress(rsp, timespec);
  e.emit(Amd64.imul64_rmi, rbp, inMemory, second);
  e.load(Amd64.add64_rm, rbp, rsp, timespec + 8);
  e.load(Amd64.lea64, r14, rbp, tick);
  e.emit(Amd64.xor32_rr, r9, r9);
  e.load(Amd64.lea64, r8, rbx, ClockTable.entries);
  e.load(Amd64.mov32_rm, rax, rbx, ClockTable.count);
  e.emit(Amd64.imul64_rri, rax, rax, ClockEntry.size);
  e.emit(Amd64.add64_rr, rax, r8);
  e.store(rax, rsp, entriesEnd);

  e.place("entry");
  e.load(Amd64.cmp64_rm, r8, rsp, entriesEnd);
  e.farBranch(cc.ae, "looked");
  e.load(Amd64.mov32_rm, rsi, r8, ClockEntry.owner);
  e.emit(Amd64.test32_rr, rsi, rsi);
  e.farBranch(cc.e, "next");
  // Infinity converts to the least integer, and what is due wakes nobody: this pass interrupts it.
  for (const b of [0xf2, 0x49, 0x0f, 0x2c, 0x40, ClockEntry.deadline]) e.byte(b); // cvttsd2si rax, [r8 + deadline]
  e.emit(Amd64.mov64_rr, r10, rax);
  e.emit(Amd64.cmp64_rr, rax, rbp);
  e.branch(cc.le, "calls");
  e.emit(Amd64.cmp64_rr, rax, r14);
  e.branch(cc.ge, "calls");
  e.emit(Amd64.mov64_rr, r14, rax);
  e.place("calls");
  e.compareImmediate32(r8, ClockEntry.calls, 0);
  e.branch(cc.e, "next");
  e.moveImmediate32(r9, 1);
  // Nothing is raised until the entry has its word, and the word a context.
  e.load(Amd64.mov64_rm, rax, r8, ClockEntry.current);
  e.emit(Amd64.test64_rr, rax, rax);
  e.branch(cc.e, "next");
  e.load(Amd64.mov64_rm, rax, rax, 0);
  e.emit(Amd64.test64_rr, rax, rax);
  e.branch(cc.e, "next");
  e.setAddress(rax, Context.stackLimit);
  e.emit(Amd64.mov64_mi, 0, inMemory, -1);
  e.setAddress(rax, Context.interrupt);
  e.emit(Amd64.mov64_mi, 0, inMemory, -1);
  // A signal for what runs; else only the question whether the thread is still there.
  e.emit(Amd64.xor32_rr, rdx, rdx);
  e.compareImmediate32(rax, Context.status, ExitStatus.running);
  e.branch(cc.ne, "notify");
  e.moveImmediate32(rdx, interruptSignal);
  // Past its deadline: should the signal strike a stub or the C library, the next try comes soon. r10 = the deadline.
  e.emit(Amd64.cmp64_rr, r10, rbp);
  e.branch(cc.g, "notify");
  e.emit(Amd64.test64_rr, r10, r10);
  e.branch(cc.l, "notify");
  e.load(Amd64.lea64, r14, rbp, retry);
  e.place("notify");
  e.emit(Amd64.mov32_rr, rdi, r15);
  e.systemCall(SystemCall.tgkill);
  e.emit(Amd64.test64_rr, rax, rax);
  e.branch(cc.e, "next");
  e.emit(Amd64.mov32_rr, rax, rsi);
  e.emit(Amd64.xor32_rr, rcx, rcx);
  for (const b of [0xf0, 0x41, 0x0f, 0xb1, 0x48, ClockEntry.owner]) e.byte(b); // lock cmpxchg [r8 + owner], ecx
  e.place("next");
  e.emit(Amd64.add64_ri, 0, r8, ClockEntry.size);
  e.farBranch(null, "entry");
}

/** Sleeps as long as the pass found right. */
function sleep(e: RoutineEncoder): void {
  e.place("looked");
  e.emit(Amd64.test32_rr, r9, r9);
  e.branch(cc.e, "idle");
  e.storeImmediate32(0, rbx, ClockTable.parked);
  e.emit(Amd64.mov64_rr, rax, r14);
  e.branch(null, "until");

  e.place("idle");
  e.compareImmediate32(rbx, ClockTable.parked, 0);
  e.branch(cc.ne, "park");
  e.storeImmediate32(1, rbx, ClockTable.parked);
  membarrier(e, membarrierPrivateExpedited);
  e.farBranch(null, "pass");

  e.place("park");
  e.emit(Amd64.xor32_rr, r10, r10);
  e.emit(Amd64.test64_rr, r12, r12);
  e.branch(cc.e, "wait");
  e.load(Amd64.lea64, rax, rbp, poll);

  e.place("until");
  toTimespec(e);
  e.emit(Amd64.mov64_rr, r10, rsp);
  e.place("wait");
  e.load(Amd64.lea64, rdi, rbx, ClockTable.wakeups);
  e.moveImmediate32(rsi, futexWaitBitset);
  e.emit(Amd64.mov32_rr, rdx, r13);
  e.emit(Amd64.xor32_rr, r8, r8);
  e.moveImmediate64(r9, -1, -1);
  e.systemCall(SystemCall.futex);
  e.farBranch(null, "pass");

  e.place("end");
  e.emit(Amd64.add64_ri, 0, rsp, frame);
  for (const r of [...saved].reverse()) e.pop(r);
  e.emit(Amd64.xor32_rr, rax, rax);
  e.return();
}

/** System V's convention: rdi and rsi are the caller's to lose. */
function wakeRoutine(e: RoutineEncoder, table: bigint): void {
  e.address(rdi, table);
  e.storeImmediate32(0, rdi, ClockTable.parked);
  e.load(Amd64.lea64, rdi, rdi, ClockTable.wakeups);
  for (const b of [0xf0, 0xff, 0x07]) e.byte(b); // lock inc dword [rdi]
  e.moveImmediate32(rsi, futexWake);
  e.moveImmediate32(rdx, 1);
  e.systemCall(SystemCall.futex);
  e.return();
}

/** The routines for a table: their bytes, position-independent, and where each begins. */
export function clockRoutines(table: bigint): { bytes: Uint8Array; thread: number; wake: number } {
  const e = new RoutineEncoder("clock");
  start(e, table);
  pass(e);
  sleep(e);
  while (e.size & 15) e.byte(0xcc);
  const wake = e.size;
  wakeRoutine(e, table);
  e.resolve();
  return { bytes: e.bytes.slice(0, e.size), thread: 0, wake };
}
