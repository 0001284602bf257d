/**
 * SSA -> virtual code of amd64. Enters: a verified function and the order to lay its reachable blocks out in, the
 * entry first. Leaves: virtual code that satisfies what vcode.ts demands. See machine/lower for the method.
 */
import { planBlocks } from "../../../machine/lower/plan-blocks.js";
import { type LoweringRules, lowerBlocks, type RowLowering, RowTable } from "../../../machine/lower/walk.js";
import type { LowerOptions } from "../../../machine/target.js";
import { InstructionFlag } from "../../../machine/vcode.js";
import type { SsaFunction } from "../../../ssa/function.js";
import { Op } from "../../../ssa/ops.js";
import { Amd64, instructionFlags, RowFlag } from "../instructions.js";
import { registerFile } from "../registers.js";
import type { Amd64VCode } from "../virtual-code.js";
import {
  calls,
  lowerBuiltin,
  lowerCall,
  lowerCallPointer,
  lowerInterrupt,
  lowerJumpTable,
  lowerTrap,
} from "./call.js";
import { lowerBranch, lowerBranchIfZero, lowerComparison, lowerSelect, lowerTrapIf } from "./compare.js";
import * as convert from "./convert.js";
import { lowerDivision } from "./division.js";
import * as float from "./float.js";
import * as integer from "./integer.js";
import { Lowering } from "./lowering.js";
import * as memory from "./memory.js";
import { lowerRotate, lowerShift } from "./shift.js";
import * as vector from "./vector.js";
import * as vectorConvert from "./vector-convert.js";
import * as lanes from "./vector-lanes.js";
import { lowerShiftLanes } from "./vector-shift.js";
import { lowerShuffle, lowerSwizzle } from "./vector-shuffle.js";

function rowTable(): readonly RowLowering<Lowering>[] {
  const { rows, set } = new RowTable<Lowering>();
  set(memory.lowerContext, Op.ctx);
  set(integer.lowerAdd, Op.add);
  set(integer.lowerSub, Op.sub);
  set(integer.lowerMul, Op.mul);
  set(lowerDivision, Op.sdiv, Op.udiv, Op.srem, Op.urem);
  set(integer.lowerAnd, Op.and);
  set(integer.lowerOr, Op.or);
  set(integer.lowerXor, Op.xor);
  set(lowerShift, Op.shl, Op.sshr, Op.ushr);
  set(lowerRotate, Op.rotl, Op.rotr);
  set(integer.lowerClz, Op.clz);
  set(integer.lowerCtz, Op.ctz);
  set(integer.lowerPopcnt, Op.popcnt);
  set(integer.lowerExtend, Op.sext8, Op.sext16, Op.sext32);
  set(lowerComparison, Op.eqz, Op.eq, Op.ne, Op.slt, Op.sle, Op.sgt, Op.sge, Op.ult, Op.ule, Op.ugt, Op.uge);
  set(lowerComparison, Op.feq, Op.fne, Op.flt, Op.fle, Op.fgt, Op.fge);
  set(float.lowerFloatBinary, Op.fadd, Op.fsub, Op.fmul, Op.fdiv);
  set(float.lowerFloatMinMax, Op.fmin, Op.fmax);
  set(float.lowerCopysign, Op.fcopysign);
  set(float.lowerFloatSign, Op.fabs, Op.fneg);
  set(float.lowerSqrt, Op.fsqrt);
  set(float.lowerRound, Op.fceil, Op.ffloor, Op.ftrunc, Op.fnearest);
  set(integer.lowerWrap, Op.wrap);
  set(integer.lowerSext, Op.sext);
  set(integer.lowerCopyInt, Op.zext);
  set(convert.lowerFloatToInt, Op.ftosi, Op.ftoui);
  set(convert.lowerFloatToIntSaturating, Op.ftosisat, Op.ftouisat);
  set(convert.lowerSignedToFloat, Op.sitof);
  set(convert.lowerUnsignedToFloat, Op.uitof);
  set(convert.lowerPromote, Op.promote);
  set(convert.lowerDemote, Op.demote);
  set(convert.lowerBitcast, Op.bitcast);
  set(lowerSelect, Op.select);
  set(memory.lowerLoad, Op.load, Op.load8u, Op.load8s, Op.load16u, Op.load16s, Op.load32u, Op.load32s);
  set(memory.lowerStore, Op.store, Op.store8, Op.store16, Op.store32);
  set(memory.lowerCheck, Op.check);
  set(memory.lowerPeek, Op.peek, Op.peek32);
  set(memory.lowerPoke, Op.poke);
  set(integer.lowerOffset, Op.offset);
  set(integer.lowerElement, Op.element);
  set(memory.lowerSlotLoad, Op.slotload);
  set(memory.lowerSlotStore, Op.slotstore);
  set(lowerTrapIf, Op.trapif);
  set(memory.lowerSignature, Op.signature);
  set(lowerInterrupt, Op.interrupt);
  set(lowerCall, Op.call);
  set(lowerCallPointer, Op.callptr);
  set(lowerBuiltin, Op.builtin);
  setVectors(set);
  return rows;
}

