/**
 * A routine that calls C functions one after the other, without a return to JavaScript in between. AAPCS64's convention;
 * Apple's, "Writing ARM64 code for Apple platforms", has the same registers for such calls.
 */
import { RoutineEncoder } from "./routine-encoder.js";

const link = 30;

/** Of `calls`: a function's address and three arguments, 8 bytes each. */
export function callSequence(calls: bigint, count: number): Uint8Array {
  const e = new RoutineEncoder("calls");
  e.push(link);
  for (let k = 0; k < count; k++) {
    e.immediate(16, calls + BigInt(32 * k));
    e.load(9, 16, 0);
    for (let n = 0; n < 3; n++) e.load(n, 16, 8 + 8 * n);
    e.callRegister(9);
  }
  e.pop(link);
  e.return();
  return e.finished();
}
