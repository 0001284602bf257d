/**
 * Extism's kernel for one instance of a plugin: the memory that the plugin shares with its host, made of blocks.
 *
 * It is two small modules (`kernel/*.wat`), whose functions the plugin's module is linked with natively: `load_u64` is
 * a call from compiled code to compiled code. Handles are a block's address; what a plugin gives as one is only ever
 * looked up, never believed. Nothing here keeps a view of the memory past a call that may make it grow.
 */
import { type Memory, WebAssembly } from "../../../engine/index.js";
import { HostError } from "../../errors.js";
import { blocksBytes, memoryBytes } from "./kernel/bytes.js";

type NumberFunction = (...args: number[]) => number;
type HandleFunction = (handle: bigint) => bigint;
type Exports = Readonly<Record<string, (...args: never[]) => unknown>>;

const pageSize = 65_536;
/** Where the slots are (`kernel/memory.wat`), in words of 4 bytes. Offsets and lengths fit their low words. */
const outputOffset = 6;
const outputLength = 8;
const errorHandle = 10;
const outputWasSet = 12;

/** For the two modules and for the host, not for plugins. */
const inner: ReadonlySet<string> = new Set(["memory", "reach", "freed", "clear", "begin"]);

let modules: { memory: WebAssembly.Module; blocks: WebAssembly.Module } | undefined;

function compiled(): { memory: WebAssembly.Module; blocks: WebAssembly.Module } {
  modules ??= {
    memory: new WebAssembly.Module(Buffer.from(memoryBytes, "base64")),
    blocks: new WebAssembly.Module(Buffer.from(blocksBytes, "base64")),
  };
  return modules;
}

/** A block of the shared memory. */
interface Block {
  readonly address: number;
  readonly length: number;
}

export class Kernel {
  /** What plugins import of it, by name. */
  readonly functions: Exports;
  private readonly memory: Memory;
  private readonly beginBlock: NumberFunction;
  private readonly allocate: HandleFunction;
  private readonly lengthOf: HandleFunction;
  private readonly freeBlock: (handle: bigint) => void;
  private readonly resetAll: () => void;
  private bytes = Buffer.alloc(0);
  private words = new Uint32Array(0);

  /**
   * @param mayGrow whether the memory may have so many pages more
   * @param requireCopy throws if so many bytes are more than the plugin may hand to its host
   */
  constructor(
    mayGrow: (pages: number) => boolean,
    private readonly requireCopy: (bytes: number) => void = () => {},
  ) {
    const { memory, blocks } = compiled();
    const shared = new WebAssembly.Instance(memory, {
      host: { may_grow: (pages: number) => (mayGrow(pages) ? 1 : 0) },
    }).exports as Exports;
    const allocator = new WebAssembly.Instance(blocks, { memory: shared }).exports as Exports;
    this.memory = shared.memory as unknown as Memory;
    this.beginBlock = allocator.begin as unknown as NumberFunction;
    this.allocate = allocator.alloc as unknown as HandleFunction;
    this.lengthOf = allocator.length as unknown as HandleFunction;
    this.freeBlock = allocator.free as unknown as (handle: bigint) => void;
    this.resetAll = allocator.reset as () => void;
    const functions = Object.create(null) as Record<string, (...args: never[]) => unknown>;
    for (const [name, exported] of Object.entries({ ...shared, ...allocator })) {
      if (!inner.has(name)) functions[name] = exported;
    }
    this.functions = functions;
  }

  /** Pages that the shared memory has now; it begins with one. */
  get pages(): number {
    return this.memory.buffer.byteLength / pageSize;
  }

  /** Frees all blocks, and makes one that is the input; none without bytes. Errors: HostError for want of memory. */
  begin(input: string | Uint8Array | undefined): void {
    const length = input === undefined ? 0 : Buffer.byteLength(input);
    if (length === 0) {
      this.resetAll();
      return;
    }
    const address = this.beginBlock(length);
    if (address === 0) throw noMemory(length);
    this.write(address >>> 0, input as string | Uint8Array);
  }

  /** Frees all blocks; there is no input, no output and no error. */
  reset(): void {
    this.resetAll();
  }

  /** The address of a new block, 0 without bytes or without memory for it. */
  alloc(length: bigint): bigint {
    return this.allocate(length);
  }

  /** What is no handle is left alone. */
  free(handle: bigint): void {
    this.freeBlock(handle);
  }

  /** Bytes of a block, 0 for what is no handle. */
  length(handle: bigint): bigint {
    return this.lengthOf(handle);
  }

  /** A block with a copy of the bytes, or of the text as UTF-8; 0 without any. Errors: HostError for want of memory. */
  store(value: string | Uint8Array): bigint {
    const length = Buffer.byteLength(value);
    if (length === 0) return 0n;
    const handle = this.allocate(BigInt(length));
    if (handle === 0n) throw noMemory(length);
    this.write(Number(handle), value);
    return handle;
  }

  /** A copy of a block's bytes; empty for the null handle, undefined for what is no handle. */
  read(handle: bigint): Buffer<ArrayBuffer> | undefined {
    if (handle === 0n) return Buffer.alloc(0);
    const block = this.block(handle);
    return block && this.copy(block);
  }

  /** A copy of the output, undefined if none was set. */
  output(): Buffer<ArrayBuffer> | undefined {
    this.refresh();
    const { words } = this;
    if (words[outputWasSet] === 0) return undefined;
    return this.copy({ address: words[outputOffset], length: words[outputLength] });
  }

  /** The text of the error that is set, empty if that is no block; undefined without one. */
  error(): string | undefined {
    this.refresh();
    const address = this.words[errorHandle];
    if (address === 0) return undefined;
    const { length } = this.block(BigInt(address)) ?? { length: 0 };
    return this.bytes.toString("utf8", address, address + length);
  }

  private block(handle: bigint): Block | undefined {
    const length = Number(this.lengthOf(handle));
    return length === 0 ? undefined : { address: Number(handle), length };
  }

  /** Few bytes share a buffer with others of Node's: one of their own would cost as much as a third of a call. */
  private copy({ address, length }: Block): Buffer<ArrayBuffer> {
    this.requireCopy(length);
    this.refresh();
    const copy = Buffer.allocUnsafe(length);
    this.bytes.copy(copy, 0, address, address + length);
    return copy;
  }

  private write(address: number, value: string | Uint8Array): void {
    this.refresh();
    if (typeof value === "string") this.bytes.write(value, address);
    else this.bytes.set(value, address);
  }

  /** Views of the memory as it is now. */
  private refresh(): void {
    const { buffer } = this.memory;
    if (buffer === this.bytes.buffer) return;
    this.bytes = Buffer.from(buffer);
    this.words = new Uint32Array(buffer, 0, 16);
  }
}

/** No block of so many bytes can be made. */
export function noMemory(length: number): HostError {
  return new HostError(`extism:host/env: out of memory for a block of ${length} bytes`);
}
