/** Register allocation: virtual code in, locations of operands and moves between instructions out. */
import type { Allocation, RegisterFile, VCode } from "../vcode.js";
import { allocateFast } from "./allocate-fast.js";
import { allocateFull } from "./allocate.js";

export { allocateFast } from "./allocate-fast.js";
export { allocateFull, tryAllocateFull } from "./allocate.js";
export { checkAllocation } from "./check.js";

/**
 * Allocates registers and spill slots.
 *
 * @param level `quick`: one walk, values stay in registers within a block; `full`: live ranges are split and
 *   assigned by weight, for code that will run often. Both are deterministic.
 * @throws EngineBug if the virtual code asks for the impossible (two values fixed to one register)
 */
export function allocate(code: VCode, registers: RegisterFile, level: "quick" | "full"): Allocation {
  return level === "full" ? allocateFull(code, registers) : allocateFast(code, registers);
}
