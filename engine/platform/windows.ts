/**
 * Windows on amd64 through koffi: pages, and code memory. Never run on Windows: engine/test/platform/ runs it, and the
 * engine upon it, with these calls of Windows put together from Linux's.
 *
 * No signals: bounds are checked explicitly, loops look at the interrupt word, the clock is a worker. The stubs keep what
 * Microsoft's convention has a callee keep, and switch the stack's bounds in the thread's block with the stack
 * (isa/amd64/host-convention.ts). Faults in compiled code are none of ours, so no vectored handler is installed.
 *
 * W^X: a page of code is writable while bytes are copied into it, and else executable. Only the thread whose code it is runs
 * it, and not meanwhile, since calls on threads need signals.
 *
 * Limits: hardware-enforced stack protection (user shadow stacks) must be off, as it is for node.exe: fibers return through
 * stacks of their own. Code is in no function table (RtlAddFunctionTable), so debuggers and profilers can't unwind it; an
 * exception never passes through it.
 *
 * Sources, all of learn.microsoft.com, Win32 API: VirtualAlloc, VirtualFree ("memory pages that are decommitted"),
 * VirtualProtect, "Memory Protection Constants", FlushInstructionCache, GetSystemInfo (SYSTEM_INFO), "Thread Stack Size".
 */
import { UnsupportedPlatformError } from "./errors.js";
import type { IKoffi } from "./koffi.js";
import { monotonicNow } from "./monotonic.js";
import type { ExecutableMapping, Platform } from "./platform.js";

const MEM_COMMIT = 0x1000;
const MEM_RESERVE = 0x2000;
const MEM_DECOMMIT = 0x4000;
const MEM_RELEASE = 0x8000;
const PAGE_NOACCESS = 0x01;
const PAGE_READWRITE = 0x04;
const PAGE_EXECUTE_READ = 0x20;
/** SYSTEM_INFO: 48 bytes; dwPageSize is its second 32-bit word. */
const systemInfoSize = 48;
const systemInfoPageSize = 4;

/** Exceptions are delivered on the stack of the thread: a CONTEXT with extended state, and what handles it. */
const exceptionFrames = 1 << 14;
/** The system counts no mappings; each stack is a reservation of its own. */
const mostMappings = 65_530;

export function windowsPlatform(koffi: IKoffi): Platform {
  const kernel = koffi.load("kernel32.dll");
  const library = koffi.load("ntdll.dll");
  const virtualAlloc = kernel.func("uintptr_t VirtualAlloc(uintptr_t, size_t, uint32_t, uint32_t)");
  const virtualFree = kernel.func("int VirtualFree(uintptr_t, size_t, uint32_t)");
  const virtualProtect = kernel.func("int VirtualProtect(uintptr_t, size_t, uint32_t, void *)");
  const flushInstructionCache = kernel.func("int FlushInstructionCache(uintptr_t, uintptr_t, size_t)");
  const currentProcess = Number(kernel.func("uintptr_t GetCurrentProcess()")());
  const voidRoutine = koffi.proto("void", []);

  const systemInfo = new Uint8Array(systemInfoSize);
  kernel.func("void GetSystemInfo(void *)")(systemInfo);
  const pageSize = new DataView(systemInfo.buffer).getUint32(systemInfoPageSize, true);
  const oldProtection = new Uint8Array(4);

  function reserve(size: number, type: number, protection: number): number {
    const address = Number(virtualAlloc(0, size, type, protection));
    if (address === 0) throw new RangeError(`out of address space: the system refused ${size} bytes`);
    return address;
  }

  function commit(address: number, size: number): void {
    if (Number(virtualAlloc(address, size, MEM_COMMIT, PAGE_READWRITE)) === 0) {
      throw new RangeError(`out of memory: the system refused ${size} bytes`);
    }
  }

  const protect = (address: number, size: number, protection: number): boolean =>
    virtualProtect(address, size, protection, oldProtection) !== 0;

  /** The pages of [start, start + size): committed when first written to, and never again writable while executable. */
  function writeCode(start: number, bytes: Uint8Array): void {
    const first = start - (start % pageSize);
    const length = Math.ceil((start + bytes.length - first) / pageSize) * pageSize;
    commit(first, length);
    // Of pages that were committed before, VirtualAlloc isn't documented to change the protection.
    if (!protect(first, length, PAGE_READWRITE)) throw new Error(`VirtualProtect of ${length} bytes failed`);
    new Uint8Array(koffi.view(BigInt(start), bytes.length)).set(bytes);
    if (!protect(first, length, PAGE_EXECUTE_READ)) {
      throw new UnsupportedPlatformError(
        "executable-memory-denied",
        "Backplane compiles WebAssembly to native code, and this system denies executable memory to the process; allow it " +
          "(Arbitrary Code Guard: ProhibitDynamicCode) or use Node's own WebAssembly.",
      );
    }
    flushInstructionCache(currentProcess, start, bytes.length);
  }

  return {
    name: "windows",
    processorCapabilities: 0,
    pageSize,
    signalFrameSize: exceptionFrames,
    allocate: (size) => reserve(size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE),
    protect(address, size) {
      if (!protect(address, size, PAGE_NOACCESS)) throw new Error(`VirtualProtect of ${size} bytes failed`);
    },
    // The size must be 0, which stands for all that was reserved together.
    free: (address) => void virtualFree(address, 0, MEM_RELEASE),
    release(address, size) {
      virtualFree(address, size, MEM_DECOMMIT);
      commit(address, size);
    },
    codeSizes: [1 << 27, 1 << 26],
    mapCode(codeSize, dataSize): ExecutableMapping {
      const address = reserve(codeSize + dataSize, MEM_RESERVE, PAGE_NOACCESS);
      commit(address + codeSize, dataSize);
      return {
        address,
        size: codeSize,
        write: (offset, bytes) => writeCode(address + offset, bytes),
        discard: (offset, size) => void virtualFree(address + offset, size, MEM_DECOMMIT),
      };
    },
    view: (address, size) => koffi.view(BigInt(address), size),
    addressOf: (buffer) =>
      Number(koffi.address(buffer instanceof ArrayBuffer ? buffer : new Uint8Array(buffer))),
    routine: (address) => koffi.decode(BigInt(address), voidRoutine) as () => void,
    symbol: (name) => Number(koffi.address(library.symbol(name))),
    now: monotonicNow(),
    mostMappings: () => mostMappings,
    signals: undefined,
  };
}
