/** Virtual code with locations chosen by hand, for tests of emission alone. */
import * as amd64 from "../../isa/amd64/instructions.js";
import { Amd64VCode } from "../../isa/amd64/virtual-code.js";
import * as arm64 from "../../isa/arm64/instructions.js";
import { Arm64VCode } from "../../isa/arm64/virtual-code.js";
import {
  type Allocation,
  floatFile,
  InstructionFlag,
  type Location,
  RegisterClass,
  use,
  type VCode,
  type VReg,
} from "../../machine/vcode.js";

export interface Immediates {
  imm0?: number;
  imm1?: number;
  imm2?: number;
  flags?: number;
  source?: number;
}

/** An operand is a location; one virtual register stands for each location. */
abstract class Builder<Code extends VCode> {
  private readonly locations: number[] = [];
  private readonly vregOf = new Map<Location, VReg>();
  private readonly edits: { before: number; from: number; to: number; cls: RegisterClass }[] = [];
  private readonly safepoints: { at: number; live: number[] }[] = [];
  slotCount = 0;

  constructor(
    readonly code: Code,
    private readonly operandWords: readonly (readonly number[])[],
    private readonly returnRow: number,
  ) {}

  block(successors: number[] = [], cold = false, isHeader = false): this {
    const b = this.code.blockCount;
    this.code.startBlock(isHeader ? 1 : 0, cold, isHeader ? b : -1);
    this.code.successors[b]!.push(...successors);
    return this;
  }

  private vreg(location: Location): VReg {
    let v = this.vregOf.get(location);
    if (v === undefined) {
      const isFloat = location >= floatFile && location < 64;
      v = this.code.newVReg(isFloat ? RegisterClass.float : RegisterClass.int);
      this.vregOf.set(location, v);
    }
    return v;
  }

  /** An instruction; operands in the row's order, then address registers. Returns its number. */
  op(row: number, operands: Location[] = [], immediates: Immediates = {}): number {
    const { imm0 = 0, imm1 = 0, imm2 = 0, flags = 0, source = -1 } = immediates;
    const i = this.code.instruction(row, flags, imm0, imm1, imm2, source);
    operands.forEach((location, k) => {
      this.code.operand(this.vreg(location), this.operandWords[row]![k] ?? use());
      this.locations.push(location);
    });
    this.code.finishBlock();
    return i;
  }

  /** Ends the block that was started last. */
  end(row: number, operands: Location[] = [], immediates: Immediates = {}): this {
    this.op(row, operands, { ...immediates, flags: (immediates.flags ?? 0) | InstructionFlag.terminator });
    return this;
  }

  /** A move, or the definition of instruction -1 - from, before the instruction that comes next. */
  edit(from: Location, to: Location, cls: RegisterClass = RegisterClass.int): this {
    this.edits.push({ before: this.code.instructionCount, from, to, cls });
    return this;
  }

  /** Makes the instruction emitted last a safepoint. */
  safepoint(live: number[]): this {
    this.safepoints.push({ at: this.code.instructionCount - 1, live });
    return this;
  }

  allocation(): Allocation {
    const mapStart = [0];
    for (const s of this.safepoints) mapStart.push(mapStart.at(-1)! + s.live.length);
    return {
      operandLocation: Int32Array.from(this.locations),
      editCount: this.edits.length,
      editBefore: Int32Array.from(this.edits, (e) => e.before),
      editFrom: Int32Array.from(this.edits, (e) => e.from),
      editTo: Int32Array.from(this.edits, (e) => e.to),
      editClass: Uint8Array.from(this.edits, (e) => e.cls),
      slotCount: this.slotCount,
      safepoints: Int32Array.from(this.safepoints, (s) => s.at),
      mapStart: Int32Array.from(mapStart),
      mapLocation: Int32Array.from(this.safepoints.flatMap((s) => s.live)),
    };
  }

  return(): this {
    return this.end(this.returnRow);
  }
}

export class VCodeBuilder extends Builder<Amd64VCode> {
  constructor() {
    super(new Amd64VCode(), amd64.operandWords, amd64.Amd64.ret);
  }
}

export class Arm64Builder extends Builder<Arm64VCode> {
  constructor() {
    super(new Arm64VCode(), arm64.operandWords, arm64.Arm64.ret);
  }
}
