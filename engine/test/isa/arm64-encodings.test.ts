/**
 * Every row of arm64's instruction table against an assembler. The golden file holds what GNU as makes of each case;
 * BACKPLANE_GOLDEN=write writes it anew (needs Debian's binutils-aarch64-linux-gnu), and the diff is the review.
 */
import test from "ava";
import { Encoder } from "../../isa/arm64/encode.js";
import { floatImmediate, isLogicalImmediate, logicalFields } from "../../isa/arm64/immediates.js";
import { Arm64, instructionNames, instructionRows, RowFlag } from "../../isa/arm64/instructions.js";
import { arm64EncodingCases } from "./arm64-encoding-cases.js";
import { arm64Assembler } from "./assemble.js";

const cases = arm64EncodingCases();
if (process.env.BACKPLANE_GOLDEN === "write") arm64Assembler.writeGolden(cases.map((c) => c.text));
const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(" ");

test("row names are unique and number what Arm64 says", (t) => {
  t.is(new Set(instructionNames).size, instructionNames.length);
  t.is(Object.keys(Arm64).length, instructionNames.length);
  for (const [name, n] of Object.entries(Arm64)) t.is(instructionNames[n], name);
});

test("every regular row occurs among the cases", (t) => {
  const mnemonics = new Set(cases.map((c) => c.text.split(" ")[0]));
  for (const row of instructionRows) {
    if (!(row.flags & RowFlag.pseudo)) t.true(mnemonics.has(row.text.split(" ")[0]!), row.name);
  }
});

test("fields of a row have letters in its text, and only those", (t) => {
  for (const row of instructionRows) {
    if (row.flags & RowFlag.pseudo) continue;
    const used = [...row.text.matchAll(/\b[wxbhsdqv]([dnmab])\b/g)].map((m) => m[1]!);
    const fields = [...row.form.fields].filter((f) => f !== "-");
    t.deepEqual([...new Set(used)].sort(), [...new Set(fields)].sort(), row.name);
  }
});

test("bytes of each case are the assembler's, as the golden file has them", (t) => {
  const golden = arm64Assembler.readGolden();
  const wrong = cases
    .filter((c) => golden.get(c.text) !== hex(c.bytes))
    .map((c) => `${c.text}: ${hex(c.bytes)}, golden ${golden.get(c.text)}`);
  t.deepEqual(wrong.slice(0, 20), []);
  t.is(golden.size, cases.length);
});

(arm64Assembler.isInstalled ? test : test.skip)(
  "the golden file is what this machine's assembler gives",
  (t) => {
    const lines = cases.map((c) => c.text);
    const golden = arm64Assembler.readGolden();
    t.deepEqual(
      arm64Assembler.assemble(lines),
      lines.map((text) => golden.get(text)),
    );
  },
);

/** `DecodeBitMasks` of the manual: what fields mean. Undefined: reserved. */
function decodeMask(n: number, immr: number, imms: number): bigint | undefined {
  const combined = (n << 6) | (~imms & 63);
  if (combined === 0) return undefined;
  const length = 31 - Math.clz32(combined);
  const size = 1 << length;
  const ones = (imms & (size - 1)) + 1;
  if (length === 0 || ones === size) return undefined;
  const element = (1n << BigInt(ones)) - 1n;
  const rotation = BigInt(immr & (size - 1));
  const all = (1n << BigInt(size)) - 1n;
  const rotated = ((element >> rotation) | (element << (BigInt(size) - rotation))) & all;
  let mask = 0n;
  for (let at = 0; at < 64; at += size) mask |= rotated << BigInt(at);
  return mask;
}

