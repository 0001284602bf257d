/**
 * Random SSA functions with structured control flow, made as a naive builder makes them: every join and loop
 * header has a parameter for each local, whether it changes or not. Loops end, by a counter that all share.
 */
import { type Block, entryBlock, SsaFunction, type Value } from "../../ssa/function.js";
import { AliasClass, Op, TrapKind, Type } from "../../ssa/ops.js";
import type { Random } from "../support/random.js";

const { i32, i64, f32, f64, ptr } = Type;
/** Types of the locals; the first is the loop counter. */
const localTypes = [i32, i32, i32, i64, i64, f32, f64, i32] as const;

const integers = ["add", "sub", "mul", "and", "or", "xor", "shl", "sshr", "ushr", "rotl", "rotr"] as const;
const divisions = ["sdiv", "udiv", "srem", "urem"] as const;
const unary = ["clz", "ctz", "popcnt", "sext8", "sext16"] as const;
const comparisons = ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"] as const;
const floats = ["fadd", "fsub", "fmul", "fdiv", "fmin", "fmax", "fcopysign"] as const;
const floatUnary = ["fabs", "fneg", "fsqrt", "fceil", "ffloor", "ftrunc", "fnearest"] as const;
const floatComparisons = ["feq", "fne", "flt", "fle", "fgt", "fge"] as const;
const edgeConstants = [
  0, 1, -1, 2, 3, 4, 7, 8, 16, 24, 31, 32, 48, 56, 63, 64, 128, 255, 256, 65535, 0x7fffffff, -0x80000000,
  1000,
];
const floatConstants = [0, -0, 1, -1, 0.5, 2, 4, 1e10, -3.25, 1e-30, Infinity, NaN];

interface Label {
  readonly block: Block;
}

export function randomProgram(random: Random, size: number): SsaFunction {
  return new Generator(random).build(size);
}

class Generator {
  private readonly func = new SsaFunction("random", 0, localTypes);
  private current: Block;
  private locals: Value[] = [];
  private readonly labels: Label[] = [];
  private readonly instance: Value;
  private budget = 0;
  private recent: Value[] = [];
  /** Some programs mostly read and write the same few words. */
  private readonly isAboutMemory: boolean;

  constructor(private readonly random: Random) {
    const { func } = this;
    this.isAboutMemory = random.chance(30);
    this.current = func.newBlock();
    this.instance = func.addParam(entryBlock, ptr);
    for (const type of localTypes) this.locals.push(func.addParam(entryBlock, type));
    this.locals[0] = this.row(Op.const, i32, 0, 0, 0, 15);
    func.slotTypes.push(i32, i64);
  }

  build(size: number): SsaFunction {
    this.budget = size;
    this.statements(3 + this.random.below(6), 0);
    this.append(Op.return, Type.none, 0, this.func.addList(this.locals), this.locals.length);
    return this.func;
  }

  // ------------------------------------------------------------ rows

  private append(op: number, type: Type, a0 = 0, a1 = 0, a2 = 0, lo = 0, hi = 0): Value {
    return this.func.append(this.current, op, type, a0, a1, a2, lo, hi);
  }
  private row(op: number, type: Type, a0 = 0, a1 = 0, a2 = 0, lo = 0, hi = 0): Value {
    return this.append(op, type, a0, a1, a2, lo, hi);
  }

  private constant(type: Type): Value {
    const { random } = this;
    if (type === f32 || type === f64) {
      const view = new DataView(new ArrayBuffer(8));
      const x = random.pick(floatConstants);
      if (type === f32) view.setFloat32(0, x, true);
      else view.setFloat64(0, x, true);
      return this.row(Op.const, type, 0, 0, 0, view.getInt32(0, true), view.getInt32(4, true));
    }
    const x = random.chance(80) ? random.pick(edgeConstants) : random.next() | 0;
    if (type === i32) return this.row(Op.const, i32, 0, 0, 0, x, 0);
    return this.row(Op.const, i64, 0, 0, 0, x, random.chance(70) ? x >> 31 : random.pick(edgeConstants));
  }

