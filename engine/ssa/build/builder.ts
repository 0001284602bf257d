/**
 * The state from which the opcode families build one SSA function, and what they all need: the operand stack,
 * the current definition of each local, appending rows, rows in the entry block.
 *
 * One Builder serves one function after another; its typed arrays are kept between them. The control stack's
 * columns are here too, and control.ts and merge.ts work on them.
 */
import { Context, type InstanceLayout } from "../../runtime/layout.js";
import { BLOCK_EMPTY, InstructionCursor } from "../../wasm/instruction-cursor.js";
import { type FunctionBody, ValType, type WasmModule } from "../../wasm/types.js";
import { type Block, entryBlock, type SsaFunction, type Value } from "../function.js";
import { AliasClass, Op, Type } from "../ops.js";
import type { BuildOptions } from "./build-function.js";
import { grown } from "./grow.js";
import { LocalLog } from "./local-log.js";
import { LocalTable } from "./local-table.js";
import { MergeVariables, PendingBranches } from "./merge-state.js";
import { BodyScan } from "./scan-body.js";

/** A module's value type byte as a type of SSA values. */
export const typeOfValType = new Uint8Array(256);
typeOfValType[ValType.i32] = Type.i32;
typeOfValType[ValType.i64] = Type.i64;
typeOfValType[ValType.f32] = Type.f32;
typeOfValType[ValType.f64] = Type.f64;
typeOfValType[ValType.v128] = Type.v128;
typeOfValType[ValType.funcref] = Type.ptr;
typeOfValType[ValType.externref] = Type.ref;

export const FrameKind = { function: 0, block: 1, loop: 2, if: 3, else: 4 } as const;

/** Open constructs, innermost last; the function's own frame is 0. */
export class ControlStack {
  depth = 0;
  kind = new Uint8Array(64);
  /** Type index, or a negative code (see InstructionCursor). */
  blockType = new Int32Array(64);
  /** Operand stack height below the construct's parameters. */
  height = new Int32Array(64);
  /** Where its entries in the modification log begin. */
  logStart = new Int32Array(64);
  /** Newest pending branch to its end, or -1; and how many there are. */
  pendingHead = new Int32Array(64);
  pendingCount = new Int32Array(64);
  /** Header block of a loop that is branched to, else -1; and its number in the scan. */
  header = new Int32Array(64);
  loop = new Int32Array(64);
  /** Of an `if`: the edge for a false condition, and where its parameters are kept. */
  falseEdge = new Int32Array(64);
  saved = new Int32Array(64);
  /** The last br_table that named this label, and the chain of its edges. */
  table = new Int32Array(64);
  tableHead = new Int32Array(64);
  tableCount = new Int32Array(64);

  push(kind: number, blockType: number, height: number, logStart: number): number {
    const frame = ++this.depth;
    if (frame === this.kind.length) this.grow();
    this.kind[frame] = kind;
    this.blockType[frame] = blockType;
    this.height[frame] = height;
    this.logStart[frame] = logStart;
    this.pendingHead[frame] = -1;
    this.pendingCount[frame] = 0;
    this.header[frame] = -1;
    this.loop[frame] = -1;
    this.falseEdge[frame] = -1;
    this.table[frame] = 0;
    return frame;
  }

  private grow(): void {
    const capacity = this.kind.length * 2;
    const kind = new Uint8Array(capacity);
    kind.set(this.kind);
    this.kind = kind;
    this.blockType = grown(this.blockType, capacity);
    this.height = grown(this.height, capacity);
    this.logStart = grown(this.logStart, capacity);
    this.pendingHead = grown(this.pendingHead, capacity);
    this.pendingCount = grown(this.pendingCount, capacity);
    this.header = grown(this.header, capacity);
    this.loop = grown(this.loop, capacity);
    this.falseEdge = grown(this.falseEdge, capacity);
    this.saved = grown(this.saved, capacity);
    this.table = grown(this.table, capacity);
    this.tableHead = grown(this.tableHead, capacity);
    this.tableCount = grown(this.tableCount, capacity);
  }
}

export class Builder {
  /** The instruction at hand and its immediates. */
  cursor!: InstructionCursor;
  readonly scan = new BodyScan();
  readonly log = new LocalLog();
  readonly control = new ControlStack();
  readonly pending = new PendingBranches();
  readonly variables = new MergeVariables();
  /** Frames that a br_table names. */
  labels = new Int32Array(64);

  f!: SsaFunction;
  module!: WasmModule;
  body!: FunctionBody;
  layout!: InstanceLayout;
  explicitBounds = false;
  interrupts = false;
  fuel = false;
  /** Instructions built since the last charge; see fuel.ts. */
  uncharged = 0;
  /** The function's instance record: the entry block's first parameter. */
  instance = 0 as Value;
  /** The block that rows go to; meaningful only while `reachable`. */
  block: Block = entryBlock;
  reachable = true;
  /** Constructs opened since the code became unreachable. */
  deadDepth = 0;
  loopsSeen = 0;
  tablesSeen = 0;
  /** Where the current instruction stands in the module. */
  source = 0;

  stack = new Int32Array(64);
  height = 0;

  localsInSlots = false;
  readonly locals = new LocalTable();

  /** The newest of the rows that stand before all others in the entry block, or -1. */
  private lastPrologueRow = -1;
  /** Constants and invariants of the entry block, made when first used. */
  private readonly zeroOfType = new Int32Array(8);
  private guardedBase = 0;

