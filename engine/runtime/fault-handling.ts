/**
 * Registers a thread's code with the process's fault handler, installing that handler if this process has none
 * of ours yet.
 *
 * The handler and its table are never unmapped: a worker that ends must not take them along, and other copies of
 * the engine in the process share them (they recognise the handler by a signature before its entry). A thread's
 * range is taken out of the table when the thread's `exit` event comes; one that is terminated leaves its entry
 * behind, with the code it describes still mapped.
 */
import type { FaultHandling, Target } from "../machine/target.js";
import type { Platform } from "../platform/index.js";
import type { CodeArena } from "./code-arena.js";
import { setWord64, word64 } from "./words.js";

/** Returns whether faults of this arena's access sites now become traps. */
export function installFaultHandling(
  target: Target,
  platform: Platform,
  arena: CodeArena,
  faultExit: number,
): boolean {
  const { faults } = target;
  const table = existingTable(faults, platform) ?? installHandler(faults, platform);
  return addRange(faults, platform, table, arena, faultExit);
}

/** The table of a handler of ours that is installed already. */
function existingTable(faults: FaultHandling, platform: Platform): number | undefined {
  const { address } = platform.currentFaultHandler();
  // 0 is SIG_DFL, 1 is SIG_IGN. Anything else is code, with more code of the same mapping before it.
  if (address <= 1 || address % platform.pageSize < 64) return undefined;
  const head = new Uint8Array(platform.view(address - 32, 32));
  if (!faults.signature.every((byte, i) => head[i] === byte)) return undefined;
  return word64(new Int32Array(head.slice().buffer), 32 + faults.tableOffset);
}

function installHandler(faults: FaultHandling, platform: Platform): number {
  const { table: layout } = faults;
  const table = platform.allocate(layout.pageSize);
  const words = new Int32Array(platform.view(table, layout.pageSize));
  // Away from the page's first bytes, so that reading the signature never touches the page before.
  const lead = 256;
  const { bytes, entry } = faults.handler(BigInt(table));
  const mapping = platform.mapCode(platform.pageSize, platform.pageSize);
  mapping.write(lead, bytes);
  setWord64(words, layout.previousSegv, platform.currentFaultHandler().address);
  platform.installFaultHandler(mapping.address + lead + entry);
  permanent.push(mapping);
  return table;
}

/** Keeps what must never be unmapped. */
const permanent: unknown[] = [];

function addRange(
  faults: FaultHandling,
  platform: Platform,
  table: number,
  arena: CodeArena,
  faultExit: number,
): boolean {
  const { table: layout, range } = faults;
  const words = new Int32Array(platform.view(table, layout.pageSize));
  while (Atomics.compareExchange(words, layout.lock >> 2, 0, 1) !== 0);
  try {
    const count = words[layout.count >> 2];
    for (let i = 0; i < layout.entriesPerPage; i++) {
      const at = layout.ranges + i * range.size;
      if (word64(words, at + range.end) !== 0) continue;
      const entry = words.subarray(at >> 2, (at + range.size) >> 2);
      setWord64(entry, range.start, arena.codeBase);
      setWord64(entry, range.sites, arena.siteBitmapAddress);
      setWord64(entry, range.exit, faultExit);
      writeEnd(entry, range.end, arena.codeBase + arena.codeSize);
      if (i >= count) Atomics.store(words, layout.count >> 2, i + 1);
      process.once("exit", () => writeEnd(entry, range.end, 0));
      return true;
    }
    return false;
  } finally {
    Atomics.store(words, layout.lock >> 2, 0);
  }
}

/** One 64-bit store: the handler takes an entry for valid as soon as its end isn't 0. */
function writeEnd(entry: Int32Array, offset: number, end: number): void {
  const cell = new BigUint64Array(entry.buffer, entry.byteOffset + offset, 1);
  Atomics.store(cell, 0, BigInt(end));
}