  private value(type: Type, depth: number): Value {
    const { random } = this;
    if (depth <= 0 || random.chance(25)) {
      if (random.chance(30)) return this.constant(type);
      const choices = this.locals.filter((_, i) => i > 0 && localTypes[i] === type);
      return random.pick(choices);
    }
    if (random.chance(8))
      return this.row(
        Op.select,
        type,
        this.value(i32, depth - 1),
        this.value(type, depth - 1),
        this.value(type, depth - 1),
      );
    if (random.chance(10)) return this.read(type);
    return type === i32 || type === i64 ? this.integer(type, depth) : this.float(type, depth);
  }

  private op(name: keyof typeof Op): number {
    return Op[name];
  }

  private integer(type: Type, depth: number): Value {
    const { random } = this;
    const sub = (t: Type): Value => this.value(t, depth - 1);
    const roll = random.below(100);
    if (roll < 50)
      return this.row(
        this.op(random.pick(integers)),
        type,
        sub(type),
        random.chance(40) ? this.constant(type) : sub(type),
      );
    if (roll < 55) return this.row(this.op(random.pick(divisions)), type, sub(type), this.constant(type));
    if (roll < 65) return this.row(this.op(random.pick(unary)), type, sub(type));
    if (roll < 68) {
      const from = random.pick([f32, f64]);
      return this.row(this.op(random.pick(["ftosisat", "ftouisat"] as const)), type, sub(from));
    }
    if (type === i64) {
      if (roll < 75) return this.row(Op.sext32, i64, sub(i64));
      if (roll < 90) return this.row(this.op(random.pick(["sext", "zext"] as const)), i64, sub(i32));
      return this.row(Op.bitcast, i64, sub(f64));
    }
    if (roll < 72) return this.row(Op.wrap, i32, sub(i64));
    if (roll < 76) return this.row(Op.eqz, i32, sub(random.pick([i32, i64])));
    if (roll < 80) return this.row(Op.bitcast, i32, sub(f32));
    if (roll < 86) return this.row(Op.eqz, i32, this.comparison(depth - 1));
    return this.comparison(depth - 1);
  }

  private comparison(depth: number): Value {
    const { random } = this;
    const sub = (t: Type): Value => this.value(t, depth);
    const isFloat = random.chance(30);
    const t = isFloat ? random.pick([f32, f64]) : random.pick([i32, i64]);
    return this.row(
      this.op(isFloat ? random.pick(floatComparisons) : random.pick(comparisons)),
      i32,
      sub(t),
      random.chance(40) ? this.constant(t) : sub(t),
    );
  }

  private float(type: Type, depth: number): Value {
    const { random } = this;
    const sub = (t: Type): Value => this.value(t, depth - 1);
    const roll = random.below(100);
    if (roll < 50)
      return this.row(
        this.op(random.pick(floats)),
        type,
        sub(type),
        random.chance(30) ? this.constant(type) : sub(type),
      );
    if (roll < 75) return this.row(this.op(random.pick(floatUnary)), type, sub(type));
    if (roll < 85)
      return this.row(type === f32 ? Op.demote : Op.promote, type, sub(type === f32 ? f64 : f32));
    if (roll < 92) return this.row(Op.bitcast, type, sub(type === f32 ? i32 : i64));
    return this.row(this.op(random.pick(["sitof", "uitof"] as const)), type, sub(random.pick([i32, i64])));
  }

  // ------------------------------------------------------------ memory

  private base(): Value {
    return this.row(Op.peek, ptr, this.instance, 0, 0, 16, AliasClass.invariant);
  }

  /** An index; often one that this block has used before, so that accesses meet. */
  private index(): Value {
    if (this.recent.length > 0 && this.random.chance(this.isAboutMemory ? 85 : 50))
      return this.random.pick(this.recent);
    const index = this.newIndex();
    this.recent.push(index);
    return index;
  }

  private newIndex(): Value {
    const { random } = this;
    if (random.chance(20)) return this.row(Op.const, i32, 0, 0, 0, random.below(300));
    const masked = this.row(
      Op.and,
      i32,
      this.value(i32, 1),
      this.row(Op.const, i32, 0, 0, 0, random.pick([7, 0xff, 0xfff, 0x3fff])),
    );
    if (random.chance(50)) return masked;
    return this.row(Op.add, i32, masked, this.constant(i32));
  }

