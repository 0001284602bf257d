/** Emission: what is left out or out of line, sites, stack maps, relocations, data after the code. Bytes only. */
import test from "ava";
import { encodeFunction } from "../../isa/amd64/emit.js";
import {
  AddressBase,
  Amd64,
  address,
  Condition,
  conditionPair,
  mayFault,
  specialAddress,
} from "../../isa/amd64/instructions.js";
import { printListing, printMachineCode, printVCode } from "../../isa/amd64/print.js";
import { type MachineCode, prologueSource, RelocationKind, SiteKind } from "../../machine/machine-code.js";
import { InstructionFlag, RegisterClass } from "../../machine/vcode.js";
import { Context } from "../../runtime/layout.js";
import { TrapKind } from "../../ssa/ops.js";
import { VCodeBuilder } from "./vcode-builder.js";

const [rax, rcx, rdx, rbx] = [0, 1, 2, 3];
const xmm = (n: number): number => 32 + n;
const slot = (n: number): number => 64 + n;

const encode = (b: VCodeBuilder): MachineCode => encodeFunction(b.code, b.allocation());
const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(" ");
const hexOf = (b: VCodeBuilder): string => hex(encode(b).bytes);
/** call [r15+trapStub] */
const trapCall = `41 ff 57 ${Context.trapStub.toString(16)}`;
/** call [r15+limitStub]; jmp back */
const limitCall = `41 ff 57 ${Context.limitStub.toString(16)} eb`;

test("a leaf without slots has no frame and no check", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.add32_rr, [rax, rax, rcx]);
  const machine = encode(b.return());
  t.is(hex(machine.bytes), "03 c1 c3");
  t.is(machine.frameSize, 0);
  t.is(machine.codeSize, 3);
});

test("a call wants an aligned frame and a check of the stack", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.call_slot, [], { imm0: 77, source: 5 });
  const machine = encode(b.return());
  const limit = Context.stackLimit.toString(16);
  t.is(
    hex(machine.bytes),
    `49 3b 67 ${limit} 72 0f 48 83 ec 08 ff 15 00 00 00 00 48 83 c4 08 c3 ${limitCall} eb`,
  );
  t.is(machine.frameSize, 8);
  t.deepEqual([...machine.relocationOffset], [12]);
  t.deepEqual([...machine.relocationKind], [RelocationKind.callSlot]);
  t.deepEqual([...machine.relocationSymbol], [77]);
  t.deepEqual([...machine.siteOffset], [16, 25]);
  t.deepEqual([...machine.siteKind], [SiteKind.call, SiteKind.trap]);
  t.deepEqual([...machine.siteSource], [5, prologueSource]);
  t.is(machine.siteTrap[1], TrapKind.stackOverflow);
});

test("a large frame is checked before rsp moves", (t) => {
  const b = new VCodeBuilder().block();
  b.slotCount = 1000;
  const machine = encode(b.return());
  t.is(machine.frameSize, 8008);
  // lea rbx, [rsp-8008]; cmp rbx, [r15+stackLimit]; jb; sub rsp, 8008
  t.true(
    hex(machine.bytes).startsWith("48 8d 9c 24 b8 e0 ff ff 49 3b 5f 20 72 0f 48 81 ec 48 1f 00 00 48 81 c4"),
  );
});

test("outgoing area, slots and incoming arguments have their places", (t) => {
  const b = new VCodeBuilder().block();
  b.code.outgoingBytes = 24;
  b.slotCount = 3;
  b.op(Amd64.mov64_mr, [rax], { imm0: 16, imm1: specialAddress(AddressBase.outgoing) });
  b.op(Amd64.mov64_rm, [rax], { imm0: 1, imm1: specialAddress(AddressBase.slot) });
  b.op(Amd64.mov64_rm, [rax], { imm0: 8, imm1: specialAddress(AddressBase.incoming) });
  b.op(Amd64.mov64_rm, [rax], { imm0: 8, imm1: specialAddress(AddressBase.context) });
  b.edit(slot(2), rcx);
  const machine = encode(b.return());
  // outgoing 32, slots 24: 56 and no padding: 16-aligned would be 64, less the return address: 72
  t.is(machine.frameSize, 72);
  t.is(
    hex(machine.bytes),
    "48 83 ec 48 48 89 44 24 10 48 8b 44 24 28 48 8b 44 24 58 49 8b 47 08 48 8b 4c 24 30 48 83 c4 48 c3",
  );
});

