/**
 * Where the parameters and results of a signature go in Backplane's own calling convention, whose registers each
 * instruction set chooses (isa/NAME/registers.ts).
 *
 * In: a signature in SSA types. Out: for each parameter and result a place: a physical register, or a byte
 * offset from the caller's stack pointer at its call (outgoing area of the caller, incoming area of the callee).
 * The instance and the code address are not part of a signature.
 */
import { Type } from "../ssa/ops.js";
import type { Signature } from "./target.js";
import { floatFile, type PReg, RegisterClass } from "./vcode.js";

/** A physical register number (0..63), or `-1 - offset`: stack bytes from the caller's stack pointer at the call. */
export type Place = number;

export const isStackPlace = (place: Place): boolean => place < 0;
export const stackOffset = (place: Place): number => -1 - place;
/** Is the place in the float file? */
export const isFloatPlace = (place: Place): boolean => place >= floatFile;

export interface SignatureLayout {
  readonly params: readonly Place[];
  readonly results: readonly Place[];
  /** Bytes of stack parameters, from offset 0; a multiple of 8. */
  readonly paramBytes: number;
  /** Offset at which stack results begin: `paramBytes`, aligned to 16 if a vector is among them. */
  readonly resultStart: number;
  /** Bytes of the whole area, parameters and results; a multiple of 16. */
  readonly stackBytes: number;
}

/** Class of virtual register that holds values of a type. */
export function classOf(type: Type): RegisterClass {
  if (type === Type.f32 || type === Type.f64) return RegisterClass.float;
  return type === Type.v128 ? RegisterClass.vector : RegisterClass.int;
}

/** The convention with these registers for arguments and results, each kind in order. */
export class CallingConvention {
  private readonly cache = new WeakMap<Signature, SignatureLayout>();

  constructor(
    private readonly intArguments: readonly PReg[],
    private readonly floatArguments: readonly PReg[],
  ) {}

  /**
   * The layout of a signature; the same object gives the same answer without computing it again.
   *
   * @example with eight integer registers, nine i32 parameters: eight in registers, the ninth at offset 0 from the
   * caller's stack pointer when it executes the call.
   */
  layout(signature: Signature): SignatureLayout {
    const known = this.cache.get(signature);
    if (known !== undefined) return known;
    const params: Place[] = [];
    const results: Place[] = [];
    const paramBytes = (this.assign(signature.params, 0, params) + 7) & -8;
    const resultStart = firstStackResult(signature.results, paramBytes);
    const end = this.assign(signature.results, resultStart, results);
    const layout: SignatureLayout = {
      params,
      results,
      paramBytes,
      resultStart,
      stackBytes: (end + 15) & -16,
    };
    this.cache.set(signature, layout);
    return layout;
  }

  /** Assigns places to one list of types, stack ones from offset `start` on; appends to `places`, returns the end. */
  private assign(types: readonly Type[], start: number, places: Place[]): number {
    let nextInt = 0;
    let nextFloat = 0;
    let offset = start;
    for (let i = 0; i < types.length; i++) {
      const type = types[i]!;
      const isInt = classOf(type) === RegisterClass.int;
      const registers = isInt ? this.intArguments : this.floatArguments;
      const n = isInt ? nextInt++ : nextFloat++;
      if (n < registers.length) {
        places.push(registers[n]!);
        continue;
      }
      const size = type === Type.v128 ? 16 : 8;
      offset = (offset + size - 1) & -size;
      places.push(-1 - offset);
      offset += size;
    }
    return offset;
  }
}

function firstStackResult(results: readonly Type[], paramBytes: number): number {
  return results.includes(Type.v128) ? (paramBytes + 15) & -16 : paramBytes;
}
