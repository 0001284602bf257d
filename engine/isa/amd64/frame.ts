/**
 * The frame of a function: its size, where slots lie, and whether its prologue checks the stack.
 *
 * From rsp upwards: outgoing stack arguments and results; 8-byte slots (lowering's reserved ones first), starting
 * at a multiple of 16; padding; the return address; incoming stack arguments.
 */
import type { Allocation, VCode } from "../../machine/vcode.js";
import { instructionFlags, RowFlag } from "./instructions.js";

/**
 * Frames up to here compare rsp itself with the limit instead of rsp minus frame, and frames of functions that
 * call nothing aren't checked at all up to `leafAllowance`.
 *
 * Why that is safe: rsp >= limit held at the entry of the last function that checked. Below it lie at most its own
 * frame (smallFrame), one unchecked leaf (leafAllowance; a leaf calls nothing but stubs), their return addresses, and
 * one stub's saved registers (under 512 bytes) or the C library's memmove: under 4 KiB of the 16 KiB that the limit
 * leaves. The other 12 KiB and AT_MINSIGSTKSZ are for signal handlers.
 */
const smallFrame = 2048;
const leafAllowance = 1024;

export type StackCheck = "none" | "rsp" | "frame";

export interface Frame {
  /** Bytes between rsp in the body and the return address. */
  readonly size: number;
  /** Offset of slot 0 from rsp; a multiple of 16. */
  readonly slots: number;
  readonly check: StackCheck;
}

export function layOutFrame(code: VCode, allocation: Allocation): Frame {
  let calls = false;
  for (let i = 0; i < code.instructionCount && !calls; i++) {
    calls = (instructionFlags[code.opcode[i]!]! & RowFlag.call) !== 0;
  }
  const slots = (code.outgoingBytes + 15) & ~15;
  const used = slots + 8 * allocation.slotCount;
  // rsp is 8 below a multiple of 16 at entry; calls and 16-byte slots want it aligned in the body.
  const size = used === 0 && !calls ? 0 : ((used + 15) & ~15) + 8;
  const check = !calls && size <= leafAllowance ? "none" : size <= smallFrame ? "rsp" : "frame";
  return { size, slots, check };
}
