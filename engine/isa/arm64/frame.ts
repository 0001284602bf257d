/**
 * The frame of a function: its size, where slots lie, and whether its prologue checks the stack.
 *
 * From sp upwards: outgoing stack arguments and results; the return address, in functions that call; 8-byte slots
 * (lowering's reserved ones first), from a multiple of 16 on where vectors are among them; padding to a multiple of 16;
 * incoming stack arguments.
 *
 * A function that calls nothing keeps its return address in x30, and has a frame only for slots.
 */
import { type Allocation, RegisterClass, type VCode } from "../../machine/vcode.js";
import { instructionFlags, RowFlag } from "./instructions.js";

/**
 * Frames up to here compare sp itself with the limit instead of sp minus frame, and frames of functions that call
 * nothing aren't checked at all up to `leafAllowance`.
 *
 * Why that is safe: sp >= limit held at the entry of the last function that checked. Below it lie at most its own
 * frame (smallFrame), one unchecked leaf (leafAllowance; a leaf calls nothing but stubs), and one stub's saved registers
 * (32 of 8 and 32 of 16 bytes, the flags) or the C library's memmove: under 4 KiB of the 16 KiB that the limit leaves.
 * The other 12 KiB and AT_MINSIGSTKSZ are for signal handlers.
 */
const smallFrame = 2048;
const leafAllowance = 1024;

export type StackCheck = "none" | "sp" | "frame";

export interface Frame {
  /** Bytes between sp in the body and sp at the entry; a multiple of 16. */
  readonly size: number;
  /** Offset of the return address from sp; -1: in x30. */
  readonly returnOffset: number;
  /** Offset of slot 0 from sp. */
  readonly slots: number;
  readonly check: StackCheck;
}

function hasCalls(code: VCode): boolean {
  for (let i = 0; i < code.instructionCount; i++) {
    if (instructionFlags[code.opcode[i]!]! & RowFlag.call) return true;
  }
  return false;
}

function hasVectors(code: VCode): boolean {
  for (let v = 0; v < code.vregCount; v++) if (code.vregClass[v] === RegisterClass.vector) return true;
  return false;
}

export function layOutFrame(code: VCode, allocation: Allocation): Frame {
  const calls = hasCalls(code);
  const returnOffset = calls ? (code.outgoingBytes + 15) & ~15 : -1;
  let slots = calls ? returnOffset + 8 : 0;
  if (hasVectors(code)) slots = (slots + 15) & ~15;
  const size = (slots + 8 * allocation.slotCount + 15) & ~15;
  const check = !calls && size <= leafAllowance ? "none" : size <= smallFrame ? "sp" : "frame";
  return { size: allocation.slotCount === 0 && !calls ? 0 : size, returnOffset, slots, check };
}
