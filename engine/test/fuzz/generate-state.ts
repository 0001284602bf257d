/**
 * The state of writing one random function: its code so far, its locals, the labels in scope, what is left of
 * its budget.
 *
 * A float that arithmetic made may be a NaN of any payload, so engines may differ in it. Values are therefore
 * written as *canonical* (bits are certain) wherever bits can be seen, and as *loose* elsewhere: `settle` turns a
 * loose float on the stack into a canonical one by replacing every NaN with the canonical one.
 */

import { OP } from "../support/opcodes.js";
import type { Random } from "../support/random.js";
import {
  ByteWriter,
  F32,
  F64,
  type FunctionType,
  I32,
  I64,
  V128,
  type ValueType,
} from "../support/wasm-bytes.js";
import { writeZero } from "./generate-constants.js";
import type { ModulePlan } from "./generate-plan.js";

export interface Label {
  /** what a branch to it carries */
  readonly types: readonly ValueType[];
  /** false for loops that count by themselves: only their own back edge may go there */
  readonly open: boolean;
}

export class FunctionState {
  readonly code = new ByteWriter();
  readonly random: Random;
  readonly labels: Label[] = [];
  private readonly localTypes: ValueType[];
  private readonly readableLocals = new Map<ValueType, number[]>();
  private readonly writableLocals = new Map<ValueType, number[]>();
  private readonly looseLocals = new Map<ValueType, number[]>();
  private readonly settleLocals = new Map<ValueType, number>();
  /** i32 locals that always hold an address below 32 KiB */
  readonly pointers: number[] = [];
  /** loops around the current place */
  loopDepth = 0;

  constructor(
    readonly plan: ModulePlan,
    /** its index in the module */
    readonly index: number,
    readonly type: FunctionType,
    /** roughly how many instructions may still be written */
    public left: number,
  ) {
    this.random = plan.random;
    this.localTypes = [...type.params];
    type.params.forEach((param, index) => {
      const loose = param === F32 || param === F64;
      pushTo(loose ? this.looseLocals : this.readableLocals, param, index);
      pushTo(loose ? this.looseLocals : this.writableLocals, param, index);
    });
    const many = this.random.chance(20) ? this.random.between(15, 50) : this.random.below(10);
    for (const local of plan.randomTypes(many)) {
      const index = this.allocateLocal(local);
      const loose = (local === F32 || local === F64) && this.random.chance(30);
      pushTo(loose ? this.looseLocals : this.readableLocals, local, index);
      pushTo(loose ? this.looseLocals : this.writableLocals, local, index);
    }
    if (plan.features.memory) {
      for (let count = this.random.below(3); count > 0; count--) {
        const index = this.allocateLocal(I32);
        this.pointers.push(index);
        pushTo(this.readableLocals, I32, index);
      }
    }
  }

  allocateLocal(type: ValueType): number {
    this.localTypes.push(type);
    return this.localTypes.length - 1;
  }

  readable(type: ValueType): readonly number[] {
    return this.readableLocals.get(type) ?? [];
  }

  writable(type: ValueType): readonly number[] {
    return this.writableLocals.get(type) ?? [];
  }

  loose(type: ValueType): readonly number[] {
    return this.looseLocals.get(type) ?? [];
  }

  /** Makes a local readable as an ordinary value, as a loop's counter. */
  publish(type: ValueType, local: number): void {
    pushTo(this.readableLocals, type, local);
  }

  /** Whether this risky operation may be left free to trap. */
  dares(): boolean {
    return this.random.below(1000) < this.plan.features.risk * 4;
  }

  op(opcode: number): void {
    if (opcode < 0xfc00) {
      this.code.u8(opcode);
      return;
    }
    this.code.u8(opcode >> 8);
    this.code.u32(opcode & 0xff);
  }

  op1(opcode: number, index: number): void {
    this.op(opcode);
    this.code.u32(index);
  }

  op2(opcode: number, first: number, second: number): void {
    this.op(opcode);
    this.code.u32(first);
    this.code.u32(second);
  }

  i32(value: number): void {
    this.code.u8(OP.i32Const);
    this.code.s32(value);
  }

  i64(value: bigint): void {
    this.code.u8(OP.i64Const);
    this.code.s64(value);
  }

  /** The constant `value` of integer type `type`. */
  integer(type: ValueType, value: number): void {
    if (type === I64) this.i64(BigInt(value));
    else this.i32(value);
  }

