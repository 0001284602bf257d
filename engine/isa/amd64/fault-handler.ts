/**
 * Machine code of the signal handler (SIGSEGV, SIGBUS) that turns faults of Wasm's loads and stores into traps.
 *
 * Enters: what Linux passes to an SA_SIGINFO handler. When the fault was raised by the processor and the faulting
 * instruction is a recorded access site, the handler writes Context.trapPc and Context.faultAddress (r15 of the
 * interrupted code is the context), makes the thread go on at the range's faultExit routine, and returns.
 * Everything else goes to the handler that was installed before, as if this one weren't there.
 *
 * Install it with SA_SIGINFO | SA_ONSTACK, an empty mask, and without SA_NODEFER: a fault in this handler must end
 * the process, and previous handlers expect the signal blocked.
 *
 * What it knows lies in FaultTable pages, whose address is in the code. Lock-free for the handler: an entry counts
 * only while its `end` isn't 0, which is written last and cleared first; pages are never unmapped. Writers take
 * an entry by putting their `start` where 0 was, in one step: a lock would stay held by a thread that is terminated.
 *
 * Other copies of the engine in the process find a handler by the 32 bytes before its entry: `signature`, then the
 * first page's address; they add their ranges there. The handler's code must never be unmapped.
 *
 * Source: Linux arch/x86/include/uapi/asm/sigcontext.h and siginfo.h (offsets below); signal(7): all here is system
 * calls and plain memory accesses, so async-signal-safe.
 */
import { SignalInfo, sigbus } from "../../machine/linux-abi.js";
import { FaultRange, FaultTable } from "../../machine/native-tables.js";
import { Context } from "../../runtime/layout.js";
import { inMemory } from "./encode.js";
import { Amd64 } from "./instructions.js";
import { r8, r9, r10, r11, rax, rcx, rdi, rdx, rsi, rsp } from "./registers.js";
import { cc, RoutineEncoder } from "./routine-encoder.js";
import { SystemCall } from "./system-calls.js";

/** 16 bytes that no other code has, at entry - 32. The last digit is the version of this contract. */
export const handlerSignature: Uint8Array = new TextEncoder().encode("bkpl-fault-amd-2");
/** Where the first page's address lies, from the entry. */
export const handlerTableOffset = -16;

// Offsets in ucontext_t.
const savedR15 = 40 + 8 * 7;
const savedRsp = 40 + 8 * 15;
const savedRip = 40 + 8 * 16;

/** rdi = signal, rsi = siginfo, rdx = ucontext stay until the previous handler may be called. */
function lookUp(e: RoutineEncoder, table: bigint): void {
  // A signal that a process sent (si_code <= 0) is no fault, wherever it arrives.
  e.compareImmediate32(rsi, SignalInfo.code, 0);
  e.branch(cc.le, "chain");
  e.load(Amd64.mov64_rm, rax, rdx, savedRip);
  e.address(r8, table);
  e.place("page");
  e.load(Amd64.mov32_rm, rcx, r8, FaultTable.count);
  e.load(Amd64.lea64, r9, r8, FaultTable.ranges);
  e.emit(Amd64.test32_rr, rcx, rcx);
  e.branch(cc.e, "nextPage");
  e.place("range");
  e.load(Amd64.cmp64_rm, rax, r9, FaultRange.end);
  e.branch(cc.ae, "nextRange");
  e.load(Amd64.mov64_rm, r10, r9, FaultRange.start);
  e.emit(Amd64.cmp64_rr, rax, r10);
  e.branch(cc.b, "nextRange");
  // Ours. bt with a register bit number reaches any bit of the bitmap.
  e.emit(Amd64.mov64_rr, r11, rax);
  e.emit(Amd64.sub64_rr, r11, r10);
  e.load(Amd64.mov64_rm, r10, r9, FaultRange.sites);
  for (const b of [0x4d, 0x0f, 0xa3, 0x1a]) e.byte(b); // bt [r10], r11
  e.branch(cc.ae, "chain");
  e.load(Amd64.mov64_rm, r11, rdx, savedR15);
  e.store(rax, r11, Context.trapPc);
  e.load(Amd64.mov64_rm, rax, rsi, SignalInfo.address);
  e.store(rax, r11, Context.faultAddress);
  e.load(Amd64.mov64_rm, rax, r9, FaultRange.exit);
  e.store(rax, rdx, savedRip);
  e.return();
  e.place("nextRange");
  e.emit(Amd64.add64_ri, 0, r9, FaultRange.size);
  e.emit(Amd64.sub32_ri, 0, rcx, 1);
  e.branch(cc.ne, "range");
  e.place("nextPage");
  e.load(Amd64.mov64_rm, r8, r8, FaultTable.next);
  e.emit(Amd64.test64_rr, r8, r8);
  e.branch(cc.ne, "page");
}

/**
 * The previous handler gets the same three arguments and returns to the kernel's trampoline itself; one without
 * SA_SIGINFO ignores the last two. SIG_DFL: the default action is restored; a fault then recurs with it on return,
 * and a signal that was sent is sent once more. SIG_IGN: a sent signal is dropped; a fault can't be ignored.
 */
