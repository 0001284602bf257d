/** A routine that calls C functions one after the other, without a return to JavaScript in between. */
import type { HostConvention } from "./host-convention.js";
import { Amd64 } from "./instructions.js";
import { rax, rsp } from "./registers.js";
import { StubEncoder } from "./stub-encoder.js";

/** Of `calls`: a function's address and three arguments, 8 bytes each. */
export function callSequence(calls: bigint, count: number, host: HostConvention): Uint8Array {
  const e = new StubEncoder();
  // rsp is 8 below a multiple of 16 at entry.
  const space = 8 + host.shadowSpace;
  e.emit(Amd64.sub64_ri, 0, rsp, space);
  for (let k = 0; k < count; k++) {
    const call = calls + BigInt(32 * k);
    e.moveImmediate64(rax, Number(BigInt.asIntN(32, call)), Number(BigInt.asIntN(32, call >> 32n)));
    host.arguments.forEach((r, n) => void e.load(Amd64.mov64_rm, r, rax, 8 + 8 * n));
    e.callThrough(rax, 0);
  }
  e.emit(Amd64.add64_ri, 0, rsp, space);
  e.return();
  return e.finished();
}
