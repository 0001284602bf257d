/**
 * The native code of one module on one thread: a call slot per function defined in it, the thunk that a slot
 * leads to before the function is compiled, and the functions compiled so far.
 *
 * It must not refer to the Module object: the arena finds it by address as long as the module lives, and the
 * module's collection is what frees it.
 */
import type { MachineCode } from "../machine/machine-code.js";
import { RelocationKind, SiteKind } from "../machine/machine-code.js";
import type { Target } from "../machine/target.js";
import { alignUp, type CodeArena, codeAlignment, type Segment } from "./code-arena.js";
import type { FrameNames } from "./stack-trace.js";

/** A compiled function in place. */
export interface FunctionCode {
  readonly module: ModuleCode;
  /** In the module, imports counted. */
  readonly index: number;
  readonly address: number;
  readonly code: Omit<MachineCode, "bytes"> & { readonly bytes?: undefined };
}

const thunkStride = 32;
const smallestSegment = 1 << 14;
const largestSegment = 1 << 20;

/** A segment of functions, with copies of thunks that are too far away for the calls in it, by defined-function number. */
interface Piece {
  readonly segment: Segment;
  readonly islands: Map<number, number>;
}

export class ModuleCode {
  private readonly firstSlot: number;
  private readonly thunks: Segment | undefined;
  private readonly pieces: Piece[] = [];
  /** By defined-function number; undefined until compiled. */
  private readonly functions: (FunctionCode | undefined)[];
  private nextSegmentSize = smallestSegment;
  codeBytes = 0;

  constructor(
    private readonly arena: CodeArena,
    private readonly target: Target,
    readonly importedCount: number,
    readonly definedCount: number,
    private readonly signatureNumbers: ArrayLike<number>,
    /** For stack traces: of the module, not the module itself. */
    readonly names: FrameNames,
  ) {
    this.firstSlot = arena.allocateSlots(definedCount);
    this.functions = new Array<undefined>(definedCount).fill(undefined);
    try {
      if (definedCount > 0) this.thunks = this.writeThunks();
    } catch (error) {
      arena.releaseSlots(this.firstSlot, definedCount);
      throw error;
    }
  }

  /** Where references to a function point: its code, or the thunk that goes through its call slot. */
  entryAddress(index: number): number {
    const compiled = this.functions[index - this.importedCount];
    return compiled?.address ?? this.thunkAddress(index - this.importedCount);
  }

  private thunkAddress(defined: number): number {
    return this.thunks!.address + defined * thunkStride;
  }

  isCompiled(index: number): boolean {
    return this.functions[index - this.importedCount] !== undefined;
  }

  function(index: number): FunctionCode | undefined {
    return this.functions[index - this.importedCount];
  }

  /** Puts a function's code in place and lets calls reach it. Returns its address. */
  link(index: number, code: MachineCode): number {
    const { bytes, ...rest } = code;
    const piece = this.pieceFor(code);
    const { segment, islands } = piece;
    for (const defined of this.farCallees(code, piece))
      islands.set(defined, this.addIsland(segment, defined));
    const address = segment.address + segment.used;
    this.linkRelocations(index, code, address, islands);
    segment.add(bytes);
    for (let i = 0; i < code.siteOffset.length; i++) {
      if (code.siteKind[i] === SiteKind.access) this.arena.markAccessSite(address + code.siteOffset[i]!);
    }
    const linked: FunctionCode = { module: this, index, address, code: rest };
    segment.functions.push(linked);
    const defined = index - this.importedCount;
    this.functions[defined] = linked;
    this.codeBytes += bytes.length;
    this.arena.setSlot(this.firstSlot + defined, address);
    return address;
  }

  /** Gives everything back. Nothing may run or refer to the code any more. */
  free(): void {
    for (const { segment } of this.pieces) this.arena.freeSegment(segment);
    if (this.thunks !== undefined) this.arena.freeSegment(this.thunks);
    this.arena.releaseSlots(this.firstSlot, this.definedCount);
  }

