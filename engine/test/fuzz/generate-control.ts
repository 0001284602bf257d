/**
 * Random control flow: statements, blocks with parameters and several results, loops that end, branches with
 * values, calls.
 *
 * Every statement leaves the stack as it found it; `reshape` turns one list of stacked values into another.
 * Values that cross a label, a call or a return are canonical. After a branch the stack is polymorphic, so
 * code that would be valid there anyway goes on as if nothing had happened: that is the unreachable code.
 */

import { OP } from "../support/opcodes.js";
import { F32, F64, type FunctionType, I32, V128, type ValueType } from "../support/wasm-bytes.js";
import {
  bulkMemory,
  isReference,
  recordAccess,
  setPointer,
  store,
  tableStatement,
} from "./generate-memory.js";
import type { ModulePlan } from "./generate-plan.js";
import type { FunctionState, Label } from "./generate-state.js";
import { combine, condition, convert, expression, leaf, smallIndex } from "./generate-values.js";
import { vectorStore } from "./generate-vectors.js";

type Statement = (s: FunctionState, depth: number) => void;

const MAXIMUM_LABELS = 14;

const menus = new WeakMap<ModulePlan, Statement[]>();

/** Writes a statement. */
export function statement(s: FunctionState, depth: number): void {
  s.left--;
  let menu = menus.get(s.plan);
  if (menu === undefined) {
    menu = makeMenu(s.plan);
    menus.set(s.plan, menu);
  }
  if (depth <= 0 || s.left <= 0) localSet(s, 1);
  else s.random.pick(menu)(s, depth);
}

function makeMenu(plan: ModulePlan): Statement[] {
  const features = plan.features;
  const menu: Statement[] = [];
  const add = (weight: number, write: Statement, enabled = true) => {
    for (let count = enabled ? weight : 0; count > 0; count--) menu.push(write);
  };
  add(26, localSet);
  add(6, globalSet);
  add(12, ifStatement);
  add(8, blockStatement);
  add(9, loopStatement, features.loops);
  add(7, branchStatement);
  add(4, switchStatement);
  add(2, deepStatement, features.deep);
  add(3, dropStatement);
  add(1, (s) => s.op(OP.nop));
  add(1, earlyReturn);
  add(6, callStatement, features.calls);
  add(3, callIndirectStatement, features.indirect);
  add(16, store, features.memory);
  add(4, recordAccess, features.memory);
  add(10, vectorStore, features.memory && features.vectors);
  add(5, setPointer, features.memory);
  add(4, bulkMemory, features.bulk && features.memory);
  add(4, tableStatement, plan.tables.length > 0);
  return menu;
}

export function expressions(s: FunctionState, types: readonly ValueType[], depth: number): void {
  for (const type of types) expression(s, type, depth);
}

/** Turns the values on the stack from `from` into `to`; what they share at the bottom may stay. */
export function reshape(
  s: FunctionState,
  from: readonly ValueType[],
  to: readonly ValueType[],
  depth: number,
): void {
  const random = s.random;
  const stack = [...from];
  let keep = 0;
  while (keep < stack.length && keep < to.length && stack[keep] === to[keep]) keep++;
  if (random.chance(25)) keep = random.below(keep + 1);
  while (stack.length > keep) {
    const top = stack.pop() as ValueType;
    const below = stack[stack.length - 1];
    const number = !isReference(top) && top !== V128;
    if (number && stack.length > keep && below === top && random.chance(40)) {
      combine(s, top);
      s.settle(top, true);
    } else if (number && random.chance(15)) {
      const next = random.pick(s.plan.numbers);
      convert(s, top, next);
      s.settle(next, true);
      stack.push(next);
    } else popOne(s, top);
    if (random.chance(5)) statement(s, depth - 1);
  }
  for (let index = keep; index < to.length; index++) expression(s, to[index] as ValueType, depth - 1);
}

function popOne(s: FunctionState, type: ValueType): void {
  const locals = s.writable(type);
  if (locals.length > 0 && s.random.chance(80)) s.op1(OP.localSet, s.random.pick(locals));
  else s.op(OP.drop);
}

/** The inside of a construct: from its parameters to its results. */
function body(
  s: FunctionState,
  params: readonly ValueType[],
  results: readonly ValueType[],
  depth: number,
): void {
  for (let count = s.random.below(4); count > 0; count--) statement(s, depth - 1);
  if (s.plan.features.dead && s.random.chance(5)) {
    diverge(s, depth - 1);
    if (s.random.chance(40)) return;
    deadCode(s, depth - 1);
    if (s.random.chance(50)) return;
  }
  reshape(s, params, results, depth);
}

