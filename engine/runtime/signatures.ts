/**
 * Canonical signatures of a thread: equal function types get one number, whatever module they come from, so
 * that an indirect call checks a type with one compare. With each number go the stubs for that signature.
 */

import type { Signature, Target } from "../machine/target.js";
import { Type } from "../ssa/ops.js";
import type { FuncType } from "../wasm/types.js";
import { ValType } from "../wasm/types.js";
import type { CodeArena } from "./code-arena.js";

const typeOf = new Map<number, Type>([
  [ValType.i32, Type.i32],
  [ValType.i64, Type.i64],
  [ValType.f32, Type.f32],
  [ValType.f64, Type.f64],
  [ValType.v128, Type.v128],
  [ValType.funcref, Type.ptr],
  [ValType.externref, Type.ref],
]);

/** The SSA type that a Wasm value type has. */
export function ssaType(type: ValType): Type {
  return typeOf.get(type)!;
}

/** A function type in the SSA's types. */
export function signatureOf(type: FuncType): Signature {
  return { params: type.params.map(ssaType), results: type.results.map(ssaType) };
}

export class CanonicalSignature implements Signature {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
  /** 8-byte slots that arguments or results need, whichever is more. */
  readonly slotCount: number;
  private hostStub = 0;
  private adapter = 0;

  constructor(
    /** From 1; 0 is the null function's. */
    readonly number: number,
    readonly type: FuncType,
    private readonly target: Target,
    private readonly arena: CodeArena,
  ) {
    this.params = type.params.map(ssaType);
    this.results = type.results.map(ssaType);
    this.slotCount = target.slotCount(this);
  }

  /** Address of the code that imports of host functions with this signature run. */
  get hostStubAddress(): number {
    if (this.hostStub === 0) this.hostStub = this.arena.addPermanent(this.target.hostStub(this));
    return this.hostStub;
  }

  /** Address where a fiber starts that calls a function of this signature. */
  get entryAdapterAddress(): number {
    if (this.adapter === 0) this.adapter = this.arena.addPermanent(this.target.entryAdapter(this));
    return this.adapter;
  }
}

export class SignatureTable {
  private readonly byKey = new Map<string, CanonicalSignature>();
  /** The most slots that any signature so far needs: each fiber's slot area has at least as many. */
  slotCount = 16;

  constructor(
    private readonly target: Target,
    private readonly arena: CodeArena,
  ) {}

  of(type: FuncType): CanonicalSignature {
    const key = String.fromCharCode(...type.params, 0, ...type.results);
    let signature = this.byKey.get(key);
    if (signature === undefined) {
      signature = new CanonicalSignature(this.byKey.size + 1, type, this.target, this.arena);
      this.byKey.set(key, signature);
      this.slotCount = Math.max(this.slotCount, signature.slotCount);
    }
    return signature;
  }
}
