/**
 * Address folding: constant parts of addresses move into the displacements of loads, stores, checks, peeks and
 * pokes, where machine instructions take them for free. Enters: no unreachable blocks; constants on the right.
 *
 * Addresses of records never wrap, so `offset` and constant `element`s always combine. A Wasm address is a sum in
 * 32 bits plus an offset in more: `load(x + c)` may only become `load(x) +c` where x + c can't wrap, which the
 * bounds of values tell (`fold/folder.ts`).
 */
import { reversePostorder } from "../analysis/block-order.js";
import { Folder } from "../fold/folder.js";
import type { SsaFunction, Value } from "../function.js";
import { Op, Type } from "../ops.js";

/** Nothing here asks how often a value is used. */
const noUses = new Int32Array(0);

export function combineAddresses(func: SsaFunction): void {
  const { order } = reversePostorder(func);
  const f = new Folder(func, noUses);
  for (let i = 0; i < order.length; i++) {
    for (let v = func.firstRow[order[i]!]!; v !== -1; v = func.next[v]!) {
      f.noteBound(v as Value);
      combine(f, v as Value, func.op[v]!);
    }
  }
}

function combine(f: Folder, v: Value, op: Op): void {
  if ((op >= Op.load && op <= Op.store32) || op === Op.check) combineIndex(f, v, op === Op.check ? 0 : 1);
  else if (op === Op.peek || op === Op.peek32 || op === Op.poke || op === Op.offset) combineField(f.func, v);
  else if (op === Op.element) combineElement(f.func, v);
}

/** `index`: which operand is the i32 index. */
function combineIndex(f: Folder, v: Value, index: 0 | 1): void {
  const { func } = f;
  for (;;) {
    const sum = func.operand(v, index);
    const isConst = func.op[sum] === Op.const;
    if (isConst && func.lo[sum] === 0) return;
    if (!isConst && (func.op[sum] !== Op.add || func.op[func.a1[sum]!] !== Op.const)) return;
    const c = func.lo[isConst ? sum : func.a1[sum]!]! >>> 0;
    const x = isConst ? 0 : func.a0[sum]!;
    if (!isConst && f.bound(x) + c > 0xffffffff) return;
    const extent = (func.lo[v]! >>> 0) + (index === 0 ? func.hi[v]! * 2 ** 32 : 0) + c;
    if (extent > (index === 1 ? 0xffffffff : 0x1ffffffff)) return;
    func.lo[v] = extent | 0;
    if (index === 0) func.hi[v] = Math.floor(extent / 2 ** 32);
    func.setOperand(v, index, isConst ? f.constant(v, Type.i32, 0, 0) : (x as Value));
  }
}

/** peek and the like of `offset(x, d)`, and offsets of offsets. */
function combineField(func: SsaFunction, v: Value): void {
  for (let inner = func.a0[v]!; func.op[inner] === Op.offset; inner = func.a0[v]!) {
    const displacement = func.lo[v]! + func.lo[inner]!;
    if (displacement !== (displacement | 0)) return;
    func.lo[v] = displacement;
    func.a0[v] = func.a0[inner]!;
  }
}

/** element(x, constant) is an offset. */
function combineElement(func: SsaFunction, v: Value): void {
  const index = func.a1[v]!;
  if (func.op[index] !== Op.const) return;
  const displacement = (func.lo[index]! >>> 0) * 2 ** func.lo[v]!;
  if (displacement !== (displacement | 0)) return;
  func.op[v] = Op.offset;
  func.a1[v] = 0;
  func.lo[v] = displacement;
  func.hi[v] = 0;
  combineField(func, v);
}