test("all 5334 masks are known, by the fields that mean them", (t) => {
  const masks = new Map<bigint, number>();
  for (let fields = 0; fields < 1 << 13; fields++) {
    const mask = decodeMask(fields >> 12, (fields >> 6) & 63, fields & 63);
    if (mask !== undefined) masks.set(mask, fields);
  }
  t.is(masks.size, 5334);
  for (const mask of masks.keys()) {
    const fields = logicalFields(Number(BigInt.asIntN(32, mask)), Number(BigInt.asIntN(32, mask >> 32n)));
    if (fields === -1 || decodeMask(fields >> 12, (fields >> 6) & 63, fields & 63) !== mask)
      t.fail(`${mask.toString(16)}: ${fields.toString(16)}`);
  }
  // Neighbours of masks are none, unless they are in the list.
  for (const mask of masks.keys()) {
    for (const bit of [0n, 1n, 7n, 31n, 32n, 62n]) {
      const other = mask ^ (1n << bit);
      const known = isLogicalImmediate(
        Number(BigInt.asIntN(32, other)),
        Number(BigInt.asIntN(32, other >> 32n)),
        true,
      );
      if (known !== masks.has(other)) t.fail(other.toString(16));
    }
  }
  t.false(isLogicalImmediate(0, 0, true));
  t.false(isLogicalImmediate(-1, -1, true));
});

test("the 256 floats that fmov holds are known, and no others near them", (t) => {
  const known = (bits: number, value: number): number => {
    const view = new DataView(new ArrayBuffer(8));
    if (bits === 32) {
      view.setFloat32(0, value);
      return floatImmediate(view.getInt32(0), 0, false);
    }
    view.setFloat64(0, value);
    return floatImmediate(view.getInt32(4), view.getInt32(0), true);
  };
  for (let imm8 = 0; imm8 < 256; imm8++) {
    const exponent = ((imm8 & 0x40 ? 0 : 4) + ((imm8 >> 4) & 3) - 3) | 0;
    const value = (imm8 & 0x80 ? -1 : 1) * ((16 + (imm8 & 15)) / 16) * 2 ** exponent;
    for (const bits of [32, 64]) {
      t.is(known(bits, value), imm8, `${value}`);
      // One more bit of fraction than there is room for.
      t.is(known(bits, Math.sign(value) * (Math.abs(value) + 2 ** (exponent - 5))), -1);
      t.is(known(bits, value * 256), -1);
      t.is(known(bits, value / 256), -1);
    }
  }
  for (const value of [0, -0, NaN, Infinity, 33, 0.1])
    t.deepEqual([known(32, value), known(64, value)], [-1, -1]);
});

test("constants take the fewest moves", (t) => {
  const of = (lo: number, hi: number): string => {
    const e = new Encoder();
    e.moveImmediate64(3, lo, hi);
    return Array.from(e.words.subarray(0, e.count), (w) => (w >>> 0).toString(16)).join(" ");
  };
  t.is(of(0, 0), "d2800003"); // movz x3, #0
  t.is(of(5, 0), "d28000a3");
  t.is(of(0, 0x12340000), "d2e24683"); // movz x3, #0x1234, lsl #48
  t.is(of(-2, -1), "92800023"); // movn x3, #1
  t.is(of(-2, 0), "12800023"); // movn w3, #1
  t.is(of(0x00ff00ff, 0), "32009fe3"); // orr w3, wzr, #0xff00ff
  t.is(of(0x55555555, 0x55555555), "b200f3e3"); // orr x3, xzr, #0x5555555555555555
  t.is(of(0x12345678, 0), "d28acf03 f2a24683");
  t.is(of(0x12345678, -1), "929530e3 f2a24683"); // 0xffffffff12345678
  t.is(of(0x33334444, 0x11112222), "d2888883 f2a66663 f2c44443 f2e22223");
});

test("far addresses go through x16", (t) => {
  const of = (row: number, displacement: number): string => {
    const e = new Encoder();
    e.load(row, 0, 1, displacement);
    return Array.from(e.words.subarray(0, e.count), (w) => (w >>> 0).toString(16)).join(" ");
  };
  t.is(of(Arm64.ldr64, 32760), "f97ffc20");
  t.is(of(Arm64.ldr64, 32768), "91402030 f9400200"); // add x16, x1, #8, lsl #12; ldr x0, [x16]
  t.is(of(Arm64.ldr64, 0x12345), "d28468b0 f2a00030 f8706820"); // 0x345 is no multiple of 8
  t.is(of(Arm64.ldr64, -512), "92803ff0 f8706820"); // movn x16, #511; ldr x0, [x1, x16]
  t.throws(() => new Encoder().load(Arm64.ldr64, 0, 16, 1 << 20), { message: /scratch register twice/ });
});
