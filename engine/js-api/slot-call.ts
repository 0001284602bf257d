/** Calls that pass bytes through the slots of a call. Not in the JS API's specification. */
import { FunctionReference, type SlotIo } from "../runtime/function.js";
import { isNumber } from "../runtime/values.js";

/**
 * Makes of an exported function one whose arguments and results are written and read as they lie in the call's slots, 8
 * bytes each, first to last: for functions of many numbers, or of bytes that pass as numbers, whose conversion to
 * JavaScript's values and back would cost more than the call.
 *
 * Errors: TypeError for what isn't an exported function, or one with values other than numbers. Its calls: as the
 * exported function's; what `io` throws.
 *
 * @example
 * const io = { write: (slots, n) => { slots.i32[0] = n; }, read: (slots) => slots.i32[0] };
 * slotCall(instance.exports.double, io)(21); // 42
 */
// biome-ignore lint/complexity/noBannedTypes: any exported function
export function slotCall<A, R>(exported: Function, io: SlotIo<A, R>): (argument: A) => R {
  const reference = FunctionReference.of(exported);
  if (reference === undefined) {
    throw new TypeError("slotCall(): Argument 0 must be a WebAssembly exported function");
  }
  const { params, results } = reference.type;
  if (![...params, ...results].every(isNumber)) {
    throw new TypeError("slotCall(): Argument 0 must take and give numbers only");
  }
  const object = (argument: A): R => reference.callSlots(io, argument, object);
  return object;
}
