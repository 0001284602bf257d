/** Calls (see machine/lower/calls.ts) and what leaves a function. */

import { classOf } from "../../../machine/abi.js";
import { CallLowering, fixedUse } from "../../../machine/lower/calls.js";
import { noRegister } from "../../../machine/lower/lowering-state.js";
import { mayMoveDown, mayTakeIn } from "../../../machine/lower/matching.js";
import type { Signature } from "../../../machine/target.js";
import { InstructionFlag, RegisterClass, type VReg } from "../../../machine/vcode.js";
import { builtins, Context } from "../../../runtime/layout.js";
import { Op, Type } from "../../../ssa/ops.js";
import { signatureLayout } from "../abi.js";
import { AddressBase, Amd64, operandWords } from "../instructions.js";
import { calleeRegister, instanceRegister } from "../registers.js";
import { takeAddress } from "./address.js";
import type { Lowering } from "./lowering.js";
import { loadRow, storeRow } from "./memory.js";

const i = Amd64;

const typeByName = { i32: Type.i32, i64: Type.i64, ptr: Type.ptr } as const;
const builtinSignatures: readonly Signature[] = builtins.map((b) => ({
  params: b.params.map((p) => typeByName[p]),
  results: b.result === null ? [] : [typeByName[b.result]],
}));

export const calls = new CallLowering<Lowering>({
  layout: signatureLayout,
  instanceRegister,
  arguments: i.arguments,
  ret: i.ret,
  storeOutgoing: (c, value, offset) => storeArgument(c, value, offset, AddressBase.outgoing),
  storeIncoming: (c, value, offset) => storeArgument(c, value, offset, AddressBase.incoming),
  loadOutgoing: (c, to, type, offset) => loadArgument(c, to, type, offset, AddressBase.outgoing),
  loadIncoming: (c, to, type, offset) => loadArgument(c, to, type, offset, AddressBase.incoming),
  // The encoder has no integer register to carry them to a spill slot.
  reloadsIntegers: false,
});

function stackAddress(c: Lowering, special: AddressBase, offset: number): void {
  c.clearAddress();
  c.special = special;
  c.displacement = offset;
}

function loadArgument(c: Lowering, to: VReg, type: Type, offset: number, area: AddressBase): void {
  stackAddress(c, area, offset);
  c.load1(loadRow(type), to);
}

function storeArgument(c: Lowering, value: number, offset: number, area: AddressBase): void {
  const type = c.type[value]! as Type;
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

export function lowerCall(c: Lowering, v: number): void {
  const signature = c.options.signatureOf(c.hi[v]!);
  calls.prepare(c, v, signature, c.a1[v]!);
  calls.emit(c, v, i.call_slot, c.lo[v]!, 0, signature);
}

export function lowerBuiltin(c: Lowering, v: number): void {
  const signature = builtinSignatures[c.lo[v]!]!;
  calls.prepare(c, v, signature, c.a1[v]!);
  calls.emit(c, v, i.call_ctx, Context.builtins + 8 * c.lo[v]!, 0, signature);
}

export function lowerCallPointer(c: Lowering, v: number): void {
  const signature = c.options.signatureOf(c.hi[v]!);
  const first = c.a1[v]!;
  const code = c.func.pool[first]!;
  calls.prepare(c, v, signature, first + 1);
  if (takeCode(c, code)) {
    if (c.base !== noRegister) calls.add(c.base, fixedUse(calleeRegister));
    calls.emit(c, v, i.call_mem, c.displacement, c.addressWord(), signature);
    return;
  }
  calls.add(c.reg(code), fixedUse(calleeRegister));
  calls.emit(c, v, i.call_reg, 0, 0, signature);
}

/** Makes the load of the code address the call's memory operand if it needs one register at most. */
function takeCode(c: Lowering, code: number): boolean {
  if (c.op[code] !== Op.peek || !mayTakeIn(c, code) || !mayMoveDown(c, code)) return false;
  const pointer = c.a0[code]!;
  if (c.op[pointer] === Op.element) return false;
  takeAddress(c, code);
  return true;
}

export function lowerInterrupt(c: Lowering): void {
  c.emit(i.interrupt, 0, 0, 0, InstructionFlag.safepoint);
}

export function lowerTrap(c: Lowering, v: number): void {
  c.emit(i.trap, c.lo[v]!, 0, 0, InstructionFlag.terminator);
}

/** Terminator of a branch table: two scratch registers and the index. */
export function lowerJumpTable(c: Lowering, v: number): void {
  const words = operandWords[i.jmp_table]!;
  const index = c.reg(v);
  c.emit(i.jmp_table, 0, 0, 0, InstructionFlag.terminator);
  c.arg(c.newInt(), words[0]!);
  c.arg(c.newInt(), words[1]!);
  c.arg(index, words[2]!);
}
