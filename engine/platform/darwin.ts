/**
 * macOS on Apple silicon and on amd64 through koffi: pages, and code memory. Never run on macOS: engine/test/platform/ runs
 * it, and the engine upon it, with these calls of macOS put together from Linux's.
 *
 * No signals: bounds are checked explicitly, loops look at the interrupt word, the clock is a worker.
 *
 * Calling convention. amd64: System V's. arm64: "Writing ARM64 code for Apple platforms": AAPCS64 but for x18, which is
 * reserved (compiled code and stubs never use it), for arguments on the stack and variable ones (what is called from machine
 * code has at most three), for x29, which is to point at a frame record (Wasm code uses it freely; stacks are unwound by
 * tools only up to there), and for 128 bytes below sp that belong to the code (nothing of ours is there).
 *
 * W^X on Apple silicon ("Porting just-in-time compilers to Apple silicon"): code memory is mapped with MAP_JIT. Its pages
 * are writable or executable to a thread, never both; pthread_jit_write_protect_np(0) makes all of them writable to the
 * calling thread, those of V8 too. Returning to JavaScript like that would crash V8. So one native call does it all: a
 * routine of machine code (Target.callSequence), in a page of its own that isn't MAP_JIT memory, calls
 *
 *     pthread_jit_write_protect_np(0); memcpy(to, from, size); pthread_jit_write_protect_np(1); sys_icache_invalidate(to, size);
 *
 * No signal handler of ours runs on the thread, and JavaScript threads each write their own memory. sys_icache_invalidate
 * reaches all processors' caches; only the thread that has written runs the code.
 *
 * W^X on amd64, where MAP_JIT memory would be writable and executable at a time: plain memory, of which a page is writable
 * (mprotect) while something is copied into it, and else executable.
 *
 * Node's own binaries have the entitlements for this (tools/osx-entitlements.plist: allow-jit,
 * allow-unsigned-executable-memory); a process with the hardened runtime that lacks the second is refused.
 *
 * Sources: mmap(2), mprotect(2), madvise(2), pthread_jit_write_protect_np(3), sys_icache_invalidate(3), sysconf(3) of macOS;
 * sys/mman.h, unistd.h and signal.h of its SDK (constants); xnu bsd/kern/kern_mman.c (MAP_JIT excludes MAP_FIXED).
 */
import { UnsupportedPlatformError } from "./errors.js";
import type { IKoffi } from "./koffi.js";
import { monotonicNow } from "./monotonic.js";
import type { CodeRoutines, ExecutableMapping, Platform } from "./platform.js";

const PROT_NONE = 0;
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_JIT = 0x800;
const MAP_ANON = 0x1000;
const MADV_FREE = 5;
const _SC_PAGESIZE = 29;
const MAP_FAILED = 2 ** 64 - 1;
/** MINSIGSTKSZ: what a signal's handler, such as a profiler's, may need of a fiber's stack. */
const MINSIGSTKSZ = 32_768;
/** The system counts no mappings. */
const mostMappings = 65_530;
/**
 * What arm64's code generator reads as Linux's AT_HWCAP: floats (bit 0), vectors (1), atomics (8), which every Apple
 * silicon has (it implements ARMv8.4 at least).
 */
const appleSilicon = 0b1_0000_0011;

