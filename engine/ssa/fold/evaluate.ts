/** Evaluates any pure op on constant operands: the one entry to the evaluators. */
import { Op, Type } from "../ops.js";
import { evaluateConversion, evaluateFloat, evaluateFloatCompare } from "./evaluate-float.js";
import { evaluate32, evaluate64, result } from "./evaluate-integer.js";

export { result };

/**
 * Leaves the bits in `result` and answers true, or false if the op isn't foldable: it would trap, its result
 * would be a NaN that the processor chooses, or it is no pure function of its operands. An i32's or f32's `hi`
 * is 0.
 * @param type of the result
 * @param operandType of the first operand
 */
export function evaluate(
  op: Op,
  type: Type,
  operandType: Type,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
): boolean {
  if (op >= Op.add && op <= Op.uge) {
    return operandType === Type.i32 ? evaluate32(op, aLo, bLo) : evaluate64(op, aLo, aHi, bLo, bHi);
  }
  if (op >= Op.fadd && op <= Op.fnearest) return evaluateFloat(op, type, aLo, aHi, bLo, bHi);
  if (op >= Op.feq && op <= Op.fge) return evaluateFloatCompare(op, operandType, aLo, aHi, bLo, bHi);
  if (op >= Op.wrap && op <= Op.bitcast) return evaluateConversion(op, operandType, type, aLo, aHi);
  return false;
}
