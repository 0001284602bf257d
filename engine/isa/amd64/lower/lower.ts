/**
 * SSA -> virtual code of amd64. Enters: a verified function and the order to lay its reachable blocks out in, the
 * entry first. Leaves: virtual code that satisfies what vcode.ts demands. See lowering.ts for the method.
 */
import type { LowerOptions } from "../../../machine/target.js";
import { floatFile, operandDef, operandPayload, type VReg } from "../../../machine/vcode.js";
import type { SsaFunction } from "../../../ssa/function.js";
import { Op, OpFlag, opFlags, opNames } from "../../../ssa/ops.js";
import { instructionFlags, RowFlag } from "../instructions.js";
import { allocatableFloatMask, allocatableIntMask } from "../registers.js";
import type { Amd64VCode } from "../virtual-code.js";
import { lowerBuiltin, lowerCall, lowerCallPointer, lowerInterrupt, lowerParameters } from "./call.js";
import { lowerComparison, lowerSelect, lowerTrapIf } from "./compare.js";
import { lowerEdgeBlock, lowerTerminator, Successors } from "./control.js";
import * as convert from "./convert.js";
import { lowerDivision } from "./division.js";
import * as float from "./float.js";
import * as integer from "./integer.js";
import { Lowering } from "./lowering.js";
import * as memory from "./memory.js";
import { type BlockPlan, planBlocks } from "./plan-blocks.js";
import { lowerRotate, lowerShift } from "./shift.js";
import * as vector from "./vector.js";
import * as vectorConvert from "./vector-convert.js";
import * as lanes from "./vector-lanes.js";
import { lowerShiftLanes } from "./vector-shift.js";
import { lowerShuffle, lowerSwizzle } from "./vector-shuffle.js";

type RowLowering = (c: Lowering, v: number) => void;

function rowLowerings(): RowLowering[] {
  const table: RowLowering[] = opNames.map((name) => (c) => c.bug(`op ${name} can't be lowered`));
  const set = (lowering: RowLowering, ...ops: Op[]): void => {
    for (const op of ops) table[op] = lowering;
  };
  set(() => {}, Op.nop, Op.const, Op.proj);
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
  return table;
}

