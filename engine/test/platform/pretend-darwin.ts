/**
 * koffi as it would be on macOS, put together from Linux's calls: pages of 16 KiB; memory mapped with MAP_JIT is executable
 * or, between two calls of pthread_jit_write_protect_np, writable, and never both.
 */
import { inMemory } from "../../isa/amd64/encode.js";
import { Amd64 } from "../../isa/amd64/instructions.js";
import { rax, rdi, rdx, rsi } from "../../isa/amd64/registers.js";
import { StubEncoder } from "../../isa/amd64/stub-encoder.js";
import type { IKoffi } from "../../platform/koffi.js";
import type { Platform } from "../../platform/platform.js";
import { named } from "./pretend-windows.js";

const pageSize = 1 << 14;
const [mapFixed, mapJit, mapAnon] = [0x10, 0x800, 0x1000];
const failed = 2n ** 64n - 1n;
const sysMprotect = 10;

/** What happened, in order: for each write of MAP_JIT memory 0, then 1, and how often caches were told. */
export interface DarwinLog {
  jitMappings: number;
  /** Two words that machine code counts up: toggles of the protection, invalidations. */
  readonly counts: BigUint64Array;
}

/** @param linux a platform of this system, for code that stands for macOS's functions */
export function pretendDarwin(koffi: IKoffi, linux: Platform): { koffi: IKoffi; log: DarwinLog } {
  const c = koffi.load(null);
  const mmap = c.func("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
  const munmap = c.func("int munmap(uintptr_t, size_t)");
  const mprotect = c.func("int mprotect(uintptr_t, size_t, int)");
  /** Address and size of the code in MAP_JIT memory: the machine code below reads them. */
  const region = new BigUint64Array(new ArrayBuffer(16));
  const log: DarwinLog = { jitMappings: 0, counts: new BigUint64Array(new ArrayBuffer(16)) };
  const mapping = linux.mapCode(1 << 16, 1 << 12);
  const countAddress = linux.addressOf(log.counts.buffer as ArrayBuffer);
  mapping.write(0, writeProtect(BigInt(linux.addressOf(region.buffer)), BigInt(countAddress)));
  mapping.write(1024, invalidate(BigInt(countAddress + 8)));
  const symbols: Record<string, number> = {
    pthread_jit_write_protect_np: mapping.address,
    sys_icache_invalidate: mapping.address + 1024,
  };

  function mapAligned(size: number, protection: number): number {
    const start = Number(mmap(0, size + pageSize, protection, 0x4022, -1, 0));
    return Math.ceil(start / pageSize) * pageSize;
  }
  const calls: Record<string, (...args: never[]) => unknown> = {
    mmap(address: number, size: number, protection: number, flags: number): number | bigint {
      if (!(flags & mapAnon)) return failed;
      if (flags & mapJit) {
        if (flags & mapFixed || protection !== 7) return failed;
        log.jitMappings++;
        const start = mapAligned(size, 5);
        region.set([BigInt(start), BigInt(size)]);
        return start;
      }
      if (!(flags & mapFixed)) return mapAligned(size, protection);
      if (BigInt(address) > region[0]! && BigInt(address) < region[0]! + region[1]!)
        region[1] = BigInt(address) - region[0]!;
      return mmap(address, size, protection, 0x4032, -1, 0) as number;
    },
    munmap,
    mprotect(address: number, size: number, protection: number): number {
      if (address % pageSize !== 0 || (protection & 6) === 6) return -1;
      return mprotect(address, size, protection) as number;
    },
    madvise: () => 0,
    sysconf: (name: number) => (name === 29 ? pageSize : -1),
    sys_icache_invalidate: () => {},
  };
  const library = (): object => ({
    func: (signature: string) => named(calls, signature, "libSystem"),
    symbol: (name: string) => ({ address: symbols[name] ?? linux.symbol(name) }),
  });
  const pretended = {
    ...koffi,
    load: library,
    address: (of: object) =>
      "address" in of ? (of as { address: number }).address : koffi.address(of as ArrayBuffer),
  } as unknown as IKoffi;
  return { koffi: pretended, log };
}

function count(e: StubEncoder, address: bigint): void {
  e.moveImmediate64(rax, Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n)));
  e.setAddress(rax, 0);
  e.emit(Amd64.add64_mi, 0, inMemory, 1);
}

/** void pthread_jit_write_protect_np(int enabled): mprotect of the whole region, executable (5) or writable (3). */
function writeProtect(region: bigint, counter: bigint): Uint8Array {
  const e = new StubEncoder();
  count(e, counter);
  e.moveImmediate32(rdx, 3);
  e.emit(Amd64.test32_rr, rdi, rdi);
  const writable = e.branch(4);
  e.moveImmediate32(rdx, 5);
  writable();
  e.moveImmediate64(rax, Number(BigInt.asIntN(32, region)), Number(BigInt.asIntN(32, region >> 32n)));
  e.load(Amd64.mov64_rm, rdi, rax, 0);
  e.load(Amd64.mov64_rm, rsi, rax, 8);
  e.moveImmediate32(rax, sysMprotect);
  e.raw(0x0f, 0x05);
  e.return();
  return e.finished();
}

function invalidate(counter: bigint): Uint8Array {
  const e = new StubEncoder();
  count(e, counter);
  e.return();
  return e.finished();
}
