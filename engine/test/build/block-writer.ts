/** Writes constructs and remembers which labels are open. */
import type { ByteWriter } from "../limits/module-bytes.js";

export interface Label {
  readonly isLoop: boolean;
  /** Values of the construct's type: as many parameters as results, 0 or 1. */
  readonly arity: number;
}

export class BlockWriter {
  /** Open constructs, the innermost last. */
  readonly labels: Label[] = [];

  /** @param unary index of the type (i32) -> i32 */
  constructor(
    readonly bytes: ByteWriter,
    private readonly unary: number,
  ) {}

  open(opcode: number, arity: number): void {
    this.bytes.op(opcode);
    if (arity === 0) this.bytes.op(0x40);
    else this.bytes.signed(this.unary);
    this.labels.push({ isLoop: opcode === 0x03, arity });
  }

  elseArm(): void {
    this.bytes.op(0x05);
  }

  close(): void {
    this.bytes.end();
    this.labels.pop();
  }
}
