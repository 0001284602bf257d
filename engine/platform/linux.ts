/**
 * Linux through koffi. Its parts are in files of their own: pages (linux-memory.ts), memory for code (linux-code.ts), signals and
 * threads (linux-signals.ts, linux-threads.ts).
 *
 * Sources: mmap(2), mprotect(2), madvise(2), getauxval(3).
 */
import { readFileSync } from "node:fs";
import type { IKoffi } from "./koffi.js";
import { LinuxCode } from "./linux-code.js";
import {
  linuxMemory,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from "./linux-memory.js";
import { linuxSignals } from "./linux-signals.js";
import { monotonicNow } from "./monotonic.js";
import type { CodeRoutines, Platform } from "./platform.js";

const MADV_DONTNEED = 4;
const MADV_NOHUGEPAGE = 15;
const AT_HWCAP = 16;
const AT_MINSIGSTKSZ = 51;

/** What a process may have where the system doesn't say: Linux's default. */
const defaultMappings = 65_530;

export function linuxPlatform(koffi: IKoffi, routines: Pick<CodeRoutines, "publishRoutine">): Platform {
  const c = koffi.load(null);
  const getauxval = c.func("unsigned long getauxval(unsigned long)");
  const voidRoutine = koffi.proto("void", []);
  const memory = linuxMemory(koffi);
  const code = new LinuxCode(koffi, memory, routines);
  return {
    name: "linux",
    processorCapabilities: Number(BigInt(getauxval(AT_HWCAP)) & 0xffffffffn),
    pageSize: memory.pageSize,
    signalFrameSize: Math.max(Number(getauxval(AT_MINSIGSTKSZ)), 2048),
    allocate(size) {
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      const address = memory.map(0, size, PROT_READ | PROT_WRITE, flags);
      memory.advise(address, size, MADV_NOHUGEPAGE);
      return address;
    },
    protect(address, size) {
      if (!memory.protect(address, size, PROT_NONE)) throw new Error(`mprotect of ${size} bytes failed`);
    },
    free: memory.unmap,
    release: (address, size) => memory.advise(address, size, MADV_DONTNEED),
    codeSizes: [1 << 30, 1 << 28, 1 << 26],
    mapCode: (codeSize, dataSize) => code.map(codeSize, dataSize),
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
    signals: linuxSignals(koffi, memory),
  };
}
