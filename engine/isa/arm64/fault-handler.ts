/**
 * Machine code of the signal handlers: the one of faults (SIGSEGV, SIGBUS), which turns those of Wasm's loads and stores
 * into traps, and the one of the clock's signal, which makes Wasm code leave.
 *
 * Enters: what Linux passes to an SA_SIGINFO handler. When the fault was raised by the processor and the faulting
 * instruction is a recorded access site, the handler writes Context.trapPc and Context.faultAddress (x28 of the
 * interrupted code is the context), makes the thread go on at the range's faultExit routine, and returns.
 * Everything else goes to the handler that was installed before, as if this one weren't there.
 *
 * Install it with SA_SIGINFO | SA_ONSTACK, an empty mask, and without SA_NODEFER: a fault in this handler must end
 * the process, and previous handlers expect the signal blocked.
 *
 * What it knows lies in FaultTable pages, whose address is in the code. Lock-free for the handler: an entry counts
 * only while its `end` isn't 0, which is written last and cleared first; pages are never unmapped. The handler loads
 * `end` with acquire, so what was stored before it is seen (Arm ARM B2.3, load-acquire and store-release). Writers take
 * an entry by putting their `start` where 0 was, in one step: a lock would stay held by a thread that is terminated.
 *
 * Other copies of the engine in the process find a handler by the 32 bytes before its entry: `signature`, then the
 * first page's address; they add their ranges there. The handler's code must never be unmapped.
 *
 * Source: Linux arch/arm64/include/uapi/asm/sigcontext.h and ucontext.h, include/uapi/asm-generic/siginfo.h (offsets
 * below); signal(7): all here is system calls and plain memory accesses, so async-signal-safe.
 */
import { SignalInfo, sigbus } from "../../machine/linux-abi.js";
import { FaultRange, FaultTable } from "../../machine/native-tables.js";
import { Context } from "../../runtime/layout.js";
import { contextRegister } from "./registers.js";
import { cc, RoutineEncoder, sp, zr } from "./routine-encoder.js";
import { SystemCall } from "./system-calls.js";

/** 16 bytes that no other code has, at entry - 32. The last digit is the version of this contract. */
export const handlerSignature: Uint8Array = new TextEncoder().encode("bkpl-fault-a64-1");
/** Where the first page's address lies, from the entry. */
export const handlerTableOffset = -16;

// Offsets in ucontext_t.
/** uc_mcontext.regs: after uc_flags, uc_link, uc_stack and 128 bytes of signal mask comes the fault address, aligned to 16. */
export const savedRegister = (register: number): number => 184 + 8 * register;
export const savedSp = savedRegister(31);
export const savedPc = savedRegister(32);

/** `br x16`, right before which x17 is in use: see trampoline.ts. */
const jumpThroughScratch = 0xd61f0200;

/**
 * x9 = the entry whose range holds the address in x3, x4 = the offset in it; else goes on at `otherwise`. Keeps x0 to x2.
 * `prefix` tells the two uses' places apart.
 */
function findRange(e: RoutineEncoder, table: bigint, prefix: string, otherwise: string): void {
  const at = (name: string): string => `${prefix}-${name}`;
  e.immediate(8, table);
  e.place(at("page"));
  e.load32(5, 8, FaultTable.count);
  e.addImmediate(9, 8, FaultTable.ranges);
  e.branchIfZero32(5, at("nextPage"));
  e.place(at("range"));
  e.addImmediate(6, 9, FaultRange.end);
  e.loadAcquire(6, 6);
  e.compare(3, 6);
  e.branch(cc.hs, at("nextRange"));
  e.load(6, 9, FaultRange.start);
  e.subtract(4, 3, 6);
  e.compare(3, 6);
  e.branch(cc.hs, at("found"));
  e.place(at("nextRange"));
  e.addImmediate(9, 9, FaultRange.size);
  e.addImmediate(5, 5, -1);
  e.branchIfNotZero32(5, at("range"));
  e.place(at("nextPage"));
  e.load(8, 8, FaultTable.next);
  e.branchIfNotZero(8, at("page"));
  e.branch(null, otherwise);
  e.place(at("found"));
}

/** Goes on at `otherwise` unless bit x4 of the bitmap at x5 is set. Destroys x6 and x7. */
function testBit(e: RoutineEncoder, otherwise: string): void {
  e.shiftRight(6, 4, 3);
  e.loadByteAt(7, 5, 6);
  // The shift takes the amount modulo 64: only the three low bits may be in it.
  e.bits(6, 4, 0, 3);
  e.shiftRightBy(7, 7, 6);
  e.bits(7, 7, 0, 1);
  e.branchIfZero(7, otherwise);
}

