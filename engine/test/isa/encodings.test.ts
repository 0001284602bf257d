/**
 * Every row of amd64's instruction table against an assembler. The golden file holds what GNU as makes of each
 * case; BACKPLANE_GOLDEN=write writes it anew (needs as and objdump), and the diff is the review.
 */
import test from "ava";
import { Encoder } from "../../isa/amd64/encode.js";
import { Amd64, instructionNames, instructionRows, RowFlag } from "../../isa/amd64/instructions.js";
import { amd64Assembler } from "./assemble.js";
import { encodingCases } from "./encoding-cases.js";

const cases = encodingCases();
if (process.env.BACKPLANE_GOLDEN === "write") amd64Assembler.writeGolden(cases.map((c) => c.text));
const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(" ");

test("row names are unique and number what Amd64 says", (t) => {
  t.is(new Set(instructionNames).size, instructionNames.length);
  t.is(Object.keys(Amd64).length, instructionNames.length);
  for (const [name, n] of Object.entries(Amd64)) t.is(instructionNames[n], name);
});

test("every regular row occurs among the cases", (t) => {
  const mnemonics = new Set(cases.map((c) => c.text.replace("{load} ", "").split(" ")[0]));
  for (const row of instructionRows) {
    if (row.flags & RowFlag.pseudo || row.encoding.includes("+cc")) continue;
    t.true(mnemonics.has(row.mnemonic), row.name);
  }
});

test("bytes of each case are the assembler's, as the golden file has them", (t) => {
  const golden = amd64Assembler.readGolden();
  const wrong = cases
    .filter((c) => golden.get(c.text) !== hex(c.bytes))
    .map((c) => `${c.text}: ${hex(c.bytes)}, golden ${golden.get(c.text)}`);
  t.deepEqual(wrong.slice(0, 20), []);
  t.is(golden.size, cases.length);
});

(amd64Assembler.isInstalled ? test : test.skip)(
  "the golden file is what this machine's assembler gives",
  (t) => {
    const lines = cases.map((c) => c.text);
    const golden = amd64Assembler.readGolden();
    t.deepEqual(
      amd64Assembler.assemble(lines),
      lines.map((text) => golden.get(text)),
    );
  },
);

test("an index alone is encoded without its 4-byte displacement", (t) => {
  const e = new Encoder();
  e.setAddress(-1, 0, 1, 1); // [rcx*2] is [rcx+rcx]
  e.emit(Amd64.mov64_rm, 0, -2);
  e.setAddress(-1, 8, 9, 0); // [r9+8]
  e.emit(Amd64.mov64_rm, 0, -2);
  t.is(hex(e.bytes.slice(0, e.size)), "48 8b 04 09 49 8b 41 08");
});

test("constants take the shortest move", (t) => {
  const of = (lo: number, hi: number): string => {
    const e = new Encoder();
    e.moveImmediate64(11, lo, hi);
    return hex(e.bytes.slice(0, e.size));
  };
  t.is(of(5, 0), "41 bb 05 00 00 00");
  t.is(of(-1, 0), "41 bb ff ff ff ff");
  t.is(of(-2, -1), "49 c7 c3 fe ff ff ff");
  t.is(of(0x44332211, 0x77665544), "49 bb 11 22 33 44 44 55 66 77");
});
