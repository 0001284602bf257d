/** The part of Node's own WebAssembly namespace that the engine uses: memories, and modules for the fallback. */
export interface NativeMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export interface NativeWebAssembly {
  readonly Memory: new (descriptor: { initial: number; maximum?: number; shared?: boolean }) => NativeMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, importObject?: object) => object;
  validate(bytes: Uint8Array): boolean;
  instantiate(source: object, importObject?: object): Promise<object>;
}

const own = (globalThis as { WebAssembly?: NativeWebAssembly }).WebAssembly;

/** Node's own namespace, from before `register` may have replaced the global; undefined under --jitless. */
export function nodeWebAssembly(): NativeWebAssembly {
  return own as NativeWebAssembly;
}

export function hasNodeWebAssembly(): boolean {
  return typeof own === "object";
}