function setVectors(set: (lowering: RowLowering, ...ops: Op[]) => void): void {
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
const lowerings = rowLowerings();

export function lower(func: SsaFunction, blockOrder: Int32Array, options: LowerOptions): Amd64VCode {
  const plan = planBlocks(func, blockOrder);
  const c = new Lowering(func, options, plan.loops.loopOf);
  c.slots = memory.assignSlots(c);
  findNextValues(c, plan);
  const count = plan.order.length;
  const successors = new Successors(count);
  // First and end of each block's roots.
  const rootsFrom = new Int32Array(count);
  const rootsTo = new Int32Array(count);
  for (let n = 0; n < plan.postorder.length; n++) {
    const b = plan.postorder[n]!;
    const edges = func.successorCount(b as never);
    for (let k = 0; k < edges; k++) {
      const e = func.successorEdge(b as never, k);
      if (plan.isSplit[e] === 0) continue;
      const place = plan.leadsTo[e]!;
      rootsFrom[place] = c.rootStart.count;
      lowerEdgeBlock(c, plan, successors, place, e);
      rootsTo[place] = c.rootStart.count;
      c.finishConstants();
    }
    const place = plan.placeOf[b]!;
    rootsFrom[place] = c.rootStart.count;
    lowerBlock(c, plan, successors, place, b);
    rootsTo[place] = c.rootStart.count;
    c.finishConstants();
  }
  c.rootStart.push(c.opcode.count);
  return assemble(c, plan, successors, rootsFrom, rootsTo);
}

/** Notes what goes back to loop headers, for `Lowering.nextOf`. */
function findNextValues(c: Lowering, plan: BlockPlan): void {
  const { func } = c;
  const { headers } = plan.loops;
  const isHeader = new Uint8Array(func.blockCount);
  for (let k = 0; k < headers.length; k++) isHeader[headers[k]!] = 1;
  for (let e = 0; e < func.edgeCount; e++) {
    const target = func.edgeTarget[e]!;
    if (isHeader[target] === 0 || plan.placeOf[target]! > plan.placeOf[func.edgeSource[e]!]!) continue;
    const params = func.params[target]!;
    const start = func.edgeArgsStart[e]!;
    for (let k = 0; k < params.length; k++) c.nextOf[func.pool[start + k]!] = params[k]!;
  }
}

// ---------------------------------------------------------------- blocks

/** Numbers the rows of a block by what loads may not be moved across. */
function findBarriers(c: Lowering, b: number): void {
  const { next } = c.func;
  let barriers = 0;
  let calls = 0;
  for (let v = c.func.firstRow[b]!; v !== -1; v = next[v]!) {
    const op = c.op[v]!;
    const flags = opFlags[op]!;
    c.barriers[v] = barriers;
    c.calls[v] = calls;
    if (flags & OpFlag.call) calls++;
    if (op === Op.proj || op === Op.check || (op >= Op.load && op <= Op.load32s)) continue;
    if (flags & (OpFlag.effect | OpFlag.trap)) barriers++;
  }
}

function lowerBlock(c: Lowering, plan: BlockPlan, successors: Successors, place: number, b: number): void {
  const { previous } = c.func;
  findBarriers(c, b);
  c.block = b;
  let v = c.func.lastRow[b]!;
  c.startRoot(v);
  lowerTerminator(c, plan, successors, place, v);
  for (v = previous[v]!; v !== -1; v = previous[v]!) {
    if (c.folded[v] === 1) continue;
    if (c.vregOf[v] === -1 && !mustEmit(c, v)) continue;
    const op = c.op[v]!;
    if (op === Op.proj || op === Op.const) continue;
    c.startRoot(v);
    if (opFlags[op]! & OpFlag.call) c.separateConstants();
    lowerings[op]!(c, v);
  }
  if (b === 0) {
    c.startFreeRoot();
    lowerParameters(c);
  }
}

/** Whether a row has to be there although its value isn't wanted. */
function mustEmit(c: Lowering, v: number): boolean {
  const op = c.op[v]!;
  const flags = opFlags[op]!;
  if (flags & OpFlag.effect) return true;
  if ((flags & OpFlag.trap) === 0) return false;
  return c.options.guardPages || op < Op.load || op > Op.load32s;
}

// ---------------------------------------------------------------- assembly

/** Copies the roots out in order. */
function assemble(
  c: Lowering,
  plan: BlockPlan,
  successors: Successors,
  rootsFrom: Int32Array,
  rootsTo: Int32Array,
): Amd64VCode {
  const { code, rootStart, rootConstant, constantNext, constantInstruction } = c;
  c.operandStart.push(c.operandVReg.count);
  for (let place = 0; place < plan.order.length; place++) {
    code.startBlock(plan.depth[place]!, plan.cold[place] === 1, plan.header[place]!);
    const b = plan.order[place]!;
    if (b > 0) addParams(c, b, place);
    for (let root = rootsTo[place]! - 1; root >= rootsFrom[place]!; root--) {
      for (let k = rootConstant.get(root); k !== -1; k = constantNext.get(k))
        copy(c, constantInstruction.get(k));
      const end = rootStart.get(root + 1);
      for (let n = rootStart.get(root); n < end; n++) copy(c, n);
    }
    code.finishBlock();
    code.successors[place] = successors.targets[place]!;
    code.successorArgs[place] = successors.args[place]!;
  }
  findPredecessors(code);
  return code;
}

/** Each block's predecessors, every one once even if several entries of a branch table lead on to it. */
function findPredecessors(code: Amd64VCode): void {
  const lastSource = new Int32Array(code.blockCount).fill(-1);
  for (let b = 0; b < code.blockCount; b++) {
    const targets = code.successors[b]!;
    for (let k = 0; k < targets.length; k++) {
      const target = targets[k]!;
      if (lastSource[target] === b) continue;
      lastSource[target] = b;
      code.predecessors[target]!.push(b);
    }
  }
}

function addParams(c: Lowering, b: number, place: number): void {
  const params = c.func.params[b]!;
  const list = c.code.blockParams[place]!;
  for (let k = 0; k < params.length; k++) {
    if (c.uses[params[k]!] !== 0) list.push(c.defined(params[k]!));
  }
}

function copy(c: Lowering, n: number): void {
  const { code, operandVReg, operandWord } = c;
  const opcode = c.opcode.get(n);
  code.instruction(opcode, c.flags.get(n), c.imm0.get(n), c.imm1.get(n), c.imm2.get(n), c.source.get(n));
  let definedInt = 0;
  let definedFloat = 0;
  const end = c.operandStart.get(n + 1);
  const isCall = (instructionFlags[opcode]! & RowFlag.call) !== 0;
  for (let o = c.operandStart.get(n); o < end; o++) {
    const word = operandWord.get(o);
    code.operand(operandVReg.get(o) as VReg, word);
    if (!isCall || (word & operandDef) === 0) continue;
    const register = operandPayload(word);
    if (register >= floatFile) definedFloat |= 1 << (register - floatFile);
    else definedInt |= 1 << register;
  }
  if (isCall) code.clobber(allocatableIntMask & ~definedInt, allocatableFloatMask & ~definedFloat);
}
