/**
 * Linux through koffi: pages, the code mapping (one memfd, mapped executable for good, and at another address
 * inaccessible but for the pages that are being written, for that moment), and the fault handler's installation.
 *
 * Sources: mmap(2), memfd_create(2), mprotect(2), madvise(2), sigaction(2), getauxval(3).
 */
import { readFileSync } from "node:fs";
import { UnsupportedPlatformError } from "./errors.js";
import type { IKoffi } from "./koffi.js";
import { linuxThreads } from "./linux-threads.js";
import { monotonicNow } from "./monotonic.js";
import { PieceViews } from "./piece-views.js";
import type {
  CodeRoutines,
  ExecutableMapping,
  HandledSignal,
  Platform,
  PublishRoutine,
  SignalSystem,
  ThreadSystem,
} from "./platform.js";

const PROT_NONE = 0;
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MADV_DONTNEED = 4;
const MADV_REMOVE = 9;
const MADV_NOHUGEPAGE = 15;
const MFD_CLOEXEC = 1;
const AT_HWCAP = 16;
const AT_MINSIGSTKSZ = 51;
const SA_SIGINFO = 4;
const SA_ONSTACK = 0x08000000;
const SA_RESTART = 0x10000000;
/** SIGSEGV and SIGURG. A system call that the latter strikes goes on as if nothing had happened. */
const handled: Record<HandledSignal, { number: number; flags: number }> = {
  fault: { number: 11, flags: SA_SIGINFO | SA_ONSTACK },
  interrupt: { number: 23, flags: SA_SIGINFO | SA_ONSTACK | SA_RESTART },
};
/** Numbers of system calls; asm-generic/unistd.h has arm64's. */
const [SYS_gettid, SYS_tgkill] = process.arch === "arm64" ? [178, 131] : [186, 234];
const PTHREAD_CREATE_DETACHED = 1;
const MAP_FAILED = 2 ** 64 - 1;

/** Bytes of the window to code memory that are seen at a time. */
const windowPiece = 1 << 20;
/** What a process may have where the system doesn't say: Linux's default. */
const defaultMappings = 65_530;

/** glibc's and musl's struct sigaction on 64-bit Linux: handler, 128 bytes of mask, flags, restorer. */
const sigactionSize = 152;
const sigactionFlags = 136;