/** Instructions on a polymorphic stack. */
function deadCode(s: FunctionState, depth: number): void {
  const random = s.random;
  for (let count = random.below(4); count > 0; count--) {
    switch (random.below(6)) {
      case 0:
        s.op(random.pick([OP.i32Add, OP.i32Eqz, 0x7c, 0x92, 0xa0, 0xa7, 0xbd, 0x45]));
        s.op(OP.drop);
        break;
      case 1:
        s.op(OP.select);
        s.op(OP.drop);
        break;
      case 2:
        s.op(OP.drop);
        break;
      case 3:
        statement(s, depth - 1);
        break;
      case 4:
        s.op(OP.select);
        s.op(OP.i32Eqz);
        s.op(OP.drop);
        break;
      default: {
        const locals = s.writable(s.random.pick(s.plan.numbers));
        if (locals.length > 0) s.op1(OP.localSet, random.pick(locals));
      }
    }
  }
}

function open(
  s: FunctionState,
  opcode: number,
  params: readonly ValueType[],
  results: readonly ValueType[],
): void {
  s.op(opcode);
  s.blockType(params, results);
}

function withLabel(s: FunctionState, label: Label, write: () => void): void {
  s.labels.push(label);
  write();
  s.labels.pop();
  s.op(OP.end);
}

function constructParams(s: FunctionState): ValueType[] {
  if (!s.plan.features.multi || !s.random.chance(30)) return [];
  return s.plan.randomTypes(s.random.between(1, 3));
}

function tooDeep(s: FunctionState): boolean {
  return s.labels.length >= MAXIMUM_LABELS;
}

function block(s: FunctionState, results: readonly ValueType[], depth: number): void {
  const params = constructParams(s);
  expressions(s, params, depth - 1);
  open(s, OP.block, params, results);
  withLabel(s, { types: results, open: true }, () => body(s, params, results, depth));
}

function ifElse(s: FunctionState, results: readonly ValueType[], depth: number): void {
  const params = constructParams(s);
  expressions(s, params, depth - 1);
  condition(s, depth - 1);
  open(s, OP.if, params, results);
  withLabel(s, { types: results, open: true }, () => {
    body(s, params, results, depth);
    const needed = params.length !== results.length || params.some((type, index) => type !== results[index]);
    if (!needed && s.random.chance(50)) return;
    s.op(OP.else);
    body(s, params, results, depth);
  });
}

/** A loop that counts in a local of its own, or one that burns fuel and may be branched to from anywhere. */
function loop(s: FunctionState, results: readonly ValueType[], depth: number): void {
  const params = constructParams(s);
  const counts = s.loopDepth === 0 && s.random.chance(60);
  s.loopDepth++;
  if (counts) countedLoop(s, params, results, depth);
  else {
    expressions(s, params, depth - 1);
    open(s, OP.loop, params, results);
    withLabel(s, { types: params, open: true }, () => {
      s.burnFuel();
      body(s, params, results, depth);
    });
  }
  s.loopDepth--;
}

function countedLoop(
  s: FunctionState,
  params: readonly ValueType[],
  results: readonly ValueType[],
  depth: number,
): void {
  const random = s.random;
  const counter = s.allocateLocal(I32);
  const rises = random.chance(50);
  const step = random.pick([1, 1, 1, 2, 3, 4]);
  const bound = step * random.pick([1, 2, 3, 5, 8, 13, 30]);
  s.publish(I32, counter);
  expressions(s, params, depth - 1);
  s.i32(rises ? 0 : bound);
  s.op1(OP.localSet, counter);
  open(s, OP.loop, params, results);
  withLabel(s, { types: params, open: false }, () => {
    const early = random.chance(50);
    const count = () => {
      s.op1(OP.localGet, counter);
      s.i32(rises ? step : -step);
      s.op(OP.i32Add);
      s.op1(OP.localSet, counter);
    };
    if (early) count();
    for (let left = random.between(1, 4); left > 0; left--) statement(s, depth - 1);
    reshape(s, params, params, depth);
    if (!early) count();
    s.op1(OP.localGet, counter);
    if (rises) {
      s.i32(bound);
      s.op(random.pick([OP.i32LtS, OP.i32LtU]));
    } else if (random.chance(50)) {
      s.i32(0);
      s.op(random.pick([OP.i32Ne, 0x4a]));
    }
    s.op1(OP.brIf, 0);
    reshape(s, params, results, depth);
  });
}

