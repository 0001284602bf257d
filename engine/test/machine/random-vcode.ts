/**
 * Random virtual code for tests of register allocation: structured control flow (branches, loops, switches, cold
 * exits) in a random emission order, and instructions with every kind of constraint. A seed gives the same code
 * every time.
 */
import * as amd64 from "../../isa/amd64/registers.js";
import * as arm64 from "../../isa/arm64/registers.js";
import {
  Constraint,
  def,
  earlyDef,
  floatFile,
  InstructionFlag,
  lateUse,
  operandDef,
  operandPayload,
  type PReg,
  RegisterClass,
  type RegisterFile,
  Rematerializable,
  use,
  VCode,
  type VReg,
} from "../../machine/vcode.js";

/** A small deterministic generator of numbers (mulberry32). */
export class Random {
  constructor(private state: number) {}

  below(n: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

interface Operand {
  readonly v: VReg;
  readonly word: number;
}

interface Instruction {
  readonly operands: Operand[];
  readonly flags: number;
  readonly clobbersInt: number;
  readonly clobbersFloat: number;
}

interface Block {
  readonly params: VReg[];
  readonly instructions: Instruction[];
  readonly targets: Block[];
  readonly args: VReg[][];
  readonly depth: number;
  readonly cold: boolean;
  header: Block | null;
}

/** Registers to allocate, and some of them for constraints. */
export interface Machine {
  readonly registers: RegisterFile;
  readonly ints: readonly [PReg, PReg, PReg, PReg];
  readonly reference: PReg;
  readonly float: (n: number) => PReg;
}

const { rax, rdx, rcx, r8 } = amd64;
export const amd64Machine: Machine = {
  registers: amd64.registerFile,
  ints: [rax, rdx, rcx, r8],
  reference: amd64.rsi,
  float: amd64.xmm,
};
/** With the highest registers of both files: their bits are next to the sign. */
export const arm64Machine: Machine = {
  registers: arm64.registerFile,
  ints: [arm64.x0, arm64.x29, arm64.x27, arm64.x9],
  reference: arm64.instanceRegister,
  float: (n) => arm64.v(30 - n),
};

export interface Options {
  /** Roughly how many instructions. */
  readonly size: number;
  /** Values that are kept in use at a time; high figures force spilling. */
  readonly pressure: number;
  readonly calls: boolean;
  readonly shuffle: boolean;
}

/** What reading code needs of the opcodes: nothing, so they are all alike. */
const anyOpcode = 1;

export class RandomCode {
  readonly code = new VCode();
  private readonly random: Random;
  private readonly blocks: Block[] = [];
  private current: Block;
  private budget: number;
  /** Values in scope by class; references apart. */
  private readonly scope: VReg[][] = [[], [], []];
  private readonly references: VReg[] = [];

  constructor(
    seed: number,
    private readonly options: Options,
    private readonly machine: Machine = amd64Machine,
  ) {
    this.random = new Random(seed);
    this.budget = options.size;
    this.current = this.newBlock(0, false, null);
    this.entry();
    this.region(0, null, 0);
    this.emit([], InstructionFlag.terminator);
    this.layOut();
  }

  // -- building blocks

  private newBlock(depth: number, cold: boolean, header: Block | null): Block {
    const block: Block = { params: [], instructions: [], targets: [], args: [], depth, cold, header };
    this.blocks.push(block);
    return block;
  }

  private emit(operands: Operand[], flags = 0, clobbersInt = 0, clobbersFloat = 0): void {
    this.current.instructions.push({ operands, flags, clobbersInt, clobbersFloat });
    this.budget--;
  }

  private entry(): void {
    const operands = this.machine.ints.map((r) => ({ v: this.fresh(0), word: def(Constraint.fixed, r) }));
    operands.push({ v: this.fresh(1), word: def(Constraint.fixed, this.machine.float(0)) });
    operands.push({ v: this.fresh(2), word: def(Constraint.fixed, this.machine.float(1)) });
    const reference = this.code.newVReg(RegisterClass.int, true);
    operands.push({ v: reference, word: def(Constraint.fixed, this.machine.reference) });
    this.emit(operands);
    for (const o of operands.slice(0, -1)) this.declare(o.v);
    this.references.push(reference);
  }

  private fresh(cls: number): VReg {
    return this.code.newVReg(cls as RegisterClass);
  }

  private declare(v: VReg): VReg {
    this.scope[this.code.vregClass[v]].push(v);
    return v;
  }

  /** A value in scope, mostly one of the most recent `pressure` ones. */
  private value(cls: number): VReg {
    const list = this.scope[cls];
    const reach = this.random.chance(90) ? Math.min(list.length, this.options.pressure) : list.length;
    return list[list.length - 1 - this.random.below(reach)];
  }

  private region(depth: number, header: Block | null, nesting: number): void {
    const steps = 2 + this.random.below(6);
    for (let k = 0; k < steps && this.budget > 0; k++) {
      for (let n = this.random.below(12); n >= 0; n--) this.instruction();
      if (nesting > 6) continue;
      const kind = this.random.below(10);
      if (kind < 3) this.branch(depth, header, nesting, 2);
      else if (kind < 6) this.loop(depth, header, nesting);
      else if (kind === 6) this.branch(depth, header, nesting, 3 + this.random.below(5));
      else if (kind === 7) this.coldExit(depth, header);
    }
  }

  private scoped(body: () => void): void {
    const lengths = this.scope.map((list) => list.length);
    const references = this.references.length;
    body();
    for (let cls = 0; cls < 3; cls++) this.scope[cls].length = lengths[cls];
    this.references.length = references;
  }

  private terminate(targets: Block[], args: VReg[][]): void {
    this.current.targets.push(...targets);
    this.current.args.push(...args);
    const operands: Operand[] = [];
    if (targets.length > 1) operands.push({ v: this.value(0), word: use(this.random.chance(80) ? 1 : 0) });
    this.emit(operands, InstructionFlag.terminator);
  }

  private somethingOf(cls: number, isReference: boolean): VReg {
    return isReference ? this.random.pick(this.references) : this.value(cls);
  }

  /** Kinds of a few parameters: class, or 3 for a reference. */
  private paramKinds(): number[] {
    return Array.from({ length: this.random.below(this.random.chance(10) ? 24 : 5) }, () =>
      this.random.below(4),
    );
  }

  private makeParams(block: Block, kinds: readonly number[]): void {
    for (const kind of kinds) {
      const v = this.code.newVReg((kind === 3 ? 0 : kind) as RegisterClass, kind === 3);
      block.params.push(v);
    }
  }

  private declareParams(block: Block): void {
    for (const v of block.params) {
      if (this.code.vregIsReference[v]) this.references.push(v);
      else this.declare(v);
    }
  }

  private makeArgs(kinds: readonly number[]): VReg[] {
    return kinds.map((kind) => this.somethingOf(kind, kind === 3));
  }

  private branch(depth: number, header: Block | null, nesting: number, ways: number): void {
    const kinds = this.paramKinds();
    const join = this.newBlock(depth, false, header);
    this.makeParams(join, kinds);
    const arms: Block[] = [];
    const armArgs: VReg[][] = [];
    for (let k = 0; k < ways; k++) {
      const arm = this.newBlock(depth, this.random.chance(20), header);
      const armKinds = this.random.chance(25) ? this.paramKinds() : [];
      this.makeParams(arm, armKinds);
      arms.push(arm);
      armArgs.push(this.makeArgs(armKinds));
    }
    this.terminate(arms, armArgs);
    for (const arm of arms) {
      this.scoped(() => {
        this.current = arm;
        this.declareParams(arm);
        if (this.budget > 0) this.region(depth, header, nesting + 1);
        this.terminate([join], [this.makeArgs(kinds)]);
      });
    }
    this.current = join;
    this.declareParams(join);
  }

  private loop(depth: number, outer: Block | null, nesting: number): void {
    const kinds = this.paramKinds();
    const header = this.newBlock(depth + 1, false, null);
    header.header = header;
    this.makeParams(header, kinds);
    this.terminate([header], [this.makeArgs(kinds)]);
    const exit = this.newBlock(depth, false, outer);
    this.current = header;
    this.declareParams(header);
    // What the header itself defines dominates the exit, but what nested regions declare ends with them.
    this.region(depth + 1, header, nesting + 1);
    const back = this.newBlock(depth + 1, false, header);
    this.terminate([back, exit], [[], []]);
    this.current = back;
    this.scoped(() => {
      if (this.random.chance(50)) this.instruction();
      // Loop-carried swaps: parameters passed back in another order.
      const args = kinds.map((kind, k) => {
        if (!this.random.chance(40)) return this.somethingOf(kind, kind === 3);
        const same = header.params.filter((_, n) => kinds[n] === kinds[k]);
        return this.random.pick(same);
      });
      this.terminate([header], [args]);
    });
    this.current = exit;
  }

  private coldExit(depth: number, header: Block | null): void {
    const cold = this.newBlock(depth, true, header);
    const on = this.newBlock(depth, false, header);
    this.terminate([on, cold], [[], []]);
    this.current = cold;
    this.scoped(() => {
      this.instruction();
      if (this.options.calls) this.call();
      this.emit([], InstructionFlag.terminator);
    });
    this.current = on;
  }

  // -- instructions

  private instruction(): void {
    const kind = this.random.below(20);
    const r = this.random;
    if (kind < 3) this.constant();
    else if (kind < 6) this.twoAddress();
    else if (kind < 8) this.threeAddress();
    else if (kind === 8) this.divide();
    else if (kind === 9) this.shift();
    else if (kind === 10) {
      if (this.options.calls && r.chance(60)) this.call();
    } else if (kind === 11) this.copy();
    else if (kind === 12) this.earlyResult();
    else if (kind === 13) this.lateUses();
    else if (kind === 14) this.partialClobber();
    else if (kind === 15) this.slots();
    else if (kind === 16) this.emit([], InstructionFlag.safepoint);
    else if (kind === 17) this.reference();
    else this.store();
  }

  private constant(): void {
    const v = this.fresh(this.random.below(3));
    this.code.vregRematerializable[v] =
      v % 2 === 0 ? Rematerializable.fromPool : Rematerializable.byInstruction;
    this.emit([{ v, word: def() }]);
    this.declare(v);
  }

  private twoAddress(): void {
    const cls = this.random.below(3);
    const d = this.fresh(cls);
    const second = this.random.chance(20)
      ? lateUse()
      : use(this.random.chance(50) ? Constraint.any : Constraint.register);
    const operands = [
      { v: d, word: def(Constraint.reuse, 1) },
      { v: this.value(cls), word: use(this.random.chance(10) ? Constraint.any : Constraint.register) },
      { v: this.value(cls), word: second },
    ];
    if (this.random.chance(10)) operands.push({ v: operands[1].v, word: lateUse(Constraint.any) });
    this.emit(operands);
    this.declare(d);
  }

  private threeAddress(): void {
    const cls = this.random.below(3);
    const d = this.fresh(cls);
    this.emit([
      { v: d, word: def(this.random.chance(20) ? Constraint.any : Constraint.register) },
      { v: this.value(cls), word: use() },
      {
        v: this.value(this.random.below(3)),
        word: use(this.random.chance(50) ? Constraint.any : Constraint.register),
      },
    ]);
    this.declare(d);
  }

  private divide(): void {
    const quotient = this.fresh(0);
    const rest = this.fresh(0);
    const operands = [
      { v: quotient, word: def(Constraint.fixed, this.machine.ints[0]) },
      { v: this.value(0), word: use(Constraint.fixed, this.machine.ints[0]) },
      { v: this.value(0), word: this.random.chance(50) ? lateUse() : use() },
    ];
    if (this.random.chance(30))
      operands[2] = { v: this.value(0), word: use(Constraint.fixed, this.machine.ints[1]) };
    const both = this.random.chance(50);
    if (both) operands.push({ v: rest, word: def(Constraint.fixed, this.machine.ints[1]) });
    this.emit(operands, 0, both ? 0 : 1 << this.machine.ints[1]);
    this.declare(quotient);
    if (both) this.declare(rest);
  }

  private shift(): void {
    const d = this.fresh(0);
    this.emit([
      { v: d, word: def(Constraint.reuse, 1) },
      { v: this.value(0), word: use() },
      {
        v: this.value(0),
        word: this.random.chance(50)
          ? lateUse(Constraint.fixed, this.machine.ints[2])
          : use(Constraint.fixed, this.machine.ints[2]),
      },
    ]);
    this.declare(d);
  }

  private call(): void {
    const operands: Operand[] = [];
    const ints = this.machine.ints.slice(0, this.random.below(5));
    for (const r of ints) operands.push({ v: this.value(0), word: use(Constraint.fixed, r) });
    if (this.random.chance(50))
      operands.push({ v: this.value(1), word: use(Constraint.fixed, this.machine.float(0)) });
    if (this.random.chance(30)) {
      operands.push({
        v: this.random.pick(this.references),
        word: use(Constraint.fixed, this.machine.reference),
      });
    }
    if (this.random.chance(30)) operands.push({ v: this.value(0), word: use(Constraint.any) });
    if (this.random.chance(20)) operands.push({ v: this.value(0), word: lateUse(Constraint.any) });
    if (this.random.chance(20)) operands.push({ v: this.value(2), word: use(Constraint.slot) });
    const results: VReg[] = [];
    if (this.random.chance(60)) results.push(this.fresh(0));
    if (this.random.chance(30)) results.push(this.fresh(1));
    for (const v of results) {
      operands.push({
        v,
        word: def(Constraint.fixed, this.code.vregClass[v] ? this.machine.float(0) : this.machine.ints[0]),
      });
    }
    if (this.random.chance(30)) {
      const reference = this.code.newVReg(RegisterClass.int, true);
      operands.push({ v: reference, word: def(Constraint.fixed, this.machine.ints[1]) });
      this.references.push(reference);
    }
    // What is defined isn't clobbered, as in lowering.
    let int = this.machine.registers.allocatableInt;
    let float = this.machine.registers.allocatableFloat;
    for (const { word } of operands) {
      if ((word & operandDef) === 0) continue;
      const r = operandPayload(word);
      if (r >= floatFile) float &= ~(1 << (r - floatFile));
      else int &= ~(1 << r);
    }
    this.emit(operands, InstructionFlag.safepoint, int, float);
    for (const v of results) this.declare(v);
  }

  private copy(): void {
    const cls = this.random.below(3);
    const d = this.fresh(cls);
    const operands = [
      { v: d, word: def(Constraint.any) },
      { v: this.value(cls), word: use() },
    ];
    this.emit(operands, InstructionFlag.move);
    this.declare(d);
  }

  private earlyResult(): void {
    const cls = this.random.below(3);
    const d = this.fresh(cls);
    const temporary = this.fresh(this.random.below(3));
    this.emit([
      { v: d, word: earlyDef() },
      { v: temporary, word: earlyDef() },
      { v: this.value(0), word: use() },
      { v: this.value(cls), word: use() },
    ]);
    this.declare(d);
  }

  private lateUses(): void {
    const d = this.fresh(0);
    const operands = [{ v: d, word: def() }];
    for (let k = this.random.below(5); k >= 0; k--) {
      operands.push({ v: this.value(this.random.below(3)), word: lateUse(this.random.chance(50) ? 0 : 1) });
    }
    this.emit(operands);
    this.declare(d);
  }

  private partialClobber(): void {
    const cls = this.random.below(2);
    const d = this.fresh(cls);
    const operands = [
      { v: d, word: def() },
      { v: this.value(0), word: use() },
      { v: this.value(1), word: this.random.chance(50) ? lateUse() : use() },
    ];
    if (this.random.chance(30))
      operands[0] = {
        v: d,
        word: earlyDef(Constraint.fixed, cls ? this.machine.float(5) : this.machine.reference),
      };
    const flags = this.random.chance(30) ? InstructionFlag.safepoint : 0;
    this.emit(
      operands,
      flags,
      (1 << this.machine.ints[0]) | (1 << this.machine.ints[2]) | (1 << this.machine.ints[3]),
      0x1f,
    );
    this.declare(d);
  }

  private slots(): void {
    const cls = this.random.below(3);
    const d = this.fresh(cls);
    this.emit([
      { v: d, word: def(Constraint.slot) },
      { v: this.value(this.random.below(3)), word: use(Constraint.slot) },
      { v: this.value(cls), word: this.random.chance(50) ? lateUse(Constraint.slot) : use() },
    ]);
    this.declare(d);
  }

  private reference(): void {
    const d = this.code.newVReg(RegisterClass.int, true);
    if (this.random.chance(20)) {
      this.code.vregRematerializable[d] = 1;
      this.emit([{ v: d, word: def() }]);
    } else {
      const operands = [
        { v: d, word: def() },
        { v: this.random.pick(this.references), word: use() },
      ];
      this.emit(operands, this.random.chance(40) ? InstructionFlag.move : 0);
    }
    this.references.push(d);
  }

  private store(): void {
    const operands: Operand[] = [];
    for (let k = this.random.below(4); k >= 0; k--) {
      operands.push({ v: this.value(this.random.below(3)), word: use(this.random.chance(70) ? 1 : 0) });
    }
    this.emit(operands);
  }

  // -- emission

  private layOut(): void {
    const { code, blocks } = this;
    const order = blocks.slice(1);
    if (this.options.shuffle) {
      for (let k = order.length - 1; k > 0; k--) {
        const other = this.random.below(k + 1);
        const swapped = order[k];
        order[k] = order[other];
        order[other] = swapped;
      }
    } else {
      // As lowering does: cold blocks last.
      order.sort((a, b) => Number(a.cold) - Number(b.cold));
    }
    order.unshift(blocks[0]);
    const number = new Map<Block, number>();
    order.forEach((block, k) => {
      number.set(block, k);
    });
    for (const block of order) {
      code.startBlock(block.depth, block.cold, block.header === null ? -1 : (number.get(block.header) ?? -1));
      for (const instruction of block.instructions) {
        code.instruction(anyOpcode, instruction.flags);
        code.clobber(instruction.clobbersInt, instruction.clobbersFloat);
        for (const { v, word } of instruction.operands) code.operand(v, word);
      }
      code.finishBlock();
    }
    order.forEach((block, b) => {
      code.blockParams[b].push(...block.params);
      block.targets.forEach((target, s) => {
        const t = number.get(target) as number;
        code.successors[b].push(t);
        code.successorArgs[b].push(block.args[s]);
        code.predecessors[t].push(b);
      });
    });
  }
}

export function randomCode(seed: number, machine = amd64Machine): VCode {
  const random = new Random(seed * 7 + 3);
  return new RandomCode(
    seed,
    {
      size: 5 + random.below(random.chance(10) ? 1500 : 200),
      pressure: 2 + random.below(random.chance(50) ? 10 : 60),
      calls: random.chance(60),
      shuffle: random.chance(30),
    },
    machine,
  ).code;
}

/** The code as text, to look at a failing seed. */
export function printCode(code: VCode): string {
  const lines: string[] = [];
  const kinds = ["any", "reg", "fixed", "reuse", "slot"];
  for (let b = 0; b < code.blockCount; b++) {
    const args = code.successors[b].map((t, s) => `b${t}(${code.successorArgs[b][s].join(" ")})`);
    lines.push(
      `b${b}(${code.blockParams[b].join(" ")}) depth ${code.blockLoopDepth[b]} -> ${args.join(", ")}`,
    );
    for (let i = code.blockStart[b]; i < code.blockStart[b + 1]; i++) {
      const operands: string[] = [];
      for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) {
        const word = code.operandWord[o];
        const role = `${word & 2 ? "!" : ""}${word & 1 ? "def" : "use"}`;
        operands.push(
          `${role} v${code.operandVReg[o]}:${kinds[(word >> 2) & 7]}${word >> 5 ? `.${word >> 5}` : ""}`,
        );
      }
      const clobbers = code.clobbersInt[i] ? ` clobbers ${code.clobbersInt[i].toString(16)}` : "";
      lines.push(
        `  ${i}: ${operands.join(", ")}${code.flags[i] ? ` flags ${code.flags[i]}` : ""}${clobbers}`,
      );
    }
  }
  return lines.join("\n");
}
