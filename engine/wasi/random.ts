/** Sources of random bytes. */
import { createCipheriv, randomFillSync } from "node:crypto";

/** Fills bytes. They lie in the guest's memory: don't keep them. */
export type RandomSource = (target: Uint8Array) => void;

/** As many bytes as Node fills at once. */
const largestFill = 2 ** 31 - 1;

/** The system's randomness. */
export const hostRandom: RandomSource = (target) => {
  for (let at = 0; at < target.length; at += largestFill) {
    randomFillSync(target.subarray(at, at + largestFill));
  }
};

const blockSize = 65_536;

/**
 * Bytes that a seed determines: a stream of ChaCha20 (RFC 8439), the same in each run however the guest divides it.
 * For tests and replays, not for secrets.
 *
 * @param seed a whole number
 * @example
 * new Wasi({ random: seededRandom(42) });
 */
export function seededRandom(seed: number | bigint): RandomSource {
  const key = Buffer.alloc(32);
  key.writeBigUInt64LE(BigInt.asUintN(64, BigInt(seed)));
  const cipher = createCipheriv("chacha20", key, Buffer.alloc(16));
  const zeros = new Uint8Array(blockSize);
  return (target) => {
    for (let at = 0; at < target.length; at += blockSize) {
      const length = Math.min(blockSize, target.length - at);
      target.set(cipher.update(zeros.subarray(0, length)), at);
    }
  };
}
