/** Linux's pages through koffi: mappings and what may be done with them. Sources: mmap(2), mprotect(2), madvise(2). */
import { UnsupportedPlatformError } from "./errors.js";
import type { IKoffi } from "./koffi.js";

export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_NORESERVE = 0x4000;
const MAP_FAILED = 2 ** 64 - 1;

export interface LinuxMemory {
  readonly pageSize: number;
  /** Maps pages; returns their address. Errors: RangeError; UnsupportedPlatformError if they were to be executable. */
  map(address: number, size: number, protection: number, flags: number, fd?: number, offset?: number): number;
  unmap(address: number, size: number): void;
  /** Returns whether the system has done it. */
  protect(address: number, size: number, protection: number): boolean;
  advise(address: number, size: number, advice: number): void;
}

export function linuxMemory(koffi: IKoffi): LinuxMemory {
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
  const sysconf = c.func("long sysconf(int)");

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

  return {
    pageSize: Number(sysconf(30)),
    map,
    unmap: (address, size) => void munmap(address, size),
    protect: (address, size, protection) => mprotect(address, size, protection) === 0,
    advise: (address, size, advice) => void madvise(address, size, advice),
  };
}