export function linuxPlatform(koffi: IKoffi, routines: Pick<CodeRoutines, "publishRoutine">): Platform {
  const c = koffi.load(null);
  const mmap = c.func("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)") as (
    address: number,
    size: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number | bigint;
  const munmap = c.func("int munmap(uintptr_t, size_t)");
  const mprotect = c.func("int mprotect(uintptr_t, size_t, int)");
  const madvise = c.func("int madvise(uintptr_t, size_t, int)");
  const memfdCreate = c.func("int memfd_create(const char *, unsigned int)");
  const ftruncate = c.func("int ftruncate(int, int64_t)");
  const closeFile = c.func("int close(int)");
  const getauxval = c.func("unsigned long getauxval(unsigned long)");
  const sysconf = c.func("long sysconf(int)");
  const sigaction = c.func("int sigaction(int, const void *, void *)");
  const systemCall = c.func("long syscall(long, long, long, long)");
  const voidRoutine = koffi.proto("void", []);

  const pageSize = Number(sysconf(30));
  let threads: ThreadSystem | undefined;

  function map(
    address: number,
    size: number,
    protection: number,
    flags: number,
    fd = -1,
    offset = 0,
  ): number {
    const result = Number(mmap(address, size, protection, flags, fd, offset));
    if (result === MAP_FAILED || result < 0) {
      if (protection & PROT_EXEC) {
        throw new UnsupportedPlatformError(
          "executable-memory-denied",
          "Backplane compiles WebAssembly to native code, and this system denies executable memory to the " +
            "process; allow it (seccomp, SELinux execmem, noexec policies) or use Node's own WebAssembly.",
        );
      }
      throw new RangeError(`out of address space: the system refused a mapping of ${size} bytes`);
    }
    return result;
  }

  function currentHandler(signal: HandledSignal): { address: number; flags: number } {
    const old = new ArrayBuffer(sigactionSize);
    sigaction(handled[signal].number, null, new Uint8Array(old));
    const words = new DataView(old);
    return { address: Number(words.getBigUint64(0, true)), flags: words.getInt32(sigactionFlags, true) };
  }

  /**
   * One memfd, mapped twice: executable at the first addresses, in the window inaccessible but while something is written.
   * The data lies right after the code, in memory of its own.
   */
  function mapTwice(codeSize: number, dataSize: number): { address: number; window: number } {
    const fd = Number(memfdCreate("backplane-code", MFD_CLOEXEC));
    if (fd < 0 || ftruncate(fd, codeSize) !== 0) {
      throw new UnsupportedPlatformError(
        "executable-memory-denied",
        "Backplane needs memfd_create for its code memory, and the kernel refused it (Linux 3.17 or later is needed).",
      );
    }
    const address = map(0, codeSize + dataSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    map(address, codeSize, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0);
    map(
      address + codeSize,
      dataSize,
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
    );
    const window = map(0, codeSize, PROT_NONE, MAP_SHARED, fd, 0);
    // The mappings keep the memory. A descriptor would be lost with each worker that ends.
    closeFile(fd);
    return { address, window };
  }

  /** Runs an action while the pages that hold [start, start + size) of a window are writable. */
  function opened(start: number, size: number, action: () => void): void {
    const first = start - (start % pageSize);
    const length = Math.ceil((start + size - first) / pageSize) * pageSize;
    if (mprotect(first, length, PROT_READ | PROT_WRITE) !== 0) {
      throw new RangeError(`out of memory: ${size} bytes of code memory can't be made writable`);
    }
    try {
      action();
    } finally {
      mprotect(first, length, PROT_NONE);
    }
  }

  /**
   * Makes written code visible to instruction fetch, by its address and size. The routine that does so can't publish itself.
   * It needn't: it is alone in its mapping and written before anything of that is fetched, and what a page that is mapped
   * executable holds when it is first touched, Linux has published (arch/arm64/mm/flush.c, __sync_icache_dcache).
   */
  function publisher(code: PublishRoutine): (address: number, size: number) => void {
    const range = new BigUint64Array(new ArrayBuffer(16));
    const bytes = code(BigInt(Number(koffi.address(range.buffer))));
    const { address, window } = mapTwice(pageSize, pageSize);
    opened(window, bytes.length, () => new Uint8Array(koffi.view(BigInt(window), pageSize)).set(bytes));
    const routine = koffi.decode(BigInt(address), voidRoutine) as () => void;
    return (start, size) => {
      range[0] = BigInt(start);
      range[1] = BigInt(start + size);
      routine();
    };
  }
  const publish = routines.publishRoutine === undefined ? undefined : publisher(routines.publishRoutine);

  const signalSystem: SignalSystem = {
    threadNumber: () => Number(systemCall(SYS_gettid, 0, 0, 0)),
    hasThread: (number) => Number(systemCall(SYS_tgkill, process.pid, number, 0)) === 0,
    startThread(address, argument = 0) {
      const pthread = {
        attrInit: c.func("int pthread_attr_init(void *)"),
        attrDetach: c.func("int pthread_attr_setdetachstate(void *, int)"),
        attrStack: c.func("int pthread_attr_setstacksize(void *, size_t)"),
        create: c.func("int pthread_create(void *, const void *, uintptr_t, uintptr_t)"),
      };
      const attributes = new Uint8Array(64);
      pthread.attrInit(attributes);
      pthread.attrDetach(attributes, PTHREAD_CREATE_DETACHED);
      // Refused where the thread-local storage of the process needs more; then it is the default.
      pthread.attrStack(attributes, 1 << 16);
      return Number(pthread.create(new Uint8Array(8), attributes, address, argument)) === 0;
    },
    get threads() {
      threads ??= linuxThreads(koffi);
      return threads;
    },
    addressMap() {
      let text: string;
      try {
        text = readFileSync("/proc/self/maps", "latin1");
      } catch {
        return null;
      }
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const [range, protection] = line.split(" ", 2) as [string, string];
          const [start, end] = range.split("-") as [string, string];
          return { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), protection };
        });
    },
    open: (address, size) => mprotect(address, size, PROT_READ | PROT_WRITE) === 0,
    installHandler(signal, handlerAddress) {
      const { number, flags } = handled[signal];
      const action = new ArrayBuffer(sigactionSize);
      const words = new DataView(action);
      words.setBigUint64(0, BigInt(handlerAddress), true);
      words.setInt32(sigactionFlags, flags, true);
      const old = new ArrayBuffer(sigactionSize);
      if (sigaction(number, new Uint8Array(action), new Uint8Array(old)) !== 0) {
        throw new Error(`sigaction(${number}) failed`);
      }
      return Number(new DataView(old).getBigUint64(0, true));
    },
    currentHandler,
  };

  return {
    name: "linux",
    processorCapabilities: Number(BigInt(getauxval(AT_HWCAP)) & 0xffffffffn),
    pageSize,
    signalFrameSize: Math.max(Number(getauxval(AT_MINSIGSTKSZ)), 2048),
    allocate(size) {
      const address = map(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
      madvise(address, size, MADV_NOHUGEPAGE);
      return address;
    },
    protect(address, size) {
      if (mprotect(address, size, PROT_NONE) !== 0) throw new Error(`mprotect of ${size} bytes failed`);
    },
    free(address, size) {
      munmap(address, size);
    },
    release(address, size) {
      madvise(address, size, MADV_DONTNEED);
    },
    codeSizes: [1 << 30, 1 << 28, 1 << 26],
    mapCode(codeSize, dataSize): ExecutableMapping {
      const { address, window } = mapTwice(codeSize, dataSize);
      const pieces = new PieceViews(
        codeSize,
        windowPiece,
        (offset, size) => new Uint8Array(koffi.view(BigInt(window + offset), size)),
      );
      return {
        address,
        size: codeSize,
        write(offset, bytes) {
          opened(window + offset, bytes.length, () => {
            let done = 0;
            pieces.eachIn(offset, offset + bytes.length, (piece, from, to) => {
              piece.set(bytes.subarray(done, done + to - from), from);
              done += to - from;
            });
          });
          publish?.(address + offset, bytes.length);
        },
        discard: (offset, size) =>
          opened(window + offset, size, () => void madvise(window + offset, size, MADV_REMOVE)),
      };
    },
    view: (address, size) => koffi.view(BigInt(address), size),
    // Of a shared buffer, koffi on Node 20 only finds the address through a view.
    addressOf: (buffer) =>
      Number(koffi.address(buffer instanceof ArrayBuffer ? buffer : new Uint8Array(buffer))),
    routine: (address) => koffi.decode(BigInt(address), voidRoutine) as () => void,
    symbol: (name) => Number(koffi.address(c.symbol(name))),
    now: monotonicNow(),
    mostMappings() {
      try {
        return Number(readFileSync("/proc/sys/vm/max_map_count", "latin1")) || defaultMappings;
      } catch {
        return defaultMappings;
      }
    },
    signals: signalSystem,
  };
}
