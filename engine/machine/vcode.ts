/**
 * Virtual code: a function as machine instructions over virtual registers, between lowering and encoding.
 *
 * Instructions are rows in columns; their register operands lie in one operand array with a constraint each.
 * What an opcode means is known to its ISA only; register allocation reads nothing but operands, clobbers,
 * block structure and the few flags here.
 *
 * What must hold on entry to allocation: blocks are in emission order with the entry first; every virtual
 * register has one definition that dominates its uses (block parameters count as definitions; a `reuse`
 * definition is a definition of its own); no critical edges; only blocks that end in a one-target jump pass
 * block arguments, or blocks whose targets have them as their only predecessor.
 */

declare const vregBrand: unique symbol;
export type VReg = number & { readonly [vregBrand]: true };

/** Class of a virtual register. `float` and `vector` live in the same physical registers; their spill slots differ. */
export const RegisterClass = { int: 0, float: 1, vector: 2 } as const;
export type RegisterClass = (typeof RegisterClass)[keyof typeof RegisterClass];

/** Physical registers are numbered 0..31 integer file, 32..63 float file. */
export type PReg = number;
export const floatFile = 32;

/** A location: 0..63 a physical register; 64 + n the 8-byte spill slot n of the frame (16-byte values: n even). */
export type Location = number;
export const firstSlot = 64;
export const noLocation = -1;

/**
 * Operand word: role (1 bit), position (1 bit), constraint kind (3 bits), constraint payload (6 bits: the
 * physical register of `fixed`, or the index within the instruction of the use that a `reuse` definition takes
 * over).
 *
 * Position: uses are read `early` and may share a register with a definition, unless `late`, then they stay
 * intact through the instruction. Definitions are written `late`, unless `early`, then they don't share a
 * register with any use.
 */
export const Constraint = {
  /** A register or a spill slot. */
  any: 0,
  /** A register of the class. */
  register: 1,
  /** This physical register. */
  fixed: 2,
  /** (Definitions) the same register as operand number `payload` of this instruction, a use; a copy is made if that lives on. */
  reuse: 3,
  /** A spill slot. */
  slot: 4,
} as const;

export const operandDef = 1;
/** Set: uses are late; definitions early. */
export const operandUnusualPosition = 2;
export const constraintShift = 2;
export const payloadShift = 5;

export function use(constraint: number = Constraint.register, payload = 0): number {
  return (constraint << constraintShift) | (payload << payloadShift);
}
export function def(constraint: number = Constraint.register, payload = 0): number {
  return operandDef | (constraint << constraintShift) | (payload << payloadShift);
}
export function lateUse(constraint: number = Constraint.register, payload = 0): number {
  return use(constraint, payload) | operandUnusualPosition;
}
export function earlyDef(constraint: number = Constraint.register, payload = 0): number {
  return def(constraint, payload) | operandUnusualPosition;
}
export const operandConstraint = (word: number): number => (word >> constraintShift) & 7;
export const operandPayload = (word: number): number => word >> payloadShift;

/** Flags of an instruction that allocation and emission read. */
export const InstructionFlag = {
  /** Operand 0 is a definition and 1 a use of the same class: a plain copy that allocation may delete. */
  move: 1,
  /** References that live across it are reported in its stack map. */
  safepoint: 2,
  /** Ends its block. */
  terminator: 4,
} as const;

/** Constants: virtual registers whose definition has no register uses and no effect. */
export const Rematerializable = {
  no: 0,
  /** The definition may be executed again. */
  byInstruction: 1,
  /** The same; and uses that may be anywhere can read the constant where the definition reads it. */
  fromPool: 2,
} as const;

function grow<T extends Int32Array | Uint32Array | Uint16Array | Uint8Array>(old: T): T {
  const bigger = new (old.constructor as new (n: number) => T)(old.length * 2);
  bigger.set(old as never);
  return bigger;
}

export class VCode {
  // -- instructions, in emission order
  instructionCount = 0;
  /** The ISA's row number. */
  opcode = new Uint16Array(64);
  flags = new Uint8Array(64);
  /** First operand; the last is before operandStart[i + 1]. */
  operandStart = new Int32Array(65);
  /** Immediates; meaning by opcode (value, displacement, scale, condition, target block, symbol). */
  imm0 = new Int32Array(64);
  imm1 = new Int32Array(64);
  imm2 = new Int32Array(64);
  /** Wasm byte offset the instruction stems from, -1 unknown. */
  source = new Int32Array(64);
  /** Physical registers destroyed beside the definitions: bits of the integer file, and of the float file. */
  clobbersInt = new Uint32Array(64);
  clobbersFloat = new Uint32Array(64);

  // -- operands
  operandCount = 0;
  operandVReg = new Int32Array(256);
  operandWord = new Uint16Array(256);

  // -- virtual registers
  vregCount = 0;
  vregClass = new Uint8Array(64);
  /** 1: a traced reference (externref), reported in stack maps. */
  vregIsReference = new Uint8Array(64);
  /** A `Rematerializable`: what may take the place of spilling and reloading. */
  vregRematerializable = new Uint8Array(64);

  // -- blocks, in emission order; block 0 is the entry
  blockCount = 0;
  /** First instruction; the last is before blockStart[b + 1]. */
  blockStart = new Int32Array(17);
  blockLoopDepth = new Uint8Array(16);
  /** 1: seldom run (leads to a trap, a slow path): spill code is better here. */
  blockIsCold = new Uint8Array(16);
  /** Innermost loop's header block, or -1. */
  blockLoopHeader = new Int32Array(16);
  /** Parameters (virtual registers) of each block. The entry has none: arguments are fixed definitions. */
  readonly blockParams: VReg[][] = [];
  /** Successor blocks and, for each, the arguments for its parameters. */
  readonly successors: number[][] = [];
  readonly successorArgs: VReg[][][] = [];
  readonly predecessors: number[][] = [];