test("copies within one location vanish, others become the move that fits", (t) => {
  const b = new VCodeBuilder().block();
  b.slotCount = 2;
  b.op(Amd64.mov64_rr, [rax, rax], { flags: InstructionFlag.move });
  b.op(Amd64.mov32_rr, [rax, rax], { flags: InstructionFlag.move });
  b.op(Amd64.movaps_rr, [xmm(1), xmm(1)], { flags: InstructionFlag.move });
  b.op(Amd64.mov32_rr, [rax, rax]); // a truncation: stays
  b.op(Amd64.mov64_rr, [rcx, slot(0)], { flags: InstructionFlag.move });
  b.edit(rax, 47).edit(47, slot(1)).edit(slot(0), 47).edit(47, rcx);
  b.edit(xmm(1), xmm(9), RegisterClass.float).edit(xmm(1), slot(0), RegisterClass.float);
  b.edit(slot(0), xmm(1), RegisterClass.vector).edit(xmm(1), slot(0), RegisterClass.vector);
  t.is(
    hexOf(b.return()),
    [
      "48 83 ec 18",
      "8b c0",
      "48 8b 0c 24",
      "66 4c 0f 6e f8 f2 44 0f 11 7c 24 08 f2 44 0f 10 3c 24 66 4c 0f 7e f9",
      "44 0f 28 c9 f2 0f 11 0c 24",
      "0f 10 0c 24 0f 11 0c 24",
      "48 83 c4 18 c3",
    ].join(" "),
  );
});

test("constants are executed again, also into slots, and keep the flags where these are read", (t) => {
  const b = new VCodeBuilder().block([1, 1]);
  b.slotCount = 2;
  const zero = b.op(Amd64.mov32_ri, [rcx], { imm2: 0 }); // flags dead: xor
  const wide = b.op(Amd64.mov64_abs, [rcx], { imm0: 0x11223344, imm2: 0x55667788 });
  const minus = b.op(Amd64.mov64_ri, [rcx], { imm2: -1 });
  b.op(Amd64.cmp32_ri, [rax], { imm2: 3 });
  b.edit(-1 - zero, rdx)
    .edit(-1 - wide, slot(0))
    .edit(-1 - minus, slot(1))
    .edit(-1 - minus, rbx);
  b.op(Amd64.setcc, [rax], { imm2: Condition.e });
  b.end(Amd64.jmp);
  b.block().return();
  t.is(
    hexOf(b),
    [
      "48 83 ec 18",
      "33 c9 48 b9 88 77 66 55 44 33 22 11 48 c7 c1 ff ff ff ff",
      "83 f8 03",
      "ba 00 00 00 00",
      "c7 04 24 88 77 66 55 c7 44 24 04 44 33 22 11 48 c7 44 24 08 ff ff ff ff 48 c7 c3 ff ff ff ff",
      "0f 94 c0 0f b6 c0",
      "48 83 c4 18 c3",
    ].join(" "),
  );
});

test("branches fall through, are inverted, and see through empty blocks", (t) => {
  const b = new VCodeBuilder().block([1, 2]);
  b.op(Amd64.test32_rr, [rax, rax]);
  b.end(Amd64.jcc, [], { imm2: Condition.e });
  b.block([3]).end(Amd64.jmp); // empty: stands for 3
  b.block([4]);
  b.op(Amd64.mov32_ri, [rax], { imm2: 7 });
  b.end(Amd64.jmp);
  b.block().return(); // 3
  b.block([3]).end(Amd64.jmp); // 4, empty
  t.is(hexOf(b), "85 c0 74 05 b8 07 00 00 00 c3");
  const both = new VCodeBuilder().block([1, 2]);
  both.op(Amd64.test32_rr, [rax, rax]);
  both.end(Amd64.jcc, [], { imm2: Condition.e });
  both.block([2]).end(Amd64.jmp);
  both.block().return();
  t.is(hexOf(both), "85 c0 c3", "both ways lead to the same block");
});

test("cold blocks come last, and an endless empty loop stays one", (t) => {
  const b = new VCodeBuilder().block([1, 2]);
  b.op(Amd64.test32_rr, [rax, rax]);
  b.end(Amd64.jcc, [], { imm2: Condition.e });
  b.block([2], true);
  b.op(Amd64.mov32_ri, [rax], { imm2: 7 });
  b.end(Amd64.jmp);
  b.block().return();
  t.is(hexOf(b), "85 c0 74 01 c3 b8 07 00 00 00 eb f8");
  const loop = new VCodeBuilder()
    .block([1])
    .end(Amd64.jmp)
    .block([2])
    .end(Amd64.jmp)
    .block([1])
    .end(Amd64.jmp);
  t.is(hexOf(loop), "eb fe");
});

