/** Calls (see machine/lower/calls.ts) and what leaves a function. */
import { classOf } from "../../../machine/abi.js";
import { CallLowering, fixedUse } from "../../../machine/lower/calls.js";
import type { Signature } from "../../../machine/target.js";
import { InstructionFlag, RegisterClass, type VReg } from "../../../machine/vcode.js";
import { builtins, Context } from "../../../runtime/layout.js";
import { Type } from "../../../ssa/ops.js";
import { signatureLayout } from "../abi.js";
import { AddressBase, Arm64, operandWords } from "../instructions.js";
import { calleeRegister, instanceRegister } from "../registers.js";
import type { Lowering } from "./lowering.js";
import { loadRow, storeRow } from "./memory.js";

const i = Arm64;

const typeByName = { i32: Type.i32, i64: Type.i64, ptr: Type.ptr } as const;
const builtinSignatures: readonly Signature[] = builtins.map((b) => ({
  params: b.params.map((p) => typeByName[p]),
  results: b.result === null ? [] : [typeByName[b.result]],
}));

const calls = new CallLowering<Lowering>({
  layout: signatureLayout,
  instanceRegister,
  arguments: i.arguments,
  ret: i.ret,
  storeOutgoing: (c, value, offset) => storeArgument(c, value, offset, AddressBase.outgoing),
  storeIncoming: (c, value, offset) => storeArgument(c, value, offset, AddressBase.incoming),
  loadOutgoing: (c, to, type, offset) => loadArgument(c, to, type, offset, AddressBase.outgoing),
  loadIncoming: (c, to, type, offset) => loadArgument(c, to, type, offset, AddressBase.incoming),
  reloadsIntegers: true,
});

function loadArgument(c: Lowering, to: VReg, type: Type, offset: number, area: AddressBase): void {
  c.specialAddress(area, offset);
  c.load1(loadRow(type), to);
}

function storeArgument(c: Lowering, value: number, offset: number, area: AddressBase): void {
  const type = c.type[value]! as Type;
  if (classOf(type) === RegisterClass.int && c.isZero(value)) {
    c.specialAddress(area, offset);
    c.memory0(i.str64_z);
    return;
  }
  const source = c.reg(value);
  c.specialAddress(area, offset);
  c.load1(type === Type.i32 ? i.str64 : storeRow(type), source);
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
  calls.prepare(c, v, signature, first + 1);
  calls.add(c.reg(c.func.pool[first]!), fixedUse(calleeRegister));
  calls.emit(c, v, i.call_reg, 0, 0, signature);
}

export const lowerParameters = (c: Lowering): void => calls.parameters(c);
export const lowerReturn = (c: Lowering, v: number): void => calls.return(c, v);

export function lowerInterrupt(c: Lowering): void {
  c.emit(i.interrupt, 0, 0, 0, InstructionFlag.safepoint);
}

export function lowerTrap(c: Lowering, v: number): void {
  c.emit(i.trap, c.lo[v]!, 0, 0, InstructionFlag.terminator);
}

/** Terminator of a branch table: scratch registers and the index. */
export function lowerJumpTable(c: Lowering, v: number): void {
  const words = operandWords[i.jmp_table]!;
  const index = c.reg(v);
  c.emit(i.jmp_table, 0, 0, 0, InstructionFlag.terminator);
  for (let k = 0; k < words.length - 1; k++) c.arg(c.newInt(), words[k]!);
  c.arg(index, words[words.length - 1]!);
}