  private checked(index: Value, extent: number): void {
    const length = this.row(Op.peek, i64, this.instance, 0, 0, 24, AliasClass.record);
    this.append(Op.check, Type.none, index, length, 0, extent, 0);
  }

  private read(type: Type): Value {
    const { random } = this;
    const roll = random.below(100);
    if (roll < 40) {
      const op = random.pick(["peek", "peek32"] as const);
      const field = random.pick(this.isAboutMemory ? [64, 192] : [64, 72, 192, 196]);
      if (op === "peek32" && (type === i32 || type === i64))
        return this.row(Op.peek32, type, this.instance, 0, 0, field, AliasClass.global);
      if (random.chance(70)) return this.row(Op.peek, type, this.instance, 0, 0, field, AliasClass.global);
      const before = this.row(Op.offset, ptr, this.instance, 0, 0, 8);
      return this.row(Op.peek, type, before, 0, 0, field - 8, AliasClass.global);
    }
    if (roll < 50 && (type === i32 || type === i64))
      return this.row(Op.slotload, type, 0, 0, 0, type === i32 ? 0 : 1);
    const index = this.index();
    const offset = random.chance(60) ? 0 : random.pick(this.isAboutMemory ? [4, 2] : [4, 8, 12, 1, 4000]);
    if (random.chance(50)) this.checked(index, offset + (this.isAboutMemory ? random.pick([4, 8, 4080]) : 8));
    const narrow = ["load8u", "load8s", "load16u", "load16s"] as const;
    const op = (type === i32 || type === i64) && random.chance(40) ? Op[random.pick(narrow)] : Op.load;
    return this.row(op, type, this.base(), index, 0, offset);
  }

  private write(): void {
    const { random } = this;
    const type = random.pick([i32, i64, f32, f64]);
    const value = this.value(type, 2);
    const roll = random.below(100);
    if (roll < 30)
      this.append(
        Op.poke,
        Type.none,
        this.instance,
        value,
        0,
        random.pick(this.isAboutMemory ? [64, 192] : [64, 72, 68, 192]),
        AliasClass.global,
      );
    else if (roll < 45 && (type === i32 || type === i64))
      this.append(Op.slotstore, Type.none, value, 0, 0, type === i32 ? 0 : 1);
    else if (roll < 55) {
      const args = [this.value(i32, 1), this.value(i64, 1)];
      this.append(
        Op.call,
        Type.none,
        this.instance,
        this.func.addList(args),
        args.length,
        random.below(4),
        0,
      );
    } else {
      const narrow = ["store8", "store16"] as const;
      const op = (type === i32 || type === i64) && random.chance(50) ? Op[random.pick(narrow)] : Op.store;
      this.append(
        op,
        Type.none,
        this.base(),
        this.index(),
        value,
        random.pick(this.isAboutMemory ? [0, 4] : [0, 4, 8, 12]),
      );
    }
  }

  // ------------------------------------------------------------ control flow

  /** Answers false if the block ended before the list did. */
  private statements(count: number, depth: number): boolean {
    const { random } = this;
    for (let i = 0; i < count; i++) {
      if (this.budget-- < 0) return true;
      const roll = random.below(100);
      if (this.isAboutMemory && random.chance(40)) this.write();
      else if (roll < 45) this.assign();
      else if (roll < 58) this.write();
      else if (roll < 61)
        this.append(
          Op.trapif,
          Type.none,
          this.row(Op.eq, i32, this.value(i32, 2), this.constant(i32)),
          0,
          0,
          TrapKind.unreachable,
        );
      else if (depth >= 5) this.assign();
      else if (roll < 75) this.ifElse(depth);
      else if (roll < 85) this.loop(depth);
      else if (roll < 90) this.block(depth);
      else if (roll < 94) this.switch(depth);
      else if (!this.branch()) return false;
    }
    return true;
  }

  private assign(): void {
    const i = 1 + this.random.below(localTypes.length - 1);
    const type = localTypes[i]!;
    this.locals[i] = this.random.chance(this.isAboutMemory ? 75 : 35) ? this.read(type) : this.value(type, 3);
  }

