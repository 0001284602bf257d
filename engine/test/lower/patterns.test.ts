/**
 * Trees of integer rows, as lowering takes them into one instruction: shifts, masks, extensions, products and sums,
 * comparisons joined, with constants at the edges of what instructions hold. Each random function runs natively and in the
 * interpreter of SSA, on edge values.
 */
import test from "ava";
import { type Block, entryBlock, SsaFunction, type Value } from "../../ssa/function.js";
import { Op, Type } from "../../ssa/ops.js";
import { printFunction } from "../../ssa/print.js";
import { isNativeHere } from "../isa/native-bench.js";
import { interpret } from "../ssa/interpret.js";
import { Random } from "../support/random.js";
import { allFeatures, Executor, leastFeatures, type RunOptions } from "./execute.js";

const { i32, i64, ptr } = Type;
type Int = typeof i32 | typeof i64;

const native = isNativeHere("amd64") || isNativeHere("arm64") ? test : test.skip;
const settings: readonly RunOptions[] = [
  { features: allFeatures, level: "full" },
  { features: leastFeatures, level: "quick" },
];

const binary = ["add", "sub", "mul", "and", "or", "xor", "add", "sub", "or"] as const;
const shifts = ["shl", "sshr", "ushr", "rotl", "rotr"] as const;
const comparisons = ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"] as const;
const numbers = [
  0, 1, -1, 2, 3, 5, 9, 12, 24, 31, 32, 40, 63, 255, 4095, 4096, 4097, 65535, 65536, 0x123456, -7, -256,
];

/** A function of (i32, i32, i64, i64) that returns three trees and which way a branch went. */
class Trees {
  private readonly func = new SsaFunction("trees", 0, [i32, i64, i32, i32]);
  private readonly block: Block;
  private readonly params: Readonly<Record<Int, readonly Value[]>>;

  constructor(private readonly random: Random) {
    this.block = this.func.newBlock();
    this.func.addParam(entryBlock, ptr);
    const words = [this.func.addParam(entryBlock, i32), this.func.addParam(entryBlock, i32)];
    this.params = {
      [i32]: words,
      [i64]: [this.func.addParam(entryBlock, i64), this.func.addParam(entryBlock, i64)],
    };
  }

  build(): SsaFunction {
    const { func, block } = this;
    const results = [this.tree(i32, 4), this.tree(i64, 4), this.condition(3)];
    const [yes, no] = [func.newBlock(), func.newBlock()];
    const condition = this.random.chance(30) ? this.tree(i32, 2) : this.condition(2);
    const edge = func.addEdge(block, yes);
    func.addEdge(block, no);
    func.append(block, Op.brif, Type.none, condition, 0, 0, edge, 2);
    for (const [end, way] of [
      [yes, 1],
      [no, 0],
    ] as const) {
      const list = [...results, func.append(end, Op.const, i32, 0, 0, 0, way)];
      func.append(end, Op.return, Type.none, 0, func.addList(list), list.length);
    }
    return func;
  }

  private row(op: Op, type: Type, a0: Value, a1: Value | 0 = 0, a2: Value | 0 = 0): Value {
    return this.func.append(this.block, op, type, a0, a1, a2);
  }

  private constant(type: Int, lo: number, hi = lo >> 31): Value {
    return this.func.append(this.block, Op.const, type, 0, 0, 0, lo | 0, type === i64 ? hi : 0);
  }

  private anyConstant(type: Int): Value {
    const { random } = this;
    switch (random.below(4)) {
      case 0: {
        // A run of ones, perhaps inverted.
        const ones =
          (2n ** BigInt(random.between(1, type === i64 ? 63 : 31)) - 1n) << BigInt(random.below(24));
        const bits = random.chance(40) ? ~ones : ones;
        return this.constant(type, Number(BigInt.asIntN(32, bits)), Number(BigInt.asIntN(32, bits >> 32n)));
      }
      case 1:
        return this.constant(type, random.next(), random.chance(50) ? 0 : random.next());
      default:
        return this.constant(type, random.pick(numbers));
    }
  }

  private leaf(type: Int): Value {
    return this.random.chance(15) ? this.anyConstant(type) : this.random.pick(this.params[type]);
  }

  private tree(type: Int, depth: number): Value {
    const { random } = this;
    if (depth === 0) return this.leaf(type);
    const inner = (): Value => this.tree(type, depth - 1 - random.below(2) * (depth > 1 ? 1 : 0));
    switch (random.below(11)) {
      case 9:
        return this.insertion(type, inner(), inner());
      case 10:
        return this.extraction(type, inner());
      case 0:
      case 1:
        return this.row(Op[random.pick(binary)], type, inner(), this.anyConstant(type));
      case 2:
      case 3:
        return this.row(Op[random.pick(binary)], type, inner(), inner());
      case 4:
      case 5: {
        const count = random.chance(75) ? this.constant(type, random.below(type === i64 ? 64 : 32)) : inner();
        return this.row(Op[random.pick(shifts)], type, inner(), count);
      }
      case 6:
        return this.between(type, depth);
      case 7:
        return this.row(Op.select, type, this.condition(depth - 1), inner(), inner());
      default:
        return type === i32
          ? this.condition(depth - 1)
          : this.row(Op.sub, type, this.constant(type, 0), inner());
    }
  }

