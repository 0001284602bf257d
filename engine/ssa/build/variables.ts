/**
 * Locals and globals.
 *
 * A local is its current definition; no row is needed, but where locals are kept in frame slots (scan-body.ts).
 * A slot is taken when its local is first met, and gets its first value in the entry block. A global is a cell:
 * an own one in the instance record, an imported one wherever its pointer in the record says.
 */
import { AliasClass, Op, Type } from "../ops.js";
import { type Builder, typeOfValType } from "./builder.js";

/** The frame slot of a local. */
function slotOf(b: Builder, local: number): number {
  const { locals, f } = b;
  let slot = locals.slot[local]!;
  if (slot >= 0) return slot;
  slot = f.slotTypes.length;
  locals.slot[local] = slot;
  f.slotTypes.push(locals.type[local]! as Type);
  b.emitInPrologue(Op.slotstore, Type.none, locals.definition[local]!, 0, slot);
  return slot;
}

export function localGet(b: Builder): void {
  const local = b.cursor.index;
  if (!b.localsInSlots) b.push(b.locals.definition[local]!);
  else b.push(b.emit(Op.slotload, b.locals.type[local]!, 0, 0, 0, slotOf(b, local)));
}

function assign(b: Builder, local: number, v: number): void {
  if (b.localsInSlots) {
    b.emit(Op.slotstore, Type.none, v, 0, 0, slotOf(b, local));
    return;
  }
  b.log.note(local, b.locals.definition[local]!, b.control.logStart[b.control.depth]!);
  b.locals.definition[local] = v;
}

export function localSet(b: Builder): void {
  const local = b.cursor.index;
  assign(b, local, b.pop());
}

export function localTee(b: Builder): void {
  const local = b.cursor.index;
  assign(b, local, b.stack[b.height - 1]!);
}

/** A cell's place: what `address` and `displacement` were last set to by `locate`. */
let address = 0;
let displacement = 0;

function locate(b: Builder, index: number): void {
  const offset = b.layout.global(index);
  if (index >= b.module.importedGlobalCount) {
    address = b.instance;
    displacement = offset;
  } else {
    address = b.peek(Type.ptr, b.instance, offset, AliasClass.invariant);
    displacement = 0;
  }
}

export function globalGet(b: Builder): void {
  const index = b.cursor.index;
  const global = b.module.globals[index]!;
  const type = typeOfValType[global.type]!;
  const alias = global.mutable ? AliasClass.global : AliasClass.invariant;
  locate(b, index);
  if (type === Type.i32) b.push(b.peek32(address, displacement, alias));
  else b.push(b.peek(type, address, displacement, alias));
}

export function globalSet(b: Builder): void {
  const index = b.cursor.index;
  const v = b.pop();
  locate(b, index);
  b.emit(Op.poke, Type.none, address, v, 0, displacement, AliasClass.global);
}
