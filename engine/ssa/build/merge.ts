/**
 * Branches and labels: SSA construction where control flow meets.
 *
 * Wasm's control flow is structured, so every edge to a label is known when its construct ends, and a loop's
 * header is the only label that is met before its edges. Hence (in
 * the spirit of Brandis and Mössenböck, "Single-Pass Generation of Static Single-Assignment Form for
 * Structured Languages", TOPLAS 1994):
 *
 *  - A forward branch leaves a *pending* record: its edges, the label's values, and the locals changed since
 *    the construct's entry with their values (the modification log knows them).
 *  - At the end of the construct, the records of all edges are compared. A result or local gets a block
 *    parameter only if two edges bring different values; a local missing in a record has on that edge the
 *    value of the construct's entry. No record: unreachable. Falling through is one more branch.
 *  - A loop's header gets parameters for its block type's and for each local the loop assigns (scan-body.ts);
 *    later passes remove those that turn out to be the same on all edges.
 *
 * The edges of a br_table that go to one label form a chain and share one record; if the label has parameters,
 * they go to a block of their own, which jumps with the arguments.
 */
import { type Block, entryBlock } from "../function.js";
import { Op, Type } from "../ops.js";
import { type Builder, FrameKind } from "./builder.js";
import { grown } from "./grow.js";

// ---------------------------------------------------------------- branches

/**
 * Records a branch to the end of `frame` with the label's values on top of the stack. The edges exist, with
 * neither target nor arguments; they are chained if there are several.
 */
function addPending(b: Builder, frame: number, firstEdge: number, edges: number): void {
  const { control } = b;
  const arity = b.resultCount(control.blockType[frame]!);
  // The function's locals die with it: a branch to its end need not carry any.
  const logStart = frame === 0 ? b.log.count : control.logStart[frame]!;
  const start = b.pending.reserve(arity + 2 * (b.log.count - logStart));
  let to = start;
  for (let i = b.height - arity; i < b.height; i++) b.pending.values[to++] = b.stack[i]!;
  b.pending.valueCount = addChangedLocals(b, logStart, to);
  link(b, frame, firstEdge, edges, start, (b.pending.valueCount - to) >> 1);
}

function link(b: Builder, frame: number, edge: number, edges: number, start: number, pairs: number): void {
  const { control } = b;
  const record = b.pending.add();
  b.pending.next[record] = control.pendingHead[frame]!;
  b.pending.firstEdge[record] = edge;
  b.pending.edges[record] = edges;
  b.pending.start[record] = start;
  b.pending.pairs[record] = pairs;
  control.pendingHead[frame] = record;
  control.pendingCount[frame]!++;
}

/** Writes a pair for each local that differs from its value at the log's position; returns the end. */
function addChangedLocals(b: Builder, logStart: number, start: number): number {
  const { log } = b;
  const { definition } = b.locals;
  const { local, old, count } = log;
  const { stamp } = b.variables;
  const { values } = b.pending;
  const now = ++b.variables.now;
  let to = start;
  for (let entry = logStart; entry < count; entry++) {
    const l = local[entry]!;
    if (stamp[l] === now) continue;
    stamp[l] = now;
    const v = definition[l]!;
    if (v === old[entry]) continue;
    values[to++] = l;
    values[to++] = v;
  }
  return to;
}

/** Number of arguments of a branch to a loop's header. */
function headerArgCount(b: Builder, frame: number): number {
  return b.f.params[b.control.header[frame]!]!.length;
}

/** Gives an edge to a loop's header its target and arguments: the top of the stack, then the loop's locals. */
function completeHeaderEdge(b: Builder, frame: number, edge: number): void {
  const { f, control, scan } = b;
  const header = control.header[frame]!;
  const count = headerArgCount(b, frame);
  const start = f.allocatePool(count);
  f.edgeTarget[edge] = header;
  f.edgeArgsStart[edge] = start;
  f.edgeArgsCount[edge] = count;
  const loop = control.loop[frame]!;
  const locals = b.localsInSlots ? 0 : scan.loopSize[loop]!;
  const arity = count - locals;
  const { pool } = f;
  for (let i = 0; i < arity; i++) pool[start + i] = b.stack[b.height - arity + i]!;
  const first = scan.loopStart[loop]!;
  for (let i = 0; i < locals; i++)
    pool[start + arity + i] = b.locals.definition[scan.loopLocals[first + i]!]!;
}

