/**
 * Makes a failing module smaller.
 *
 * In: a valid module and a predicate that says whether a module still fails. Out: a smaller module that does.
 * Delta debugging (Zeller and Hildebrandt, 2002) over expression trees: an instruction with all that feeds
 * it is replaced by zeros, by one of its operands, or by nothing, the largest first; bodies by zeros; exports are
 * dropped. Trees are found by following the operand stack. What isn't valid is not even tried, so steps may be bold.
 * Loops and recursion must go on ending: first every loop is made to burn the generator's fuel, and no step may take
 * a place where fuel is burnt away.
 */

import {
  type Body,
  blockSignature,
  decodeBody,
  encodeBody,
  type Instruction,
  replaceBodies,
  stackEffect,
  withImmediates,
} from "../support/decode-body.js";
import { functionTypeOf, inspectModule, type ModuleShape } from "../support/inspect-module.js";
import { nodeNamespace } from "../support/namespace.js";
import { OP } from "../support/opcodes.js";
import {
  ByteWriter,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I32,
  I64,
  V128,
  type ValueType,
} from "../support/wasm-bytes.js";
import { writeZero } from "./generate-constants.js";

/** Should come back for every valid module: one without `fuel` may lose what ended its loops. */
export type StillFails = (bytes: Uint8Array) => boolean | Promise<boolean>;

export interface ShrinkOptions {
  /** give up after so many milliseconds with the best so far; 20,000 by default */
  readonly milliseconds?: number;
}

/** Instructions `start` to `end` (inclusive) with the operands they are made from. */
interface Tree {
  readonly start: number;
  readonly end: number;
  readonly operands: readonly { readonly start: number; readonly end: number }[];
  readonly pushes: number;
  readonly results?: readonly ValueType[] | undefined;
}

interface Frame {
  readonly opcode: number;
  readonly at: number;
  readonly start: number;
  readonly height: number;
  readonly results: readonly ValueType[];
  readonly params: number;
}

/** Finds the trees of a body by walking it with a stack of where each value began. */
class TreeFinder {
  private readonly trees: Tree[] = [];
  private readonly stack: { start: number; end: number }[] = [];
  private readonly frames: Frame[] = [];

  constructor(private readonly shape: ModuleShape) {}

  find(instructions: readonly Instruction[]): Tree[] {
    instructions.forEach((instruction, at) => {
      this.step(instruction, at);
    });
    return this.trees.sort((a, b) => b.end - b.start - (a.end - a.start));
  }

  private pop(count: number, at: number): { start: number; end: number }[] {
    const floor = this.frames[this.frames.length - 1]?.height ?? 0;
    const taken: { start: number; end: number }[] = [];
    for (let left = count; left > 0 && this.stack.length > floor; left--) {
      taken.unshift(this.stack.pop() as { start: number; end: number });
    }
    // An operand ends where the next one starts.
    return taken.map((value, index) => ({ start: value.start, end: (taken[index + 1]?.start ?? at) - 1 }));
  }

  private push(count: number, start: number, end: number): void {
    for (let left = count; left > 0; left--) this.stack.push({ start, end });
  }

  private step(instruction: Instruction, at: number): void {
    const { opcode, immediates } = instruction;
    if (opcode === OP.block || opcode === OP.loop || opcode === OP.if) {
      const signature = blockSignature(this.shape, immediates[0] as number);
      const params = signature.params.length;
      const operands = this.pop(params + (opcode === OP.if ? 1 : 0), at);
      const start = operands[0]?.start ?? at;
      this.frames.push({ opcode, at, start, height: this.stack.length, results: signature.results, params });
      this.push(params, at, at);
      return;
    }
    if (opcode === OP.else || opcode === OP.end) {
      this.edge(opcode, at);
      return;
    }
    if (opcode === OP.brIf) {
      const [operand] = this.pop(1, at);
      this.trees.push({ start: operand?.start ?? at, end: at, operands: [], pushes: 0 });
      return;
    }
    if (opcode === OP.br || opcode === OP.brTable || opcode === OP.return || opcode === OP.unreachable) {
      const floor = this.frames[this.frames.length - 1]?.height ?? 0;
      this.trees.push({ start: at, end: at, operands: [], pushes: 0 });
      this.stack.length = Math.min(this.stack.length, floor);
      return;
    }
    const effect = stackEffect(this.shape, instruction);
    const operands = this.pop(effect.pops, at);
    const start = operands[0]?.start ?? at;
    this.push(effect.pushes, start, at);
    this.trees.push({ start, end: at, operands, pushes: effect.pushes, results: effect.results });
  }

