/**
 * The code memory of a thread: one executable mapping, cut into page-aligned segments, followed by the call
 * slots that code reaches relative to itself.
 *
 * A segment belongs to the engine for good (stubs) or to a module's code, and is given back when the module
 * is collected. Code that has run is never patched; new code becomes reachable by a store into a call slot. One
 * bit per code byte marks the access sites that the fault handler may turn into traps.
 */
import { debugOptions } from "../debug.js";
import { type ExecutableMapping, PieceViews, type Platform } from "../platform/index.js";
import type { FunctionCode } from "./module-code.js";

const slotsShare = 1 / 16;
/** Bytes of slots, of the bitmap, and of code that is read, that are seen at a time. */
const viewPiece = 1 << 16;

/** A page-aligned piece of the arena and the functions in it, ascending by address. */
export class Segment {
  used = 0;
  readonly functions: FunctionCode[] = [];
  constructor(
    readonly arena: CodeArena,
    readonly offset: number,
    readonly size: number,
  ) {}

  get address(): number {
    return this.arena.codeBase + this.offset;
  }
  get free(): number {
    return this.size - this.used;
  }

  /** Copies bytes in, 32-byte aligned; returns their address. There must be room (see `fits`). */
  add(bytes: Uint8Array): number {
    const at = this.used;
    this.arena.mapping.write(this.offset + at, bytes);
    this.arena.synchronize();
    this.used = alignUp(at + bytes.length, codeAlignment);
    return this.address + at;
  }

  fits(size: number): boolean {
    return size <= this.free;
  }
}

/** What a bit of `functionPages` stands for; segments begin and end at multiples of it. */
const functionPage = 4096;
export const codeAlignment = 32;
export const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to;

export class CodeArena {
  readonly mapping: ExecutableMapping;
  readonly codeBase: number;
  readonly codeSize: number;
  readonly slotsBase: number;
  /** The call slots: code addresses. */
  private readonly slots: PieceViews<BigUint64Array>;
  private readonly slotCount: number;
  /** One bit per code byte. */
  private readonly siteBitmap: PieceViews<Uint8Array>;
  readonly siteBitmapAddress: number;
  /** One bit per page: whether it holds functions, which can be interrupted anywhere, and no stubs. */
  readonly functionPages: Uint8Array;
  readonly functionPagesAddress: number;
  private readonly code: PieceViews<Uint8Array>;
  /** Live segments, ascending by offset. */
  private readonly segments: Segment[] = [];
  /** Where the search for a gap begins: before segment `nextGap`. Gaps below were too small for what was wanted. */
  private nextGap = 0;
  /** Free runs of slots that collected modules gave back, ascending, no two of them touching. */
  private readonly freeSlots: { start: number; count: number }[] = [];
  private slotsUsed = 0;
  private permanent: Segment | undefined;
  /**
   * Called between writing code and publishing it. Other threads of the process that run this arena's code (threads.ts)
   * have to fetch what was written and nothing from before. On x86-64 instruction fetch is coherent with stores through any
   * mapping of the same page, and who sees the store that publishes code sees the code; but a processor may have fetched
   * ahead at this address, where other code was before, and that is only undone by an instruction that serializes it
   * (Intel SDM volume 3, 8.1.3, "Handling Self- and Cross-Modifying Code"). membarrier(2) has every thread of the process
   * execute one, those that sleep before they go on.
   */
  synchronize: () => void = () => {};

