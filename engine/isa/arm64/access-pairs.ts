/**
 * Two accesses to neighbouring addresses as one instruction, ldp or stp.
 *
 * Enters: allocated virtual code, and the number of an access whose successor follows it in its block with nothing in
 * between. Leaves: the operands of the one instruction, if both may be one. What that asks of faults is emit.ts's.
 */
import { firstSlot, type Location, type VCode } from "../../machine/vcode.js";
import { Arm64, addressHasIndex, instructionRows, mayFault } from "./instructions.js";
import type { ProvenAccesses } from "./proven-accesses.js";
import { zr } from "./registers.js";

export interface AccessPair {
  readonly row: number;
  /** The registers at the lower and at the higher address. */
  readonly low: Location;
  readonly high: Location;
  readonly base: Location;
  readonly offset: number;
  /** Whether the second access is the one at the higher address. */
  readonly rises: boolean;
}

/** Pair by the row of one access; 0: there is none, which no pair's number is. */
const pairOf = new Uint16Array(instructionRows.length);
for (const [one, pair] of [
  [Arm64.ldr32, Arm64.ldp32],
  [Arm64.ldr64, Arm64.ldp64],
  [Arm64.ldr_s, Arm64.ldp_s],
  [Arm64.ldr_d, Arm64.ldp_d],
  [Arm64.ldr_q, Arm64.ldp_q],
  [Arm64.str32, Arm64.stp32],
  [Arm64.str32_z, Arm64.stp32],
  [Arm64.str64, Arm64.stp64],
  [Arm64.str64_z, Arm64.stp64],
  [Arm64.str_s, Arm64.stp_s],
  [Arm64.str_d, Arm64.stp_d],
  [Arm64.str_q, Arm64.stp_q],
] as const)
  pairOf[one] = pair;

const loadPairs: ReadonlySet<number> = new Set([
  Arm64.ldp32,
  Arm64.ldp64,
  Arm64.ldp_s,
  Arm64.ldp_d,
  Arm64.ldp_q,
]);

/** Multiples of the size that the instruction's 7 bits hold; displacements below 0 have no key. */
const mostMultiple = 63;

/** Accesses `i` and `i + 1` as one, or undefined. */
export function accessPair(
  code: VCode,
  locations: Int32Array,
  proven: ProvenAccesses,
  i: number,
): AccessPair | undefined {
  const { opcode, imm0, imm1, flags } = code;
  const row = pairOf[opcode[i]!]!;
  if (row === 0 || pairOf[opcode[i + 1]!] !== row) return undefined;
  const size = 2 ** instructionRows[opcode[i]!]!.access;
  const distance = imm0[i + 1]! - imm0[i]!;
  if (Math.abs(distance) !== size || ((flags[i]! ^ flags[i + 1]!) & mayFault) !== 0) return undefined;
  const offset = Math.min(imm0[i]!, imm0[i + 1]!);
  if (offset % size !== 0 || offset > mostMultiple * size) return undefined;
  const key = proven.keyOf(i);
  if (key === -1 || proven.keyOf(i + 1) !== key) return undefined;

  // With an index there is no displacement, so one of them has the address in a register.
  const plain = imm1[i]! & addressHasIndex ? i + 1 : i;
  const base = locations[code.operandStart[plain + 1]! - 1]!;
  const [first, second] = [registerOf(code, locations, i), registerOf(code, locations, i + 1)];
  // Two loads into one register, or the first one into the base, are not what one after the other does.
  if (loadPairs.has(row) && (first === second || first === base)) return undefined;
  if (first >= firstSlot || second >= firstSlot) return undefined;
  const rises = distance > 0;
  return { row, low: rises ? first : second, high: rises ? second : first, base, offset, rises };
}

/** The register of an access; the zero register of a store of zero, which has none. */
function registerOf(code: VCode, locations: Int32Array, i: number): Location {
  const isZero = instructionRows[code.opcode[i]!]!.form.words.length === 0;
  return isZero ? zr : locations[code.operandStart[i]!]!;
}