  private edge(opcode: number, at: number): void {
    const frame = this.frames[this.frames.length - 1];
    if (frame === undefined) return;
    this.stack.length = Math.min(this.stack.length, frame.height);
    if (opcode === OP.else) {
      this.push(frame.params, at, at);
      return;
    }
    this.frames.pop();
    this.push(frame.results.length, frame.start, at);
    const pushes = frame.results.length;
    this.trees.push({ start: frame.start, end: at, operands: [], pushes, results: frame.results });
  }
}

function zero(type: ValueType): Instruction {
  const out = new ByteWriter();
  writeZero(out, type);
  return { opcode: out.toBytes()[0] as number, immediates: [], bytes: out.toBytes() };
}

const valueTypes = [I32, I64, F32, F64, V128, FUNCREF, EXTERNREF];

/** What a tree may be replaced by. */
function replacements(tree: Tree, instructions: readonly Instruction[]): (readonly Instruction[])[] {
  const choices: (readonly Instruction[])[] = [];
  if (tree.pushes === 0) choices.push([]);
  else if (tree.results !== undefined) choices.push(tree.results.map(zero));
  else if (tree.pushes === 1) choices.push(...valueTypes.map((type) => [zero(type)]));
  for (const operand of tree.operands) choices.push(instructions.slice(operand.start, operand.end + 1));
  return choices.filter((choice) => choice.length < tree.end - tree.start + 1);
}

const guardOpcodes = [
  OP.globalGet,
  OP.i32Const,
  OP.i32Sub,
  OP.globalSet,
  OP.globalGet,
  OP.i32Const,
  OP.i32LtS,
  OP.if,
];

/** Whether the instructions from `at` on burn fuel and leave the function when there is none. */
function isGuard(instructions: readonly Instruction[], at: number): boolean {
  if (!guardOpcodes.every((opcode, index) => instructions[at + index]?.opcode === opcode)) return false;
  let end = at + guardOpcodes.length;
  while (end < instructions.length && instructions[end]?.opcode !== OP.end) end++;
  const last = instructions[end - 1]?.opcode;
  return last === OP.return || last === OP.unreachable;
}

/** Places where fuel should be burnt and isn't: loops, and the start of a function that calls. */
function unguarded(instructions: readonly Instruction[]): number {
  let count = 0;
  let calls = false;
  for (let at = 0; at < instructions.length; at++) {
    const opcode = instructions[at]?.opcode;
    if (opcode === OP.loop && !isGuard(instructions, at + 1)) count++;
    if (opcode === OP.call || opcode === OP.callIndirect) calls = true;
  }
  return count + (calls && !isGuard(instructions, 0) ? 1 : 0);
}

function guardBytes(fuel: number, results: readonly ValueType[]): Uint8Array {
  const out = new ByteWriter();
  for (const [opcode, operand] of [
    [OP.globalGet, fuel],
    [OP.i32Const, 1],
    [OP.i32Sub],
    [OP.globalSet, fuel],
    [OP.globalGet, fuel],
    [OP.i32Const, 0],
    [OP.i32LtS],
  ] as const) {
    out.u8(opcode);
    if (operand !== undefined) out.u32(operand);
  }
  out.bytes([OP.if, 0x40]);
  for (const result of results) writeZero(out, result);
  out.bytes([OP.return, OP.end]);
  return out.toBytes();
}

