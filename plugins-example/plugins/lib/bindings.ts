// Written by `backplane bindings`. Changes here are lost the next time.
// The file to compile has this line:
//   export { backplane_alloc, backplane_free } from "./bindings";

export function backplane_alloc(size: i32): usize {
  return heap.alloc(size);
}

export function backplane_free(pointer: usize, size: i32): void {
  heap.free(pointer);
}

/** What a host function that may fail said; null after one that succeeded. */
export let hostError: string | null = null;

const errorPlace = memory.data(8, 8);

function startCall(): void {
  store<u64>(errorPlace, 0);
}

function endCall(): bool {
  const pointer = load<u32>(errorPlace) as usize;
  hostError = pointer == 0 ? null : takeText(pointer, load<i32>(errorPlace, 4));
  return pointer == 0;
}

function dataPointer(packed: u64): usize {
  return packed as u32 as usize;
}

function dataLength(packed: u64): i32 {
  return (packed >> 32) as i32;
}

export function takeText(pointer: usize, length: i32): string {
  const text = String.UTF8.decodeUnsafe(pointer, length);
  heap.free(pointer);
  return text;
}

export function takeBytes(pointer: usize, length: i32): Uint8Array {
  const bytes = new Uint8Array(length);
  memory.copy(bytes.dataStart, pointer, length);
  heap.free(pointer);
  return bytes;
}

export function giveText(text: string): u64 {
  const length = String.UTF8.byteLength(text);
  const pointer = heap.alloc(length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, pointer);
  return (pointer as u64) | ((length as u64) << 32);
}

export function giveBytes(bytes: Uint8Array): u64 {
  const pointer = heap.alloc(bytes.length);
  memory.copy(pointer, bytes.dataStart, bytes.length);
  return (pointer as u64) | ((bytes.length as u64) << 32);
}

@external("site", "heading")
declare function import_site_heading(a0: i32, p1: usize, n1: i32): void;

@external("site", "address")
declare function import_site_address(p0: usize, n0: i32): u64;

export namespace site {
  /** (i32, string) -> () */
  export function heading(a0: i32, a1: string): void {
    const b1 = String.UTF8.encode(a1);
    import_site_heading(a0, changetype<usize>(b1), b1.byteLength);
  }

  /** (string) -> string? */
  export function address(a0: string): string | null {
    const b0 = String.UTF8.encode(a0);
    const result = import_site_address(changetype<usize>(b0), b0.byteLength);
    return dataPointer(result) == 0 ? null : takeText(dataPointer(result), dataLength(result));
  }
}
