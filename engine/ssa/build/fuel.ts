/**
 * The budget of instructions, where compiled in: rows that take it from the context.
 *
 * What counts is every Wasm instruction that is executed but the four that only mark structure (`block`, `loop`, `else`,
 * `end`), one each whatever it does. They are counted while building and taken from the budget at the end of each
 * straight run, that is before a branch, a call and a merge of paths. So what is left depends on the module and its
 * inputs only, not on the machine, the options, or what later passes do. Whether anything is left is looked at on loop
 * headers and before calls, which anything without end passes.
 */
import { Context } from "../../runtime/layout.js";
import { Op as W } from "../../wasm/opcodes.js";
import type { Value } from "../function.js";
import { AliasClass, Op, TrapKind, Type } from "../ops.js";
import type { Builder } from "./builder.js";

/** Counts the instruction that is built next, and charges what the run has cost so far if it ends here. */
export function countInstruction(b: Builder, opcode: number): void {
  switch (opcode) {
    case W.block:
      return;
    case W.loop:
    case W.else:
    case W.end:
      charge(b);
      return;
    case W.call:
    case W.call_indirect:
      b.uncharged++;
      charge(b);
      checkFuel(b);
      return;
    case W.if:
    case W.br:
    case W.br_if:
    case W.br_table:
    case W.return:
    case W.unreachable:
      b.uncharged++;
      charge(b);
      return;
    default:
      b.uncharged++;
  }
}

function charge(b: Builder): void {
  const count = b.uncharged;
  if (count === 0) return;
  b.uncharged = 0;
  const context = b.emit(Op.ctx, Type.ptr);
  const before = peekFuel(b, context);
  const cost = b.emit(Op.const, Type.i64, 0, 0, 0, -count, -1);
  const after = b.emit(Op.add, Type.i64, before, cost);
  b.emit(Op.poke, Type.none, context, after, 0, Context.fuel, AliasClass.global);
}

/** Traps when the budget is overdrawn. */
export function checkFuel(b: Builder): void {
  const left = peekFuel(b, b.emit(Op.ctx, Type.ptr));
  const zero = b.emit(Op.const, Type.i64);
  b.trapIf(b.emit(Op.slt, Type.i32, left, zero), TrapKind.outOfFuel);
}

/** As a Wasm global's: only the function itself, what it calls, and nothing else changes it. */
function peekFuel(b: Builder, context: Value): Value {
  return b.peek(Type.i64, context, Context.fuel, AliasClass.global);
}