test("condition pairs branch and trap", (t) => {
  const any = new VCodeBuilder().block([1, 2]);
  any.op(Amd64.ucomiss_rr, [xmm(0), xmm(1)]);
  any.end(Amd64.jccp, [], { imm2: conditionPair("any", Condition.p, Condition.ne) });
  any.block().return();
  any.block();
  any.op(Amd64.mov32_ri, [rax], { imm2: 7 });
  any.return();
  // jp true; je false; true: ret; false
  t.is(hexOf(any), "0f 2e c1 7a 02 74 01 c3 b8 07 00 00 00 c3");
  const all = new VCodeBuilder().block();
  all.op(Amd64.ucomiss_rr, [xmm(0), xmm(1)]);
  all.op(Amd64.trapifp, [], { imm0: 6, imm2: conditionPair("all", Condition.np, Condition.e), source: 9 });
  t.is(hexOf(all.return()), `0f 2e c1 7a 02 74 01 c3 ${trapCall}`);
});

test("trap exits are shared when kind and source are the same", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.trapif, [], { imm0: 5, imm2: Condition.e, source: 9 });
  b.op(Amd64.trapif, [], { imm0: 6, imm2: Condition.s, source: 9 });
  b.op(Amd64.trapif, [], { imm0: 5, imm2: Condition.b, source: 9 });
  b.op(Amd64.trapif, [], { imm0: 5, imm2: Condition.b, source: 10 });
  const machine = encode(b.return());
  t.is(hex(machine.bytes), `74 07 78 09 72 03 72 09 c3 ${trapCall} ${trapCall} ${trapCall}`);
  t.deepEqual([...machine.siteOffset], [13, 17, 21]);
  t.deepEqual([...machine.siteTrap], [5, 6, 5]);
  t.deepEqual([...machine.siteSource], [9, 9, 10]);
});

test("accesses are sites at their first byte, after what clears the destination", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.mov32_rm, [rax, rcx, rdx], { imm0: 16, imm1: address(true, true), flags: mayFault, source: 3 });
  b.op(Amd64.cvtsi2sd32_rm, [xmm(1), rcx], { imm1: address(true), flags: mayFault, source: 4 });
  b.op(Amd64.sqrtsd_rr, [xmm(2), xmm(2)]);
  b.op(Amd64.vsqrtsd_rr, [xmm(2), xmm(3)]);
  b.op(Amd64.vcvtsi2ss64_rr, [xmm(2), rax]);
  const machine = encode(b.return());
  t.is(
    hex(machine.bytes),
    [
      "8b 44 11 10",
      "0f 57 c9 f2 0f 2a 09",
      "f2 0f 51 d2",
      "c5 e3 51 d3",
      "c5 e8 57 d2 c4 e1 ea 2a d0",
      "c3",
    ].join(" "),
  );
  t.deepEqual([...machine.siteOffset], [0, 7]);
  t.deepEqual([...machine.siteTrap], [TrapKind.memoryOutOfBounds, TrapKind.memoryOutOfBounds]);
});

test("constants and jump tables lie aligned after the code", (t) => {
  const b = new VCodeBuilder();
  const four = b.code.constant32(0x3f800000);
  const sixteen = b.code.constant128(1, 2, 3, 4);
  const eight = b.code.constant64(5, 6);
  t.is(b.code.constant64(5, 6), eight);
  b.block([1, 1, 2]);
  for (const [row, constant] of [
    [Amd64.movss_rm, four],
    [Amd64.movsd_rm, eight],
  ] as const) {
    b.op(row, [xmm(0)], { imm0: constant, imm1: specialAddress(AddressBase.constant) });
  }
  b.op(Amd64.andps_rm, [xmm(0), xmm(0)], { imm0: sixteen, imm1: specialAddress(AddressBase.constant) });
  b.op(Amd64.imul32_rmi, [rax], { imm0: four, imm1: specialAddress(AddressBase.constant), imm2: 1000 });
  b.end(Amd64.jmp_table, [rcx, rdx, rax]);
  b.block().return();
  b.block();
  b.op(Amd64.mov32_ri, [rax], { imm2: 7 });
  b.return();
  const { bytes, codeSize } = encode(b);
  const view = new DataView(bytes.buffer);
  const referred = (at: number, trailing = 0): number => at + 4 + trailing + view.getInt32(at, true);
  const at16 = (codeSize + 15) & ~15;
  t.is(referred(16 + 3), at16, "andps: 16-byte constant first");
  t.is(referred(8 + 4), at16 + 16);
  t.is(referred(4), at16 + 24);
  t.is(referred(23 + 2, 4), at16 + 24, "an immediate follows the displacement");
  t.is(bytes[codeSize], 0xcc);
  const table = at16 + 28;
  t.is(bytes.length, table + 8);
  const first = table + view.getInt32(table, true);
  t.is(first, table + view.getInt32(table + 4, true));
  t.is(bytes[first], 0xc3);
});

