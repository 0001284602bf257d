/**
 * Registers of arm64 and their roles in Backplane's own calling convention.
 *
 * Wasm functions call each other with: the callee's instance in `instanceRegister`; integer, reference and
 * address parameters in `intArguments`, float and vector ones in `floatArguments`, each kind in order (the registers
 * of AAPCS64, so that routines of the C library need no moves); what is left over on the stack, 8 bytes each (vectors
 * 16, aligned), lowest address first, at the caller's sp when it executes the call. Results likewise: the same
 * registers in the same order, left-over ones on the stack after the stack arguments. Every register but sp and the
 * context register is destroyed by a call. sp is a multiple of 16 always, as the architecture wants it
 * (SCTLR_EL1.SA0). There is no frame pointer: frames have a fixed size that the unwinder looks up by address.
 *
 * x18 belongs to the platform (Darwin and Windows destroy it at any time). x16 and x17 are the linker's by AAPCS64
 * and the encoder's here: for offsets out of an instruction's reach, thunks, and the way into stubs. x30 holds the
 * return address, in functions without a frame from beginning to end.
 */
import { floatFile, type PReg, type RegisterFile } from "../../machine/vcode.js";

export const x0 = 0;
export const x1 = 1;
export const x2 = 2;
export const x3 = 3;
export const x4 = 4;
export const x5 = 5;
export const x6 = 6;
export const x7 = 7;
export const x8 = 8;
export const x9 = 9;
export const x10 = 10;
export const x11 = 11;
export const x12 = 12;
export const x13 = 13;
export const x14 = 14;
export const x15 = 15;
export const x16 = 16;
export const x17 = 17;
export const x18 = 18;
export const x19 = 19;
export const x20 = 20;
export const x21 = 21;
export const x22 = 22;
export const x23 = 23;
export const x24 = 24;
export const x25 = 25;
export const x26 = 26;
export const x27 = 27;
export const x28 = 28;
export const x29 = 29;
export const x30 = 30;
/** Number 31 is the stack pointer or the zero register, by the instruction. */
export const sp = 31;
export const zr = 31;
export const v = (n: number): PReg => floatFile + n;

/** Holds the execution context's address while Wasm code runs. Never allocated. */
export const contextRegister = x28;
export const instanceRegister = x8;
/** Holds the code address of an indirect call. */
export const calleeRegister = x9;
export const linkRegister = x30;
export const intArguments: readonly PReg[] = [x0, x1, x2, x3, x4, x5, x6, x7];
export const floatArguments: readonly PReg[] = [0, 1, 2, 3, 4, 5, 6, 7].map(v);

/** The encoder's own; never allocated. */
export const scratchInt = x16;
export const secondScratchInt = x17;
/** Scratch for moves, never allocated. */
export const scratchFloat = v(31);

const reserved = [scratchInt, secondScratchInt, x18, contextRegister, linkRegister, sp];

/** All that may be allocated; every other register of the file is as good as the next, so the order is that of the numbers. */
const intOrder = Array.from({ length: 32 }, (_, r) => r).filter((r) => !reserved.includes(r));
const floatOrder = Array.from({ length: 31 }, (_, n) => v(n));

export const allocatableIntMask = intOrder.reduce((mask, r) => mask | (1 << r), 0);
export const allocatableFloatMask = 0x7fffffff;

export const registerFile: RegisterFile = {
  allocatableInt: allocatableIntMask,
  allocatableFloat: allocatableFloatMask,
  orderInt: intOrder,
  orderFloat: floatOrder,
  scratch: scratchFloat,
  name: (r) => (r >= floatFile ? `v${r - floatFile}` : r === sp ? "sp" : `x${r}`),
};
