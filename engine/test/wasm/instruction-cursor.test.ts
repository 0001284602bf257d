/** The cursor reads every kind of immediate, and finds the same instructions as validation. */
import test from "ava";
import {
  BLOCK_EMPTY,
  blockValType,
  decodeModule,
  InstructionCursor,
  Op,
  opcodeName,
  ValType,
  validateModule,
} from "../../wasm/index.js";
import { functionModule, hex, I32 } from "./module-bytes.js";

function cursorOver(text: string): InstructionCursor {
  const bytes = Uint8Array.from(hex(text));
  return new InstructionCursor(bytes, 0, bytes.length);
}

test("integers and floats come as bits", (t) => {
  const cursor = cursorOver("41 7f 42 80 80 80 80 10 42 7e 43 00 00 80 3f 44 01 02 03 04 05 06 07 88");
  t.true(cursor.next());
  t.is(cursor.opcode, Op.i32_const);
  t.is(cursor.lo, -1);
  t.true(cursor.next());
  t.deepEqual([cursor.offset, cursor.lo, cursor.hi], [2, 0, 1]);
  t.true(cursor.next());
  t.deepEqual([cursor.lo, cursor.hi], [-2, -1]);
  t.true(cursor.next());
  t.is(cursor.lo, 0x3f800000);
  t.true(cursor.next());
  t.deepEqual([cursor.lo, cursor.hi], [0x04030201, 0x88070605 | 0]);
  t.false(cursor.next());
});

test("64-bit integers of every length match BigInt", (t) => {
  for (let bit = 0; bit < 64; bit++) {
    for (const value of [1n << BigInt(bit), -(1n << BigInt(bit)), (1n << BigInt(bit)) - 1n]) {
      const wanted = BigInt.asIntN(64, value);
      const bytes = Uint8Array.from([0x42, ...signedLeb(wanted)]);
      const cursor = new InstructionCursor(bytes, 0, bytes.length);
      t.true(cursor.next());
      t.is((BigInt(cursor.hi) << 32n) | BigInt(cursor.lo >>> 0), wanted);
      if (wanted !== BigInt.asIntN(32, wanted)) continue;
      bytes[0] = 0x41;
      cursor.reset(0, bytes.length);
      t.true(cursor.next());
      t.is(BigInt(cursor.lo), wanted);
    }
  }
});

function signedLeb(value: bigint): number[] {
  const out: number[] = [];
  let rest = value;
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = rest === (byte & 0x40 ? -1n : 0n);
    out.push(done ? byte : byte | 0x80);
    if (done) return out;
  }
}

test("block types: nothing, a value, a type index", (t) => {
  const cursor = cursorOver("02 40 03 7f 04 05 02 ff 00");
  t.true(cursor.next());
  t.is(cursor.blockType, BLOCK_EMPTY);
  t.is(blockValType(cursor.blockType), 0);
  t.true(cursor.next());
  t.is(blockValType(cursor.blockType), ValType.i32);
  t.true(cursor.next());
  t.is(cursor.blockType, 5);
  t.is(blockValType(cursor.blockType), 0);
  t.true(cursor.next());
  t.is(cursor.blockType, 127);
});

test("memory, indices, vectors", (t) => {
  const cursor = cursorOver(
    `28 02 ff ff ff ff 0f 11 03 01 fc 0e 01 02 fc 08 04 00 fc 0a 00 00 3f 00 d0 6f 1c 01 7c
     fd 54 00 07 0f fd 0c ${"01 02 03 04 ".repeat(4)} fd 15 0e fd 0d ${"1f ".repeat(16)} 0b`,
  );
  const seen: string[] = [];
  while (cursor.next()) {
    const { align, memoryOffset, index, index2, type, lane, lo, upperHi } = cursor;
    seen.push(opcodeName(cursor.opcode));
    if (cursor.opcode === Op.i32_load) t.deepEqual([align, memoryOffset], [2, 0xffffffff]);
    if (cursor.opcode === Op.call_indirect) t.deepEqual([index, index2], [3, 1]);
    if (cursor.opcode === Op.table_copy) t.deepEqual([index, index2], [1, 2]);
    if (cursor.opcode === Op.memory_init) t.is(index, 4);
    if (cursor.opcode === Op.ref_null) t.is(type, ValType.externref);
    if (cursor.opcode === Op.select_t) t.is(type, ValType.f64);
    if (cursor.opcode === Op.v128_load8_lane) t.deepEqual([align, memoryOffset, lane], [0, 7, 15]);
    if (cursor.opcode === Op.v128_const) t.deepEqual([lo, upperHi], [0x04030201, 0x04030201]);
    if (cursor.opcode === Op.i8x16_extract_lane_s) t.is(lane, 14);
    if (cursor.opcode === Op.i8x16_shuffle) t.deepEqual([lo, upperHi], [0x1f1f1f1f, 0x1f1f1f1f]);
  }
  t.is(
    seen.join(" "),
    "i32.load call_indirect table.copy memory.init memory.copy memory.size ref.null select_t " +
      "v128.load8_lane v128.const i8x16.extract_lane_s i8x16.shuffle end",
  );
});

test("a br_table's labels can be read, or passed over", (t) => {
  const cursor = cursorOver("0e 02 05 80 01 07 0b");
  t.true(cursor.next());
  t.is(cursor.count, 2);
  t.deepEqual([cursor.nextLabel(), cursor.nextLabel(), cursor.nextLabel()], [5, 128, 7]);
  t.true(cursor.next());
  t.is(cursor.opcode, Op.end);
  cursor.reset(0, 7);
  t.true(cursor.next());
  t.is(cursor.nextLabel(), 5);
  t.true(cursor.next());
  t.is(cursor.opcode, Op.end);
});

test("validation's facts: counts of what a body has", (t) => {
  // loop (block (br_if 0) (br_if 1)) end; memory.grow; call 0
  const bytes = functionModule("03 40 02 40 20 00 0d 00 20 00 0d 01 0b 0b 20 00 40 00 10 00 0b", {
    params: [I32],
    results: [],
    before: [[5, 3, 1, 0, 1]],
  });
  const module = decodeModule(bytes);
  const facts = validateModule(module);
  t.is(facts.loopCount[0], 1);
  t.is(facts.branchCount[0], 2);
  t.is(facts.callCount[0], 1);
  t.is(facts.maxDepth[0], 3);
  t.is(facts.maxOperands[0], 1);
  t.is(facts.flags[0], 1 | 2 | 8 | 32 | 128);
  const cursor = new InstructionCursor(bytes, module.bodies[0].codeStart, module.bodies[0].end);
  let count = 0;
  while (cursor.next()) count++;
  t.is(facts.instructionCount[0], count);
});
