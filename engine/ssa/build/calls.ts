/**
 * Calls: of an own function by its number, of an imported one through its slot in the instance record, of a
 * table's element through its function record. The callee gets its own instance as its first argument.
 */
import { FunctionRecord, ImportSlot } from "../../runtime/layout.js";
import type { Value } from "../function.js";
import { AliasClass, Op, TrapKind, Type } from "../ops.js";
import { type Builder, typeOfValType } from "./builder.js";
import { elementAddress, tableRecord } from "./references.js";

/**
 * A call row and the rows of its further results. The arguments are on top of the stack; `code` is the address
 * to call, or 0 for an own function.
 */
function emitCall(b: Builder, op: number, env: Value, code: number, lo: number, typeIndex: number): void {
  const { f } = b;
  const type = b.module.types[typeIndex]!;
  const args = type.params.length;
  const first = code === 0 ? 0 : 1;
  const list = f.allocatePool(first + args);
  if (code !== 0) f.pool[list] = code;
  b.height -= args;
  for (let i = 0; i < args; i++) f.pool[list + first + i] = b.stack[b.height + i]!;
  const results = type.results;
  const resultType = results.length === 0 ? Type.none : typeOfValType[results[0]!]!;
  const callRow = b.emit(op, resultType, env, list, first + args, lo, typeIndex);
  if (results.length === 0) return;
  b.push(callRow);
  for (let i = 1; i < results.length; i++) {
    b.push(b.emit(Op.proj, typeOfValType[results[i]!]!, callRow, 0, 0, i));
  }
}

export function call(b: Builder): void {
  const { index } = b.cursor;
  const typeIndex = b.module.functionTypes[index]!;
  if (index >= b.module.importedFunctionCount) {
    emitCall(b, Op.call, b.instance, 0, index, typeIndex);
    return;
  }
  const slot = b.layout.importSlot(index);
  const code = b.peek(Type.ptr, b.instance, slot + ImportSlot.code, AliasClass.record);
  const env = b.peek(Type.ptr, b.instance, slot + ImportSlot.env, AliasClass.invariant);
  emitCall(b, Op.callptr, env, code, 0, typeIndex);
}

export function callIndirect(b: Builder): void {
  const typeIndex = b.cursor.index;
  const table = b.cursor.index2;
  const index = b.pop();
  const record = tableRecord(b, table);
  const address = elementAddress(b, record, index, TrapKind.undefinedElement);
  const entry = b.peek(Type.ptr, address, 0, AliasClass.table);
  const found = b.peek32(entry, FunctionRecord.signature, AliasClass.invariant);
  const wanted = b.emit(Op.signature, Type.i32, 0, 0, 0, typeIndex);
  b.trapIf(b.emit(Op.ne, Type.i32, found, wanted), TrapKind.signatureMismatch);
  const code = b.peek(Type.ptr, entry, FunctionRecord.code, AliasClass.record);
  const env = b.peek(Type.ptr, entry, FunctionRecord.env, AliasClass.invariant);
  emitCall(b, Op.callptr, env, code, 0, typeIndex);
}
