/** What a host function may know of the call that reached it, and of the plugin that made it. */

/** A plugin's linear memory. Addresses and lengths are in bytes. Errors: MarshalError for what is out of bounds. */
export interface GuestMemory {
  /** Bytes that it has now. */
  readonly size: number;
  /** A copy. */
  bytes(pointer: number, length: number): Uint8Array;
  /** The memory itself; not to be used any more after an `await` or a call into the plugin. */
  view(pointer: number, length: number): Uint8Array;
  /** UTF-8. Errors: MarshalError for text that isn't. */
  text(pointer: number, length: number): string;
  /** Writes over what is there. */
  write(pointer: number, bytes: Uint8Array): void;
  /** Puts bytes, or text as UTF-8, into memory of the plugin's `backplane_alloc`; the plugin owns it. */
  put(value: Uint8Array | string): [pointer: number, length: number];
  /** 4 bytes, signed, little-endian; the address needs no alignment, here and below. */
  readInt32(pointer: number): number;
  /** 4 bytes, unsigned. */
  readUint32(pointer: number): number;
  /** 8 bytes, signed. */
  readInt64(pointer: number): bigint;
  /** 8 bytes, double precision. */
  readFloat64(pointer: number): number;
  /** 4 bytes; the number's low 32 bits. */
  writeInt32(pointer: number, value: number): void;
  /** 8 bytes; the number's low 64 bits. */
  writeInt64(pointer: number, value: bigint): void;
  /** 8 bytes, double precision. */
  writeFloat64(pointer: number, value: number): void;
}

/** Handed to a host function that takes one parameter more than its signature has. */
export interface CallContext {
  /** The calling plugin's name. */
  readonly plugin: string;
  /** The plugin's settings. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The export that was called; empty while a hook of the plugin runs. */
  readonly export: string;
  /** The calling plugin's memory. */
  readonly memory: GuestMemory;
  /** Aborted when the caller gives up or the call's time is over; undefined while the plugin starts. */
  readonly signal: AbortSignal | undefined;
  /** Milliseconds until the call's time is over; Infinity without a limit. */
  readonly remaining: number;
  /** The caller's own, as handed to `plugin.call`. */
  readonly context: unknown;
}