function setVectors(set: RowTable<Lowering>["set"]): void {
  set(lanes.lowerSplat, Op.vsplat);
  set(lanes.lowerScalar, Op.vscalar);
  set(lanes.lowerExtract, Op.vextracts, Op.vextractu);
  set(lanes.lowerReplace, Op.vreplace);
  set(lowerShuffle, Op.vshuffle);
  set(lowerSwizzle, Op.vswizzle);
  set(vector.lowerBits, Op.vand, Op.vor, Op.vxor);
  set(vector.lowerAndNot, Op.vandnot);
  set(vector.lowerNot, Op.vnot);
  set(vector.lowerBitselect, Op.vbitselect);
  set(
    vector.lowerLanes,
    Op.vadd,
    Op.vsub,
    Op.vmul,
    Op.vdiv,
    Op.vaddsats,
    Op.vaddsatu,
    Op.vsubsats,
    Op.vsubsatu,
  );
  set(vector.lowerLanes, Op.vmins, Op.vminu, Op.vmaxs, Op.vmaxu, Op.vavgru, Op.vdots);
  set(vector.lowerQ15, Op.vq15mulrsats);
  set(vector.lowerFloatMinMaxLanes, Op.vmin, Op.vmax);
  set(vector.lowerPseudoMinMax, Op.vpmin, Op.vpmax);
  set(vector.lowerCompareLanes, Op.veq, Op.vne, Op.vgt, Op.vgtu, Op.vge, Op.vgeu);
  set(vector.lowerSign, Op.vabs, Op.vneg);
  set(vector.lowerSqrtLanes, Op.vsqrt);
  set(vector.lowerRoundLanes, Op.vceil, Op.vfloor, Op.vtrunc, Op.vnearest);
  set(vector.lowerPopcntLanes, Op.vpopcnt);
  set(lowerShiftLanes, Op.vshl, Op.vshrs, Op.vshru);
  set(lowerComparison, Op.vanytrue, Op.valltrue);
  set(lanes.lowerBitmask, Op.vbitmask);
  set(vectorConvert.lowerNarrow, Op.vnarrows, Op.vnarrowu);
  set(vectorConvert.lowerExtendLow, Op.vextlows, Op.vextlowu);
  set(vectorConvert.lowerExtendHigh, Op.vexthighs, Op.vexthighu);
  set(vectorConvert.lowerExtendAdd, Op.vextadds, Op.vextaddu);
  set(vectorConvert.lowerExtendMul, Op.vextmullows, Op.vextmullowu, Op.vextmulhighs, Op.vextmulhighu);
  set(vectorConvert.lowerIntegersToFloats, Op.vsitof, Op.vuitof);
  set(vectorConvert.lowerFloatsToIntegers, Op.vftosisat, Op.vftouisat);
  set(vectorConvert.lowerDemoteLanes, Op.vdemote);
  set(vectorConvert.lowerPromoteLanes, Op.vpromote);
}

const rules: LoweringRules<Lowering> = {
  rows: rowTable(),
  control: {
    jump: (c) => c.emit(Amd64.jmp, 0, 0, 0, InstructionFlag.terminator),
    branch: lowerBranch,
    branchIfZero: lowerBranchIfZero,
    table: lowerJumpTable,
    return: (c, v) => calls.return(c, v),
    trap: lowerTrap,
  },
  parameters: (c) => calls.parameters(c),
  isCall: (opcode) => (instructionFlags[opcode]! & RowFlag.call) !== 0,
  registers: registerFile,
};

export function lower(func: SsaFunction, blockOrder: Int32Array, options: LowerOptions): Amd64VCode {
  const plan = planBlocks(func, blockOrder);
  return lowerBlocks(new Lowering(func, options, plan), plan, rules);
}
