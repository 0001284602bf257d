/**
 * Random functions made of control flow and locals: what SSA construction must get right. Every loop counts a
 * fuel local down, so they end; the result mixes all locals.
 */

import { I32, ModuleBytes } from "../limits/module-bytes.js";
import type { Random } from "../support/random.js";
import { BlockWriter } from "./block-writer.js";

const fuel = 0;
const locals = 6;

class Generator {
  private statementsLeft: number;

  constructor(
    private readonly random: Random,
    private readonly code: BlockWriter,
    size: number,
  ) {
    this.statementsLeft = size;
  }

  private local(): number {
    return 1 + this.random.below(locals);
  }

  /** An i32 on the stack. */
  private value(depth = 0): void {
    const { code, random } = this;
    const choice = random.below(depth > 2 ? 2 : 6);
    if (choice === 0) code.bytes.i32Const(random.between(-9, 99));
    else if (choice < 3) code.bytes.localGet(this.local());
    else if (choice === 3) {
      this.value(depth + 1);
      code.bytes.localTee(this.local());
    } else if (choice === 4 && code.labels.length < 12) this.valueBlock();
    else {
      this.value(depth + 1);
      this.value(depth + 1);
      code.bytes.op(random.pick([0x6a, 0x6b, 0x73, 0x6c, 0x48, 0x71]));
    }
  }

  /** A block, loop or if that takes a value and gives one. */
  private valueBlock(): void {
    const { code, random } = this;
    this.value(3);
    const kind = random.pick([0x02, 0x03, 0x04]);
    if (kind === 0x04) this.value(3);
    code.open(kind, 1);
    this.statements(random.below(3));
    if (random.chance(30)) this.valueExit();
    if (kind === 0x04 && random.chance(60)) {
      code.elseArm();
      this.statements(random.below(3));
    }
    code.close();
  }

  /** A conditional branch with the value on top, out of the innermost construct that takes one. */
  private valueExit(): void {
    const { code } = this;
    const depth = code.labels.length - 1;
    if (code.labels[depth]!.arity !== 1 || code.labels[depth]!.isLoop) return;
    this.value(3);
    code.bytes.brIf(0);
  }

  private statements(count: number): void {
    for (let i = 0; i < count && this.statementsLeft > 0; i++) if (this.statement()) return;
  }

  /** Whether what follows is unreachable. */
  private statement(): boolean {
    const { code, random } = this;
    this.statementsLeft--;
    const choice = random.below(12);
    if (choice < 4 || code.labels.length > 10) {
      this.value();
      code.bytes.localSet(this.local());
    } else if (choice === 4) {
      code.open(0x02, 0);
      this.statements(random.below(6));
      code.close();
    } else if (choice === 5) this.loop();
    else if (choice < 8) this.ifElse();
    else if (choice < 10) {
      const label = this.forwardLabel();
      this.value();
      code.bytes.brIf(label);
    } else if (choice === 10) return this.exit();
    else {
      this.value();
      code.bytes.op(0x1a);
    }
    return false;
  }

  private loop(): void {
    const { code, random } = this;
    code.open(0x02, 0);
    code.open(0x03, 0);
    code.bytes.localGet(fuel).op(0x45).brIf(1);
    code.bytes.localGet(fuel).i32Const(1).op(0x6b).localSet(fuel);
    this.statements(random.below(6));
    if (random.chance(70)) {
      this.value();
      code.bytes.brIf(0);
    } else if (random.chance(50)) code.bytes.br(0);
    code.close();
    code.close();
  }

  private ifElse(): void {
    const { code, random } = this;
    this.value();
    code.open(0x04, 0);
    this.statements(random.below(5));
    if (random.chance(60)) {
      code.elseArm();
      this.statements(random.below(5));
    }
    code.close();
  }

  /** The depth of a label without values that is no loop's; block 0, which all are in, always is. */
  private forwardLabel(): number {
    const { labels } = this.code;
    for (let tries = 0; tries < 4; tries++) {
      const depth = this.random.below(labels.length);
      const label = labels[labels.length - 1 - depth]!;
      if (!label.isLoop && label.arity === 0) return depth;
    }
    return labels.length - 1;
  }

  /** br, br_table or return. */
  private exit(): boolean {
    const { code, random } = this;
    const choice = random.below(4);
    if (choice === 0) {
      code.bytes.br(this.forwardLabel());
      return true;
    }
    if (choice === 1 && random.chance(20)) {
      this.value();
      code.bytes.op(0x0f);
      return true;
    }
    if (choice === 1) return false;
    this.value();
    const count = random.below(5);
    code.bytes.op(0x0e).u32(count);
    for (let i = 0; i <= count; i++) code.bytes.u32(this.forwardLabel());
    return true;
  }

  function(): void {
    const { code } = this;
    code.open(0x02, 0);
    while (this.statementsLeft > 0) if (this.statement()) break;
    code.close();
    code.bytes.i32Const(17);
    for (let i = 1; i <= locals; i++)
      code.bytes
        .localGet(i)
        .op(0x6a)
        .i32Const(31 + i)
        .op(0x6c);
  }
}

/** A module that exports "run": (fuel, a, b, c) -> i32. */
export function randomControl(random: Random, size: number): Uint8Array {
  const module = new ModuleBytes();
  const type = module.type([I32], [I32]);
  const index = module.addFunction(
    [I32, I32, I32, I32],
    [I32],
    (bytes) => new Generator(random, new BlockWriter(bytes, type), size).function(),
    [[locals - 3, I32]],
  );
  module.exportFunction("run", index);
  return module.toBytes();
}