/** @param architecture as Node has it: `arm64` is Apple silicon */
export function darwinPlatform(
  koffi: IKoffi,
  routines: CodeRoutines,
  architecture: string = process.arch,
): Platform {
  const c = koffi.load(null);
  const mmap = c.func("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
  const munmap = c.func("int munmap(uintptr_t, size_t)");
  const mprotect = c.func("int mprotect(uintptr_t, size_t, int)");
  const madvise = c.func("int madvise(uintptr_t, size_t, int)");
  const voidRoutine = koffi.proto("void", []);
  const symbol = (name: string): number => Number(koffi.address(c.symbol(name)));
  const isAppleSilicon = architecture === "arm64";
  const pageSize = Number(c.func("long sysconf(int)")(_SC_PAGESIZE));

  function map(address: number, size: number, protection: number, flags: number): number {
    const result = Number(mmap(address, size, protection, flags | MAP_PRIVATE | MAP_ANON, -1, 0));
    if (result !== MAP_FAILED && result >= 0) return result;
    if (protection & PROT_EXEC) throw executableDenied();
    throw new RangeError(`out of address space: the system refused a mapping of ${size} bytes`);
  }

  /** Makes a range that is about to be written, or has been, writable or executable. */
  function changeCode(start: number, size: number, protection: number): void {
    const first = start - (start % pageSize);
    const length = Math.ceil((start + size - first) / pageSize) * pageSize;
    if (mprotect(first, length, protection) !== 0) throw executableDenied();
  }

  /** Plain memory: by mprotect. */
  function writePlain(start: number, bytes: Uint8Array): void {
    changeCode(start, bytes.length, PROT_READ | PROT_WRITE);
    try {
      new Uint8Array(koffi.view(BigInt(start), bytes.length)).set(bytes);
    } finally {
      changeCode(start, bytes.length, PROT_READ | PROT_EXEC);
    }
  }

  /** MAP_JIT memory: by the routine that the head of this file tells of. */
  function jitWriter(): (start: number, bytes: Uint8Array) => void {
    const steps = [
      [symbol("pthread_jit_write_protect_np"), 0, 0, 0],
      [symbol("memcpy"), 0, 0, 0],
      [symbol("pthread_jit_write_protect_np"), 1, 0, 0],
      [symbol("sys_icache_invalidate"), 0, 0, 0],
    ];
    const calls = new BigUint64Array(steps.flat().map(BigInt));
    const code = routines.callSequence(BigInt(koffi.address(calls.buffer)), steps.length);
    const page = map(0, pageSize, PROT_READ | PROT_WRITE, 0);
    writePlain(page, code);
    c.func("void sys_icache_invalidate(uintptr_t, size_t)")(page, code.length);
    const routine = koffi.decode(BigInt(page), voidRoutine) as () => void;
    return (start, bytes) => {
      const [to, size] = [BigInt(start), BigInt(bytes.length)];
      const from = BigInt(koffi.address(bytes.buffer as ArrayBuffer)) + BigInt(bytes.byteOffset);
      calls.set([to, from, size], 5);
      calls.set([to, size], 13);
      routine();
    };
  }
  const write = isAppleSilicon ? jitWriter() : writePlain;

  /** Readable and executable; MAP_JIT wants all three, and gives a thread two of them at a time. */
  function mapExecutable(size: number): number {
    if (isAppleSilicon) return map(0, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_JIT);
    return map(0, size, PROT_READ | PROT_EXEC, 0);
  }

  return {
    name: "darwin",
    processorCapabilities: isAppleSilicon ? appleSilicon : 0,
    pageSize,
    signalFrameSize: MINSIGSTKSZ,
    allocate: (size) => map(0, size, PROT_READ | PROT_WRITE, 0),
    protect(address, size) {
      if (mprotect(address, size, PROT_NONE) !== 0) throw new Error(`mprotect of ${size} bytes failed`);
    },
    free: (address, size) => void munmap(address, size),
    // madvise leaves the contents to chance; a new mapping in its place is zeros.
    release: (address, size) => void map(address, size, PROT_READ | PROT_WRITE, MAP_FIXED),
    codeSizes: [1 << 27, 1 << 26],
    mapCode(codeSize, dataSize): ExecutableMapping {
      // MAP_JIT memory can't be mapped at a given address, but other memory can take the place of its end.
      const address = mapExecutable(codeSize + dataSize);
      map(address + codeSize, dataSize, PROT_READ | PROT_WRITE, MAP_FIXED);
      return {
        address,
        size: codeSize,
        write: (offset, bytes) => write(address + offset, bytes),
        discard: (offset, size) => void madvise(address + offset, size, MADV_FREE),
      };
    },
    view: (address, size) => koffi.view(BigInt(address), size),
    addressOf: (buffer) =>
      Number(koffi.address(buffer instanceof ArrayBuffer ? buffer : new Uint8Array(buffer))),
    routine: (address) => koffi.decode(BigInt(address), voidRoutine) as () => void,
    symbol,
    now: monotonicNow(),
    mostMappings: () => mostMappings,
    signals: undefined,
  };
}

function executableDenied(): UnsupportedPlatformError {
  return new UnsupportedPlatformError(
    "executable-memory-denied",
    "Backplane compiles WebAssembly to native code, and this system denies executable memory to the process; give the " +
      "program the entitlements com.apple.security.cs.allow-jit and allow-unsigned-executable-memory, or use Node's own " +
      "WebAssembly.",
  );
}
