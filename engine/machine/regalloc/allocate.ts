/** Full allocation. */
import type { Allocation, RegisterFile, VCode } from "../vcode.js";
import { allocateFast } from "./allocate-fast.js";

export function allocateFull(code: VCode, registers: RegisterFile): Allocation {
  return allocateFast(code, registers);
}
