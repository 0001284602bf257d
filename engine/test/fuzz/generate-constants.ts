/**
 * Constants that break compilers: zero, one, minus one, powers of two and their neighbours, the ends of
 * sub-word ranges, floats at the edges of formats and conversions, NaNs with payloads.
 *
 * In: a random source. Out: bits, or an instruction appended to a writer.
 */

import { OP } from "../support/opcodes.js";
import type { Random } from "../support/random.js";
import {
  type ByteWriter,
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  I32,
  I64,
  V128,
  type ValueType,
} from "../support/wasm-bytes.js";

const smallIntegers = [
  0, 1, -1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 24, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129, -128, -129,
  255, 256, -255, -256, 1000, 32767, 32768, -32768, -32769, 65535, 65536, 65537, 0x7fffffff, -0x80000000,
  -0x7fffffff, 0x55555555, 0x0f0f0f0f, 0x00ff00ff, -2, -3, -7, -10,
];

/** A 32-bit integer, signed. */
export function edgeInt32(random: Random): number {
  const kind = random.below(8);
  if (kind < 5) return random.pick(smallIntegers);
  if (kind === 5) return (1 << random.below(32)) + random.between(-1, 1);
  if (kind === 6) return ~(1 << random.below(32));
  return random.next();
}

/** 64 bits, unsigned. */
export function edgeInt64(random: Random): bigint {
  const kind = random.below(8);
  if (kind < 3) return BigInt.asUintN(64, BigInt(random.pick(smallIntegers)));
  if (kind < 5) return BigInt.asUintN(64, (1n << BigInt(random.below(64))) + BigInt(random.between(-1, 1)));
  if (kind === 5) return BigInt.asUintN(64, ~(1n << BigInt(random.below(64))));
  if (kind === 6) return BigInt(random.next() >>> 0) << BigInt(random.pick([0, 1, 16, 31, 32]));
  return random.bits64();
}

const edgeFloats = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  0.1,
  3,
  7,
  255,
  256,
  127.5,
  32768,
  65535.5,
  16777215,
  16777216,
  16777217,
  2147483647,
  2147483648,
  -2147483648,
  -2147483649,
  4294967295,
  4294967296,
  9007199254740991,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  2 ** 64,
  1e10,
  1e-10,
  3.4028234663852886e38,
  1e39,
  1.1754943508222875e-38,
  1.401298464324817e-45,
  1.7976931348623157e308,
  2.2250738585072014e-308,
  5e-324,
  Infinity,
  -Infinity,
  0.49999999999999994,
  4503599627370495.5,
  8388607.5,
  -0.9999999,
];

const edgeBits32 = [
  0x7fc00000, 0xffc00000, 0x7fc00001, 0x7fffffff, 0x7f800001, 0xffa00000, 0x00000001, 0x80000001, 0x007fffff,
  0x00800000, 0x7f7fffff, 0x4f000000, 0x4effffff, 0xcf000000, 0x5f000000, 0x4f800000,
];

const edgeBits64 = [
  0x7ff8000000000000n,
  0xfff8000000000000n,
  0x7ff8000000000001n,
  0x7fffffffffffffffn,
  0x7ff0000000000001n,
  0xfff4000000000000n,
  0x0000000000000001n,
  0x8000000000000001n,
  0x000fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x41e0000000000000n,
  0x41dfffffffffffffn,
  0xc1e0000000200000n,
  0x43e0000000000000n,
  0x43f0000000000000n,
  0x47efffffe0000000n,
  0x47f0000000000000n,
  0x36a0000000000000n,
];

const scratch = new DataView(new ArrayBuffer(8));

export function edgeFloat32Bits(random: Random): number {
  const kind = random.below(8);
  if (kind < 5) scratch.setFloat32(0, random.pick(edgeFloats));
  else if (kind === 5) return random.pick(edgeBits32);
  else if (kind === 6) scratch.setFloat32(0, random.between(-1000, 1000) / 8);
  else return random.next() >>> 0;
  return scratch.getUint32(0);
}

export function edgeFloat64Bits(random: Random): bigint {
  const kind = random.below(8);
  if (kind < 5) scratch.setFloat64(0, random.pick(edgeFloats));
  else if (kind === 5) return random.pick(edgeBits64);
  else if (kind === 6) scratch.setFloat64(0, random.between(-1000, 1000) / 8);
  else return random.bits64();
  return scratch.getBigUint64(0);
}

/** Appends a constant instruction; a reference is null. */
export function writeConstant(out: ByteWriter, random: Random, type: ValueType): void {
  switch (type) {
    case I32:
      out.u8(OP.i32Const);
      out.s32(edgeInt32(random));
      break;
    case I64:
      out.u8(OP.i64Const);
      out.s64(edgeInt64(random));
      break;
    case F32:
      out.u8(OP.f32Const);
      out.fixed32(edgeFloat32Bits(random));
      break;
    case F64:
      out.u8(OP.f64Const);
      out.fixed64(edgeFloat64Bits(random));
      break;
    case V128:
      out.bytes([0xfd, 0x0c]);
      writeVectorBits(out, random);
      break;
    case FUNCREF:
    case EXTERNREF:
      out.u8(OP.refNull);
      out.u8(type);
      break;
  }
}

/** Sixteen bytes: alike in all lanes of some width, zeros or ones, floats of one width, or anything. */
function writeVectorBits(out: ByteWriter, random: Random): void {
  const kind = random.below(8);
  const wide = edgeInt64(random);
  const narrow = edgeInt32(random);
  const pattern = narrow & 0xff;
  for (let lane = 0; lane < 2; lane++) {
    if (kind === 0) out.fixed64(random.chance(50) ? 0n : 0xffffffffffffffffn);
    else if (kind === 1) out.fixed64(wide);
    else if (kind === 2) for (let k = 0; k < 2; k++) out.fixed32(narrow >>> 0);
    else if (kind === 3) for (let k = 0; k < 8; k++) out.u8(pattern);
    else if (kind === 4) out.fixed64(edgeFloat64Bits(random));
    else if (kind === 5) for (let k = 0; k < 2; k++) out.fixed32(edgeFloat32Bits(random));
    else if (kind === 6) for (let k = 0; k < 2; k++) out.fixed32(edgeInt32(random) >>> 0);
    else out.fixed64(random.bits64());
  }
}

/** Appends a zero or null of the type. */
export function writeZero(out: ByteWriter, type: ValueType): void {
  if (type === F32) {
    out.u8(OP.f32Const);
    out.fixed32(0);
  } else if (type === F64) {
    out.u8(OP.f64Const);
    out.fixed64(0n);
  } else if (type === I32 || type === I64) {
    out.u8(type === I32 ? OP.i32Const : OP.i64Const);
    out.u8(0);
  } else if (type === V128) {
    out.bytes([0xfd, 0x0c]);
    out.bytes(new Uint8Array(16));
  } else {
    out.u8(OP.refNull);
    out.u8(type);
  }
}