  private mask(type: Int, lowest: number, width: number, inverted = false): Value {
    const ones = ((1n << BigInt(width)) - 1n) << BigInt(lowest);
    const bits = inverted ? ~ones : ones;
    return this.constant(type, Number(BigInt.asIntN(32, bits)), Number(BigInt.asIntN(32, bits >> 32n)));
  }

  /** Bits of y in place of some of x; now and then one more or less is kept. */
  private insertion(type: Int, x: Value, y: Value): Value {
    const { random } = this;
    const size = type === i64 ? 64 : 32;
    const lowest = random.below(size - 1);
    const width = random.between(1, size - lowest - 1);
    const cleared = this.row(
      Op.and,
      type,
      x,
      this.mask(type, lowest, width + (random.chance(20) ? 1 : 0), true),
    );
    const count = this.constant(type, lowest);
    const field = random.chance(50)
      ? this.row(Op.and, type, this.row(Op.shl, type, y, count), this.mask(type, lowest, width))
      : this.row(Op.shl, type, this.row(Op.and, type, y, this.mask(type, 0, width)), count);
    return random.chance(50) ? this.row(Op.or, type, cleared, field) : this.row(Op.or, type, field, cleared);
  }

  /** A field of x, or two values' ends joined. */
  private extraction(type: Int, x: Value): Value {
    const { random } = this;
    const size = type === i64 ? 64 : 32;
    const lowest = random.between(1, size - 1);
    const count = this.constant(type, lowest);
    const width = random.between(1, size - 1);
    const right = random.chance(50) ? Op.ushr : Op.sshr;
    switch (random.below(4)) {
      case 0:
        return this.row(Op.and, type, this.row(right, type, x, count), this.mask(type, 0, width));
      case 1:
        return this.row(right, type, this.row(Op.shl, type, x, this.constant(type, width)), count);
      case 2:
        return this.row(
          right,
          type,
          this.row(Op.and, type, x, this.mask(type, random.below(8), width)),
          count,
        );
      default: {
        const rest = this.constant(type, size - lowest);
        return this.row(
          Op.or,
          type,
          this.row(Op.shl, type, x, count),
          this.row(Op.ushr, type, this.leaf(type), rest),
        );
      }
    }
  }

  /** Extensions and the other type's trees. */
  private between(type: Int, depth: number): Value {
    const { random } = this;
    const extend = this.random.below(type === i64 ? 3 : 2);
    const ops = [Op.sext8, Op.sext16, Op.sext32] as const;
    if (random.chance(50)) return this.row(ops[extend as 0], type, this.tree(type, depth - 1));
    if (type === i32) return this.row(Op.wrap, i32, this.tree(i64, depth - 1));
    return this.row(random.chance(60) ? Op.sext : Op.zext, i64, this.tree(i32, depth - 1));
  }

  private condition(depth: number): Value {
    const { random } = this;
    const type = random.chance(50) ? i32 : i64;
    if (depth <= 0) return this.compare(this.leaf(type), type, 0);
    switch (random.below(5)) {
      case 0:
        return this.row(
          Op.eqz,
          i32,
          random.chance(50) ? this.condition(depth - 1) : this.tree(type, depth - 1),
        );
      case 1:
        return this.row(
          random.chance(50) ? Op.and : Op.or,
          i32,
          this.condition(depth - 1),
          this.condition(depth - 1),
        );
      default:
        return this.compare(this.tree(type, depth - 1), type, depth - 1);
    }
  }

  private compare(x: Value, type: Int, depth: number): Value {
    const y = this.random.chance(60) ? this.anyConstant(type) : this.tree(type, depth);
    return this.row(Op[this.random.pick(comparisons)], i32, x, y);
  }
}

const words = [0n, 1n, 0xffffffffn, 0x80000000n, 0x7fffffffn, 0x12345678n, 31n, 0xff00n];
const doubles = [
  0n,
  1n,
  2n ** 64n - 1n,
  2n ** 63n,
  2n ** 63n - 1n,
  0x123456789abcdef0n,
  0xffffffffn,
  0x100000000n,
];

native("trees of integer rows are what the interpreter makes of them", (t) => {
  const executor = new Executor();
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const func = new Trees(random).build();
    const compiled = settings.map((setting) => executor.compile(func, setting));
    for (let n = 0; n < 4; n++) {
      const args = [random.pick(words), random.pick(words), random.pick(doubles), random.pick(doubles)];
      const expected = interpret(func, args).end;
      for (const [k, code] of compiled.entries()) {
        const got = executor.call(code, args);
        const text =
          typeof got === "string" ? got : `returned ${got.map((bits) => bits.toString(16)).join(" ")}`;
        if (text !== expected)
          return t.is(
            text,
            expected,
            `seed ${seed}, setting ${k}, of ${args.join(", ")}\n${printFunction(func)}`,
          );
      }
    }
  }
  t.pass();
});