/** One edge from the current block to a label, whose values are on top of the stack. */
export function branchEdge(b: Builder, frame: number): number {
  const edge = b.f.addEdge(b.block, entryBlock);
  if (b.control.kind[frame] === FrameKind.loop) completeHeaderEdge(b, frame, edge);
  else addPending(b, frame, edge, 1);
  return edge;
}

/** Ends the block with a jump to a label. */
export function jumpTo(b: Builder, frame: number): void {
  const edge = branchEdge(b, frame);
  b.emit(Op.jump, Type.none, 0, 0, 0, edge, 1);
  b.reachable = false;
}

/** Ends the block with a br_table whose labels (frame numbers) are `targets[0..count-1]`, the last the default. */
export function jumpTable(b: Builder, index: number, targets: Int32Array, count: number): void {
  const { f, control } = b;
  const table = ++b.tablesSeen;
  const first = f.edgeCount;
  if (b.pending.edgeChain.length < first + count)
    b.pending.edgeChain = grown(b.pending.edgeChain, first + count);
  // `targets` is compacted on the way to the distinct labels.
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    const frame = targets[i]!;
    const edge = f.addEdge(b.block, entryBlock);
    if (control.table[frame] !== table) {
      control.table[frame] = table;
      control.tableHead[frame] = -1;
      control.tableCount[frame] = 0;
      targets[distinct++] = frame;
    }
    b.pending.edgeChain[edge] = control.tableHead[frame]!;
    control.tableHead[frame] = edge;
    control.tableCount[frame]!++;
  }
  b.emit(Op.brtable, Type.none, index, 0, 0, first, count);
  b.reachable = false;
  for (let i = 0; i < distinct; i++) branchChain(b, targets[i]!);
}

function branchChain(b: Builder, frame: number): void {
  const { control } = b;
  const edge = control.tableHead[frame]!;
  const edges = control.tableCount[frame]!;
  if (control.kind[frame] !== FrameKind.loop) addPending(b, frame, edge, edges);
  else if (headerArgCount(b, frame) === 0) setTargets(b, edge, edges, control.header[frame]! as Block);
  else completeHeaderEdge(b, frame, commonEdge(b, edge, edges));
}

/** The edge that takes a chain's arguments: its only one, or a common one behind a block of its own. */
function commonEdge(b: Builder, first: number, edges: number): number {
  if (edges === 1) return first;
  const { f } = b;
  const block = f.newBlock();
  setTargets(b, first, edges, block);
  const edge = f.addEdge(block, entryBlock);
  f.append(block, Op.jump, Type.none, 0, 0, 0, edge, 1, b.source);
  return edge;
}

function setTargets(b: Builder, first: number, edges: number, target: Block): void {
  const { edgeTarget } = b.f;
  let edge = first;
  for (let left = edges; left > 0; left--) {
    edgeTarget[edge] = target;
    if (left > 1) edge = b.pending.edgeChain[edge]!;
  }
}

// ---------------------------------------------------------------- labels

/** The false edge of an `if` without `else`: the parameters go through, the locals are those of its entry. */
export function addFalseEdge(b: Builder, frame: number): void {
  const { control } = b;
  link(b, frame, control.falseEdge[frame]!, 1, control.saved[frame]!, 0);
}

/**
 * Closes a forward label that has pending branches (falling through is one of them, so the current position is
 * unreachable): goes on in a block of its own, with the results on the stack.
 */
export function mergeAt(b: Builder, frame: number): void {
  const { control, f, log } = b;
  const head = control.pendingHead[frame]!;
  const logStart = control.logStart[frame]!;
  if (!b.localsInSlots) log.restore(logStart, b.locals.definition);
  const arity = b.resultCount(control.blockType[frame]!);
  compareEdges(b, head, arity);
  b.block = f.newBlock();
  b.reachable = true;
  b.height = control.height[frame]!;
  b.reserve(arity);
  const params = addParams(b, head, arity, control.pendingCount[frame]!);
  for (let record = head; record >= 0; record = b.pending.next[record]!)
    completeRecord(b, record, arity, params);
  defineMerged(b, arity);
}

