/**
 * Which function builds which opcode. Each finds its immediates in the builder's cursor, pops its operands,
 * appends rows and pushes its results. They get the opcode's dense index, which is the opcode up to 0xff.
 */

import { denseIndex, OPCODE_ROWS, opcodeName } from "../../wasm/opcode-columns.js";
import { opcodeRows, Op as W } from "../../wasm/opcodes.js";
import { EngineBug } from "../engine-bug.js";
import type { Builder } from "./builder.js";
import * as calls from "./calls.js";
import * as control from "./control.js";
import * as memory from "./memory.js";
import * as numeric from "./numeric.js";
import * as references from "./references.js";
import * as variables from "./variables.js";
import * as vector from "./vector.js";

export type Instruction = (b: Builder, index: number) => void;

/** What is no opcode, in a module that was taken for valid. */
function noRule(b: Builder): void {
  const place = `${opcodeName(b.cursor.opcode)} at byte ${b.source}`;
  throw new EngineBug("ssa", b.f.index, b.f.name, `no rule for ${place}`);
}

/** By dense index of the opcode. */
export const instructions: readonly Instruction[] = table();

function table(): Instruction[] {
  const t: Instruction[] = new Array(OPCODE_ROWS).fill(noRule);
  const set = (opcode: number, instruction: Instruction): void => {
    t[denseIndex(opcode)] = instruction;
  };
  for (const { code } of opcodeRows) {
    if (numeric.numericOp[denseIndex(code)] !== 0) set(code, numeric.numeric);
    if (vector.vectorOp[denseIndex(code)] !== 0) set(code, vector.vector);
  }
  for (let opcode: number = W.i32_load; opcode <= W.i64_load32_u; opcode++) t[opcode] = memory.load;
  for (let opcode: number = W.i32_store; opcode <= W.i64_store32; opcode++) t[opcode] = memory.store;

  set(W.unreachable, control.unreachable);
  set(W.nop, control.nop);
  set(W.block, control.block);
  set(W.loop, control.loop);
  set(W.if, control.ifThen);
  set(W.else, control.elseArm);
  set(W.end, control.end);
  set(W.br, control.branch);
  set(W.br_if, control.branchIf);
  set(W.br_table, control.branchTable);
  set(W.return, control.returnValues);
  set(W.drop, control.drop);
  set(W.select, control.select);
  set(W.select_t, control.select);

  set(W.call, calls.call);
  set(W.call_indirect, calls.callIndirect);

  set(W.local_get, variables.localGet);
  set(W.local_set, variables.localSet);
  set(W.local_tee, variables.localTee);
  set(W.global_get, variables.globalGet);
  set(W.global_set, variables.globalSet);

  set(W.i32_const, numeric.i32Const);
  set(W.i64_const, numeric.i64Const);
  set(W.f32_const, numeric.f32Const);
  set(W.f64_const, numeric.f64Const);

  set(W.memory_size, memory.memorySize);
  set(W.memory_grow, memory.memoryGrow);
  set(W.memory_init, memory.memoryInit);
  set(W.data_drop, memory.dataDrop);
  set(W.memory_copy, memory.memoryCopy);
  set(W.memory_fill, memory.memoryFill);

  set(W.v128_const, vector.v128Const);
  set(W.i8x16_shuffle, vector.shuffle);
  for (const opcode of vector.laneOpcodes) set(opcode, vector.laneAccess);
  for (const opcode of vector.vectorLoads) set(opcode, vector.vectorLoad);
  for (const opcode of vector.vectorStores) set(opcode, vector.vectorStore);

  set(W.ref_null, references.refNull);
  set(W.ref_is_null, references.refIsNull);
  set(W.ref_func, references.refFunc);
  set(W.table_get, references.tableGet);
  set(W.table_set, references.tableSet);
  set(W.table_size, references.tableSize);
  set(W.table_grow, references.tableGrow);
  set(W.table_fill, references.tableFill);
  set(W.table_copy, references.tableCopy);
  set(W.table_init, references.tableInit);
  set(W.elem_drop, references.elemDrop);
  return t;
}
