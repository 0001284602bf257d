/**
 * Which optional instructions the processor has, by the names of /proc/cpuinfo.
 *
 * Registers that describe the processor can't be relied on to be readable from a program, so the system is asked: Linux
 * hands them over as bits (AT_HWCAP). Source: Linux Documentation/arch/arm64/elf_hwcaps.rst and
 * arch/arm64/include/uapi/asm/hwcap.h.
 */
import type { CpuFeatures } from "../../machine/target.js";

/** Bit numbers. `atomics`: the Large System Extensions, atomic read-modify-write instructions. */
const bits = { crc32: 7, atomics: 8, jscvt: 13, lrcpc: 15, asimddp: 20, uscat: 25, flagm: 27 } as const;

/** The features among the system's bits that code may be made for. */
export function cpuFeatures(_words: Uint32Array, capabilities: number): CpuFeatures {
  const features = new Set<string>();
  for (const [name, bit] of Object.entries(bits)) {
    if ((capabilities >>> bit) & 1) features.add(name);
  }
  return features;
}