/** The module with fuel burnt in every loop; it must export its fuel. */
function guardLoops(bytes: Uint8Array): Uint8Array {
  const shape = inspectModule(bytes);
  const fuel = shape.exports.find((part) => part.name === "fuel")?.index;
  if (fuel === undefined) return bytes;
  const bodies = shape.bodies.map((range, index) => {
    const guard = guardBytes(fuel, functionTypeOf(shape, shape.importedFunctions + index).results);
    const { locals, instructions } = decodeBody(bytes, range);
    const out = new ByteWriter();
    out.bytes(locals);
    instructions.forEach((instruction, at) => {
      out.bytes(instruction.bytes);
      if (instruction.opcode === OP.loop && !isGuard(instructions, at + 1)) out.bytes(guard);
    });
    return out.toBytes();
  });
  return replaceBodies(bytes, shape, bodies);
}

/** A block's inside without its edges, or `undefined` if a branch needs the block. */
function unwrapped(instructions: readonly Instruction[], at: number): Instruction[] | undefined {
  const out = instructions.slice(0, at);
  let depth = 0;
  for (let index = at + 1; index < instructions.length; index++) {
    const instruction = instructions[index] as Instruction;
    const { opcode, immediates } = instruction;
    if (opcode === OP.end && depth === 0) return [...out, ...instructions.slice(index + 1)];
    if (opcode === OP.else && depth === 0) return undefined;
    if (opcode === OP.br || opcode === OP.brIf || opcode === OP.brTable) {
      if (immediates.includes(depth)) return undefined;
      out.push(
        withImmediates(
          instruction,
          immediates.map((label) => (label > depth ? label - 1 : label)),
        ),
      );
    } else out.push(instruction);
    if (opcode === OP.block || opcode === OP.loop || opcode === OP.if) depth++;
    if (opcode === OP.end) depth--;
  }
  return undefined;
}

class Shrinker {
  private readonly deadline: number;

  constructor(
    private best: Uint8Array,
    private readonly stillFails: StillFails,
    options: ShrinkOptions,
  ) {
    this.deadline = Date.now() + (options.milliseconds ?? 20_000);
  }

  async run(): Promise<Uint8Array> {
    const guarded = guardLoops(this.best);
    if (nodeNamespace.validate(guarded) && (await this.stillFails(guarded))) this.best = guarded;
    for (let before = Number.POSITIVE_INFINITY; this.best.length < before && !this.late(); ) {
      before = this.best.length;
      await this.dropExports();
      await this.emptyBodies();
      const count = inspectModule(this.best).bodies.length;
      for (let index = 0; index < count; index++) await this.shrinkBody(index);
      await this.dropSections();
    }
    return this.best;
  }

  private late(): boolean {
    return Date.now() > this.deadline;
  }

  private async attempt(bytes: Uint8Array): Promise<boolean> {
    if (this.late() || bytes.length >= this.best.length || !nodeNamespace.validate(bytes)) return false;
    if (!(await this.stillFails(bytes))) return false;
    this.best = bytes;
    return true;
  }

  private async attemptBody(index: number, body: Body): Promise<boolean> {
    const shape = inspectModule(this.best);
    const bodies = shape.bodies.map((range, at) =>
      at === index ? encodeBody(body) : this.best.subarray(range.start, range.end),
    );
    return this.attempt(replaceBodies(this.best, shape, bodies));
  }

