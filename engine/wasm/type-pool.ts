/**
 * A module's function types and all block types, flat: one byte array of value types, and where each type's
 * parameters and results lie in it.
 *
 * A block type is a number here, its id: a type index, or, from `shorthand` on, the forms without parameters:
 * no result, then one result of each value type. So a block's types are found the same way whichever form
 * was written.
 */
import { type FuncType, formatTypes, ValType } from "./types.js";

const resultTypes: readonly ValType[] = Object.values(ValType);

export class TypePool {
  readonly types: Uint8Array;
  readonly paramStart: Int32Array;
  readonly paramCount: Int32Array;
  readonly resultStart: Int32Array;
  readonly resultCount: Int32Array;
  /** The id of the block type without parameters and results; ids up to `size` have one result. */
  readonly shorthand: number;
  readonly size: number;
  /** By the byte that a shorthand block type is written as (0x40, 0x7f, ...): its id, or -1. */
  readonly shorthandId = new Int32Array(0x80).fill(-1);

  constructor(types: readonly FuncType[]) {
    this.shorthand = types.length;
    this.size = types.length + 1 + resultTypes.length;
    this.paramStart = new Int32Array(this.size);
    this.paramCount = new Int32Array(this.size);
    this.resultStart = new Int32Array(this.size);
    this.resultCount = new Int32Array(this.size);
    let total = resultTypes.length;
    for (const type of types) total += type.params.length + type.results.length;
    this.types = new Uint8Array(total);
    let next = 0;
    types.forEach((type, id) => {
      next = this.add(id, type, next);
    });
    this.shorthandId[0x40] = this.shorthand;
    resultTypes.forEach((result, i) => {
      const id = this.shorthand + 1 + i;
      this.shorthandId[result] = id;
      next = this.add(id, { params: [], results: [result] }, next);
    });
  }

  private add(id: number, type: FuncType, at: number): number {
    const { params, results } = type;
    this.paramStart[id] = at;
    this.paramCount[id] = params.length;
    for (let i = 0; i < params.length; i++) this.types[at++] = params[i];
    this.resultStart[id] = at;
    this.resultCount[id] = results.length;
    for (let i = 0; i < results.length; i++) this.types[at++] = results[i];
    return at;
  }

  /** "(i32, f64)", for messages. */
  formatParams(id: number): string {
    const start = this.paramStart[id];
    return formatTypes(this.types.subarray(start, start + this.paramCount[id]));
  }

  formatResults(id: number): string {
    const start = this.resultStart[id];
    return formatTypes(this.types.subarray(start, start + this.resultCount[id]));
  }
}
