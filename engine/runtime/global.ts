/** Globals: a 16-byte cell in some buffer (an instance's record, or one of their own) that native code uses. */
import { type GlobalType, ValType } from "../wasm/types.js";
import type { Engine } from "./engine.js";
import { LinkGroup } from "./link-group.js";
import { functionAddress, vectorsDontPass } from "./values.js";

export class Global {
  readonly cellAddress: number;
  private readonly i32: Int32Array;
  private readonly i64: BigInt64Array;
  private readonly f32: Float32Array;
  private readonly f64: Float64Array;

  /** @param offset of the cell in the buffer, a multiple of 16 */
  constructor(
    private readonly engine: Engine,
    readonly type: GlobalType,
    buffer: ArrayBuffer = new ArrayBuffer(16),
    offset = 0,
    private readonly ownGroup: LinkGroup = new LinkGroup(),
    bufferAddress = engine.platform.addressOf(buffer),
  ) {
    this.cellAddress = bufferAddress + offset;
    this.i32 = new Int32Array(buffer, offset, 4);
    this.i64 = new BigInt64Array(buffer, offset, 2);
    this.f32 = new Float32Array(buffer, offset, 4);
    this.f64 = new Float64Array(buffer, offset, 2);
    if (type.type === ValType.externref) this.linkGroup.globals.add(this);
  }

  get linkGroup(): LinkGroup {
    return this.ownGroup.root();
  }

  /** Errors: TypeError for a vector. */
  get value(): unknown {
    switch (this.type.type) {
      case ValType.i32:
        return this.i32[0];
      case ValType.i64:
        return this.i64[0];
      case ValType.f32:
        return this.f32[0];
      case ValType.f64:
        return this.f64[0];
      case ValType.externref:
        return this.linkGroup.valueOf(this.i32[0]!);
      case ValType.funcref: {
        const word = this.word;
        return word === this.engine.nullFunctionAddress ? null : this.linkGroup.functionAt(word).object;
      }
      default:
        throw vectorsDontPass();
    }
  }

  /** Converts as ToWebAssemblyValue does, mutable or not. Errors: TypeError. */
  set value(value: unknown) {
    switch (this.type.type) {
      case ValType.i32:
        this.i32[0] = value as number;
        return;
      case ValType.i64:
        this.i64[0] = value as bigint;
        return;
      case ValType.f32:
        this.f32[0] = value as number;
        return;
      case ValType.f64:
        this.f64[0] = value as number;
        return;
      case ValType.externref: {
        const group = this.linkGroup;
        group.sweepIfDue();
        this.setBits(group.handleOf(value), 0);
        return;
      }
      case ValType.funcref:
        this.word = functionAddress(this.engine, this.ownGroup, value);
        return;
      default:
        throw vectorsDontPass();
    }
  }

  /** The low 64 bits as a number (an address or a handle). */
  get word(): number {
    return (this.i32[0]! >>> 0) + (this.i32[1]! >>> 0) * 2 ** 32;
  }
  set word(word: number) {
    this.setBits(word | 0, Math.floor(word / 2 ** 32));
  }

  setBits(lo: number, hi: number, upperLo = 0, upperHi = 0): void {
    this.i32[0] = lo;
    this.i32[1] = hi;
    this.i32[2] = upperLo;
    this.i32[3] = upperHi;
  }

  /** All 16 bytes, copied. */
  bits(): Uint32Array {
    return new Uint32Array(this.i32);
  }

  /** Takes over another global's bits, whatever the type. */
  copyFrom(other: Global): void {
    this.i32.set(other.i32);
  }

  markHandles(group: LinkGroup): void {
    group.mark(this.i32[0]!);
  }
}
