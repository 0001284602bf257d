/**
 * Type-checks structured control flow, branches, calls, `drop` and `select`.
 *
 * Enters: the state, its position behind the opcode, and the opcode (0x00 to 0x1c without nop).
 */
import { BodyState, UNKNOWN } from "./body-state.js";
import {
  badBlockType,
  branchArity,
  elseWithoutIf,
  extraOperands,
  illegalOpcode,
  limitExceeded,
  missingElse,
  selectArity,
  selectNeedsType,
  simdDisabled,
  typeMismatch,
  unexpectedEnd,
  unknownIndex,
} from "./errors.js";
import { FunctionFlag } from "./function-facts.js";
import { LIMITS } from "./limits.js";
import { Op } from "./opcodes.js";
import { ValType, valTypeName } from "./types.js";
import { readTable } from "./validate-references.js";

export function validateControl(s: BodyState, opcode: number): void {
  switch (opcode) {
    case Op.end:
      validateEnd(s);
      return;
    case Op.block:
    case Op.loop:
    case Op.if:
      validateBlock(s, opcode);
      return;
    case Op.else:
      validateElse(s);
      return;
    case Op.br:
    case Op.br_if:
      validateBranch(s, opcode);
      return;
    case Op.call:
      validateCall(s);
      return;
    case Op.call_indirect:
      validateCallIndirect(s);
      return;
    case Op.drop:
      s.popAny();
      return;
    case Op.unreachable:
      s.setUnreachable();
      return;
    default:
      validateRare(s, opcode);
  }
}

function validateRare(s: BodyState, opcode: number): void {
  switch (opcode) {
    case Op.return:
      validateReturn(s);
      return;
    case Op.br_table:
      validateBranchTable(s);
      return;
    case Op.select:
      validateSelect(s);
      return;
    case Op.select_t:
      validateTypedSelect(s);
      return;
    default:
      throw illegalOpcode(s.place(s.at), opcode);
  }
}

/** Reads a block type and returns its id in the type pool. */
function readBlockType(s: BodyState): number {
  const { pool, typeCount, simd } = s.context;
  const at = s.position;
  const byte = s.u8("a block type");
  if (byte < 0x80) {
    const id = pool.shorthandId[byte];
    if (id >= 0) {
      if (byte === ValType.v128 && !simd) throw simdDisabled(s.place(at), "a block of type v128");
      return id;
    }
    // The other bytes from 0x40 on are negative numbers.
    if (byte >= 0x40) throw badBlockType(s.place(at), byte);
  }
  s.position = at;
  const index = s.i33();
  if (index < 0) throw badBlockType(s.place(at), byte);
  if (index >= typeCount) throw unknownIndex(s.place(at), "type", index, typeCount);
  return index;
}

function validateBlock(s: BodyState, opcode: number): void {
  const { pool } = s.context;
  const type = readBlockType(s);
  if (opcode === Op.if) {
    s.pop(ValType.i32);
    s.branchCount++;
    s.flags |= FunctionFlag.branches;
  } else if (opcode === Op.loop) {
    s.loopCount++;
    s.flags |= FunctionFlag.loops;
  }
  const params = pool.paramCount[type];
  if (params !== 0) s.popTypes(pool.paramStart[type], params);
  s.pushFrame(opcode, type);
  if (params !== 0) s.pushTypes(pool.paramStart[type], params);
}

/** Pops the results of the innermost block, which must be all that it leaves. */
function popResults(s: BodyState, type: number): void {
  const { pool } = s.context;
  const count = pool.resultCount[type];
  if (count !== 0) s.popTypes(pool.resultStart[type], count);
  if (s.height !== s.base) {
    throw extraOperands(s.place(s.at), "the end of the block", count, count + s.height - s.base);
  }
}

function validateElse(s: BodyState): void {
  const { pool } = s.context;
  const top = s.depth - 1;
  const type = s.frameType[top];
  if (s.frameOpcode[top] !== Op.if) throw elseWithoutIf(s.place(s.at));
  popResults(s, type);
  s.frameOpcode[top] = Op.else;
  s.unreachable = false;
  s.pushTypes(pool.paramStart[type], pool.paramCount[type]);
}

function validateEnd(s: BodyState): void {
  const { pool } = s.context;
  const top = s.depth - 1;
  const type = s.frameType[top];
  popResults(s, type);
  if (s.frameOpcode[top] === Op.if) requireElse(s, type);
  s.popFrame();
  const count = pool.resultCount[type];
  if (count !== 0) s.pushTypes(pool.resultStart[type], count);
}

/** An `if` that has no `else` gives its parameters as results. */
function requireElse(s: BodyState, type: number): void {
  const { pool } = s.context;
  const count = pool.paramCount[type];
  let same = count === pool.resultCount[type];
  for (let i = 0; same && i < count; i++) {
    same = pool.types[pool.paramStart[type] + i] === pool.types[pool.resultStart[type] + i];
  }
  if (!same) throw missingElse(s.place(s.at), pool.formatParams(type), pool.formatResults(type));
}

