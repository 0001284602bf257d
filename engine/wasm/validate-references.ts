/**
 * Type-checks the instructions on references and tables.
 *
 * Enters: the state, its position behind the opcode, and the opcode. For the plain ones of them (table.size,
 * table.copy, table.init, elem.drop) only the immediates are read here; their row's signature is applied by
 * the caller.
 */
import type { BodyState } from "./body-state.js";
import { illegalOpcode, typeMismatch, undeclaredReference, unknownIndex } from "./errors.js";
import { FunctionFlag } from "./function-facts.js";
import { Op } from "./opcodes.js";
import { isRefType, ValType, valTypeName } from "./types.js";

export function validateReference(s: BodyState, code: number): void {
  s.flags |= FunctionFlag.references;
  switch (code) {
    case Op.ref_null:
      s.push(s.refType());
      return;
    case Op.ref_is_null:
      validateRefIsNull(s);
      return;
    case Op.ref_func:
      validateRefFunc(s);
      return;
    case Op.table_get: {
      const type = readTable(s);
      s.pop(ValType.i32);
      s.push(type);
      return;
    }
    case Op.table_set: {
      const type = readTable(s);
      s.pop(type);
      s.pop(ValType.i32);
      return;
    }
    case Op.table_grow: {
      const type = readTable(s);
      s.pop(ValType.i32);
      s.pop(type);
      s.push(ValType.i32);
      return;
    }
    case Op.table_fill: {
      const type = readTable(s);
      s.pop(ValType.i32);
      s.pop(type);
      s.pop(ValType.i32);
      return;
    }
    default:
      readTableImmediates(s, code);
  }
}

function readTableImmediates(s: BodyState, code: number): void {
  switch (code) {
    case Op.table_size:
      readTable(s);
      return;
    case Op.table_copy: {
      const destination = readTable(s);
      const source = readTable(s);
      requireSameElement(s, destination, source);
      return;
    }
    case Op.table_init: {
      const segment = readElementSegment(s);
      const table = readTable(s);
      requireSameElement(s, table, segment);
      return;
    }
    case Op.elem_drop:
      readElementSegment(s);
      return;
    default:
      throw illegalOpcode(s.place(s.at), code);
  }
}

function validateRefIsNull(s: BodyState): void {
  const found = s.popAny();
  if (found !== 0 && !isRefType(found)) {
    throw typeMismatch(s.place(s.at), "ref.is_null", "a reference", valTypeName(found));
  }
  s.push(ValType.i32);
}

function validateRefFunc(s: BodyState): void {
  const { functionTypes, declaredFunctions } = s.context;
  const index = s.u32("a function index");
  if (index >= functionTypes.length) {
    throw unknownIndex(s.place(s.at), "function", index, functionTypes.length);
  }
  if (declaredFunctions[index] === 0) throw undeclaredReference(s.place(s.at), index);
  s.push(ValType.funcref);
}

/** Reads a table index and returns its element type. */
export function readTable(s: BodyState): number {
  const { tableTypes } = s.context;
  const index = s.u32("a table index");
  if (index >= tableTypes.length) throw unknownIndex(s.place(s.at), "table", index, tableTypes.length);
  return tableTypes[index];
}

function readElementSegment(s: BodyState): number {
  const { elementTypes } = s.context;
  const index = s.u32("an element segment index");
  if (index >= elementTypes.length) {
    throw unknownIndex(s.place(s.at), "element-segment", index, elementTypes.length);
  }
  return elementTypes[index];
}

function requireSameElement(s: BodyState, expected: number, found: number): void {
  if (expected !== found) throw s.mismatch(expected, found);
}
