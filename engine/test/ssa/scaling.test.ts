/** Shapes on which compilers turn quadratic or overflow the stack: each must pass all stages in seconds. */
import test from "ava";
import { type Block, SsaFunction, type Value } from "../../ssa/function.js";
import { layoutBlocks } from "../../ssa/layout.js";
import { Op, Type } from "../../ssa/ops.js";
import { optimize } from "../../ssa/optimize.js";
import { verifyFunction } from "../../ssa/verify.js";
import { cpuTime } from "../support/cpu-time.js";

const { none, i32, ptr } = Type;

class Maker {
  readonly func = new SsaFunction("large", 0, [i32]);
  block: Block = this.func.newBlock();
  readonly instance = this.func.addParam(this.block, ptr);
  readonly x = this.func.addParam(this.block, i32);

  row(op: number, a0: number, a1: number): Value {
    return this.func.append(this.block, op, i32, a0, a1);
  }
  newBlock(params: number): Block {
    const b = this.func.newBlock();
    for (let i = 0; i < params; i++) this.func.addParam(b, i32);
    return b;
  }
  jump(target: Block, args: ArrayLike<number>): void {
    const e = this.func.addEdge(this.block, target, args);
    this.func.append(this.block, Op.jump, none, 0, 0, 0, e, 1);
  }
  branch(condition: number, taken: Block, args: ArrayLike<number>): void {
    const next = this.func.newBlock();
    const e = this.func.addEdge(this.block, taken, args);
    this.func.addEdge(this.block, next);
    this.func.append(this.block, Op.brif, none, condition, 0, 0, e, 2);
    this.block = next;
  }
  table(targets: readonly Block[], argument: (i: number) => number): void {
    const first = targets.map((target, i) => this.func.addEdge(this.block, target, [argument(i)]))[0]!;
    this.func.append(this.block, Op.brtable, none, this.x, 0, 0, first, targets.length);
  }
  return(v: number): void {
    this.func.append(this.block, Op.return, none, 0, this.func.addList([v]), 1);
  }
  param(b: Block, i = 0): Value {
    return this.func.params[b]![i]!;
  }
}

const shapes: Readonly<Record<string, (m: Maker) => void>> = {
  "100,000 exits to one block": (m) => {
    const exit = m.newBlock(1);
    let v = m.x;
    for (let i = 0; i < 100_000; i++) {
      v = m.row(Op.add, v, m.x);
      m.branch(v, exit, [v]);
    }
    m.jump(exit, [v]);
    m.block = exit;
    m.return(m.param(exit));
  },
  "blocks nested 100,000 deep": (m) => {
    const ends = Array.from({ length: 100_000 }, () => m.newBlock(1));
    let v = m.x;
    for (let i = 0; i < ends.length; i++) {
      v = m.row(Op.add, v, m.x);
      m.branch(v, ends[(i * 7919) % ends.length]!, [v]);
    }
    m.jump(ends.at(-1)!, [v]);
    for (let i = ends.length - 1; i >= 0; i--) {
      m.block = ends[i]!;
      const sum = m.row(Op.add, m.param(ends[i]!), m.x);
      if (i > 0) m.jump(ends[i - 1]!, [sum]);
      else m.return(sum);
    }
  },
  "loops nested 50,000 deep": (m) => {
    const headers: Block[] = [];
    let v = m.x;
    for (let i = 0; i < 50_000; i++) {
      const header = m.newBlock(2);
      m.jump(header, [v, m.x]);
      m.block = header;
      v = m.row(Op.mul, m.param(header), m.param(header, 1));
      headers.push(header);
    }
    for (const header of headers.reverse()) m.branch(v, header, [v, m.x]);
    m.return(v);
  },
  "a table of 65,520 ways to three blocks": (m) => {
    const ends = Array.from({ length: 3 }, () => m.newBlock(1));
    m.table(
      Array.from({ length: 65_520 }, (_, i) => ends[i % 3]!),
      () => m.x,
    );
    for (const end of ends) {
      m.block = end;
      m.return(m.param(end));
    }
  },
  "a table of 65,520 ways to one block, each with its own argument": (m) => {
    const end = m.newBlock(1);
    const values = Array.from({ length: 65_520 }, () => m.x as number);
    for (let i = 1; i < values.length; i++) values[i] = m.row(Op.add, values[i - 1]!, m.x);
    m.table(
      values.map(() => end),
      (i) => values[i]!,
    );
    m.block = end;
    m.return(m.param(end));
  },
  "200 parameters on each of 2,000 joins": (m) => {
    let values: Value[] = Array.from({ length: 200 }, () => m.x);
    for (let i = 0; i < 2000; i++) {
      const join = m.newBlock(values.length);
      const changed = [...values];
      m.branch(m.x, join, values);
      changed[i % 200] = m.row(Op.add, values[i % 200]!, m.x);
      m.jump(join, changed);
      values = [...m.func.params[join]!];
      m.block = join;
    }
    m.return(values[7]!);
  },
  "a million rows in one block": (m) => {
    let v = m.x;
    let w = m.x;
    for (let i = 0; i < 1_000_000; i++) {
      const next = m.row([Op.add, Op.xor, Op.mul, Op.sub][i & 3]!, v, w);
      w = v;
      v = next;
    }
    m.return(v);
  },
  "100,000 empty blocks": (m) => {
    for (let i = 0; i < 100_000; i++) {
      const b = m.newBlock(1);
      m.jump(b, [m.x]);
      m.block = b;
    }
    m.return(m.param(m.block));
  },
};

for (const [name, make] of Object.entries(shapes)) {
  test.serial(name, (t) => {
    const maker = new Maker();
    make(maker);
    const start = cpuTime();
    optimize(maker.func, "full");
    verifyFunction(maker.func, "the passes");
    layoutBlocks(maker.func);
    // Each takes about one second on an idle machine; quadratic time would be minutes.
    t.true(cpuTime() - start < 30_000);
  });
}
