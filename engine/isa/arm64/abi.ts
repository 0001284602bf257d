/**
 * Where the parameters and results of a signature go (the convention itself is described in registers.ts).
 *
 * In: a signature in SSA types. Out: for each parameter and result a place: a physical register, or a byte
 * offset from the caller's sp at its `call` (outgoing area of the caller, incoming area of the callee).
 * The instance (`instanceRegister`) and the code address are not part of a signature.
 */
import type { Signature } from "../../machine/target.js";
import { floatFile, type PReg, RegisterClass } from "../../machine/vcode.js";
import { Type } from "../../ssa/ops.js";
import { floatArguments, intArguments } from "./registers.js";

/** A physical register number (0..63), or `-1 - offset`: stack bytes from the caller's sp at the call. */
export type Place = number;

export const isStackPlace = (place: Place): boolean => place < 0;
export const stackOffset = (place: Place): number => -1 - place;

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

/** Assigns places to one list of types, stack ones from offset `start` on; appends to `places`, returns the end. */
function assign(types: readonly Type[], start: number, places: Place[]): number {
  let nextInt = 0;
  let nextFloat = 0;
  let offset = start;
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    const isInt = classOf(type) === RegisterClass.int;
    const registers: readonly PReg[] = isInt ? intArguments : floatArguments;
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

const cache = new WeakMap<Signature, SignatureLayout>();

/**
 * The layout of a signature; the same object gives the same answer without computing it again.
 *
 * @example nine i32 parameters: eight in registers, the ninth at sp + 0 at the call, which is where the
 * callee finds it at its first instruction.
 */
export function signatureLayout(signature: Signature): SignatureLayout {
  const known = cache.get(signature);
  if (known !== undefined) return known;
  const params: Place[] = [];
  const results: Place[] = [];
  const paramBytes = (assign(signature.params, 0, params) + 7) & -8;
  const resultStart = firstStackResult(signature.results, paramBytes);
  const end = assign(signature.results, resultStart, results);
  const layout: SignatureLayout = { params, results, paramBytes, resultStart, stackBytes: (end + 15) & -16 };
  cache.set(signature, layout);
  return layout;
}

function firstStackResult(results: readonly Type[], paramBytes: number): number {
  return results.includes(Type.v128) ? (paramBytes + 15) & -16 : paramBytes;
}

/** Is the place in the float file? */
export const isFloatPlace = (place: Place): boolean => place >= floatFile;