  private linkRelocations(
    index: number,
    code: MachineCode,
    address: number,
    islands: Map<number, number>,
  ): void {
    const { target } = this;
    const { bytes } = code;
    // Code never moves and is never replaced, so what is compiled already may be called without its slot.
    const codeOf = (callee: number): number | undefined =>
      callee === index ? address : this.function(callee)?.address;
    for (let i = 0; i < code.relocationOffset.length; i++) {
      const offset = code.relocationOffset[i]!;
      const symbol = code.relocationSymbol[i]!;
      if (code.relocationKind[i] === RelocationKind.signature) {
        target.linkSignature(bytes, offset, this.signatureNumbers[symbol]!);
        continue;
      }
      const defined = symbol - this.importedCount;
      const direct = codeOf(symbol);
      const isNear = direct !== undefined && Math.abs(direct - (address + offset)) <= target.callReach;
      const to = isNear ? direct : (islands.get(defined) ?? this.thunkAddress(defined));
      target.linkCall(bytes, offset, address, this.slotAddress(defined), to);
    }
  }

  private slotAddress(defined: number): number {
    return this.arena.slotAddress(this.firstSlot + defined);
  }

  /** One with room for a function's code and for the islands that its calls need there. */
  private pieceFor(code: MachineCode): Piece {
    const size = code.bytes.length;
    const last = this.pieces.at(-1);
    if (last?.segment.fits(size + thunkStride * this.farCallees(code, last).length)) return last;
    const mostIslands = this.target.callReach === Number.POSITIVE_INFINITY ? 0 : calleesOf(code).size;
    const wanted = Math.max(size + thunkStride * mostIslands, this.nextSegmentSize);
    this.nextSegmentSize = Math.min(this.nextSegmentSize * 2, largestSegment);
    const piece: Piece = { segment: this.arena.allocateFunctions(wanted), islands: new Map() };
    this.pieces.push(piece);
    return piece;
  }

  /** Called functions whose thunks are out of reach from somewhere in a piece that has no copies of them, by number. */
  private farCallees(code: MachineCode, { segment, islands }: Piece): number[] {
    const { callReach } = this.target;
    if (callReach === Number.POSITIVE_INFINITY) return [];
    const end = segment.address + segment.size;
    return [...calleesOf(code)]
      .map((symbol) => symbol - this.importedCount)
      .filter((defined) => {
        const thunk = this.thunkAddress(defined);
        return Math.max(end - thunk, thunk - segment.address) > callReach && !islands.has(defined);
      });
  }

  private addIsland(segment: Segment, defined: number): number {
    return segment.add(this.target.slotThunk(segment.address + segment.used, this.slotAddress(defined)));
  }

  /** For each function: at its stride a jump through the call slot, then the lazy stub that the slot holds at first. */
  private writeThunks(): Segment {
    const { target } = this;
    const segment = this.arena.allocateSegment(this.definedCount * thunkStride + codeAlignment);
    const bytes = new Uint8Array(this.definedCount * thunkStride);
    for (let i = 0; i < this.definedCount; i++) {
      const at = i * thunkStride;
      const address = segment.address + at;
      const thunk = target.slotThunk(address, this.slotAddress(i));
      bytes.set(thunk, at);
      const stubOffset = alignUp(thunk.length, 4);
      const stub = target.lazyStub(this.importedCount + i);
      if (stubOffset + stub.length > thunkStride) throw new RangeError("lazy stub too long for its thunk");
      bytes.set(stub, at + stubOffset);
      this.arena.setSlot(this.firstSlot + i, address + stubOffset);
    }
    segment.add(bytes);
    return segment;
  }
}

/** The functions that code calls through their slots. */
function calleesOf(code: MachineCode): Set<number> {
  const callees = new Set<number>();
  code.relocationKind.forEach((kind, i) => {
    if (kind === RelocationKind.callSlot) callees.add(code.relocationSymbol[i]!);
  });
  return callees;
}