  /** Makes the float on top of the stack canonical, if it has to be. */
  settle(type: ValueType, canonical: boolean): void {
    if (!canonical || (type !== F32 && type !== F64)) return;
    let local = this.settleLocals.get(type);
    if (local === undefined) {
      local = this.allocateLocal(type);
      this.settleLocals.set(type, local);
    }
    this.op1(OP.localTee, local);
    if (type === F32) {
      this.op(OP.f32Const);
      this.code.fixed32(0x7fc00000);
    } else {
      this.op(OP.f64Const);
      this.code.fixed64(0x7ff8000000000000n);
    }
    this.op1(OP.localGet, local);
    this.op1(OP.localGet, local);
    this.op(type === F32 ? OP.f32Eq : OP.f64Eq);
    this.op(OP.select);
  }

  blockType(params: readonly ValueType[], results: readonly ValueType[]): void {
    if (params.length === 0 && results.length === 0 && this.random.chance(90)) this.code.u8(0x40);
    else if (params.length === 0 && results.length === 1 && this.random.chance(80)) {
      this.code.u8(results[0] as ValueType);
    } else this.code.s32(this.plan.typeIndex(params, results));
  }

  /** Leaves the function at once, with zeros or by a trap. */
  bail(): void {
    if (this.plan.features.risk > 0 && this.random.chance(20)) {
      this.op(OP.unreachable);
      return;
    }
    for (const result of this.type.results) writeZero(this.code, result);
    this.op(OP.return);
  }

  /** Takes one unit of fuel and leaves the function if none was left. */
  burnFuel(): void {
    const global = this.plan.fuelGlobal;
    this.op1(OP.globalGet, global);
    this.i32(1);
    this.op(OP.i32Sub);
    this.op1(OP.globalSet, global);
    this.op1(OP.globalGet, global);
    this.i32(0);
    this.op(OP.i32LtS);
    this.op(OP.if);
    this.code.u8(0x40);
    this.bail();
    this.op(OP.end);
  }

  /**
   * Mixes the numbers in the locals into the digest global: what was computed is seen, and lives to the end. At most
   * `most` of them.
   */
  digest(most: number): void {
    this.op1(OP.globalGet, this.plan.digestGlobal);
    const count = Math.min(this.localTypes.length, most);
    const first = this.random.below(this.localTypes.length - count + 1);
    for (let local = first; local < first + count; local++) {
      const type = this.localTypes[local] as ValueType;
      if (type !== I32 && type !== I64 && type !== F32 && type !== F64 && type !== V128) continue;
      // What isn't settled yet passes through this one.
      if (local === this.settleLocals.get(V128)) continue;
      this.i32(31);
      this.op(OP.i32Mul);
      this.op1(OP.localGet, local);
      this.settle(type, true);
      if (type === F32) this.op(0xbc);
      if (type === F64) this.op(0xbd);
      if (type === V128) this.foldVector(local);
      if (type === I64 || type === F64 || type === V128) this.foldWide();
      this.op(OP.i32Add);
    }
    this.op1(OP.globalSet, this.plan.digestGlobal);
  }

  /** The vector in a local, which is on the stack too, to an i64 that depends on all its bits. */
  private foldVector(local: number): void {
    this.op(OP.i64x2ExtractLane);
    this.code.u8(0);
    this.i64(31n);
    this.op(0x7e);
    this.op1(OP.localGet, local);
    this.op(OP.i64x2ExtractLane);
    this.code.u8(1);
    this.op(0x7c);
  }

  /** Makes the lanes of floats on top of the stack canonical. */
  settleLanes(type: typeof F32 | typeof F64): void {
    const local = this.settleLocals.get(V128) ?? this.allocateLocal(V128);
    this.settleLocals.set(V128, local);
    this.op1(OP.localTee, local);
    this.op(OP.v128Const);
    for (let lane = 0; lane < 2; lane++) {
      if (type === F64) this.code.fixed64(0x7ff8000000000000n);
      else for (let k = 0; k < 2; k++) this.code.fixed32(0x7fc00000);
    }
    this.op1(OP.localGet, local);
    this.op1(OP.localGet, local);
    this.op(type === F32 ? OP.f32x4Eq : OP.f64x2Eq);
    this.op(OP.v128Bitselect);
  }

  /** An i64 to an i32 that depends on all its bits. */
  private foldWide(): void {
    this.i64(0x5851f42d4c957f2dn);
    this.op(0x7e);
    this.i64(32n);
    this.op(OP.i64ShrU);
    this.op(OP.i32WrapI64);
  }

  /** The body for the code section: locals in runs of one type, then the code. */
  finish(): Uint8Array {
    const out = new ByteWriter();
    const declared = this.localTypes.slice(this.type.params.length);
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of declared) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    out.u32(runs.length);
    for (const run of runs) {
      out.u32(run.count);
      out.u8(run.type);
    }
    out.bytes(this.code.toBytes());
    return out.toBytes();
  }
}

function pushTo(map: Map<ValueType, number[]>, type: ValueType, index: number): void {
  const list = map.get(type);
  if (list === undefined) map.set(type, [index]);
  else list.push(index);
}
