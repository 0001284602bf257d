/**
 * Which optional instructions the processor has.
 *
 * CPUID can't be asked from JavaScript, so a routine of machine code writes its answers into a buffer, and
 * `cpuFeatures` reads that. Source: Intel SDM volume 2, CPUID; volume 1, 14.3 (AVX needs the system's consent, XGETBV).
 */
import type { CpuFeatures } from "../../machine/target.js";
import { Encoder, inMemory } from "./encode.js";
import { Amd64 } from "./instructions.js";
import { r8, rax, rbx, rcx } from "./registers.js";

/** Words (u32) of the buffer that `cpuidRoutine` fills. */
export const cpuidWords = 8;
const Word = { leaf1Ecx: 0, leaf7Ebx: 1, extendedEcx: 2, xcr0: 3, maxLeaf: 4, maxExtended: 5 } as const;

function cpuid(e: Encoder, leaf: number): void {
  e.moveImmediate32(rax, leaf);
  e.emit(Amd64.xor32_rr, rcx, rcx);
  e.byte(0x0f);
  e.byte(0xa2);
}

/**
 * Code of a C function `void f(void)` that fills the buffer (cpuidWords words) at an address. Leaves that the
 * processor doesn't know give arbitrary answers; cpuFeatures ignores them.
 */
export function cpuidRoutine(buffer: bigint): Uint8Array {
  const e = new Encoder();
  const store = (from: number, word: number): void => {
    e.setAddress(r8, 4 * word);
    e.emit(Amd64.mov32_mr, from, inMemory);
  };
  e.push(rbx);
  e.moveImmediate64(r8, Number(BigInt.asIntN(32, buffer)), Number(BigInt.asIntN(32, buffer >> 32n)));
  cpuid(e, 0);
  store(rax, Word.maxLeaf);
  cpuid(e, 0x80000000 | 0);
  store(rax, Word.maxExtended);
  cpuid(e, 7);
  store(rbx, Word.leaf7Ebx);
  cpuid(e, 0x80000001 | 0);
  store(rcx, Word.extendedEcx);
  cpuid(e, 1);
  store(rcx, Word.leaf1Ecx);
  // Without OSXSAVE (bit 27), xgetbv is an invalid instruction.
  e.emit(Amd64.bt32_ri, 0, rcx, 27);
  e.byte(0x73); // jae over the next 7 bytes
  const skip = e.size;
  e.byte(0);
  e.emit(Amd64.xor32_rr, rcx, rcx);
  for (const b of [0x0f, 0x01, 0xd0]) e.byte(b);
  store(rax, Word.xcr0);
  e.bytes[skip] = e.size - skip - 1;
  e.pop(rbx);
  e.return();
  return e.bytes.slice(0, e.size);
}

const bit = (word: number, n: number): boolean => ((word >>> n) & 1) === 1;

/** The features whose bits are set in a buffer that was zero before the routine filled it. */
export function cpuFeatures(words: Uint32Array): CpuFeatures {
  const leaf1 = words[Word.leaf1Ecx]!;
  const leaf7 = words[Word.maxLeaf]! >= 7 ? words[Word.leaf7Ebx]! : 0;
  const extended = words[Word.maxExtended]! >= 0x80000001 ? words[Word.extendedEcx]! : 0;
  const avx = bit(leaf1, 28) && bit(leaf1, 27) && (words[Word.xcr0]! & 6) === 6;
  const features = new Set<string>();
  if (bit(leaf1, 19)) features.add("sse4_1");
  if (bit(leaf1, 23)) features.add("popcnt");
  if (bit(extended, 5)) features.add("lzcnt");
  if (bit(leaf7, 3)) features.add("bmi1");
  if (bit(leaf7, 8)) features.add("bmi2");
  if (avx) features.add("avx");
  if (avx && bit(leaf7, 5)) features.add("avx2");
  return features;
}
