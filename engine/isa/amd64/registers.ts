/**
 * Registers of amd64 and their roles in Backplane's own calling convention.
 *
 * Wasm functions call each other with: the callee's instance in `instanceRegister`; integer, reference and
 * address parameters in `intArguments`, float and vector ones in `floatArguments`, each kind in order; what is
 * left over on the stack, 8 bytes each (vectors 16, aligned), lowest address first, at the caller's rsp when it executes
 * the call. Results likewise: the same registers in the same order, left-over ones on the stack after the stack
 * arguments. Every register but rsp and the context register is destroyed by a call. rsp is 16-byte aligned
 * before each call. There is no frame pointer: frames have a fixed size that the unwinder looks up by address.
 */
import { floatFile, type PReg, type RegisterFile } from "../../machine/vcode.js";

export const rax = 0;
export const rcx = 1;
export const rdx = 2;
export const rbx = 3;
export const rsp = 4;
export const rbp = 5;
export const rsi = 6;
export const rdi = 7;
export const r8 = 8;
export const r9 = 9;
export const r10 = 10;
export const r11 = 11;
export const r12 = 12;
export const r13 = 13;
export const r14 = 14;
export const r15 = 15;
export const xmm = (n: number): PReg => floatFile + n;

/** Holds the execution context's address while Wasm code runs. Never allocated. */
export const contextRegister = r15;
export const instanceRegister = rsi;
/** Holds the code address of an indirect call. */
export const calleeRegister = rbx;
export const intArguments: readonly PReg[] = [rax, rdx, rcx, rdi, r8, r9, r10, r11];
export const floatArguments: readonly PReg[] = [0, 1, 2, 3, 4, 5, 6, 7].map(xmm);

/** Scratch for moves, never allocated. */
export const scratchFloat = xmm(15);

export const allocatableIntMask = 0xffff & ~(1 << rsp) & ~(1 << contextRegister);
export const allocatableFloatMask = 0x7fff;

const intNames = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];

export const registerFile: RegisterFile = {
  allocatableInt: allocatableIntMask,
  allocatableFloat: allocatableFloatMask,
  orderInt: [rcx, rdx, rdi, rax, rsi, rbx, rbp, r8, r9, r10, r11, r12, r13, r14],
  orderFloat: Array.from({ length: 15 }, (_, i) => xmm(i)),
  scratch: scratchFloat,
  name: (r) => (r >= floatFile ? `xmm${r - floatFile}` : (intNames[r] ?? `r${r}`)),
};
