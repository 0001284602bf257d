/** Which rows with the `trap` flag can really trap, seen from their operands. */
import type { SsaFunction, Value } from "./function.js";
import { Op, OpFlag, opFlags, Type } from "./ops.js";

/** Whether executing a row may trap. Divisions by a constant that is neither 0 nor (if signed) -1 can't. */
export function canTrap(func: SsaFunction, v: Value): boolean {
  const op = func.op[v]!;
  if ((opFlags[op]! & OpFlag.trap) === 0) return false;
  if (op !== Op.sdiv && op !== Op.udiv && op !== Op.srem && op !== Op.urem) return true;
  const divisor = func.a1[v]!;
  if (func.op[divisor] !== Op.const) return true;
  const lo = func.lo[divisor]!;
  const hi = func.type[divisor] === Type.i32 ? lo : func.hi[divisor]!;
  if (lo === 0 && hi === 0) return true;
  return op === Op.sdiv && lo === -1 && hi === -1;
}

/** Whether a row only computes: same operands, same value, nothing else happens, at whatever place it stands. */
export function isPure(func: SsaFunction, v: Value): boolean {
  const flags = opFlags[func.op[v]!]!;
  if ((flags & (OpFlag.effect | OpFlag.read | OpFlag.terminator)) !== 0) return false;
  return (flags & OpFlag.trap) === 0 || !canTrap(func, v);
}
