/**
 * koffi as it would be on Windows, put together from Linux's calls. Pages are reserved or committed; what can't be done to a
 * page that isn't committed fails, and committing one that is changes nothing. Routines are called by Microsoft's convention.
 */
import type { IKoffi } from "../../platform/koffi.js";
import type { ExecutableMapping, Platform } from "../../platform/platform.js";
import { MicrosoftHost } from "../isa/microsoft-host.js";

const pageSize = 4096;
/** Windows's protections as Linux's. */
const protections = new Map([
  [0x01, 0],
  [0x04, 3],
  [0x20, 5],
]);
const [commit, reserve, decommit, release] = [0x1000, 0x2000, 0x4000, 0x8000];

/** @param linux a platform of this system, for code that mediates */
export function pretendWindows(koffi: IKoffi, linux: Platform): IKoffi {
  const c = koffi.load(null);
  const mmap = c.func("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
  const munmap = c.func("int munmap(uintptr_t, size_t)");
  const mprotect = c.func("int mprotect(uintptr_t, size_t, int)");
  const mediating: ExecutableMapping = linux.mapCode(1 << 20, 1 << 12);
  let used = 0;
  const host = new MicrosoftHost(linux, (bytes) => {
    const at = used;
    mediating.write(at, bytes);
    used = (at + bytes.length + 15) & ~15;
    return mediating.address + at;
  });
  const sizes = new Map<number, number>();
  const committed = new Set<number>();
  const pages = function* (address: number, size: number): Generator<number> {
    for (let page = Math.floor(address / pageSize) * pageSize; page < address + size; page += pageSize)
      yield page;
  };

  const calls: Record<string, (...args: never[]) => unknown> = {
    VirtualAlloc(address: number, size: number, type: number, protection: number): number {
      let base = address;
      if (type & reserve) {
        base = Number(mmap(0, size, 0, 0x4022, -1, 0));
        sizes.set(base, size);
      }
      if (!(type & commit)) return base;
      for (const page of pages(base, size)) {
        if (committed.has(page)) continue;
        mprotect(page, pageSize, protections.get(protection)!);
        committed.add(page);
      }
      return base;
    },
    VirtualFree(address: number, size: number, type: number): number {
      const length = type === release ? sizes.get(address)! : size;
      for (const page of pages(address, length)) committed.delete(page);
      if (type === decommit) mmap(address, length, 0, 0x4032, -1, 0);
      else munmap(address, length);
      return 1;
    },
    VirtualProtect(address: number, size: number, protection: number, old: Uint8Array): number {
      for (const page of pages(address, size)) if (!committed.has(page)) return 0;
      new DataView(old.buffer).setUint32(0, 4, true);
      return mprotect(address, size, protections.get(protection)!) === 0 ? 1 : 0;
    },
    FlushInstructionCache: () => 1,
    GetCurrentProcess: () => 2 ** 64,
    GetSystemInfo(info: Uint8Array): void {
      new DataView(info.buffer).setUint32(4, pageSize, true);
    },
  };
  const library = (name: string): object => ({
    func: (signature: string) => named(calls, signature, name),
    symbol: (symbol: string) => ({ address: host.libraryFunction(linux.symbol(symbol)) }),
  });
  return {
    ...koffi,
    load: library,
    address: (of: object) =>
      "address" in of ? (of as { address: number }).address : koffi.address(of as ArrayBuffer),
    decode: (address: bigint) => host.routine(Number(address)),
  } as unknown as IKoffi;
}

/** The function that a C signature is of. */
export function named<T>(calls: Record<string, T>, signature: string, library: string): T {
  const name = /(\w+)\(/.exec(signature)?.[1] ?? "";
  const found = calls[name];
  if (found === undefined) throw new Error(`${library} has no ${name}`);
  return found;
}