  private async dropExports(): Promise<void> {
    for (let index = inspectModule(this.best).exports.length - 1; index >= 0; index--) {
      const shape = inspectModule(this.best);
      const out = new ByteWriter();
      out.bytes(this.best.subarray(0, 8));
      for (const section of shape.sections) {
        if (section.id !== 7) out.bytes(this.best.subarray(section.start, section.end));
        else {
          const payload = new ByteWriter();
          const kept = shape.exports.filter((_, at) => at !== index);
          payload.u32(kept.length);
          for (const part of kept) {
            payload.name(part.name);
            payload.u8(part.kind);
            payload.u32(part.index);
          }
          out.u8(7);
          out.sized(payload.toBytes());
        }
      }
      await this.attempt(out.toBytes());
    }
  }

  private async dropSections(): Promise<void> {
    for (let index = inspectModule(this.best).sections.length - 1; index >= 0; index--) {
      const section = inspectModule(this.best).sections[index];
      if (section === undefined) continue;
      const out = new ByteWriter();
      out.bytes(this.best.subarray(0, section.start));
      out.bytes(this.best.subarray(section.end));
      await this.attempt(out.toBytes());
    }
  }

  private async emptyBodies(): Promise<void> {
    const shape = inspectModule(this.best);
    for (let index = 0; index < shape.bodies.length; index++) {
      const { results } = functionTypeOf(shape, shape.importedFunctions + index);
      const end: Instruction = { opcode: OP.end, immediates: [], bytes: new Uint8Array([OP.end]) };
      await this.attemptBody(index, {
        locals: new Uint8Array([0]),
        instructions: [...results.map(zero), end],
      });
    }
  }

  private async shrinkBody(index: number): Promise<void> {
    for (let changed = true; changed && !this.late(); ) {
      changed = (await this.replaceTrees(index)) || (await this.unwrapBlocks(index));
    }
  }

  private bodyOf(index: number): { readonly body: Body; readonly shape: ModuleShape } {
    const shape = inspectModule(this.best);
    return { body: decodeBody(this.best, shape.bodies[index] as { start: number; end: number }), shape };
  }

  /** One pass over all trees of a body, the largest first. */
  private async replaceTrees(index: number): Promise<boolean> {
    let { body, shape } = this.bodyOf(index);
    let trees = new TreeFinder(shape).find(body.instructions);
    let improved = false;
    const loose = unguarded(body.instructions);
    for (let at = 0; at < trees.length && !this.late(); at++) {
      const tree = trees[at] as Tree;
      for (const choice of replacements(tree, body.instructions)) {
        const instructions = [
          ...body.instructions.slice(0, tree.start),
          ...choice,
          ...body.instructions.slice(tree.end + 1),
        ];
        if (unguarded(instructions) > loose) continue;
        if (!(await this.attemptBody(index, { locals: body.locals, instructions }))) continue;
        improved = true;
        ({ body, shape } = this.bodyOf(index));
        trees = new TreeFinder(shape).find(body.instructions);
        // Larger trees were tried already; those left that are as small start here.
        const size = tree.end - tree.start;
        at = trees.findIndex((other) => other.end - other.start <= size) - 1;
        if (at < -1) return improved;
        break;
      }
    }
    return improved;
  }

  private async unwrapBlocks(index: number): Promise<boolean> {
    let improved = false;
    for (let at = 0; at < this.bodyOf(index).body.instructions.length && !this.late(); at++) {
      const { body } = this.bodyOf(index);
      const opcode = body.instructions[at]?.opcode;
      if (opcode !== OP.block && opcode !== OP.loop) continue;
      const instructions = unwrapped(body.instructions, at);
      if (instructions === undefined) continue;
      if (await this.attemptBody(index, { locals: body.locals, instructions })) improved = true;
    }
    return improved;
  }
}

/**
 * The smallest failing module found in the time given; `bytes` itself if nothing smaller fails.
 *
 * @example
 * const small = await shrinkModule(bytes, (candidate) => compare(candidate).difference !== undefined);
 */
export async function shrinkModule(
  bytes: Uint8Array,
  stillFails: StillFails,
  options: ShrinkOptions = {},
): Promise<Uint8Array> {
  return new Shrinker(bytes, stillFails, options).run();
}
