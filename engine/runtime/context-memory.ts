/**
 * Where a thread's contexts lie: memory that is never given back, not even when the thread ends, since the clock's
 * thread may write to any context at any time (see isa/NAME/clock.ts). First the word that holds the current context's
 * address, then contexts.
 *
 * All of it lies within one aligned 4 GiB: the upper halves of contexts' addresses are equal, so an address that is
 * half the old one's and half the new one's is always the new one's or the old one's. Before the first call the word has
 * the address of a context that is nobody's, since the clock may strike between the halves of the first one, too.
 */
import { PieceViews, type Platform } from "../platform/index.js";
import { Context } from "./layout.js";
import { setWord64 } from "./words.js";

/** Of address space; more fibers than the kernel has mappings for their stacks. */
const regionSize = 1 << 24;
const stride = (Context.size + 63) & ~63;
/** So many contexts are seen at a time. */
const viewPiece = 256 * stride;
const alignment = 2 ** 32;
/** The number of the context that no fiber has. Number 0 would be the word's. */
const nobodys = 1;

export class ContextMemory {
  /** Two 32-bit halves: the address of the context that `enter` continues with. */
  readonly current: Int32Array;
  readonly currentAddress: number;
  private readonly region: PieceViews<ArrayBuffer>;
  /** Address of `currentAddress` and of everything else here. */
  private readonly base: number;
  private readonly free: number[] = [];
  private used = nobodys + 1;

  constructor(platform: Platform) {
    // Twice as much, so that one half of it doesn't cross a multiple of 4 GiB.
    const start = platform.allocate(2 * regionSize);
    const end = start + regionSize - 1;
    const crosses = Math.floor(start / alignment) !== Math.floor(end / alignment);
    this.base = crosses ? start + regionSize : start;
    this.region = new PieceViews(regionSize, viewPiece, (offset, size) =>
      platform.view(this.base + offset, size),
    );
    this.current = new Int32Array(this.region.at(0), 0, 2);
    this.currentAddress = this.base;
    setWord64(this.current, 0, this.base + nobodys * stride);
  }

  /** A context's address. What was in it before is still there. Errors: RangeError when there are 50,000. */
  allocate(): number {
    const number = this.free.pop() ?? this.used++;
    if ((number + 1) * stride > regionSize)
      throw new RangeError(`out of contexts: ${number - nobodys - 1} are in use`);
    return this.base + number * stride;
  }

  words(address: number): Int32Array {
    const offset = address - this.base;
    return new Int32Array(this.region.at(offset), offset % viewPiece, Context.size >> 2);
  }

  release(address: number): void {
    this.free.push((address - this.base) / stride);
  }
}
