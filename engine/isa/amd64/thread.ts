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
 * Who owns what: a mailbox and its fiber's context are TypeScript's, but while `state` is `ready` the thread's. Stores
 * become visible in their order (x86-64), so what was written before `state` is seen by who sees `state`.
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
 * arch/x86/include/uapi/asm/sigcontext.h; System V ABI, AMD64 supplement, 3.2.
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
import { Context, ExitStatus } from "../../runtime/layout.js";
import { inMemory } from "./encode.js";
import { Amd64 } from "./instructions.js";
import { r10, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp } from "./registers.js";
import { cc, RoutineEncoder } from "./routine-encoder.js";
import { SystemCall } from "./system-calls.js";

/** 16 bytes that no other code has, before the handler's entry. The last digit is the version of this contract. */
export const stopSignature: Uint8Array = new TextEncoder().encode("bkpl-stop-amd64b");

// Offsets in ucontext_t.
const savedRbx = 40 + 8 * 11;
const savedRsp = 40 + 8 * 15;
const savedRip = 40 + 8 * 16;

const saved = [rbx, rbp, r12, r13, r14, r15];

function futex(e: RoutineEncoder, mailbox: number, operation: number): void {
  e.load(Amd64.lea64, rdi, mailbox, Mailbox.state);
  e.moveImmediate32(rsi, operation);
  e.systemCall(SystemCall.futex);
}

/** Blocks the signals in the 64-bit mask at rsp, and no others. */
function setSignalMask(e: RoutineEncoder): void {
  e.moveImmediate32(rdi, sigSetmask);
  e.emit(Amd64.mov64_rr, rsi, rsp);
  e.emit(Amd64.xor32_rr, rdx, rdx);
  e.moveImmediate32(r10, 8);
  e.systemCall(SystemCall.rtSigprocmask);
}

function blockAllBut(e: RoutineEncoder, signals: readonly number[]): void {
  let mask = -1n;
  for (const signal of signals) mask &= ~(1n << BigInt(signal - 1));
  e.address(rax, mask);
  e.store(rax, rsp, 0);
  setSignalMask(e);
}

/** If the kernel refuses, the thread goes on as it is. */
function becomeNicer(e: RoutineEncoder): void {
  e.moveImmediate32(rdi, prioProcess);
  e.emit(Amd64.xor32_rr, rsi, rsi);
  e.systemCall(SystemCall.getpriority);
  e.moveImmediate32(rdx, invertedNiceness + threadNiceness);
  e.emit(Amd64.sub32_rr, rdx, rax);
  e.systemCall(SystemCall.setpriority);
}

/** rbx = the mailbox from here on. */
function thread(e: RoutineEncoder, table: bigint, stopSignal: number): void {
  for (const r of saved) e.push(r);
  e.emit(Amd64.sub64_ri, 0, rsp, 8);
  e.emit(Amd64.mov64_rr, rbx, rdi);
  blockAllBut(e, openSignals);
  becomeNicer(e);
  e.store(rsp, rbx, Mailbox.home);
  e.systemCall(SystemCall.gettid);
  e.store32(rax, rbx, Mailbox.thread);
  blockAllBut(e, [...openSignals, stopSignal]);

  e.place("wait");
  e.load(Amd64.mov32_rm, rdx, rbx, Mailbox.state);
  e.emit(Amd64.cmp32_ri, 0, rdx, MailboxState.ready);
  e.branch(cc.e, "ready");
  e.emit(Amd64.xor32_rr, r10, r10);
  futex(e, rbx, futexWait);
  e.branch(null, "wait");

  e.place("ready");
  e.call("run");
  e.storeImmediate32(MailboxState.back, rbx, Mailbox.state);
  e.address(r12, table);
  e.moveImmediate32(rax, 1);
  for (const b of [0x41, 0x87, 0x04, 0x24]) e.byte(b); // xchg [r12 + signalled], eax
  e.emit(Amd64.test32_rr, rax, rax);
  e.branch(cc.ne, "wait");
  e.load(Amd64.mov32_rm, rdi, r12, ThreadTable.pipe);
  e.emit(Amd64.mov64_rr, rsi, rsp);
  e.moveImmediate32(rdx, 1);
  e.systemCall(SystemCall.write);
  e.branch(null, "wait");
}

/** What `enter` of trampoline.ts does, with the mailbox's context: returns when the fiber leaves. */
function run(e: RoutineEncoder): void {
  e.place("run");
  for (const r of saved) e.push(r);
  e.load(Amd64.mov64_rm, r15, rbx, Mailbox.context);
  e.storeImmediate32(ExitStatus.running, r15, Context.status);
  e.store(rsp, r15, Context.hostSp);
  e.load(Amd64.mov64_rm, rsp, r15, Context.wasmSp);
  e.setAddress(r15, Context.resumePc);
  e.indirect(4);
}

/** Where the handler sends a thread: rbx and rsp are the loop's, all else is anything. */
function end(e: RoutineEncoder): void {
  e.byte(0xfc); // cld
  blockAllBut(e, []);
  e.storeImmediate32(MailboxState.gone, rbx, Mailbox.state);
  e.moveImmediate32(rdx, 1);
  futex(e, rbx, futexWake);
  e.emit(Amd64.add64_ri, 0, rsp, 8);
  for (const r of [...saved].reverse()) e.pop(r);
  e.emit(Amd64.xor32_rr, rax, rax);
  e.return();
}

