/**
 * A first pass over a function body: what each loop assigns, which loops are branched to, and whether keeping
 * the locals as SSA values would cost too much.
 *
 * A loop header needs a parameter for every local assigned in the loop, before the loop has been read. All
 * other merges are made when their label is closed and all their edges are known, so the scan only bounds
 * their cost. It runs the builder's own modification log (local-log.ts) and adds up, for every construct, the
 * entries handed to its parent and the arguments that its edges can need, and for every branch the entries it
 * has to look at; a branch that leaves a loop also sees the loop's parameters. Code that can't be reached is
 * counted like any other, so the sum is an upper bound. Once it exceeds a multiple of the body's size the scan
 * stops: the locals go to frame slots, and building is linear whatever the shape.
 *
 * Operands can't go to slots: a branch moves its label's values, a call its arguments and results, up to 1,000
 * for a few bytes of code. A body where they add up to more than any compiler writes is refused.
 *
 * Loops are numbered in the order in which they open, unreachable ones included.
 */
import { limitExceeded } from "../../wasm/errors.js";
import { BLOCK_EMPTY, type InstructionCursor } from "../../wasm/instruction-cursor.js";
import { Op } from "../../wasm/opcodes.js";
import type { WasmModule } from "../../wasm/types.js";
import type { Builder } from "./builder.js";
import { grown } from "./grow.js";
import { LocalLog } from "./local-log.js";

/** Log entries and arguments that a body may cost: a part that any body may, and more per byte of code. */
const freeCost = 1 << 13;
const costPerByte = 6;
/** Values that a body's branches and calls may carry in all. */
const mostCarriedValues = 1 << 23;

export class BodyScan {
  /** Whether the locals must be kept in frame slots; nothing below is then meaningful but `branchedTo`. */
  localsInSlots = false;
  /** The estimate: log entries and edge arguments. */
  cost = 0;
  loopCount = 0;
  /** Loop -> first of its locals in `loopLocals`, their count, and whether a branch goes to it. */
  loopStart = new Int32Array(16);
  loopSize = new Int32Array(16);
  branchedTo = new Int32Array(16);
  loopLocals = new Int32Array(64);
  private loopLocalCount = 0;

  private module!: WasmModule;
  /** Values that branches and calls carry. */
  private carried = 0;
  private readonly log = new LocalLog();
  private depth = 0;
  // Open constructs, by depth; the function's own label is 0.
  private logStart = new Int32Array(64);
  private loop = new Int32Array(64);
  private targets = new Int32Array(64);
  /** How many values a branch to the label takes. */
  private arity = new Int32Array(64);
  /** Branches out of this construct, less those that have arrived (summed towards the root). */
  private leaving = new Int32Array(64);
  private lastTable = new Int32Array(64);
  private tableCount = 0;

  /**
   * Scans the builder's body, which its cursor is set to, and makes the locals known that it names.
   * @throws {WasmFormatError} if branches and calls carry too many values
   */
  run(b: Builder): void {
    const { cursor, body } = b;
    const limit = freeCost + costPerByte * (body.end - body.codeStart);
    this.reset(b.module, b.locals.count, body.functionIndex);
    while (cursor.next()) {
      const { opcode } = cursor;
      if (opcode > Op.local_tee) continue;
      if (opcode >= Op.local_get) {
        b.touch(cursor.index);
        if (opcode !== Op.local_get) this.assign(cursor.index);
      } else if (opcode >= Op.block && opcode <= Op.call_indirect) {
        this.control(opcode, cursor);
        if (this.cost > limit && !this.localsInSlots) this.giveUp();
      }
    }
    this.module = undefined as never;
    if (this.carried > mostCarriedValues) {
      const place = { offset: body.codeStart, functionIndex: body.functionIndex };
      throw limitExceeded(place, "values carried by branches and calls", mostCarriedValues, this.carried);
    }
  }

  /** Only the branches to loops still matter. */
  private giveUp(): void {
    this.localsInSlots = true;
    this.log.reset(0);
    this.logStart.fill(0);
  }

  private reset(module: WasmModule, localCount: number, functionIndex: number): void {
    this.module = module;
    this.localsInSlots = false;
    this.cost = 0;
    this.carried = 0;
    this.loopCount = 0;
    this.loopLocalCount = 0;
    this.tableCount = 0;
    this.log.reset(localCount);
    this.depth = 0;
    this.open(-1, module.functionTypes[functionIndex]!);
  }

