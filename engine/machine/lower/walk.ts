/**
 * The walk of lowering over a function's blocks: which rows are emitted, in which order, and how the roots become
 * virtual code. Enters: a verified function and the order to lay its reachable blocks out in, the entry first. Leaves:
 * virtual code that satisfies what vcode.ts demands. See lowering-state.ts for the method.
 */
import { Op, OpFlag, opFlags, opNames } from "../../ssa/ops.js";
import { floatFile, operandDef, operandPayload, type RegisterFile, type VCode, type VReg } from "../vcode.js";
import { ControlLowering, type ControlRules } from "./control.js";
import type { LoweringState } from "./lowering-state.js";
import { assignSlots } from "./matching.js";
import type { BlockPlan } from "./plan-blocks.js";

export type RowLowering<L extends LoweringState> = (c: L, v: number) => void;

export interface LoweringRules<L extends LoweringState> {
  /** How rows are lowered, by op; see `RowTable`. */
  readonly rows: readonly RowLowering<L>[];
  readonly control: ControlRules<L>;
  /** Defines the function's parameters. */
  parameters(c: L): void;
  /** Whether an opcode is a call, which destroys all registers of the file but its results. */
  isCall(opcode: number): boolean;
  readonly registers: RegisterFile;
}

/** Makes the table `LoweringRules.rows`. What nothing was set for can't be lowered. */
export class RowTable<L extends LoweringState> {
  readonly rows: RowLowering<L>[] = opNames.map((name) => (c) => c.bug(`op ${name} can't be lowered`));

  constructor() {
    this.set(() => {}, Op.nop, Op.const, Op.proj);
  }

  readonly set = (lowering: RowLowering<L>, ...ops: Op[]): void => {
    for (const op of ops) this.rows[op] = lowering;
  };
}

/** Lowers the function that `c` and `plan` were made for; gives `c.code`, complete. */
export function lowerBlocks<L extends LoweringState>(
  c: L,
  plan: BlockPlan,
  rules: LoweringRules<L>,
): L["code"] {
  const { func } = c;
  c.slots = assignSlots(c);
  findNextValues(c, plan);
  const count = plan.order.length;
  const control = new ControlLowering(c, plan, rules.control);
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
      c.startBlock(-1);
      control.edgeBlock(place, e);
      rootsTo[place] = c.rootStart.count;
      c.finishConstants(place, rootsFrom[place]!);
    }
    const place = plan.placeOf[b]!;
    rootsFrom[place] = c.rootStart.count;
    lowerBlock(c, rules, control, place, b);
    rootsTo[place] = c.rootStart.count;
    c.finishConstants(place, rootsFrom[place]!);
  }
  c.rootStart.push(c.opcode.count);
  return assemble(c, plan, rules, control, rootsFrom, rootsTo);
}

/** Notes what goes back to loop headers, for `Lowering.nextOf`. */
function findNextValues(c: LoweringState, plan: BlockPlan): void {
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
function findBarriers(c: LoweringState, b: number): void {
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

function lowerBlock<L extends LoweringState>(
  c: L,
  rules: LoweringRules<L>,
  control: ControlLowering<L>,
  place: number,
  b: number,
): void {
  const { previous } = c.func;
  const lowerings = rules.rows;
  findBarriers(c, b);
  c.startBlock(b);
  let v = c.func.lastRow[b]!;
  c.startRoot(v);
  control.terminator(place, v);
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
    rules.parameters(c);
  }
}

/** Whether a row has to be there although its value isn't wanted. */
function mustEmit(c: LoweringState, v: number): boolean {
  const op = c.op[v]!;
  const flags = opFlags[op]!;
  if (flags & OpFlag.effect) return true;
  if ((flags & OpFlag.trap) === 0) return false;
  return c.options.guardPages || op < Op.load || op > Op.load32s;
}

// ---------------------------------------------------------------- assembly

/** Copies the roots out in order. */
function assemble<L extends LoweringState>(
  c: L,
  plan: BlockPlan,
  rules: LoweringRules<L>,
  control: ControlLowering<L>,
  rootsFrom: Int32Array,
  rootsTo: Int32Array,
): L["code"] {
  const { successors } = control;
  const { code, rootStart, rootConstant, constantNext, constantInstruction } = c;
  c.operandStart.push(c.operandVReg.count);
  for (let place = 0; place < plan.order.length; place++) {
    code.startBlock(plan.depth[place]!, plan.cold[place] === 1, plan.header[place]!);
    const b = plan.order[place]!;
    if (b > 0) addParams(c, b, place);
    for (let root = rootsTo[place]! - 1; root >= rootsFrom[place]!; root--) {
      for (let k = rootConstant.get(root); k !== -1; k = constantNext.get(k))
        copy(c, rules, constantInstruction.get(k));
      const end = rootStart.get(root + 1);
      for (let n = rootStart.get(root); n < end; n++) copy(c, rules, n);
    }
    code.finishBlock();
    code.successors[place] = successors.targets[place]!;
    code.successorArgs[place] = successors.args[place]!;
  }
  findPredecessors(code);
  return code;
}

/** Each block's predecessors, every one once even if several entries of a branch table lead on to it. */
function findPredecessors(code: VCode): void {
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

function addParams(c: LoweringState, b: number, place: number): void {
  const params = c.func.params[b]!;
  const list = c.code.blockParams[place]!;
  for (let k = 0; k < params.length; k++) {
    if (c.uses[params[k]!] !== 0) list.push(c.defined(params[k]!));
  }
}

function copy<L extends LoweringState>(c: L, rules: LoweringRules<L>, n: number): void {
  const { code, operandVReg, operandWord } = c;
  const opcode = c.opcode.get(n);
  code.instruction(opcode, c.flags.get(n), c.imm0.get(n), c.imm1.get(n), c.imm2.get(n), c.source.get(n));
  let definedInt = 0;
  let definedFloat = 0;
  const end = c.operandStart.get(n + 1);
  const isCall = rules.isCall(opcode);
  for (let o = c.operandStart.get(n); o < end; o++) {
    const word = operandWord.get(o);
    code.operand(operandVReg.get(o) as VReg, word);
    if (!isCall || (word & operandDef) === 0) continue;
    const register = operandPayload(word);
    if (register >= floatFile) definedFloat |= 1 << (register - floatFile);
    else definedInt |= 1 << register;
  }
  if (isCall)
    code.clobber(
      rules.registers.allocatableInt & ~definedInt,
      rules.registers.allocatableFloat & ~definedFloat,
    );
}
