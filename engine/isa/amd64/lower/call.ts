/**
 * Calls, arguments and results, by the convention in registers.ts. A call's arguments are uses fixed to their
 * registers, its results fixed definitions; every other register is destroyed.
 */

import type { Signature } from "../../../machine/target.js";
import { Constraint, def, InstructionFlag, RegisterClass, use, type VReg } from "../../../machine/vcode.js";
import { builtins, Context } from "../../../runtime/layout.js";
import { Op, Type } from "../../../ssa/ops.js";
import { classOf, isStackPlace, signatureLayout, stackOffset } from "../abi.js";
import { AddressBase, Amd64, operandWords } from "../instructions.js";
import { calleeRegister, instanceRegister } from "../registers.js";
import { mayMoveDown, mayTakeIn, takeAddress } from "./address.js";
import { type Lowering, noRegister } from "./lowering.js";
import { loadRow, storeRow } from "./memory.js";

const i = Amd64;
const fixedUse = (register: number): number => use(Constraint.fixed, register);
const fixedDef = (register: number): number => def(Constraint.fixed, register);

const typeByName = { i32: Type.i32, i64: Type.i64, ptr: Type.ptr } as const;
const builtinSignatures: readonly Signature[] = builtins.map((b) => ({
  params: b.params.map((p) => typeByName[p]),
  results: b.result === null ? [] : [typeByName[b.result]],
}));

/** Registers of a call's arguments and their places, until the instruction is there to take them. */
class Arguments {
  count = 0;
  readonly vregs: VReg[] = [];
  readonly words: number[] = [];

  add(v: VReg, word: number): void {
    this.vregs[this.count] = v;
    this.words[this.count++] = word;
  }
}
const args = new Arguments();

function stackAddress(c: Lowering, special: AddressBase, offset: number): void {
  c.clearAddress();
  c.special = special;
  c.displacement = offset;
}

/** Gathers the register arguments and stores the others: pool values from `first` on. */
function prepareArguments(c: Lowering, v: number, signature: Signature, first: number): void {
  const layout = signatureLayout(signature);
  const { pool } = c.func;
  c.code.outgoingBytes = Math.max(c.code.outgoingBytes, layout.stackBytes);
  args.count = 0;
  for (let k = 0; k < signature.params.length; k++) {
    const place = layout.params[k]!;
    const value = pool[first + k]!;
    if (isStackPlace(place)) storeArgument(c, value, stackOffset(place), AddressBase.outgoing);
    else args.add(argument(c, value), fixedUse(place));
  }
  args.add(argument(c, c.a0[v]!), fixedUse(instanceRegister));
}

/** A constant argument is made for its register. */
function argument(c: Lowering, value: number): VReg {
  const source = c.resolve(value);
  return c.isConstant(source) ? c.ownConstant(source) : c.reg(source);
}

function storeArgument(c: Lowering, value: number, offset: number, area: AddressBase): void {
  const type = c.type[value]! as Type;
  // An i32 is stored with the zeros above it, so that what copies whole slots finds no remains there.
  if (
    classOf(type) === RegisterClass.int &&
    c.isImmediate(value) &&
    (type !== Type.i32 || c.lo[value]! >= 0)
  ) {
    stackAddress(c, area, offset);
    c.memory0(i.mov64_mi, c.lo[value]!);
    return;
  }
  const source = c.reg(value);
  stackAddress(c, area, offset);
  c.load1(type === Type.i32 ? i.mov64_mr : storeRow(type), source);
}

/** Adds the gathered arguments as uses. */
function addArguments(c: Lowering): void {
  for (let k = 0; k < args.count; k++) c.arg(args.vregs[k]!, args.words[k]!);
}

/** Rows of a call's results that somebody wants, by number; -1 the others. */
const resultRows: number[] = [];

/** Finds the rows of the results of call `v`: the row itself and the `proj` rows after it. */
function findResults(c: Lowering, v: number, signature: Signature): void {
  resultRows.length = 0;
  for (let n = 0; n < signature.results.length; n++) resultRows.push(-1);
  if (c.vregOf[v] !== -1) resultRows[0] = v;
  for (let row = c.func.next[v]!; row !== -1 && c.op[row] === Op.proj; row = c.func.next[row]!) {
    if (c.vregOf[row] !== -1) resultRows[c.lo[row]!] = row;
  }
}

/** Results in registers, as definitions; must come before the uses. */
function addResults(c: Lowering, signature: Signature): void {
  const { results } = signatureLayout(signature);
  for (let n = 0; n < results.length; n++) {
    const place = results[n]!;
    if (isStackPlace(place)) continue;
    const row = resultRows[n]!;
    if (row !== -1) c.arg(c.defined(row), fixedDef(place));
  }
}