export function blockValue(s: FunctionState, type: ValueType, depth: number): void {
  if (tooDeep(s)) leaf(s, type, 0, true);
  else construct(s, block, type, depth);
}

export function ifValue(s: FunctionState, type: ValueType, depth: number): void {
  if (tooDeep(s)) leaf(s, type, 0, true);
  else construct(s, ifElse, type, depth);
}

export function loopValue(s: FunctionState, type: ValueType, depth: number): void {
  if (tooDeep(s)) leaf(s, type, 0, true);
  else construct(s, loop, type, depth);
}

type Construct = (s: FunctionState, results: readonly ValueType[], depth: number) => void;

/** A construct with `type` as its lowest result; more of them, if any, go elsewhere. */
function construct(s: FunctionState, write: Construct, type: ValueType, depth: number): void {
  const more = s.plan.features.multi && s.random.chance(20) ? s.plan.randomTypes(s.random.between(1, 3)) : [];
  write(s, [type, ...more], depth - 1);
  reshape(s, [type, ...more], [type], depth - 1);
}

function randomResults(s: FunctionState): ValueType[] {
  return s.random.chance(75) ? [] : s.plan.randomTypes(s.random.between(1, 3));
}

function blockStatement(s: FunctionState, depth: number): void {
  if (tooDeep(s)) {
    localSet(s, depth);
    return;
  }
  const results = randomResults(s);
  block(s, results, depth - 1);
  reshape(s, results, [], depth - 1);
}

function ifStatement(s: FunctionState, depth: number): void {
  if (tooDeep(s)) {
    localSet(s, depth);
    return;
  }
  const results = randomResults(s);
  ifElse(s, results, depth - 1);
  reshape(s, results, [], depth - 1);
}

function loopStatement(s: FunctionState, depth: number): void {
  if (tooDeep(s)) {
    localSet(s, depth);
    return;
  }
  const results = randomResults(s);
  loop(s, results, depth - 1);
  reshape(s, results, [], depth - 1);
}

function localSet(s: FunctionState, depth: number): void {
  const type = s.random.pick(s.plan.values);
  const loose = s.loose(type);
  if (loose.length > 0 && s.random.chance(40)) {
    expression(s, type, depth - 1, false);
    s.op1(OP.localSet, s.random.pick(loose));
    return;
  }
  const locals = s.writable(type);
  expression(s, type, depth - 1);
  if (locals.length === 0) s.op(OP.drop);
  else s.op1(OP.localSet, s.random.pick(locals));
}

function globalSet(s: FunctionState, depth: number): void {
  const mutable = s.plan.globals.flatMap((global, index) =>
    global.mutable && index !== s.plan.fuelGlobal ? [index] : [],
  );
  if (mutable.length === 0) {
    localSet(s, depth);
    return;
  }
  const index = s.random.pick(mutable);
  expression(s, s.plan.globals[index]?.type ?? I32, depth - 1);
  s.op1(OP.globalSet, index);
}

function dropStatement(s: FunctionState, depth: number): void {
  expression(s, s.random.pick(s.plan.values), depth - 1, false);
  s.op(OP.drop);
}

/** A label to branch to with its depth, the function's own among them. */
function randomLabel(s: FunctionState): { readonly types: readonly ValueType[]; readonly depth: number } {
  const usable: { types: readonly ValueType[]; depth: number }[] = [];
  for (let index = 0; index < s.labels.length; index++) {
    const label = s.labels[index] as Label;
    if (label.open) usable.push({ types: label.types, depth: s.labels.length - 1 - index });
  }
  usable.push({ types: s.type.results, depth: s.labels.length });
  return s.random.pick(usable);
}

/** All labels that a branch with these values may go to. */
function labelsOf(s: FunctionState, types: readonly ValueType[]): number[] {
  const same = (other: readonly ValueType[]) =>
    other.length === types.length && other.every((type, index) => type === types[index]);
  const depths: number[] = [];
  s.labels.forEach((label, index) => {
    if (label.open && same(label.types)) depths.push(s.labels.length - 1 - index);
  });
  if (same(s.type.results)) depths.push(s.labels.length);
  return depths;
}