/** Collects what the records bring: for each variable its value, or -1 if there are several. */
function compareEdges(b: Builder, head: number, arity: number): void {
  const now = ++b.variables.now;
  b.variables.count = 0;
  for (let i = 0; i < arity; i++) b.variables.add(-1);
  for (let record = head; record >= 0; record = b.pending.next[record]!) {
    const { values } = b.pending;
    let at = b.pending.start[record]!;
    for (let i = 0; i < arity; i++) b.variables.meet(i, values[at++]!);
    for (let pairs = b.pending.pairs[record]!; pairs > 0; pairs--) {
      const local = values[at++]!;
      if (b.variables.stamp[local] !== now) {
        b.variables.stamp[local] = now;
        b.variables.variable[local] = b.variables.add(local);
      }
      b.variables.meet(b.variables.variable[local]!, values[at++]!);
    }
  }
}

/** Adds parameters to the current block for the variables that need one; returns their number. */
function addParams(b: Builder, head: number, arity: number, records: number): number {
  const { f } = b;
  const { value, position, local } = b.variables;
  let params = 0;
  for (let k = 0; k < b.variables.count; k++) {
    position[k] = -1;
    // Not in every record: the others bring the value of the construct's entry, which these differ from.
    const missing = k >= arity && b.variables.seen[k]! < records;
    if (value[k] !== -1 && !missing) continue;
    const type =
      k < arity ? f.type[b.pending.values[b.pending.start[head]! + k]!]! : b.locals.type[local[k]!]!;
    value[k] = f.addParam(b.block, type as Type);
    position[k] = params++;
  }
  return params;
}

/** Gives a record's edges their target and arguments. */
function completeRecord(b: Builder, record: number, arity: number, params: number): void {
  const { f } = b;
  const first = b.pending.firstEdge[record]!;
  const edges = b.pending.edges[record]!;
  if (params === 0) {
    setTargets(b, first, edges, b.block);
    return;
  }
  const edge = commonEdge(b, first, edges);
  const start = f.allocatePool(params);
  f.edgeTarget[edge] = b.block;
  f.edgeArgsStart[edge] = start;
  f.edgeArgsCount[edge] = params;
  const { pool } = f;
  const { position, local, variable } = b.variables;
  const { values } = b.pending;
  let at = b.pending.start[record]!;
  for (let k = arity; k < b.variables.count; k++) {
    if (position[k]! >= 0) pool[start + position[k]!] = b.locals.definition[local[k]!]!;
  }
  for (let k = 0; k < arity; k++, at++) if (position[k]! >= 0) pool[start + position[k]!] = values[at]!;
  for (let pairs = b.pending.pairs[record]!; pairs > 0; pairs--, at += 2) {
    const k = variable[values[at]!]!;
    if (position[k]! >= 0) pool[start + position[k]!] = values[at + 1]!;
  }
}

function defineMerged(b: Builder, arity: number): void {
  const { value, local } = b.variables;
  for (let k = 0; k < arity; k++) b.push(value[k]!);
  for (let k = arity; k < b.variables.count; k++) b.locals.definition[local[k]!] = value[k]!;
}

/** Opens the header of a loop that is branched to: parameters for the block type's and the assigned locals. */
export function openHeader(b: Builder, frame: number): void {
  const { f, control, scan } = b;
  const header = f.newBlock();
  control.header[frame] = header;
  const loop = control.loop[frame]!;
  const arity = b.paramCount(control.blockType[frame]!);
  const locals = b.localsInSlots ? 0 : scan.loopSize[loop]!;
  const first = scan.loopStart[loop]!;
  // Parameters first: the edge's arguments are counted by them.
  for (let i = b.height - arity; i < b.height; i++) f.addParam(header, f.type[b.stack[i]!]! as Type);
  for (let i = 0; i < locals; i++) f.addParam(header, b.locals.type[scan.loopLocals[first + i]!]! as Type);
  const edge = branchEdge(b, frame);
  b.emit(Op.jump, Type.none, 0, 0, 0, edge, 1);
  b.block = header;
  const params = f.params[header]!;
  for (let i = 0; i < arity; i++) b.stack[b.height - arity + i] = params[i]!;
  const logStart = control.logStart[frame]!;
  for (let i = 0; i < locals; i++) {
    const local = scan.loopLocals[first + i]!;
    b.log.note(local, b.locals.definition[local]!, logStart);
    b.locals.definition[local] = params[arity + i]!;
  }
}