/** Results on the stack are loaded right after the call, before the next one overwrites them. */
function loadStackResults(c: Lowering, signature: Signature): void {
  const { results } = signatureLayout(signature);
  for (let n = 0; n < results.length; n++) {
    const place = results[n]!;
    if (!isStackPlace(place)) continue;
    const row = resultRows[n]!;
    if (row === -1) continue;
    stackAddress(c, AddressBase.outgoing, stackOffset(place));
    c.load1(loadRow(signature.results[n]!), c.defined(row));
  }
}

function emitCall(c: Lowering, v: number, opcode: number, imm0: number, signature: Signature): void {
  c.emit(opcode, imm0, 0, 0, InstructionFlag.safepoint);
  findResults(c, v, signature);
  addResults(c, signature);
  addArguments(c);
  loadStackResults(c, signature);
}

export function lowerCall(c: Lowering, v: number): void {
  const signature = c.options.signatureOf(c.hi[v]!);
  prepareArguments(c, v, signature, c.a1[v]!);
  emitCall(c, v, i.call_slot, c.lo[v]!, signature);
}

export function lowerBuiltin(c: Lowering, v: number): void {
  const signature = builtinSignatures[c.lo[v]!]!;
  prepareArguments(c, v, signature, c.a1[v]!);
  emitCall(c, v, i.call_ctx, Context.builtins + 8 * c.lo[v]!, signature);
}

export function lowerCallPointer(c: Lowering, v: number): void {
  const signature = c.options.signatureOf(c.hi[v]!);
  const first = c.a1[v]!;
  const code = c.func.pool[first]!;
  prepareArguments(c, v, signature, first + 1);
  if (takeCode(c, code)) {
    c.emit(i.call_mem, c.displacement, c.addressWord(), 0, InstructionFlag.safepoint);
    findResults(c, v, signature);
    addResults(c, signature);
    addArguments(c);
    if (c.base !== noRegister) c.arg(c.base, fixedUse(calleeRegister));
    loadStackResults(c, signature);
    return;
  }
  args.add(c.reg(code), fixedUse(calleeRegister));
  emitCall(c, v, i.call_reg, 0, signature);
}

/** Makes the load of the code address the call's memory operand if it needs one register at most. */
function takeCode(c: Lowering, code: number): boolean {
  if (c.op[code] !== Op.peek || !mayTakeIn(c, code) || !mayMoveDown(c, code)) return false;
  const pointer = c.a0[code]!;
  if (c.op[pointer] === Op.element) return false;
  takeAddress(c, code);
  return true;
}

// ---------------------------------------------------------------- this function's own

/**
 * The function's parameters: those in registers are defined by one instruction, those on the stack are loads. Floats
 * may be loaded again at any time, since nothing else is ever stored there; integers not, as the encoder has no
 * integer register to carry them to a spill slot.
 */
export function lowerParameters(c: Lowering): void {
  const params = c.func.params[0]!;
  const { signature } = c.options;
  const layout = signatureLayout(signature);
  c.emit(i.arguments);
  if (params.length > 0 && c.vregOf[params[0]!] !== -1)
    c.arg(c.defined(params[0]!), fixedDef(instanceRegister));
  for (let k = 1; k < params.length; k++) {
    const place = layout.params[k - 1]!;
    if (!isStackPlace(place) && c.vregOf[params[k]!] !== -1) c.arg(c.defined(params[k]!), fixedDef(place));
  }
  for (let k = 1; k < params.length; k++) {
    const place = layout.params[k - 1]!;
    const param = params[k]!;
    if (!isStackPlace(place) || c.vregOf[param] === -1) continue;
    stackAddress(c, AddressBase.incoming, stackOffset(place));
    const register = c.defined(param);
    if (classOf(c.type[param]! as Type) !== RegisterClass.int) c.code.vregRematerializable[register] = 1;
    c.load1(loadRow(c.type[param]! as Type), register);
  }
}

export function lowerReturn(c: Lowering, v: number): void {
  const { signature } = c.options;
  const layout = signatureLayout(signature);
  const { pool } = c.func;
  const first = c.a1[v]!;
  args.count = 0;
  for (let n = 0; n < signature.results.length; n++) {
    const place = layout.results[n]!;
    const value = pool[first + n]!;
    if (isStackPlace(place)) storeArgument(c, value, stackOffset(place), AddressBase.incoming);
    else args.add(argument(c, value), fixedUse(place));
  }
  c.emit(i.ret, 0, 0, 0, InstructionFlag.terminator);
  addArguments(c);
}

export function lowerInterrupt(c: Lowering): void {
  c.emit(i.interrupt, 0, 0, 0, InstructionFlag.safepoint);
}

export function lowerTrap(c: Lowering, v: number): void {
  c.emit(i.trap, c.lo[v]!, 0, 0, InstructionFlag.terminator);
}

/** Terminator of a branch table: two scratch registers and the index. */
export function emitJumpTable(c: Lowering, index: VReg): void {
  const words = operandWords[i.jmp_table]!;
  c.emit(i.jmp_table, 0, 0, 0, InstructionFlag.terminator);
  c.arg(c.newInt(), words[0]!);
  c.arg(c.newInt(), words[1]!);
  c.arg(index, words[2]!);
}
