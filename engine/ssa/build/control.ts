/**
 * Control instructions: constructs are pushed on the control stack and closed by `end`; branches and merges
 * are in merge.ts. Code after a branch is unreachable up to the construct's `else` or `end` and leaves no rows.
 */
import { Op as Opcode } from "../../wasm/opcodes.js";
import { Op, TrapKind, Type } from "../ops.js";
import { type Builder, FrameKind } from "./builder.js";
import { checkFuel } from "./fuel.js";
import { grown } from "./grow.js";
import { addFalseEdge, branchEdge, jumpTable, jumpTo, mergeAt, openHeader } from "./merge.js";

function open(b: Builder, kind: number, blockType: number): number {
  return b.control.push(kind, blockType, b.height - b.paramCount(blockType), b.log.count);
}

export function block(b: Builder): void {
  open(b, FrameKind.block, b.cursor.blockType);
}

export function loop(b: Builder): void {
  const number = b.loopsSeen++;
  const blockType = b.cursor.blockType;
  const frame = open(b, FrameKind.loop, blockType);
  if (b.scan.branchedTo[number] === 0) return;
  b.control.loop[frame] = number;
  openHeader(b, frame);
  if (b.interrupts) b.emit(Op.interrupt, Type.none);
  if (b.fuel) checkFuel(b);
}

export function ifThen(b: Builder): void {
  const { f, control } = b;
  const blockType = b.cursor.blockType;
  const condition = b.pop();
  const frame = open(b, FrameKind.if, blockType);
  const then = f.newBlock();
  const edge = f.addEdge(b.block, then);
  control.falseEdge[frame] = f.addEdge(b.block, then);
  b.emit(Op.brif, Type.none, condition, 0, 0, edge, 2);
  b.block = then;
  control.saved[frame] = saveParams(b, b.paramCount(blockType));
}

/** Keeps the top of the stack for the other arm. */
function saveParams(b: Builder, count: number): number {
  const start = b.pending.reserve(count);
  for (let i = 0; i < count; i++) b.pending.values[start + i] = b.stack[b.height - count + i]!;
  b.pending.valueCount += count;
  return start;
}

export function elseArm(b: Builder): void {
  const { f, control } = b;
  const frame = control.depth;
  if (b.reachable) jumpTo(b, frame);
  control.kind[frame] = FrameKind.else;
  if (!b.localsInSlots) b.log.restore(control.logStart[frame]!, b.locals.definition);
  b.height = control.height[frame]!;
  const params = b.paramCount(control.blockType[frame]!);
  const saved = control.saved[frame]!;
  for (let i = 0; i < params; i++) b.push(b.pending.values[saved + i]!);
  b.block = f.newBlock();
  f.edgeTarget[control.falseEdge[frame]!] = b.block;
  b.reachable = true;
}

export function end(b: Builder): void {
  const { control } = b;
  const frame = control.depth;
  if (control.kind[frame] === FrameKind.if) addFalseEdge(b, frame);
  if (control.pendingHead[frame]! >= 0) {
    if (b.reachable) jumpTo(b, frame);
    mergeAt(b, frame);
  }
  if (frame === 0) {
    if (b.reachable) returnValues(b);
    control.depth = -1;
    return;
  }
  if (!b.reachable) {
    if (!b.localsInSlots) b.log.restore(control.logStart[frame]!, b.locals.definition);
  }
  if (!b.localsInSlots) b.log.close(control.logStart[frame]!, control.logStart[frame - 1]!);
  control.depth = frame - 1;
}

export function branch(b: Builder): void {
  const frame = b.control.depth - b.cursor.index;
  if (frame === 0) returnValues(b);
  else jumpTo(b, frame);
}

export function branchIf(b: Builder): void {
  const { f } = b;
  const frame = b.control.depth - b.cursor.index;
  const condition = b.pop();
  const edge = branchEdge(b, frame);
  const next = f.newBlock();
  f.addEdge(b.block, next);
  b.emit(Op.brif, Type.none, condition, 0, 0, edge, 2);
  b.block = next;
}

export function branchTable(b: Builder): void {
  const { cursor, control } = b;
  const count = cursor.count + 1;
  if (count > b.labels.length) b.labels = grown(b.labels, count);
  const { labels } = b;
  for (let i = 0; i < count; i++) labels[i] = control.depth - cursor.nextLabel();
  const index = b.pop();
  jumpTable(b, index, labels, count);
}

export function returnValues(b: Builder): void {
  const { f } = b;
  const count = f.results.length;
  const list = f.allocatePool(count);
  for (let i = 0; i < count; i++) f.pool[list + i] = b.stack[b.height - count + i]!;
  b.emit(Op.return, Type.none, 0, list, count);
  b.reachable = false;
}

export function unreachable(b: Builder): void {
  b.trap(TrapKind.unreachable);
}

export function drop(b: Builder): void {
  b.height--;
}

/** `select` with or without a type: all value types alike. */
export function select(b: Builder): void {
  const condition = b.pop();
  const ifZero = b.pop();
  const ifNonZero = b.pop();
  b.push(b.emit(Op.select, b.f.type[ifNonZero]!, condition, ifNonZero, ifZero));
}

export function nop(): void {}

/** One instruction of unreachable code: only nesting counts, and the numbers of loops. */
export function skipUnreachable(b: Builder, opcode: number): void {
  switch (opcode) {
    case Opcode.loop:
      b.loopsSeen++;
      b.deadDepth++;
      return;
    case Opcode.block:
    case Opcode.if:
      b.deadDepth++;
      return;
    case Opcode.else:
      if (b.deadDepth === 0) elseArm(b);
      return;
    case Opcode.end:
      if (b.deadDepth === 0) end(b);
      else b.deadDepth--;
      return;
  }
}

/** The frame of the function itself, whose label is its end. */
export function openFunction(b: Builder): void {
  b.control.depth = -1;
  const typeIndex = b.module.functionTypes[b.f.index]!;
  b.control.push(FrameKind.function, typeIndex, 0, 0);
}
