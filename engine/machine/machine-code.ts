/**
 * What encoding a function yields: position-independent bytes and what the linker and the runtime must know
 * about them. All offsets are bytes from the function's first byte. Deterministic: the same virtual code gives
 * the same bytes and tables.
 */

/** What the instructions at `offset` are made to mean, see Target.linkCall and Target.linkSignature. */
export const RelocationKind = {
  /** A call of function `symbol` through its call slot (8 bytes holding its code address). */
  callSlot: 0,
  /** The canonical signature number of the module's type `symbol`. */
  signature: 1,
} as const;
export type RelocationKind = (typeof RelocationKind)[keyof typeof RelocationKind];

export interface MachineCode {
  /** Code, then (aligned) constants and jump tables, all reached relative to the instruction pointer. */
  readonly bytes: Uint8Array;
  /** Bytes of `bytes` that are instructions; the rest is read-only data. */
  readonly codeSize: number;
  /** By how many bytes the stack pointer is lower in the body than at the function's entry. */
  readonly frameSize: number;
  /** Where the return address lies in the body, from the stack pointer; -1: in the link register, as at the entry. */
  readonly returnOffset: number;
  /** Where the prologue has made the frame. */
  readonly bodyOffset: number;

  readonly relocationOffset: Int32Array;
  readonly relocationKind: Uint8Array;
  readonly relocationSymbol: Int32Array;

  /**
   * Places that can stop the function, ascending by offset: for a memory access that may fault the offset of
   * the access instruction; for calls and trap exits the offset after the `call` (the return address).
   */
  readonly siteOffset: Int32Array;
  /** A SiteKind. */
  readonly siteKind: Uint8Array;
  /** TrapKind where the site is a trap exit or an access. */
  readonly siteTrap: Uint8Array;
  /** Wasm byte offset in the module, -1 unknown. */
  readonly siteSource: Int32Array;
  /** Index of the site's stack map, -1 none: into mapStart. */
  readonly siteMap: Int32Array;

  /** Map m: mapWord[mapStart[m] .. mapStart[m+1]]; a word is a byte offset from the stack pointer, or -1 - register. */
  readonly mapStart: Int32Array;
  readonly mapWord: Int32Array;
}

export const SiteKind = {
  /** A load or store that the fault handler may turn into a trap. */
  access: 0,
  /** Return address of a call to Wasm, a stub or a builtin. */
  call: 1,
  /** Return address of a trap exit's call. */
  trap: 2,
  /** Return address of an interrupt check's call: all registers are kept by the stub. */
  interrupt: 3,
} as const;

/** Why the prologue's stack check trapped: sites with this source belong to the function's entry. */
export const prologueSource = -2;
