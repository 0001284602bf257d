// Text between this plugin and its host: UTF-8 as pointer and length. AssemblyScript's strings are UTF-16, so each
// crossing converts. Memory for it is heap.alloc's, which the garbage collector doesn't know: a result stays until
// the host frees it.

export function backplane_alloc(size: i32): usize {
  return heap.alloc(size);
}

export function backplane_free(pointer: usize, size: i32): void {
  heap.free(pointer);
}

/** A text that the host passed; its memory is given back. */
export function takeText(pointer: usize, length: i32): string {
  const text = String.UTF8.decodeUnsafe(pointer, length);
  heap.free(pointer);
  return text;
}

/** A result for the host: pointer in the low half, length in the high half. */
export function giveText(text: string): u64 {
  const length = String.UTF8.byteLength(text);
  const pointer = heap.alloc(length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, pointer);
  return (pointer as u64) | ((length as u64) << 32);
}