/** x0 = signal, x1 = siginfo, x2 = ucontext stay until the previous handler may be called. */
function lookUp(e: RoutineEncoder, table: bigint): void {
  // A signal that a process sent (si_code <= 0) is no fault, wherever it arrives.
  e.load32(3, 1, SignalInfo.code);
  e.compareImmediate32(3, 0);
  e.branch(cc.le, "chain");
  e.load(3, 2, savedPc);
  findRange(e, table, "fault", "chain");
  e.load(5, 9, FaultRange.sites);
  testBit(e, "chain");
  e.load(4, 2, savedRegister(contextRegister));
  e.store(3, 4, Context.trapPc);
  e.load(5, 1, SignalInfo.address);
  e.store(5, 4, Context.faultAddress);
  e.load(5, 9, FaultRange.exit);
  e.store(5, 2, savedPc);
  e.return();
}

/**
 * The previous handler gets the same three arguments and returns to the kernel's trampoline itself; one without
 * SA_SIGINFO ignores the last two. SIG_DFL: the default action is restored; a fault then recurs with it on return,
 * and a signal that was sent is sent once more. SIG_IGN: a sent signal is dropped; a fault can't be ignored.
 */
function chain(e: RoutineEncoder, table: bigint): void {
  e.place("chain");
  e.immediate(8, table);
  e.load(16, 8, FaultTable.previousSegv);
  e.compareImmediate32(0, sigbus);
  e.branch(cc.ne, "chosen");
  e.load(16, 8, FaultTable.previousBus);
  e.place("chosen");
  e.compareImmediate(16, 1);
  e.branch(cc.lo, "default");
  e.branch(cc.eq, "ignored");
  e.jumpRegister(16);
  e.place("ignored");
  e.load32(3, 1, SignalInfo.code);
  e.compareImmediate32(3, 0);
  e.branch(cc.le, "return");
  e.place("default");
  e.load32(10, 1, SignalInfo.code);
  e.move(9, 0);
  // rt_sigaction(signal, zeros, null, 8): the kernel's struct is 32 bytes at most, the handler first.
  e.addImmediate(sp, sp, -32);
  e.storePair(zr, zr, sp, 0);
  e.storePair(zr, zr, sp, 16);
  e.moveSp(1, sp);
  e.move(2, zr);
  e.immediate(3, 8);
  e.systemCall(SystemCall.rtSigaction);
  e.addImmediate(sp, sp, 32);
  e.compareImmediate32(10, 0);
  e.branch(cc.gt, "return");
  e.systemCall(SystemCall.gettid);
  e.move(1, 0);
  e.move(2, 9);
  e.systemCall(SystemCall.getpid);
  e.systemCall(SystemCall.tgkill);
  e.place("return");
  e.return();
}

/**
 * The handler of the clock's signal (clock.ts), installed with SA_SIGINFO, SA_ONSTACK and SA_RESTART. When the thread was
 * in a function of ours, and the clock has raised the interrupt word of the context that x28 holds there, it makes the
 * thread go on at the range's interrupt routine, with the address of the interrupted instruction in x17, which functions
 * don't use. They do right before `br x16`: then nothing is done, and the clock tries again. In stubs it does nothing
 * either: those may be between two stacks. Anything else, and stubs, are left to the handler before.
 *
 * x0, x1, x2 stay as they are until that one may be called.
 */
function interruptHandler(e: RoutineEncoder, table: bigint): void {
  e.load(3, 2, savedPc);
  findRange(e, table, "interrupt", "notOurs");
  e.shiftRight(4, 4, 12);
  e.load(5, 9, FaultRange.functionPages);
  testBit(e, "notOurs");
  e.load(4, 2, savedRegister(contextRegister));
  e.load(5, 4, Context.interrupt);
  e.branchIfZero(5, "notOurs");
  e.load32(5, 3, 0);
  e.immediate(6, jumpThroughScratch);
  e.compare32(5, 6);
  e.branch(cc.eq, "ignore");
  e.store(3, 2, savedRegister(17));
  e.load(5, 9, FaultRange.interrupt);
  e.store(5, 2, savedPc);
  e.return();
  e.place("notOurs");
  e.immediate(8, table);
  e.load(16, 8, FaultTable.previousInterrupt);
  e.compareImmediate(16, 1);
  e.branch(cc.ls, "ignore");
  e.jumpRegister(16);
  e.place("ignore");
  e.return();
}

/**
 * The handler for a table.
 * @param table address of the first FaultTable page
 * @returns its bytes, position-independent, and the offsets of its entry and of the interrupt signal's handler in them
 */
export function faultHandler(table: bigint): { bytes: Uint8Array; entry: number; interrupt: number } {
  const e = new RoutineEncoder("fault handler");
  e.data(handlerSignature);
  e.word(Number(BigInt.asIntN(32, table)));
  e.word(Number(BigInt.asIntN(32, table >> 32n)));
  e.word(0);
  e.word(0);
  const entry = e.size;
  lookUp(e, table);
  chain(e, table);
  const interrupt = e.align();
  interruptHandler(e, table);
  return { bytes: e.finished(), entry, interrupt };
}
