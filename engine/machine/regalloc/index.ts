/** Register allocation: virtual code in, locations of operands and moves between instructions out. */
import { debugOptions } from "../../debug.js";
import type { Allocation, RegisterFile, VCode } from "../vcode.js";
import { allocateFull } from "./allocate.js";
import { allocateFast } from "./allocate-fast.js";
import { checkAllocation } from "./check.js";

export { allocateFull, tryAllocateFull } from "./allocate.js";
export { allocateFast } from "./allocate-fast.js";
export { checkAllocation } from "./check.js";

/**
 * Allocates registers and spill slots.
 *
 * @param level `quick`: one walk, values stay in registers within a block; `full`: live ranges are split and
 *   assigned by weight, for code that will run often. Both are deterministic.
 * With `BACKPLANE_VERIFY=1` the result is checked (`check.ts`).
 *
 * @throws EngineBug if the virtual code asks for the impossible (two values fixed to one register)
 */
export function allocate(code: VCode, registers: RegisterFile, level: "quick" | "full"): Allocation {
  const allocation = level === "full" ? allocateFull(code, registers) : allocateFast(code, registers);
  if (debugOptions.verify) checkAllocation(code, allocation, registers);
  return allocation;
}