  start(
    f: SsaFunction,
    module: WasmModule,
    layout: InstanceLayout,
    options: BuildOptions,
    body: FunctionBody,
  ): void {
    this.f = f;
    this.module = module;
    this.body = body;
    this.layout = layout;
    this.explicitBounds = options.bounds === "explicit";
    this.interrupts = options.interrupts;
    this.fuel = options.fuel ?? false;
    this.uncharged = 0;
    this.block = f.newBlock();
    this.reachable = true;
    this.deadDepth = 0;
    this.loopsSeen = 0;
    this.tablesSeen = 0;
    this.source = body.codeStart;
    this.height = 0;
    this.lastPrologueRow = -1;
    this.zeroOfType.fill(0);
    this.guardedBase = 0;
    this.instance = f.addParam(entryBlock, Type.ptr);
    this.cursor = new InstructionCursor(module.bytes, body.codeStart, body.end);
  }

  /** Makes a local known that an instruction names: until it is set it is zero. */
  touch(local: number): void {
    const { locals } = this;
    if (locals.isKnown(local)) return;
    const type = typeOfValType[this.body.locals[locals.runOf(local)]!.type]!;
    locals.set(local, type, this.zero(type));
  }

  /** Lets go of what belongs to the function. */
  release(): void {
    this.cursor = undefined as never;
    this.f = undefined as never;
    this.module = undefined as never;
    this.body = undefined as never;
    this.layout = undefined as never;
  }

  // ---------------------------------------------------------------- operand stack

  push(v: number): void {
    if (this.height === this.stack.length) this.stack = grown(this.stack);
    this.stack[this.height++] = v;
  }

  pop(): Value {
    return this.stack[--this.height] as Value;
  }

  /** Makes room for `count` more values. */
  reserve(count: number): void {
    if (this.height + count > this.stack.length) this.stack = grown(this.stack, this.height + count);
  }

  // ---------------------------------------------------------------- rows

  emit(op: number, type: number, a0 = 0, a1 = 0, a2 = 0, lo = 0, hi = 0): Value {
    return this.f.append(this.block, op, type as Type, a0, a1, a2, lo, hi, this.source);
  }

  constI32(value: number): Value {
    return this.f.append(this.block, Op.const, Type.i32, 0, 0, 0, value, 0, this.source);
  }

  peek(type: number, address: number, displacement: number, alias: number): Value {
    return this.f.append(this.block, Op.peek, type as Type, address, 0, 0, displacement, alias, this.source);
  }

  /** 32 bits of an engine record as an i32. */
  peek32(address: number, displacement: number, alias: number): Value {
    return this.f.append(this.block, Op.peek32, Type.i32, address, 0, 0, displacement, alias, this.source);
  }

  trapIf(condition: number, kind: number): void {
    this.f.append(this.block, Op.trapif, Type.none, condition, 0, 0, kind, 0, this.source);
  }

  /** Ends the block with a trap. */
  trap(kind: number): void {
    this.f.append(this.block, Op.trap, Type.none, 0, 0, 0, kind, 0, this.source);
    this.reachable = false;
  }

  /** A call of a runtime routine with the arguments in `values`. */
  builtin(number: number, type: number, values: ArrayLike<number>): Value {
    const { f } = this;
    const list = f.addList(values);
    return f.append(
      this.block,
      Op.builtin,
      type as Type,
      this.instance,
      list,
      values.length,
      number,
      0,
      this.source,
    );
  }

  /** A row that stands in the entry block before all but its like, so that it dominates every other. */
  emitInPrologue(op: number, type: number, a0 = 0, a1 = 0, lo = 0, hi = 0): Value {
    const { f } = this;
    const last = this.lastPrologueRow;
    const before = last < 0 ? f.firstRow[entryBlock]! : f.next[last]!;
    let v: Value;
    if (before < 0) v = f.append(entryBlock, op, type as Type, a0, a1, 0, lo, hi);
    else {
      v = f.newRow(op, type as Type, a0, a1, 0, lo, hi, -1);
      f.insertBefore(v, before as Value);
    }
    this.lastPrologueRow = v;
    return v;
  }

  /** What a local of this type holds before it is first written; a funcref is null. */
  zero(type: number): Value {
    const known = this.zeroOfType[type]!;
    if (known !== 0) return known as Value;
    let v: Value;
    if (type === Type.ptr) {
      const context = this.emitInPrologue(Op.ctx, Type.ptr);
      v = this.emitInPrologue(Op.peek, Type.ptr, context, 0, Context.nullFuncref, AliasClass.invariant);
    } else v = this.emitInPrologue(Op.const, type);
    this.zeroOfType[type] = v;
    return v;
  }

  /** Memory 0's base where it never changes. */
  memoryBase(displacement: number): Value {
    if (this.guardedBase === 0) {
      this.guardedBase = this.emitInPrologue(
        Op.peek,
        Type.ptr,
        this.instance,
        0,
        displacement,
        AliasClass.invariant,
      );
    }
    return this.guardedBase as Value;
  }

  // ---------------------------------------------------------------- block types

  paramCount(blockType: number): number {
    return blockType < 0 ? 0 : this.module.types[blockType]!.params.length;
  }

  resultCount(blockType: number): number {
    if (blockType < 0) return blockType === BLOCK_EMPTY ? 0 : 1;
    return this.module.types[blockType]!.results.length;
  }
}