  /** A new block with a parameter for each local. */
  private join(): Block {
    const block = this.func.newBlock();
    for (const type of localTypes) this.func.addParam(block, type);
    return block;
  }
  private enter(block: Block): void {
    this.current = block;
    this.recent = [];
    if (this.func.params[block]!.length > 0) this.locals = [...this.func.params[block]!];
  }
  private jump(target: Block): void {
    const e = this.func.addEdge(
      this.current,
      target,
      this.func.params[target]!.length > 0 ? this.locals : [],
    );
    this.append(Op.jump, Type.none, 0, 0, 0, e, 1);
  }
  private brif(condition: Value, a: Block, b: Block): void {
    const args = (t: Block): readonly Value[] => (this.func.params[t]!.length > 0 ? this.locals : []);
    const e = this.func.addEdge(this.current, a, args(a));
    this.func.addEdge(this.current, b, args(b));
    this.append(Op.brif, Type.none, condition, 0, 0, e, 2);
  }

  private ifElse(depth: number): void {
    const { func, random } = this;
    const condition = random.chance(50) ? this.comparison(1) : this.value(i32, 2);
    const then = func.newBlock();
    const hasElse = this.random.chance(60);
    const otherwise = hasElse ? func.newBlock() : null;
    const after = this.join();
    this.brif(condition, then, otherwise ?? after);
    const before = [...this.locals];
    this.enter(then);
    if (this.statements(1 + this.random.below(3), depth + 1)) this.jump(after);
    if (otherwise !== null) {
      this.locals = before;
      this.enter(otherwise);
      if (this.statements(this.random.below(3), depth + 1)) this.jump(after);
    }
    this.enter(after);
  }

  private loop(depth: number): void {
    const { func } = this;
    const header = this.join();
    const body = func.newBlock();
    const after = this.join();
    this.jump(header);
    this.enter(header);
    const counter = this.row(Op.sub, i32, this.locals[0]!, this.row(Op.const, i32, 0, 0, 0, 1));
    this.locals[0] = counter;
    this.brif(this.row(Op.sle, i32, counter, this.row(Op.const, i32, 0, 0, 0, 0)), after, body);
    this.enter(body);
    this.labels.push({ block: header }, { block: after });
    if (this.statements(1 + this.random.below(4), depth + 1)) {
      this.brif(this.value(i32, 2), header, after);
    }
    this.labels.length -= 2;
    this.enter(after);
  }

  private block(depth: number): void {
    const after = this.join();
    this.labels.push({ block: after });
    if (this.statements(1 + this.random.below(4), depth + 1)) this.jump(after);
    this.labels.pop();
    this.enter(after);
  }

  private switch(depth: number): void {
    const { func, random } = this;
    const after = this.join();
    const arms: Block[] = [];
    const count = 1 + random.below(4);
    for (let i = 0; i < count; i++)
      arms.push(random.chance(40) || i === 0 ? func.newBlock() : random.pick([arms[0]!, after]));
    const selector = this.row(Op.and, i32, this.value(i32, 2), this.row(Op.const, i32, 0, 0, 0, 7));
    let first = -1;
    for (const arm of arms) {
      const e = func.addEdge(this.current, arm, func.params[arm]!.length > 0 ? this.locals : []);
      if (first < 0) first = e;
    }
    this.append(Op.brtable, Type.none, selector, 0, 0, first, arms.length);
    const before = [...this.locals];
    for (const arm of new Set(arms)) {
      if (arm === after) continue;
      this.locals = [...before];
      this.enter(arm);
      if (this.statements(random.below(3), depth + 1)) this.jump(after);
    }
    this.enter(after);
  }

  /** A branch to a label: conditional, or to go for good (answers false). */
  private branch(): boolean {
    if (this.labels.length === 0) return true;
    const { block } = this.random.pick(this.labels);
    if (this.random.chance(30)) {
      this.jump(block);
      return false;
    }
    const next = this.func.newBlock();
    this.brif(this.value(i32, 2), block, next);
    this.enter(next);
    return true;
  }
}
