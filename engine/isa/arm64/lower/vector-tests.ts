/** Conditions of vectors: any bit set, all lanes set; and the choice between two vectors. */
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { Arm64 } from "../instructions.js";
import type { Lowering } from "./lowering.js";

export const isVectorTest = (op: Op): boolean => op === Op.vanytrue || op === Op.valltrue;

export function emitVectorTest(c: Lowering, v: number): void {
  c.bug(`vector test ${v}`);
}

export function selectVector(c: Lowering, to: VReg, taken: VReg, kept: VReg): void {
  c.bug(`select ${to} ${taken} ${kept} ${Arm64.jmp}`);
}