  constructor(readonly platform: Platform) {
    this.mapping = mapLargest(platform);
    this.codeBase = this.mapping.address;
    this.codeSize = this.mapping.size;
    const slotBytes = this.codeSize * slotsShare;
    this.slotCount = slotBytes / 8;
    this.slotsBase = this.codeBase + this.codeSize;
    this.slots = new PieceViews(
      slotBytes,
      viewPiece,
      (offset, size) => new BigUint64Array(platform.view(this.slotsBase + offset, size)),
    );
    this.code = new PieceViews(
      this.codeSize,
      viewPiece,
      (offset, size) => new Uint8Array(platform.view(this.codeBase + offset, size)),
    );
    const bitmapSize = this.codeSize / 8;
    this.siteBitmapAddress = platform.allocate(bitmapSize);
    this.siteBitmap = new PieceViews(
      bitmapSize,
      viewPiece,
      (offset, size) => new Uint8Array(platform.view(this.siteBitmapAddress + offset, size)),
    );
    const pages = this.codeSize / functionPage;
    this.functionPagesAddress = platform.allocate(pages / 8);
    this.functionPages = new Uint8Array(platform.view(this.functionPagesAddress, pages / 8));
  }

  /** Copies bytes of code from an address in the arena: `size` of them, or up to its end. */
  read(address: number, size: number): Uint8Array {
    const start = address - this.codeBase;
    const end = Math.min(start + size, this.codeSize);
    const bytes = new Uint8Array(end - start);
    let at = 0;
    this.code.eachIn(start, end, (piece, from, to) => {
      bytes.set(piece.subarray(from, to), at);
      at += to - from;
    });
    return bytes;
  }

  /** Puts stubs in that live as long as the thread. Returns their address. */
  addPermanent(bytes: Uint8Array): number {
    if (this.permanent === undefined || !this.permanent.fits(bytes.length)) {
      this.permanent = this.allocateSegment(Math.max(bytes.length, 1 << 16));
    }
    return this.permanent.add(bytes);
  }

  /**
   * A new segment of at least `size` bytes, in the next gap that is large enough after the last one that was taken:
   * searching from the start would look at every live segment each time. What was given back is taken before that, so
   * that the pages in use, and those of the bitmaps, are no more than the live segments ever were.
   * Errors: RangeError when the arena is full.
   */
  allocateSegment(size: number): Segment {
    const wanted = alignUp(size, this.platform.pageSize);
    const { segments } = this;
    const gaps = segments.length + 1;
    for (let k = 0; k < gaps; k++) {
      const at = (this.nextGap + k) % gaps;
      const before = segments[at - 1];
      const offset = before === undefined ? 0 : before.offset + before.size;
      if ((segments[at]?.offset ?? this.codeSize) - offset < wanted) continue;
      const segment = new Segment(this, offset, wanted);
      segments.splice(at, 0, segment);
      this.nextGap = at + 1;
      return segment;
    }
    throw new RangeError(`out of code memory: ${wanted} bytes wanted of an arena of ${this.codeSize}`);
  }

  /** A segment for functions only. Errors: RangeError when the arena is full. */
  allocateFunctions(size: number): Segment {
    const segment = this.allocateSegment(size);
    this.markFunctionPages(segment, true);
    return segment;
  }

  private markFunctionPages({ offset, size }: Segment, value: boolean): void {
    for (let page = offset / functionPage; page < (offset + size) / functionPage; page++) {
      if (value) this.functionPages[page >> 3] |= 1 << (page & 7);
      else this.functionPages[page >> 3] &= ~(1 << (page & 7));
    }
  }

  /** How many segments are in use, the engine's own among them. */
  get segmentCount(): number {
    return this.segments.length;
  }

  freeSegment(segment: Segment): void {
    const at = this.segmentIndex(segment.offset);
    if (this.segments[at] !== segment) return;
    // Emulators that keep translations of code don't all notice that other code is written by another address.
    if (debugOptions.off.has("code-reuse")) return;
    this.segments.splice(at, 1);
    this.nextGap = Math.min(this.nextGap, at);
    this.markFunctionPages(segment, false);
    this.clearSites(segment);
    this.mapping.discard(segment.offset, segment.size);
  }

