/**
 * Registers a thread's code with the process's fault handler, installing that handler if this process has none
 * of ours yet.
 *
 * The handler and its table are never unmapped: a worker that ends must not take them along, and other copies of
 * the engine in the process share them (they recognise the handler by a signature before its entry). The
 * range of a worker that ended by itself is another's when the table is full; one that is terminated leaves its
 * entry behind, with the code it describes still mapped.
 *
 * The interrupt signal is kept: Node puts a handler of its own in place of ours when the application listens to that
 * signal, and none at all when it stops listening. Both are seen on the main thread, which then puts ours back, in front of
 * whatever is there.
 */
import { isMainThread } from "node:worker_threads";
import { ClockTable, FaultRange, FaultTable } from "../machine/native-tables.js";
import type { FaultHandling } from "../machine/target.js";
import type { Platform, SignalSystem } from "../platform/index.js";
import type { CodeArena } from "./code-arena.js";
import { raiseTo, setWord64, storeWord64, word64 } from "./words.js";

/** Addresses of the routines that the handlers send Wasm code to. */
export interface Exits {
  readonly fault: number;
  readonly interrupt: number;
}

export interface FaultHandlingResult {
  /** Whether faults of this arena's access sites now become traps. */
  readonly installed: boolean;
  /** Where the process's clock has its table: beside the handler's, so that all copies of the engine find it. */
  readonly clockTable: number;
}

export function installFaultHandling(
  faults: FaultHandling,
  platform: Platform,
  signals: SignalSystem,
  arena: CodeArena,
  exits: Exits,
): FaultHandlingResult {
  const table = existingTable(faults, platform, signals) ?? installHandler(faults, platform, signals);
  keepInterruptSignal(faults, platform, signals, table);
  return {
    installed: addRange(platform, table, arena, exits),
    clockTable: table + FaultTable.clock,
  };
}

/** The table of a handler of ours that is installed already. */
function existingTable(faults: FaultHandling, platform: Platform, signals: SignalSystem): number | undefined {
  const { address } = signals.currentHandler("fault");
  // 0 is SIG_DFL, 1 is SIG_IGN. Anything else is code, with more code of the same mapping before it.
  if (address <= 1 || address % platform.pageSize < 64) return undefined;
  const head = new Uint8Array(platform.view(address - 32, 32));
  if (!faults.signature.every((byte, i) => head[i] === byte)) return undefined;
  return word64(new Int32Array(head.slice().buffer), 32 + faults.tableOffset);
}

function installHandler(faults: FaultHandling, platform: Platform, signals: SignalSystem): number {
  const table = platform.allocate(FaultTable.clock + ClockTable.size);
  const words = new Int32Array(platform.view(table, FaultTable.pageSize));
  // Away from the page's first bytes, so that reading the signature never touches the page before.
  const lead = 256;
  const { bytes, entry, interrupt } = faults.handler(BigInt(table));
  const mapping = platform.mapCode(platform.pageSize, platform.pageSize);
  mapping.write(lead, bytes);
  const expected = signals.currentHandler("fault").address;
  setWord64(words, FaultTable.previousSegv, expected);
  // Another thread may have installed one of its own since; then that is who comes next.
  const replaced = signals.installHandler("fault", mapping.address + lead + entry);
  if (replaced !== expected) storeWord64(words, FaultTable.previousSegv, replaced);
  setWord64(words, FaultTable.previousInterrupt, signals.currentHandler("interrupt").address);
  signals.installHandler("interrupt", mapping.address + lead + interrupt);
  permanent.push(mapping);
  return table;
}

/** Keeps what must never be unmapped. */
const permanent: unknown[] = [];

function keepInterruptSignal(
  faults: FaultHandling,
  platform: Platform,
  signals: SignalSystem,
  table: number,
): void {
  const { entry, interrupt } = faults.handler(BigInt(table));
  const ours = signals.currentHandler("fault").address - entry + interrupt;
  const words = new Int32Array(platform.view(table, FaultTable.pageSize));
  const keep = (): void => {
    const { address } = signals.currentHandler("interrupt");
    if (address === ours) return;
    // Threads may be in the handler.
    storeWord64(words, FaultTable.previousInterrupt, address);
    signals.installHandler("interrupt", ours);
  };
  keep();
  if (!isMainThread) return;
  // Node's own listeners of these events come first, and have changed the handler by then.
  const changed = (event: string | symbol): void => {
    if (event === "SIGURG") keep();
  };
  process.on("newListener", changed);
  process.on("removeListener", changed);
}

function addRange(platform: Platform, table: number, arena: CodeArena, exits: Exits): boolean {
  const words = new Int32Array(platform.view(table, FaultTable.pageSize));
  const startOf = (i: number): BigUint64Array =>
    new BigUint64Array(words.buffer, FaultTable.ranges + i * FaultRange.size + FaultRange.start, 1);
  const fill = (i: number): true => {
    const at = FaultTable.ranges + i * FaultRange.size;
    const entry = words.subarray(at >> 2, (at + FaultRange.size) >> 2);
    setWord64(entry, FaultRange.sites, arena.siteBitmapAddress);
    setWord64(entry, FaultRange.exit, exits.fault);
    setWord64(entry, FaultRange.functionPages, arena.functionPagesAddress);
    setWord64(entry, FaultRange.interrupt, exits.interrupt);
    raiseTo(words, FaultTable.count >> 2, i + 1);
    // The handler takes an entry for valid as soon as its end isn't 0.
    storeWord64(entry, FaultRange.end, arena.codeBase + arena.codeSize);
    // Only a mark: other listeners of the event may still run code that traps.
    if (!isMainThread)
      process.once("exit", () => Atomics.or(words, (FaultTable.retired >> 2) + (i >> 5), 1 << (i & 31)));
    return true;
  };
  // No lock, which a worker that is terminated would keep: an entry is its thread's once it has put its start there.
  for (let i = 0; i < FaultTable.entriesPerPage; i++) {
    if (Atomics.compareExchange(startOf(i), 0, 0n, BigInt(arena.codeBase)) === 0n) return fill(i);
  }
  for (let i = 0; i < FaultTable.entriesPerPage; i++) {
    const bit = 1 << (i & 31);
    if ((Atomics.and(words, (FaultTable.retired >> 2) + (i >> 5), ~bit) & bit) === 0) continue;
    storeWord64(words, FaultTable.ranges + i * FaultRange.size + FaultRange.end, 0);
    Atomics.store(startOf(i), 0, BigInt(arena.codeBase));
    return fill(i);
  }
  return false;
}
