/**
 * Memory for code on Linux: one memfd, mapped executable for good, and at another address inaccessible but for the pages that
 * are being written, for that moment.
 *
 * Sources: memfd_create(2), mmap(2), mprotect(2), madvise(2).
 */
import { UnsupportedPlatformError } from "./errors.js";
import type { IKoffi } from "./koffi.js";
import {
  type LinuxMemory,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from "./linux-memory.js";
import { PieceViews } from "./piece-views.js";
import type { CodeRoutines, ExecutableMapping, PublishRoutine } from "./platform.js";

const MADV_REMOVE = 9;
const MFD_CLOEXEC = 1;
/** Bytes of the window to code memory that are seen at a time. */
const windowPiece = 1 << 20;

type Call = (...args: (number | string)[]) => number | bigint;

export class LinuxCode {
  private readonly memfdCreate: Call;
  private readonly truncate: Call;
  private readonly closeFile: Call;
  /** Makes written code visible to instruction fetch, where stores alone don't. */
  private readonly publish: ((address: number, size: number) => void) | undefined;

  constructor(
    private readonly koffi: IKoffi,
    private readonly memory: LinuxMemory,
    { publishRoutine }: Pick<CodeRoutines, "publishRoutine">,
  ) {
    const c = koffi.load(null);
    this.memfdCreate = c.func("int memfd_create(const char *, unsigned int)");
    this.truncate = c.func("int ftruncate(int, int64_t)");
    this.closeFile = c.func("int close(int)");
    this.publish = publishRoutine === undefined ? undefined : this.publisher(publishRoutine);
  }

  /** What `Platform.mapCode` is. */
  map(codeSize: number, dataSize: number): ExecutableMapping {
    const { address, window } = this.mapTwice(codeSize, dataSize);
    const pieces = new PieceViews(codeSize, windowPiece, (offset, size) => this.view(window + offset, size));
    return {
      address,
      size: codeSize,
      write: (offset, bytes) => {
        this.opened(window + offset, bytes.length, () => {
          let done = 0;
          pieces.eachIn(offset, offset + bytes.length, (piece, from, to) => {
            piece.set(bytes.subarray(done, done + to - from), from);
            done += to - from;
          });
        });
        this.publish?.(address + offset, bytes.length);
      },
      discard: (offset, size) =>
        this.opened(window + offset, size, () => this.memory.advise(window + offset, size, MADV_REMOVE)),
    };
  }

  /**
   * One memfd, mapped twice: executable at the first addresses, in the window inaccessible but while something is written.
   * The data lies right after the code, in memory of its own.
   */
  private mapTwice(codeSize: number, dataSize: number): { address: number; window: number } {
    const { memory } = this;
    const fd = Number(this.memfdCreate("backplane-code", MFD_CLOEXEC));
    if (fd < 0 || this.truncate(fd, codeSize) !== 0) {
      throw new UnsupportedPlatformError(
        "executable-memory-denied",
        "Backplane needs memfd_create for its code memory, and the kernel refused it (Linux 3.17 or later is needed).",
      );
    }
    const own = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const address = memory.map(0, codeSize + dataSize, PROT_NONE, own);
    memory.map(address, codeSize, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0);
    memory.map(address + codeSize, dataSize, PROT_READ | PROT_WRITE, own | MAP_FIXED);
    const window = memory.map(0, codeSize, PROT_NONE, MAP_SHARED, fd, 0);
    // The mappings keep the memory. A descriptor would be lost with each worker that ends.
    this.closeFile(fd);
    return { address, window };
  }

  /** Runs an action while the pages that hold [start, start + size) of a window are writable. */
  private opened(start: number, size: number, action: () => void): void {
    const { memory } = this;
    const { pageSize } = memory;
    const first = start - (start % pageSize);
    const length = Math.ceil((start + size - first) / pageSize) * pageSize;
    if (!memory.protect(first, length, PROT_READ | PROT_WRITE)) {
      throw new RangeError(`out of memory: ${size} bytes of code memory can't be made writable`);
    }
    try {
      action();
    } finally {
      memory.protect(first, length, PROT_NONE);
    }
  }

  /**
   * The routine that publishes can't publish itself. It needn't: it is alone in its mapping and written before anything of that
   * is fetched, and what a page that is mapped executable holds when it is first touched, Linux has published
   * (arch/arm64/mm/flush.c, __sync_icache_dcache).
   */
  private publisher(code: PublishRoutine): (address: number, size: number) => void {
    const { koffi } = this;
    const { pageSize } = this.memory;
    const range = new BigUint64Array(new ArrayBuffer(16));
    const bytes = code(BigInt(Number(koffi.address(range.buffer))));
    const { address, window } = this.mapTwice(pageSize, pageSize);
    this.opened(window, bytes.length, () => this.view(window, pageSize).set(bytes));
    const routine = koffi.decode(BigInt(address), koffi.proto("void", [])) as () => void;
    return (start, size) => {
      range[0] = BigInt(start);
      range[1] = BigInt(start + size);
      routine();
    };
  }

  private view(address: number, size: number): Uint8Array {
    return new Uint8Array(this.koffi.view(BigInt(address), size));
  }
}