  /** Gives whole pages of the bitmap back to the system: one holds the bits of 32 KiB of code. */
  private clearSites({ offset, size }: Segment): void {
    const { pageSize } = this.platform;
    const start = offset >> 3;
    const end = (offset + size) >> 3;
    const firstPage = alignUp(start, pageSize);
    const pagesEnd = end - (end % pageSize);
    if (firstPage >= pagesEnd) {
      this.zeroSites(start, end);
      return;
    }
    this.zeroSites(start, firstPage);
    this.platform.release(this.siteBitmapAddress + firstPage, pagesEnd - firstPage);
    this.zeroSites(pagesEnd, end);
  }

  private zeroSites(start: number, end: number): void {
    this.siteBitmap.eachIn(start, end, (piece, from, to) => void piece.fill(0, from, to));
  }

  /** Reserves `count` neighbouring call slots; returns the first's number. */
  allocateSlots(count: number): number {
    if (count === 0) return 0;
    const at = this.freeSlots.findIndex((run) => run.count >= count);
    if (at >= 0) {
      const run = this.freeSlots[at]!;
      const start = run.start;
      if (run.count === count) this.freeSlots.splice(at, 1);
      else this.freeSlots[at] = { start: start + count, count: run.count - count };
      return start;
    }
    const start = this.slotsUsed;
    if (start + count > this.slotCount) throw new RangeError(`out of call slots: ${count} wanted`);
    this.slotsUsed += count;
    return start;
  }

  /** Gives slots back. Neighbouring runs become one, so that modules of other sizes can use them. */
  releaseSlots(start: number, count: number): void {
    if (count === 0) return;
    const { freeSlots } = this;
    let at = 0;
    let high = freeSlots.length;
    while (at < high) {
      const middle = (at + high) >> 1;
      if (freeSlots[middle]!.start < start) at = middle + 1;
      else high = middle;
    }
    const before = freeSlots[at - 1];
    const after = freeSlots[at];
    const touchesAfter = after !== undefined && start + count === after.start;
    if (before !== undefined && before.start + before.count === start) {
      before.count += count + (touchesAfter ? after.count : 0);
      if (touchesAfter) freeSlots.splice(at, 1);
    } else if (touchesAfter) freeSlots[at] = { start, count: count + after.count };
    else freeSlots.splice(at, 0, { start, count });
  }

  slotAddress(slot: number): number {
    return this.slotsBase + slot * 8;
  }

  /** Makes a call slot lead to code. */
  setSlot(slot: number, codeAddress: number): void {
    const offset = slot * 8;
    this.slots.at(offset)[(offset % viewPiece) >> 3] = BigInt(codeAddress);
  }

  markAccessSite(address: number): void {
    const offset = address - this.codeBase;
    this.siteBitmap.at(offset >> 3)[(offset >> 3) % viewPiece]! |= 1 << (offset & 7);
  }

  /** Whether the bit of a code byte is set. */
  isAccessSite(address: number): boolean {
    const offset = address - this.codeBase;
    return ((this.siteBitmap.at(offset >> 3)[(offset >> 3) % viewPiece]! >> (offset & 7)) & 1) !== 0;
  }

  /** The function whose code holds an address, or undefined (a stub, or not ours). */
  find(address: number): FunctionCode | undefined {
    const segment = this.findSegment(address - this.codeBase);
    if (segment === undefined) return undefined;
    const functions = segment.functions;
    let low = 0;
    let high = functions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (functions[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const found = functions[low - 1];
    return found !== undefined && address < found.address + found.code.codeSize ? found : undefined;
  }

  private findSegment(offset: number): Segment | undefined {
    const found = this.segments[this.segmentIndex(offset)];
    return found !== undefined && offset >= 0 && offset < found.offset + found.size ? found : undefined;
  }

  /** The last segment that begins at or before an offset; -1 if none does. */
  private segmentIndex(offset: number): number {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.segments[middle]!.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function mapLargest(platform: Platform): ExecutableMapping {
  let refusal: unknown;
  for (const size of platform.codeSizes) {
    try {
      return platform.mapCode(size, size * slotsShare);
    } catch (error) {
      refusal = error;
      if (!(error instanceof RangeError)) break;
    }
  }
  throw refusal;
}
