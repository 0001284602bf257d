/**
 * What the host's C code expects of the routines that it calls (enter) and that call it (memmove, memset): the registers
 * that a callee keeps, those of the first arguments, and where the thread says which stack it is on.
 *
 * Sources: System V ABI, AMD64 supplement, 3.2; Microsoft, "x64 calling convention", "x64 stack usage" and "x64 ABI
 * conventions" (register volatility). The thread's block (TEB, which gs points at): StackBase, StackLimit and
 * DeallocationStack, as winnt.h (NT_TIB) and winternl.h have them; Windows unwinds and probes no stack outside of these.
 * The control bits of mxcsr and the x87 control word, which both conventions keep, are never changed.
 */
import type { PReg } from "../../machine/vcode.js";
import { Context } from "../../runtime/layout.js";
import { r8, r12, r13, r14, r15, rbp, rbx, rcx, rdi, rdx, rsi, xmm } from "./registers.js";

export interface HostConvention {
  readonly name: "System V" | "Microsoft";
  /** What a callee keeps. */
  readonly savedIntegers: readonly PReg[];
  readonly savedFloats: readonly PReg[];
  /** Of the first three arguments, integers or addresses. */
  readonly arguments: readonly [PReg, PReg, PReg];
  /** Bytes above the return address that a caller leaves to its callee. */
  readonly shadowSpace: number;
  /** Words of the thread's block that tell the stack's bounds, by their offsets, and where a context has a fiber's. */
  readonly stackBounds: readonly { readonly threadBlock: number; readonly context: number }[];
}

export const systemV: HostConvention = {
  name: "System V",
  savedIntegers: [rbx, rbp, r12, r13, r14, r15],
  savedFloats: [],
  arguments: [rdi, rsi, rdx],
  shadowSpace: 0,
  stackBounds: [],
};

export const microsoft: HostConvention = {
  name: "Microsoft",
  savedIntegers: [rbx, rbp, rdi, rsi, r12, r13, r14, r15],
  savedFloats: [6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map(xmm),
  arguments: [rcx, rdx, r8],
  shadowSpace: 32,
  stackBounds: [
    { threadBlock: 0x08, context: Context.stackTop },
    { threadBlock: 0x10, context: Context.stackBottom },
    { threadBlock: 0x1478, context: Context.stackBottom },
  ],
};