  private assign(local: number): void {
    if (!this.localsInSlots) this.log.note(local, 0, this.logStart[this.depth]!);
  }

  private control(opcode: number, cursor: InstructionCursor): void {
    switch (opcode) {
      case Op.loop:
        this.depth++;
        this.open(this.newLoop(), cursor.blockType);
        return;
      case Op.block:
      case Op.if:
        this.depth++;
        this.open(-1, cursor.blockType);
        return;
      case Op.end:
        this.close();
        return;
      case Op.br:
      case Op.br_if:
        this.branch(this.depth - cursor.index);
        return;
      case Op.br_table:
        this.branchTable(cursor);
        return;
      case Op.return:
        this.carried += this.arity[0]!;
        return;
      case Op.call:
        this.call(this.module.functionTypes[cursor.index]!);
        return;
      case Op.call_indirect:
        this.call(cursor.index);
        return;
    }
  }

  private open(loop: number, blockType: number): void {
    const { depth } = this;
    if (depth === this.logStart.length) {
      this.logStart = grown(this.logStart);
      this.loop = grown(this.loop);
      this.targets = grown(this.targets);
      this.arity = grown(this.arity);
      this.leaving = grown(this.leaving);
      this.lastTable = grown(this.lastTable);
    }
    this.logStart[depth] = this.log.count;
    this.loop[depth] = loop;
    this.targets[depth] = 0;
    this.arity[depth] = this.labelArity(loop, blockType);
    this.leaving[depth] = 0;
    this.lastTable[depth] = 0;
  }

  private labelArity(loop: number, blockType: number): number {
    if (blockType < 0) return loop >= 0 || blockType === BLOCK_EMPTY ? 0 : 1;
    const type = this.module.types[blockType]!;
    return loop >= 0 ? type.params.length : type.results.length;
  }

  private call(typeIndex: number): void {
    const type = this.module.types[typeIndex]!;
    this.carried += type.params.length + type.results.length;
  }

  private newLoop(): number {
    const loop = this.loopCount++;
    if (loop === this.loopStart.length) {
      this.loopStart = grown(this.loopStart);
      this.loopSize = grown(this.loopSize);
      this.branchedTo = grown(this.branchedTo);
    }
    this.loopStart[loop] = 0;
    this.loopSize[loop] = 0;
    this.branchedTo[loop] = 0;
    return loop;
  }

  private close(): void {
    const { depth } = this;
    if (depth === 0) return;
    this.depth = depth - 1;
    const loop = this.loop[depth]!;
    const targets = this.targets[depth]!;
    if (loop >= 0) this.branchedTo[loop] = targets;
    if (this.localsInSlots) return;
    const start = this.logStart[depth]!;
    const size = this.log.count - start;
    const leaving = this.leaving[depth]!;
    this.leaving[depth - 1]! += leaving;
    this.cost += size * (targets + 1);
    if (loop >= 0 && targets > 0) {
      this.cost += size * leaving;
      this.keepLoopLocals(loop, start, size);
    }
    this.log.close(start, this.logStart[depth - 1]!);
  }

  private keepLoopLocals(loop: number, start: number, size: number): void {
    const first = this.loopLocalCount;
    this.loopStart[loop] = first;
    this.loopSize[loop] = size;
    this.loopLocalCount += size;
    while (this.loopLocalCount > this.loopLocals.length) this.loopLocals = grown(this.loopLocals);
    this.loopLocals.set(this.log.local.subarray(start, start + size), first);
  }

  private branch(target: number): void {
    this.targets[target]!++;
    this.carried += this.arity[target]!;
    if (target === 0 || this.localsInSlots) return;
    this.leaving[this.depth]!++;
    this.leaving[target]!--;
    this.cost += this.log.count - this.logStart[target]!;
  }

  /** Edges to one label share their arguments, so a label counts once per table. */
  private branchTable(cursor: InstructionCursor): void {
    const table = ++this.tableCount;
    for (let { count } = cursor; count >= 0; count--) {
      const target = this.depth - cursor.nextLabel();
      if (this.lastTable[target] === table) continue;
      this.lastTable[target] = table;
      this.branch(target);
    }
  }
}