function branchStatement(s: FunctionState, depth: number): void {
  const label = randomLabel(s);
  expressions(s, label.types, depth - 1);
  condition(s, depth - 1);
  s.op1(OP.brIf, label.depth);
  reshape(s, label.types, [], depth - 1);
}

/** `br_if` whose value stays if the branch isn't taken. */
export function branchValue(s: FunctionState, type: ValueType, depth: number): void {
  const depths = labelsOf(s, [type]);
  expression(s, type, depth - 1);
  if (depths.length === 0) return;
  condition(s, depth - 1);
  s.op1(OP.brIf, s.random.pick(depths));
}

function branchTable(s: FunctionState, depths: readonly number[], depth: number): void {
  const count = s.random.chance(10) ? s.random.between(20, 120) : s.random.below(10);
  smallIndex(s, count + 1, depth);
  s.op(OP.brTable);
  s.code.u32(count);
  for (let index = 0; index <= count; index++) s.code.u32(s.random.pick(depths));
}

/** Leaves the current place for good: the stack is polymorphic afterwards. */
function diverge(s: FunctionState, depth: number): void {
  const kind = s.random.below(10);
  if (kind === 0 && s.plan.features.risk > 0) {
    s.op(OP.unreachable);
  } else if (kind < 3) {
    expressions(s, s.type.results, depth - 1);
    s.op(OP.return);
  } else if (kind < 6) {
    const label = randomLabel(s);
    expressions(s, label.types, depth - 1);
    branchTable(s, labelsOf(s, label.types), depth - 1);
  } else {
    const label = randomLabel(s);
    expressions(s, label.types, depth - 1);
    s.op1(OP.br, label.depth);
  }
}

/** A branch in the place of a value. */
export function divergentValue(s: FunctionState, type: ValueType, depth: number): void {
  diverge(s, depth - 1);
  if (s.random.chance(30)) deadCode(s, depth - 1);
  if (s.random.chance(30)) expression(s, type, depth - 1);
  else if (isReference(type) || s.random.chance(50)) leaf(s, type, 0, true);
}

function earlyReturn(s: FunctionState, depth: number): void {
  condition(s, depth - 1);
  s.op(OP.if);
  s.code.u8(0x40);
  s.labels.push({ types: [], open: true });
  diverge(s, depth - 1);
  s.labels.pop();
  s.op(OP.end);
}

/** Nested blocks left by a `br_table`, as a `switch` is compiled, with fallthrough or a way out of each arm. */
function switchStatement(s: FunctionState, depth: number): void {
  const arms = s.random.between(2, 6);
  if (s.labels.length + arms >= MAXIMUM_LABELS + 4) {
    localSet(s, depth);
    return;
  }
  for (let arm = 0; arm <= arms; arm++) {
    open(s, OP.block, [], []);
    s.labels.push({ types: [], open: true });
  }
  smallIndex(s, arms + 1, depth);
  s.op(OP.brTable);
  const cases = s.random.chance(70) ? arms : s.random.between(1, 20);
  s.code.u32(cases);
  for (let index = 0; index <= cases; index++) s.code.u32(cases === arms ? index : s.random.below(arms + 1));
  for (let arm = arms; arm >= 0; arm--) {
    s.labels.pop();
    s.op(OP.end);
    if (arm === 0) break;
    statement(s, depth - 1);
    if (s.random.chance(60)) s.op1(OP.br, arm - 1);
  }
}

/** Very deep nesting with branches out of the innermost place to every level. */
function deepStatement(s: FunctionState, depth: number): void {
  const levels = s.random.between(8, 60);
  if (s.labels.length > MAXIMUM_LABELS) {
    localSet(s, depth);
    return;
  }
  const base = s.labels.length;
  for (let level = 0; level < levels; level++) {
    if (s.random.chance(25)) {
      condition(s, 1);
      open(s, OP.if, [], []);
    } else open(s, OP.block, [], []);
    s.labels.push({ types: [], open: true });
  }
  for (let count = s.random.between(1, 4); count > 0; count--) {
    condition(s, 2);
    s.op1(OP.brIf, s.random.below(levels));
  }
  smallIndex(s, levels, 2);
  s.op(OP.brTable);
  s.code.u32(levels - 1);
  for (let level = 0; level < levels; level++) s.code.u32(s.random.below(levels));
  while (s.labels.length > base) {
    s.labels.pop();
    s.op(OP.end);
    if (s.random.chance(25)) localSet(s, 1);
  }
}

