/**
 * Number literals of scripts as exact bit patterns.
 *
 * In: text as in the specification's text format (chapter 6.3): decimal or hexadecimal, `_` between
 * digits, `inf`, `nan`, `nan:0x...`. Out: bits. A float is taken as a fraction of two bigints and rounded
 * once, to nearest with ties to even, straight to its own format: rounding to a double first and then
 * to 32 bits would be wrong for some literals.
 */

interface FloatFormat {
  /** bits of the significand without the implicit one */
  readonly fraction: number;
  readonly exponentBits: number;
}

const F32_FORMAT: FloatFormat = { fraction: 23, exponentBits: 8 };
const F64_FORMAT: FloatFormat = { fraction: 52, exponentBits: 11 };

export function integerBits(text: string, width: 8 | 16 | 32 | 64): bigint {
  const digits = text.replace(/_/g, "");
  const value = digits.startsWith("-")
    ? -BigInt(digits.slice(1))
    : BigInt(digits.startsWith("+") ? digits.slice(1) : digits);
  return BigInt.asUintN(width, value);
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Rounds the positive fraction `numerator / denominator`. */
function roundFraction(numerator: bigint, denominator: bigint, format: FloatFormat): bigint {
  if (numerator === 0n) return 0n;
  const bias = (1 << (format.exponentBits - 1)) - 1;
  let exponent = bitLength(numerator) - bitLength(denominator);
  const below =
    exponent >= 0
      ? numerator < denominator << BigInt(exponent)
      : numerator << BigInt(-exponent) < denominator;
  if (below) exponent--;
  // The value of the significand's last bit: that of the smallest normal number for subnormal ones.
  const unit = Math.max(exponent, 1 - bias) - format.fraction;
  const scaled = unit <= 0 ? numerator << BigInt(-unit) : numerator;
  const divisor = unit > 0 ? denominator << BigInt(unit) : denominator;
  let significand = scaled / divisor;
  const twiceRest = (scaled % divisor) * 2n;
  if (twiceRest > divisor || (twiceRest === divisor && (significand & 1n) === 1n)) significand++;
  const implicit = 1n << BigInt(format.fraction);
  // Adding the significand to the exponent field carries by itself when rounding reached the next power.
  const field = BigInt(Math.max(exponent, 1 - bias) + bias - 1);
  const bits = significand < implicit ? significand : (field << BigInt(format.fraction)) + significand;
  const infinity = BigInt((1 << format.exponentBits) - 1) << BigInt(format.fraction);
  return bits < infinity ? bits : infinity;
}

function fractionOf(text: string): [numerator: bigint, denominator: bigint] {
  const hex = /^0x([0-9a-f]+)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i.exec(text);
  const decimal = hex ?? /^(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text);
  if (decimal === null) throw new SyntaxError(`float literal ${text}`);
  const [, whole = "", part = "", power = "0"] = decimal;
  const digits = BigInt((hex ? "0x" : "") + whole + part);
  const exponent = hex ? Number(power) - 4 * part.length : Number(power) - part.length;
  const scale = (hex ? 2n : 10n) ** BigInt(Math.abs(exponent));
  return exponent < 0 ? [digits, scale] : [digits * scale, 1n];
}

/** The bits of a float literal; `nan:canonical` and `nan:arithmetic` are patterns, not literals. */
export function floatBits(text: string, width: 32 | 64): bigint {
  const format = width === 32 ? F32_FORMAT : F64_FORMAT;
  const clean = text.replace(/_/g, "");
  const negative = clean.startsWith("-");
  const magnitude = /^[+-]/.test(clean) ? clean.slice(1) : clean;
  const sign = negative ? 1n << BigInt(width - 1) : 0n;
  const infinity = BigInt((1 << format.exponentBits) - 1) << BigInt(format.fraction);
  if (magnitude === "inf") return sign | infinity;
  if (magnitude === "nan") return sign | infinity | (1n << BigInt(format.fraction - 1));
  if (magnitude.startsWith("nan:")) return sign | infinity | BigInt(magnitude.slice(4));
  return sign | roundFraction(...fractionOf(magnitude), format);
}

/** Whether `bits` is a NaN whose payload is just the quiet bit. */
export function isCanonicalNan(bits: bigint, width: 32 | 64): boolean {
  const magnitude = BigInt.asUintN(width - 1, bits);
  return magnitude === (width === 32 ? 0x7fc00000n : 0x7ff8000000000000n);
}

/** Whether `bits` is a NaN with the quiet bit set. */
export function isArithmeticNan(bits: bigint, width: 32 | 64): boolean {
  const quiet = width === 32 ? 0x7fc00000n : 0x7ff8000000000000n;
  return (bits & quiet) === quiet;
}