function post(e: RoutineEncoder, table: bigint): void {
  e.address(rdi, table);
  e.load(Amd64.mov64_rm, rdi, rdi, ThreadTable.target);
  e.moveImmediate32(rdx, 1);
  futex(e, rdi, futexWake);
  e.return();
}

/** rbx = table, r12 = the mailbox at hand, rbp = where they end, r13 = process, r14 = the state that was seen. */
function stop(e: RoutineEncoder, table: bigint, stopSignal: number): void {
  const kept = [rbx, rbp, r12, r13, r14];
  for (const r of kept) e.push(r);
  // A millisecond as a timespec, for the waits.
  e.emit(Amd64.sub64_ri, 0, rsp, 16);
  e.setAddress(rsp, 0);
  e.emit(Amd64.mov64_mi, 0, inMemory, 0);
  e.setAddress(rsp, 8);
  e.emit(Amd64.mov64_mi, 0, inMemory, 1_000_000);
  e.address(rbx, table);
  e.systemCall(SystemCall.getpid);
  e.emit(Amd64.mov32_rr, r13, rax);
  e.load(Amd64.lea64, r12, rbx, ThreadTable.mailboxes);
  e.load(Amd64.mov32_rm, rbp, rbx, ThreadTable.count);
  e.emit(Amd64.imul64_rri, rbp, rbp, Mailbox.size);
  e.emit(Amd64.add64_rr, rbp, r12);

  e.place("each");
  e.emit(Amd64.cmp64_rr, r12, rbp);
  e.farBranch(cc.ae, "stopped");
  e.place("look");
  e.load(Amd64.mov32_rm, r14, r12, Mailbox.state);
  e.emit(Amd64.cmp32_ri, 0, r14, MailboxState.gone);
  e.farBranch(cc.e, "next");
  e.load(Amd64.mov32_rm, rsi, r12, Mailbox.thread);
  e.emit(Amd64.test32_rr, rsi, rsi);
  e.branch(cc.e, "sleep");
  e.storeImmediate32(stopSignal, rbx, ThreadTable.signal + SignalInfo.number);
  e.storeImmediate32(stopCode, rbx, ThreadTable.signal + SignalInfo.code);
  e.store(r12, rbx, ThreadTable.signal + SignalInfo.value);
  e.emit(Amd64.mov32_rr, rdi, r13);
  e.moveImmediate32(rdx, stopSignal);
  e.load(Amd64.lea64, r10, rbx, ThreadTable.signal);
  e.systemCall(SystemCall.rtTgsigqueueinfo);
  e.emit(Amd64.cmp64_ri, 0, rax, noSuchThread);
  e.branch(cc.e, "next");
  e.place("sleep");
  e.emit(Amd64.mov32_rr, rdx, r14);
  e.emit(Amd64.mov64_rr, r10, rsp);
  futex(e, r12, futexWait);
  e.farBranch(null, "look");
  e.place("next");
  e.emit(Amd64.add64_ri, 0, r12, Mailbox.size);
  e.farBranch(null, "each");

  e.place("stopped");
  e.load(Amd64.mov32_rm, rdi, rbx, ThreadTable.pipe);
  e.systemCall(SystemCall.close);
  e.emit(Amd64.add64_ri, 0, rsp, 16);
  for (const r of kept.reverse()) e.pop(r);
  e.return();
}

/** The routines for a table: their bytes, position-independent, and where each begins. */
export function threadRoutines(
  table: bigint,
  stopSignal: number,
): { bytes: Uint8Array; thread: number; end: number; post: number; stop: number } {
  const e = new RoutineEncoder("thread");
  const begin = (): number => {
    while (e.size & 15) e.byte(0xcc);
    return e.size;
  };
  thread(e, table, stopSignal);
  begin();
  run(e);
  const endAt = begin();
  end(e);
  const postAt = begin();
  post(e, table);
  const stopAt = begin();
  stop(e, table, stopSignal);
  e.resolve();
  return { bytes: e.bytes.slice(0, e.size), thread: 0, end: endAt, post: postAt, stop: stopAt };
}

/** The handler of the signal that ends threads, its signature before it; install it with SA_SIGINFO. */
export function stopHandler(): { bytes: Uint8Array; entry: number } {
  const e = new RoutineEncoder("stop handler");
  for (const b of stopSignature) e.byte(b);
  const entry = e.size;
  e.compareImmediate32(rsi, SignalInfo.code, stopCode);
  e.branch(cc.ne, "other");
  e.load(Amd64.mov64_rm, rax, rsi, SignalInfo.value);
  e.store(rax, rdx, savedRbx);
  e.load(Amd64.mov64_rm, rcx, rax, Mailbox.home);
  e.store(rcx, rdx, savedRsp);
  e.load(Amd64.mov64_rm, rcx, rax, Mailbox.end);
  e.store(rcx, rdx, savedRip);
  e.place("other");
  e.return();
  e.resolve();
  return { bytes: e.bytes.slice(0, e.size), entry };
}
