/**
 * How long the quick allocator has to keep each value: to an instruction of its block, or beyond the block.
 */
import { operandDef, type VCode } from "../vcode.js";
import { type Definitions, movesAreAtTarget } from "./liveness.js";

export const none = -1;
/** As a last use: other blocks use the value. */
export const everywhere = 0x7fffffff;

export interface LastUses {
  /** By value: the last instruction of its block that uses it; `everywhere` if other blocks do; none if nobody does. */
  readonly lastUse: Int32Array;
  /** By block that makes the moves into its parameters itself: which of its predecessor's successors it is. */
  readonly argsOf: Int32Array;
}

export function findLastUses(code: VCode, definitions: Definitions): LastUses {
  const lastUse = new Int32Array(code.vregCount).fill(none);
  const argsOf = new Int32Array(code.blockCount);
  const defBlock = definitions.block;
  const { operandVReg, operandWord, operandStart, blockStart } = code;
  for (let b = 0; b < code.blockCount; b++) {
    for (let i = blockStart[b]; i < blockStart[b + 1]; i++) {
      for (let o = operandStart[i]; o < operandStart[i + 1]; o++) {
        if (operandWord[o] & operandDef) continue;
        const v = operandVReg[o];
        if (defBlock[v] !== b) lastUse[v] = everywhere;
        else if (i > lastUse[v]) lastUse[v] = i;
      }
    }
    const successors = code.successors[b];
    for (let s = 0; s < successors.length; s++) {
      const args = code.successorArgs[b][s];
      const atTarget = movesAreAtTarget(code, successors[s]);
      if (atTarget) argsOf[successors[s]] = s;
      for (let k = 0; k < args.length; k++) {
        const v = args[k];
        if (atTarget || defBlock[v] !== b) lastUse[v] = everywhere;
        // Past the terminator, whose own operands are done with before.
        else if (lastUse[v] !== everywhere) lastUse[v] = blockStart[b + 1];
      }
    }
  }
  // Parameters arrive in their home slot, unless the moves are made in their own block.
  for (let b = 0; b < code.blockCount; b++) {
    if (movesAreAtTarget(code, b)) continue;
    const params = code.blockParams[b];
    for (let k = 0; k < params.length; k++) if (lastUse[params[k]] !== none) lastUse[params[k]] = everywhere;
  }
  return { lastUse, argsOf };
}

/** By value: 1 if it needs a home, being used in other blocks and no constant. */
export function findOutliving(code: VCode, lastUse: Int32Array): Uint8Array {
  const result = new Uint8Array(code.vregCount);
  for (let v = 0; v < result.length; v++) {
    if (lastUse[v] === everywhere && !code.vregRematerializable[v]) result[v] = 1;
  }
  return result;
}
