/**
 * Machine code that makes written code visible to instruction fetch: on Arm, caches of instructions don't see stores.
 *
 * `void f()`: reads a range [start, end) of addresses from two 64-bit words and publishes it. The addresses are those at
 * which the code will run, though it was written at others.
 *
 * Each step and its rule, in the Arm Architecture Reference Manual for A-profile (DDI 0487), chapters "The AArch64
 * Application Level Memory Model", section "Synchronization and coherency issues between data and instruction accesses"
 * (below: "Synchronization"), and "The AArch64 System Level Memory Model", section "Cache support" (below: "Caches"):
 *  1. The stores of the code come before, in program order, by another address of the same memory. "Caches": data and
 *     unified caches behave as physically indexed and tagged, so cleaning by the one address reaches what was stored by the
 *     other; a clean is ordered after earlier stores to the line.
 *  2. `dc cvau` for each line: cleans it to the point of unification, where instruction fetch reads ("Synchronization").
 *     Lines are of 4 << CTR_EL0.DminLine bytes. Not needed where CTR_EL0.IDC is 1 (the register's description).
 *  3. `dsb ish`: the cleaning, or with IDC the stores, are complete before anything is invalidated ("Synchronization").
 *  4. `ic ivau` for each line of 4 << CTR_EL0.IminLine bytes: instruction caches of all processors of the inner shareable
 *     domain forget it. By the address it runs at: caches may be virtually indexed (CTR_EL0.L1Ip: VIPT), and invalidating
 *     by one address then doesn't reach what was fetched by another ("Caches"). Not needed where CTR_EL0.DIC is 1.
 *  5. `dsb ish`: the invalidation is complete on all those processors ("Synchronization").
 *  6. `isb`: this processor fetches again what follows ("Synchronization"). Others need a context synchronization event of
 *     their own: threads that run beside this one get it by membarrier(2) (`synchronizeCode` in
 *     platform/linux-threads.ts); a thread that the system moves to another processor gets it by the return from the
 *     kernel, which is an exception return and so such an event.
 *
 * Linux lets programs do all of this: SCTLR_EL1.UCI and UCT are set (or the access is carried out for them).
 */
import { cc, RoutineEncoder } from "./routine-encoder.js";

const dcCvau = 0xd50b7b20;
const icIvau = 0xd50b7520;
const dsbIsh = 0xd5033b9f;
const isb = 0xd5033fdf;
const readCacheType = 0xd53b0020;

/** Bits of CTR_EL0. */
const CacheType = { instructionLine: 0, dataLine: 16, dataCoherent: 28, instructionCoherent: 29 } as const;

/** Runs `operation` (with an address in x4) over the lines of [x1, x2), whose size CTR_EL0 (x0) has at `field`. */
function eachLine(e: RoutineEncoder, name: string, field: number, operation: number): void {
  e.bits(3, 0, field, 4);
  e.immediate(5, 4);
  e.shiftLeftBy(3, 5, 3);
  // Down to where the line begins.
  e.addImmediate(5, 3, -1);
  e.andNot(4, 1, 5);
  e.place(name);
  e.word(operation | 4);
  e.add(4, 4, 3);
  e.compare(4, 2);
  e.branch(cc.lo, name);
}

/** The routine that reads its range from two words at an address. An empty range does no harm. */
export function publishRoutine(range: bigint): Uint8Array {
  const e = new RoutineEncoder("instruction cache");
  e.immediate(0, range);
  e.loadPair(1, 2, 0, 0);
  e.word(readCacheType);
  e.bits(6, 0, CacheType.dataCoherent, 1);
  e.branchIfNotZero(6, "cleaned");
  eachLine(e, "clean", CacheType.dataLine, dcCvau);
  e.place("cleaned");
  e.word(dsbIsh);
  e.bits(6, 0, CacheType.instructionCoherent, 1);
  e.branchIfNotZero(6, "invalidated");
  eachLine(e, "invalidate", CacheType.instructionLine, icIvau);
  e.place("invalidated");
  e.word(dsbIsh);
  e.word(isb);
  e.return();
  return e.finished();
}