function chain(e: RoutineEncoder, table: bigint): void {
  e.place("chain");
  e.address(r8, table);
  e.load(Amd64.mov64_rm, rax, r8, FaultTable.previousSegv);
  e.emit(Amd64.cmp32_ri, 0, rdi, sigbus);
  e.branch(cc.ne, "chosen");
  e.load(Amd64.mov64_rm, rax, r8, FaultTable.previousBus);
  e.place("chosen");
  e.emit(Amd64.cmp64_ri, 0, rax, 1);
  e.branch(cc.b, "default");
  e.branch(cc.e, "ignored");
  e.indirectRegister(4, rax);
  e.place("ignored");
  e.compareImmediate32(rsi, SignalInfo.code, 0);
  e.branch(cc.le, "return");
  e.place("default");
  e.emit(Amd64.mov64_rr, r9, rsi);
  e.emit(Amd64.mov64_rr, r8, rdi);
  // rt_sigaction(signal, zeros, null, 8): the kernel's struct is 32 bytes, the handler first.
  e.emit(Amd64.xor32_rr, rdx, rdx);
  for (let i = 0; i < 4; i++) e.push(rdx);
  e.emit(Amd64.mov64_rr, rsi, rsp);
  e.moveImmediate32(r10, 8);
  e.systemCall(SystemCall.rtSigaction);
  e.emit(Amd64.add64_ri, 0, rsp, 32);
  e.compareImmediate32(r9, SignalInfo.code, 0);
  e.branch(cc.g, "return");
  e.systemCall(SystemCall.getpid);
  e.emit(Amd64.mov64_rr, rdi, rax);
  e.systemCall(SystemCall.gettid);
  e.emit(Amd64.mov64_rr, rsi, rax);
  e.emit(Amd64.mov64_rr, rdx, r8);
  e.systemCall(SystemCall.tgkill);
  e.place("return");
  e.return();
}

/**
 * The handler of the clock's signal (clock.ts), installed with SA_SIGINFO, SA_ONSTACK and SA_RESTART. When the thread was
 * in a function of ours, and the clock has raised the interrupt word of the context that r15 holds there, it makes the
 * thread go on at the range's interrupt routine, with the address of the interrupted instruction pushed. In stubs it does
 * nothing: those may be between two stacks. Anything else, and stubs, are left to the handler before.
 *
 * rdi, rsi, rdx stay as they are until that one may be called.
 */
function interruptHandler(e: RoutineEncoder, table: bigint): void {
  e.load(Amd64.mov64_rm, rax, rdx, savedRip);
  e.address(r8, table);
  e.load(Amd64.mov32_rm, rcx, r8, FaultTable.count);
  e.load(Amd64.lea64, r9, r8, FaultTable.ranges);
  e.emit(Amd64.test32_rr, rcx, rcx);
  e.farBranch(cc.e, "notOurs");
  e.place("codeRange");
  e.load(Amd64.cmp64_rm, rax, r9, FaultRange.end);
  e.branch(cc.ae, "nextCodeRange");
  e.load(Amd64.mov64_rm, r10, r9, FaultRange.start);
  e.emit(Amd64.cmp64_rr, rax, r10);
  e.branch(cc.b, "nextCodeRange");
  e.emit(Amd64.mov64_rr, r11, rax);
  e.emit(Amd64.sub64_rr, r11, r10);
  for (const b of [0x49, 0xc1, 0xeb, 12]) e.byte(b); // shr r11, 12
  e.load(Amd64.mov64_rm, r10, r9, FaultRange.functionPages);
  for (const b of [0x4d, 0x0f, 0xa3, 0x1a]) e.byte(b); // bt [r10], r11
  e.branch(cc.ae, "notOurs");
  e.load(Amd64.mov64_rm, r11, rdx, savedR15);
  e.setAddress(r11, Context.interrupt);
  e.emit(Amd64.cmp64_mi, 0, inMemory, 0);
  e.branch(cc.e, "notOurs");
  e.load(Amd64.mov64_rm, r10, rdx, savedRsp);
  e.emit(Amd64.sub64_ri, 0, r10, 8);
  e.store(rax, r10, 0);
  e.store(r10, rdx, savedRsp);
  e.load(Amd64.mov64_rm, rax, r9, FaultRange.interrupt);
  e.store(rax, rdx, savedRip);
  e.return();
  e.place("nextCodeRange");
  e.emit(Amd64.add64_ri, 0, r9, FaultRange.size);
  e.emit(Amd64.sub32_ri, 0, rcx, 1);
  e.branch(cc.ne, "codeRange");
  e.place("notOurs");
  e.load(Amd64.mov64_rm, rax, r8, FaultTable.previousInterrupt);
  e.emit(Amd64.cmp64_ri, 0, rax, 1);
  e.branch(cc.le, "ignore");
  e.indirectRegister(4, rax);
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
  for (const b of handlerSignature) e.byte(b);
  e.word32(Number(BigInt.asIntN(32, table)));
  e.word32(Number(BigInt.asIntN(32, table >> 32n)));
  e.word32(0);
  e.word32(0);
  const entry = e.size;
  lookUp(e, table);
  chain(e, table);
  const interrupt = e.size;
  interruptHandler(e, table);
  e.resolve();
  return { bytes: e.bytes.slice(0, e.size), entry, interrupt };
}