/** Reads a label and returns its block's place in the control stack. */
function readLabel(s: BodyState): number {
  const label = s.u32("a label");
  if (label >= s.depth) throw unknownIndex(s.place(s.at), "label", label, s.depth);
  return s.depth - 1 - label;
}

function validateBranch(s: BodyState, opcode: number): void {
  const { pool } = s.context;
  const frame = readLabel(s);
  const type = s.frameType[frame];
  const isLoop = s.frameOpcode[frame] === Op.loop;
  const start = isLoop ? pool.paramStart[type] : pool.resultStart[type];
  const count = isLoop ? pool.paramCount[type] : pool.resultCount[type];
  s.branchCount++;
  s.flags |= FunctionFlag.branches;
  if (opcode === Op.br) {
    s.peekTypes(start, count);
    s.setUnreachable();
    return;
  }
  s.pop(ValType.i32);
  if (count === 0) return;
  if (!s.unreachable) {
    s.peekTypes(start, count);
    return;
  }
  // What falls through has the label's types, whatever was unknown before.
  s.popTypes(start, count);
  s.pushTypes(start, count);
}

/**
 * Labels that share a block type are checked once, so that a table costs its entries and not its entries
 * times their operands.
 */
function validateBranchTable(s: BodyState): void {
  const at = s.position;
  const count = s.u32("the number of labels");
  if (count > LIMITS.branchTableEntries) {
    throw limitExceeded(s.place(at), "br_table labels", LIMITS.branchTableEntries, count);
  }
  if (count >= s.end - s.position) throw unexpectedEnd(s.place(s.end), `${count + 1} labels`);
  s.pop(ValType.i32);
  const labelsStart = s.position;
  for (let i = 0; i < count; i++) readLabel(s);
  const arity = labelArity(s, readLabel(s));
  const labelsEnd = s.position;
  s.position = labelsStart;
  s.beginChecks();
  for (let i = 0; i <= count; i++) checkTableLabel(s, i, arity);
  s.position = labelsEnd;
  s.branchCount += count + 1;
  s.flags |= FunctionFlag.branches;
  s.setUnreachable();
}

function labelArity(s: BodyState, frame: number): number {
  const { pool } = s.context;
  const type = s.frameType[frame];
  return s.frameOpcode[frame] === Op.loop ? pool.paramCount[type] : pool.resultCount[type];
}

function checkTableLabel(s: BodyState, label: number, arity: number): void {
  const { pool } = s.context;
  const frame = readLabel(s);
  const type = s.frameType[frame];
  const isLoop = s.frameOpcode[frame] === Op.loop;
  if (!s.firstCheck(type, isLoop)) return;
  const count = labelArity(s, frame);
  if (count !== arity) throw branchArity(s.place(s.at), label, arity, count);
  s.peekTypes(isLoop ? pool.paramStart[type] : pool.resultStart[type], count);
}

function validateReturn(s: BodyState): void {
  const { pool } = s.context;
  const type = s.frameType[0];
  s.branchCount++;
  s.flags |= FunctionFlag.branches;
  s.peekTypes(pool.resultStart[type], pool.resultCount[type]);
  s.setUnreachable();
}

function validateCall(s: BodyState): void {
  const { functionTypes } = s.context;
  const index = s.u32("a function index");
  if (index >= functionTypes.length) {
    throw unknownIndex(s.place(s.at), "function", index, functionTypes.length);
  }
  s.flags |= FunctionFlag.calls;
  callType(s, functionTypes[index]);
}

function validateCallIndirect(s: BodyState): void {
  const { typeCount } = s.context;
  const type = s.u32("a type index");
  if (type >= typeCount) throw unknownIndex(s.place(s.at), "type", type, typeCount);
  const element = readTable(s);
  if (element !== ValType.funcref) {
    throw typeMismatch(s.place(s.at), "call_indirect", "a table of funcref", valTypeName(element));
  }
  s.pop(ValType.i32);
  s.flags |= FunctionFlag.indirectCalls;
  callType(s, type);
}

function callType(s: BodyState, type: number): void {
  const { pool } = s.context;
  s.callCount++;
  s.popTypes(pool.paramStart[type], pool.paramCount[type]);
  s.pushTypes(pool.resultStart[type], pool.resultCount[type]);
}

function validateSelect(s: BodyState): void {
  s.pop(ValType.i32);
  const second = s.popAny();
  const first = s.popAny();
  requireNumeric(s, first);
  requireNumeric(s, second);
  if (first !== second && first !== UNKNOWN && second !== UNKNOWN) throw s.mismatch(first, second);
  s.push(first === UNKNOWN ? second : first);
}

function requireNumeric(s: BodyState, type: number): void {
  if (type !== UNKNOWN && !BodyState.isNumeric(type)) throw selectNeedsType(s.place(s.at), valTypeName(type));
}

function validateTypedSelect(s: BodyState): void {
  const count = s.u32("the number of types");
  if (count !== 1) throw selectArity(s.place(s.at), count);
  const type = s.valType();
  if (type === ValType.v128 && !s.context.simd) throw simdDisabled(s.place(s.at), "select of v128");
  s.pop(ValType.i32);
  s.pop(type);
  s.pop(type);
  s.push(type);
}