  /** Bytes at the bottom of the frame for outgoing stack arguments and results of calls. */
  outgoingBytes = 0;
  /** 8-byte frame slots that lowering itself uses (slotload, slotstore); allocation numbers its own after them. */
  reservedSlots = 0;

  newVReg(cls: RegisterClass, isReference = false): VReg {
    const v = this.vregCount++;
    if (v >= this.vregClass.length) {
      this.vregClass = grow(this.vregClass);
      this.vregIsReference = grow(this.vregIsReference);
      this.vregRematerializable = grow(this.vregRematerializable);
    }
    this.vregClass[v] = cls;
    this.vregIsReference[v] = isReference ? 1 : 0;
    return v as VReg;
  }

  /** Appends an instruction without operands; add them next with `operand`. Returns its number. */
  instruction(opcode: number, flags = 0, imm0 = 0, imm1 = 0, imm2 = 0, source = -1): number {
    const i = this.instructionCount++;
    if (i >= this.opcode.length) this.growInstructions();
    this.opcode[i] = opcode;
    this.flags[i] = flags;
    this.imm0[i] = imm0;
    this.imm1[i] = imm1;
    this.imm2[i] = imm2;
    this.source[i] = source;
    this.clobbersInt[i] = 0;
    this.clobbersFloat[i] = 0;
    this.operandStart[i] = this.operandCount;
    this.operandStart[i + 1] = this.operandCount;
    return i;
  }

  /** Adds an operand to the last instruction. */
  operand(v: VReg, word: number): void {
    const n = this.operandCount++;
    if (n >= this.operandVReg.length) {
      this.operandVReg = grow(this.operandVReg);
      this.operandWord = grow(this.operandWord);
    }
    this.operandVReg[n] = v;
    this.operandWord[n] = word;
    this.operandStart[this.instructionCount] = this.operandCount;
  }

  clobber(intMask: number, floatMask: number): void {
    this.clobbersInt[this.instructionCount - 1] = intMask;
    this.clobbersFloat[this.instructionCount - 1] = floatMask;
  }

  /** Starts a block; its instructions follow. `finish` closes the last one. */
  startBlock(loopDepth: number, cold: boolean, loopHeader: number): number {
    const b = this.blockCount++;
    if (b + 1 >= this.blockStart.length) {
      const bigger = new Int32Array(this.blockStart.length * 2);
      bigger.set(this.blockStart);
      this.blockStart = bigger;
    }
    if (b >= this.blockLoopDepth.length) {
      this.blockLoopDepth = grow(this.blockLoopDepth);
      this.blockIsCold = grow(this.blockIsCold);
      this.blockLoopHeader = grow(this.blockLoopHeader);
    }
    this.blockStart[b] = this.instructionCount;
    this.blockStart[b + 1] = this.instructionCount;
    this.blockLoopDepth[b] = Math.min(loopDepth, 255);
    this.blockIsCold[b] = cold ? 1 : 0;
    this.blockLoopHeader[b] = loopHeader;
    this.blockParams.push([]);
    this.successors.push([]);
    this.successorArgs.push([]);
    this.predecessors.push([]);
    return b;
  }

  /** Ends the block that was started last. */
  finishBlock(): void {
    this.blockStart[this.blockCount] = this.instructionCount;
  }

  private growInstructions(): void {
    this.opcode = grow(this.opcode);
    this.flags = grow(this.flags);
    this.imm0 = grow(this.imm0);
    this.imm1 = grow(this.imm1);
    this.imm2 = grow(this.imm2);
    this.source = grow(this.source);
    this.clobbersInt = grow(this.clobbersInt);
    this.clobbersFloat = grow(this.clobbersFloat);
    const starts = new Int32Array(this.opcode.length + 1);
    starts.set(this.operandStart);
    this.operandStart = starts;
  }
}

/** What register allocation must know of a target. Masks are of allocatable registers, integer and float file. */
export interface RegisterFile {
  readonly allocatableInt: number;
  readonly allocatableFloat: number;
  /** Allocatable registers in the order they should be tried. */
  readonly orderInt: readonly PReg[];
  readonly orderFloat: readonly PReg[];
  /** Outside the allocatable ones: breaks cycles and carries slot-to-slot moves, for values of every class. */
  readonly scratch: PReg;
  readonly name: (r: PReg) => string;
}

/**
 * The result of allocation. Emission walks the instructions in order; before instruction `i` it performs the
 * edits whose `editBefore` is `i`, in the order given (parallel moves are already sequenced; the scratch register
 * may occur as a location). An edit at a block's end stands before its terminator; at a block's start before
 * its first instruction.
 */
export interface Allocation {
  /**
   * Parallel to VCode's operands. -1 - instruction for a use that reads a constant where that definition reads it,
   * see `Rematerializable.fromPool`.
   */
  readonly operandLocation: Int32Array;
  readonly editCount: number;
  readonly editBefore: Int32Array;
  /** A location, or -1 - instruction: execute that (rematerializable) definition again into `to`. */
  readonly editFrom: Int32Array;
  readonly editTo: Int32Array;
  /** RegisterClass of the value moved. */
  readonly editClass: Uint8Array;
  /** 8-byte slots in use, reserved ones included. */
  readonly slotCount: number;
  /** Safepoint instructions, ascending, and for each the locations of live references (start into `mapLocation`). */
  readonly safepoints: Int32Array;
  readonly mapStart: Int32Array;
  readonly mapLocation: Int32Array;
}