/** Where functions that may be called end: mostly calls go to lower indices, since recursion eats up all fuel. */
function calleeLimit(s: FunctionState): number {
  return s.random.chance(8) ? s.plan.functions.length : s.index;
}

/** Functions that give exactly these results, or any at all. */
function functionsWith(s: FunctionState, results: readonly ValueType[] | undefined): number[] {
  const fitting: number[] = [];
  const limit = calleeLimit(s);
  for (let index = 0; index < limit; index++) {
    const type = s.plan.typeOf(index);
    if (results === undefined || (type.results.length === 1 && type.results[0] === results[0]))
      fitting.push(index);
  }
  return fitting;
}

function call(s: FunctionState, index: number, depth: number): FunctionType {
  const type = s.plan.typeOf(index);
  expressions(s, type.params, Math.min(depth - 1, type.params.length > 8 ? 1 : 4));
  s.op1(OP.call, index);
  // A host's float comes out of JavaScript, where a NaN has any payload.
  const last = type.results[type.results.length - 1];
  if (index < s.plan.importedFunctions && (last === F32 || last === F64)) s.settle(last, true);
  return type;
}

function callable(s: FunctionState, index: number): boolean {
  const results = s.plan.typeOf(index).results;
  const hostFloatBelow = results.slice(0, -1).some((type) => type === F32 || type === F64);
  return index >= s.plan.importedFunctions || !hostFloatBelow;
}

export function callValue(s: FunctionState, type: ValueType, depth: number): void {
  const fitting = functionsWith(s, [type]);
  if (fitting.length === 0) leaf(s, type, 0, true);
  else call(s, s.random.pick(fitting), depth);
}

function callStatement(s: FunctionState, depth: number): void {
  const fitting = functionsWith(s, undefined).filter((index) => callable(s, index));
  if (fitting.length === 0) return;
  reshape(s, call(s, s.random.pick(fitting), depth).results, [], depth - 1);
}

/** Calls through the first table; the type fits unless the call is daring. */
function callIndirect(s: FunctionState, typeIndex: number, depth: number): void {
  const table = s.plan.tables[0];
  const type = s.plan.types[typeIndex] as FunctionType;
  expressions(s, type.params, Math.min(depth - 1, type.params.length > 8 ? 1 : 4));
  if (s.dares()) {
    smallIndex(s, (table?.minimum ?? 0) + 2, depth);
  } else {
    expression(s, I32, depth - 1);
    s.i32(3);
    s.op(OP.i32And);
    const start = table?.groups.get(typeIndex) ?? 0;
    if (start > 0) {
      s.i32(start);
      s.op(OP.i32Add);
    }
  }
  s.op2(OP.callIndirect, typeIndex, 0);
}

/** Types of the table's groups whose functions may all be called without settling more than the last result. */
function indirectTypes(s: FunctionState, results: readonly ValueType[] | undefined): number[] {
  const table = s.plan.tables[0];
  if (table === undefined) return [];
  const limit = calleeLimit(s);
  return [...table.groups].flatMap(([typeIndex, start]) => {
    if (table.slots.slice(start, start + 4).some((callee) => callee >= limit)) return [];
    const type = s.plan.types[typeIndex] as FunctionType;
    const fits = results === undefined || (type.results.length === 1 && type.results[0] === results[0]);
    const settled = !type.results.slice(0, -1).some((result) => result === F32 || result === F64);
    return fits && settled ? [typeIndex] : [];
  });
}

function callTable(
  s: FunctionState,
  results: readonly ValueType[] | undefined,
  depth: number,
): FunctionType | undefined {
  const types = indirectTypes(s, results);
  if (types.length === 0) return undefined;
  const typeIndex = s.random.pick(types);
  callIndirect(s, typeIndex, depth);
  const type = s.plan.types[typeIndex] as FunctionType;
  const last = type.results[type.results.length - 1];
  if (last !== undefined) s.settle(last, true);
  return type;
}

export function callIndirectValue(s: FunctionState, type: ValueType, depth: number): void {
  if (callTable(s, [type], depth) === undefined) leaf(s, type, 0, true);
}

function callIndirectStatement(s: FunctionState, depth: number): void {
  const type = callTable(s, undefined, depth);
  if (type !== undefined) reshape(s, type.results, [], depth - 1);
}