test("stack maps give offsets and registers", (t) => {
  const b = new VCodeBuilder().block();
  b.code.outgoingBytes = 16;
  b.slotCount = 4;
  b.op(Amd64.call_reg);
  b.safepoint([slot(1), slot(3)]);
  b.op(Amd64.interrupt, [], { source: 8 });
  b.safepoint([rbx, slot(0)]);
  b.op(Amd64.call_ctx, [], { imm0: 160 });
  b.safepoint([]);
  const machine = encode(b.return());
  t.deepEqual([...machine.siteKind], [SiteKind.call, SiteKind.call, SiteKind.trap, SiteKind.interrupt]);
  t.deepEqual([...machine.siteMap], [0, -1, -1, 1]);
  t.deepEqual([...machine.mapStart], [0, 2, 4]);
  t.deepEqual([...machine.mapWord], [24, 40, -1 - rbx, 16]);
});

test("signatures are relocated where 4 bytes wait for them", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.cmp32_m_signature, [rcx], { imm0: 16, imm1: address(true), imm2: 11 });
  b.op(Amd64.cmp32_r_signature, [rax], { imm2: 12 });
  b.op(Amd64.mov32_signature, [9], { imm0: 13 });
  const machine = encode(b.return());
  t.is(hex(machine.bytes), "81 79 10 ff ff ff 7f 3d ff ff ff 7f 41 b9 00 00 00 00 c3");
  t.deepEqual([...machine.relocationOffset], [3, 8, 14]);
  t.deepEqual([...machine.relocationSymbol], [11, 12, 13]);
  t.true(machine.relocationKind.every((k) => k === RelocationKind.signature));
});

test("loop headers are aligned", (t) => {
  const b = new VCodeBuilder().block([1]);
  b.op(Amd64.mov32_ri, [rax], { imm2: 7 });
  b.end(Amd64.jmp);
  b.block([1, 2], false, true);
  b.op(Amd64.sub32_ri, [rax, rax], { imm2: 1 });
  b.end(Amd64.jcc, [], { imm2: Condition.ne });
  b.block().return();
  const { bytes } = encode(b);
  t.is(hex(bytes.subarray(16)), "83 e8 01 75 fb c3");
});

test("the same virtual code gives the same bytes, and prints", (t) => {
  const make = (): VCodeBuilder => {
    const b = new VCodeBuilder().block([1, 2]);
    b.slotCount = 2;
    b.op(Amd64.cmp32_rm, [rax, rcx, rdx], {
      imm0: 8,
      imm1: address(true, true, 2),
      flags: mayFault,
      source: 1,
    });
    b.edit(rax, slot(1));
    b.end(Amd64.jcc, [], { imm2: Condition.b });
    b.block().return();
    b.block().end(Amd64.trap, [], { imm0: TrapKind.unreachable, source: 2 });
    return b;
  };
  const a = make();
  const b = make();
  t.is(hexOf(a), hexOf(b));
  t.is(
    printVCode(a.code, a.allocation()),
    `block0():
      0  cmp32_rm v0:rax, [v1:rcx + v2:rdx*4 + 8], faults
          slot1 <- rax
      1  jcc b -> block1, block2
block1():
      2  ret
block2():
      3  trap unreachable
`,
  );
  t.regex(printVCode(a.code), /0 {2}cmp32_rm v0, \[v1 \+ v2\*4 \+ 8\], faults/);
  t.regex(printMachineCode(encode(a)), /site 4 access memoryOutOfBounds source 1/);
  t.is(
    printListing(a.code, a.allocation()),
    `00000000  48 83 ec 18  ; prologue
00000004  3b 44 91 08  ; 0 cmp32_rm v0:rax, [v1:rcx + v2:rdx*4 + 8], faults
00000008  48 89 44 24 08 73 05  ; 1 jcc b
0000000f  48 83 c4 18 c3  ; 2 ret
00000014  41 ff 57 ${Context.trapStub.toString(16)}  ; 3 trap unreachable
`,
  );
});
