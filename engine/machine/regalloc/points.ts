/**
 * Program points of the full allocator, four per instruction i:
 *
 * - 4i: the gap before it. Moves in the gap read here, all at once.
 * - 4i + 1: early. The gap's moves have been written; early uses are read, early definitions written.
 * - 4i + 2: late. Clobbers strike, late definitions are written.
 * - 4i + 3: after it.
 *
 * Live ranges are half-open. A value may change its location at 4i + 1 (by a move in the gap), at the start of a
 * block (by moves on its edges), and, if the new location is the spill slot and that holds the value already, at
 * 4i + 2. An early use ends at 4i + 2, a late one at 4i + 3, and one that is only read by a move in the gap at
 * 4i + 1.
 */
export const gapOf = (instruction: number): number => instruction * 4;
export const earlyOf = (instruction: number): number => instruction * 4 + 1;
export const lateOf = (instruction: number): number => instruction * 4 + 2;
export const afterOf = (instruction: number): number => instruction * 4 + 3;
/** From here on a value defined by the instruction can be elsewhere. */
export const nextEarlyOf = (instruction: number): number => instruction * 4 + 5;
export const instructionAt = (point: number): number => point >> 2;
