/**
 * Emission of arm64 code: frames, what is left out or out of line, sites, stack maps, relocations, data after the code.
 *
 * Expected code is written in assembly; arm64-emission.txt has GNU as's bytes of each line. BACKPLANE_GOLDEN=write makes
 * it anew, from the lines of all tests.
 */
import test, { type ExecutionContext } from "ava";
import { encodeFunction } from "../../isa/arm64/emit.js";
import {
  AddressBase,
  Arm64,
  address,
  Condition,
  Extend,
  extendedBy,
  IndexExtend,
  mayFault,
  specialAddress,
} from "../../isa/arm64/instructions.js";
import { printListing, printVCode } from "../../isa/arm64/print.js";
import { type MachineCode, prologueSource, RelocationKind, SiteKind } from "../../machine/machine-code.js";
import { InstructionFlag, RegisterClass } from "../../machine/vcode.js";
import { Context } from "../../runtime/layout.js";
import { TrapKind } from "../../ssa/ops.js";
import { arm64EmissionAssembler as assembler } from "./assemble.js";
import { Arm64Builder } from "./vcode-builder.js";

const v = (n: number): number => 32 + n;
const slot = (n: number): number => 64 + n;

const isWriting = process.env.BACKPLANE_GOLDEN === "write";
const golden = isWriting ? new Map<string, string>() : assembler.readGolden();
const lines = new Set<string>();
test.after.always(() => {
  if (isWriting) assembler.writeGolden([...lines]);
});

const encode = (b: Arm64Builder): MachineCode => encodeFunction(b.code, b.allocation());

/** Whether the code of a function is these lines of assembly. */
function isCode(t: ExecutionContext, machine: MachineCode, expected: readonly string[]): void {
  for (const line of expected) lines.add(line);
  if (isWriting) {
    t.pass();
    return;
  }
  const words: string[] = [];
  for (let at = 0; at < machine.codeSize; at += 4) {
    words.push(
      Array.from(machine.bytes.subarray(at, at + 4), (x) => x.toString(16).padStart(2, "0")).join(" "),
    );
  }
  const wanted = expected.map((line) => golden.get(line));
  const length = Math.max(words.length, wanted.length);
  const show = (list: readonly (string | undefined)[]): string[] =>
    Array.from({ length }, (_, k) => `${list[k]}  ${expected[k]}`);
  t.deepEqual(show(words), show(wanted));
}

const exit = (stub: number): string[] => [`ldr x16, [x28, #${stub}]`, "adr x17, .+8", "br x16"];

test("a leaf without slots has no frame and no check", (t) => {
  const b = new Arm64Builder().block();
  b.op(Arm64.add32_rr, [0, 0, 1]);
  const machine = encode(b.return());
  isCode(t, machine, ["add w0, w0, w1", "ret"]);
  t.is(machine.frameSize, 0);
  t.is(machine.returnOffset, -1);
  t.is(machine.bytes.length, 8);
});

test("a leaf with slots has a frame without its return address", (t) => {
  const b = new Arm64Builder().block();
  b.slotCount = 3;
  b.edit(0, slot(2));
  const machine = encode(b.return());
  isCode(t, machine, ["sub sp, sp, #32", "str x0, [sp, #16]", "add sp, sp, #32", "ret"]);
  t.is(machine.frameSize, 32);
  t.is(machine.returnOffset, -1);
});

test("a call wants a frame with the return address and a check of the stack", (t) => {
  const b = new Arm64Builder().block();
  b.op(Arm64.call_slot, [], { imm0: 77, source: 5 });
  const machine = encode(b.return());
  isCode(t, machine, [
    `ldr x16, [x28, #${Context.stackLimit}]`,
    "cmp sp, x16",
    "b.lo .+20",
    "str x30, [sp, #-16]!",
    "bl .+0",
    "ldr x30, [sp], #16",
    "ret",
    ...exit(Context.limitStub),
    "b .-28",
  ]);
  t.is(machine.frameSize, 16);
  t.is(machine.returnOffset, 0);
  t.is(machine.bodyOffset, 16);
  t.deepEqual([...machine.relocationOffset], [16]);
  t.deepEqual([...machine.relocationKind], [RelocationKind.callSlot]);
  t.deepEqual([...machine.relocationSymbol], [77]);
  t.deepEqual([...machine.siteOffset], [20, 40]);
  t.deepEqual([...machine.siteKind], [SiteKind.call, SiteKind.trap]);
  t.deepEqual([...machine.siteSource], [5, prologueSource]);
  t.is(machine.siteTrap[1], TrapKind.stackOverflow);
});

test("a large frame is checked before sp moves, and sp moves at once", (t) => {
  const b = new Arm64Builder().block();
  b.slotCount = 1000;
  b.op(Arm64.call_reg);
  const machine = encode(b.return());
  t.is(machine.frameSize, 8016);
  isCode(t, machine, [
    "sub x9, sp, #0x1, lsl #12",
    "sub x9, x9, #0xf50",
    `ldr x16, [x28, #${Context.stackLimit}]`,
    "cmp x9, x16",
    "b.lo .+32",
    "str x30, [x9]",
    "mov sp, x9",
    "blr x9",
    "ldr x30, [sp]",
    "mov x16, #8016",
    "add sp, sp, x16",
    "ret",
    ...exit(Context.frameLimitStub),
    "b .-40",
  ]);
});

test("outgoing area, return address, slots and incoming arguments have their places", (t) => {
  const b = new Arm64Builder().block();
  b.code.outgoingBytes = 24;
  b.slotCount = 3;
  b.op(Arm64.str64, [0], { imm0: 16, imm1: specialAddress(AddressBase.outgoing) });
  b.op(Arm64.ldr64, [0], { imm0: 1, imm1: specialAddress(AddressBase.slot) });
  b.op(Arm64.ldr64, [0], { imm0: 8, imm1: specialAddress(AddressBase.incoming) });
  b.op(Arm64.ldr64, [0], { imm0: 8, imm1: specialAddress(AddressBase.context) });
  b.op(Arm64.lea64, [1], { imm0: 2, imm1: specialAddress(AddressBase.slot) });
  b.op(Arm64.call_ctx, [], { imm0: Context.builtins });
  const machine = encode(b.return());
  t.is(machine.frameSize, 64);
  t.is(machine.returnOffset, 32);
  isCode(t, machine, [
    `ldr x16, [x28, #${Context.stackLimit}]`,
    "cmp sp, x16",
    "b.lo .+56",
    "sub x9, sp, #64",
    "str x30, [x9, #32]",
    "mov sp, x9",
    "str x0, [sp, #16]",
    "ldr x0, [sp, #48]",
    "ldr x0, [sp, #72]",
    "ldr x0, [x28, #8]",
    "add x1, sp, #56",
    `ldr x16, [x28, #${Context.builtins}]`,
    "blr x16",
    "ldr x30, [sp, #32]",
    "add sp, sp, #64",
    "ret",
    ...exit(Context.limitStub),
    "b .-64",
  ]);
});

test("slots of vectors are 16-byte aligned", (t) => {
  const b = new Arm64Builder().block();
  b.slotCount = 2;
  b.code.newVReg(RegisterClass.vector);
  b.edit(v(3), slot(0), RegisterClass.vector);
  b.op(Arm64.call_reg);
  const machine = encode(b.return());
  t.is(machine.frameSize, 32);
  isCode(t, machine, [
    `ldr x16, [x28, #${Context.stackLimit}]`,
    "cmp sp, x16",
    "b.lo .+24",
    "str x30, [sp, #-32]!",
    "str q3, [sp, #16]",
    "blr x9",
    "ldr x30, [sp], #32",
    "ret",
    ...exit(Context.limitStub),
    "b .-32",
  ]);
});

test("copies within one location vanish, others become the move that fits; neighbouring slots are moved in pairs", (t) => {
  const b = new Arm64Builder().block();
  b.slotCount = 6;
  b.op(Arm64.mov64_rr, [0, 0], { flags: InstructionFlag.move });
  b.op(Arm64.mov_q, [v(1), v(1)], { flags: InstructionFlag.move });
  b.op(Arm64.mov32_rr, [0, 0]); // a truncation: stays
  b.op(Arm64.mov64_rr, [1, 2], { flags: InstructionFlag.move });
  b.edit(0, v(31)).edit(v(31), slot(1)).edit(slot(0), v(31)).edit(v(31), 1);
  b.edit(v(1), v(9), RegisterClass.float).edit(slot(4), slot(5));
  b.op(Arm64.nop);
  b.edit(3, slot(1)).edit(4, slot(0));
  b.edit(slot(2), 5).edit(slot(3), 6);
  b.edit(slot(2), 5).edit(slot(3), 5); // one register twice: not a pair
  b.edit(v(2), slot(3), RegisterClass.float).edit(v(3), slot(4), RegisterClass.float);
  b.edit(v(2), slot(0), RegisterClass.vector).edit(v(3), slot(2), RegisterClass.vector);
  isCode(t, encode(b.return()), [
    "sub sp, sp, #48",
    "mov w0, w0",
    "mov x1, x2",
    "fmov d31, x0",
    "str d31, [sp, #8]",
    "ldr d31, [sp]",
    "fmov x1, d31",
    "mov v9.16b, v1.16b",
    "ldr d31, [sp, #32]",
    "str d31, [sp, #40]",
    "nop",
    "stp x4, x3, [sp]",
    "ldp x5, x6, [sp, #16]",
    "ldr x5, [sp, #16]",
    "ldr x5, [sp, #24]",
    "stp d2, d3, [sp, #24]",
    "stp q2, q3, [sp]",
    "add sp, sp, #48",
    "ret",
  ]);
});

test("constants are executed again, also into slots", (t) => {
  const b = new Arm64Builder();
  const pooled = b.code.constant64(1, 2);
  b.block();
  b.slotCount = 6;
  const zero = b.op(Arm64.mov32_ri, [1], { imm2: 0 });
  const wide = b.op(Arm64.mov64_ri, [1], { imm0: 0x11223344, imm2: 0x55667788 });
  const number = b.op(Arm64.fmov_d_imm, [v(0)], { imm2: 0x70 });
  const float = b.op(Arm64.fzero, [v(0)]);
  b.edit(-1 - zero, 2)
    .edit(-1 - wide, slot(0))
    .edit(-1 - zero, slot(1))
    .edit(-1 - number, slot(2), RegisterClass.float)
    .edit(-1 - float, v(3), RegisterClass.float);
  b.op(Arm64.ldr_d, [v(5)], { imm0: pooled, imm1: specialAddress(AddressBase.constant) });
  const wideMoves = (r: string): string[] => [
    `mov ${r}, #0x7788`,
    `movk ${r}, #0x5566, lsl #16`,
    `movk ${r}, #0x3344, lsl #32`,
    `movk ${r}, #0x1122, lsl #48`,
  ];
  isCode(t, encode(b.return()), [
    "sub sp, sp, #48",
    "mov x1, #0",
    ...wideMoves("x1"),
    "fmov d0, #1.0",
    "movi v0.2d, #0",
    "mov x2, #0",
    ...wideMoves("x16"),
    "str x16, [sp]",
    "str xzr, [sp, #8]",
    "fmov d31, #1.0",
    "str d31, [sp, #16]",
    "movi v3.2d, #0",
    "ldr d5, .+24",
    "add sp, sp, #48",
    "ret",
  ]);
});

test("branches fall through, are inverted, and see through empty blocks", (t) => {
  const rows: [row: number, operands: number[], imm2: number, inverted: string][] = [
    [Arm64.jcc, [], Condition.eq, "b.ne .+8"],
    [Arm64.cbz32, [3], 0, "cbnz w3, .+8"],
    [Arm64.cbz64, [3], 0, "cbnz x3, .+8"],
    [Arm64.cbnz32, [3], 0, "cbz w3, .+8"],
    [Arm64.cbnz64, [3], 0, "cbz x3, .+8"],
    [Arm64.tbz, [3], 5, "tbnz w3, #5, .+8"],
    [Arm64.tbnz, [3], 40, "tbz x3, #40, .+8"],
  ];
  for (const [row, operands, imm2, inverted] of rows) {
    const b = new Arm64Builder().block([1, 2]);
    b.end(row, operands, { imm2 });
    b.block([3]);
    b.op(Arm64.mov32_ri, [0], { imm2: 7 });
    b.end(Arm64.jmp);
    b.block([3]).end(Arm64.jmp); // empty: stands for 3
    b.block().return();
    isCode(t, encode(b), [inverted, "mov x0, #7", "ret"]);
  }
  const both = new Arm64Builder().block([1, 2]);
  both.end(Arm64.cbz32, [0]);
  both.block([2]).end(Arm64.jmp);
  both.block().return();
  isCode(t, encode(both), ["ret"]);
  const loop = new Arm64Builder()
    .block([1])
    .end(Arm64.jmp)
    .block([2])
    .end(Arm64.jmp)
    .block([1])
    .end(Arm64.jmp);
  isCode(t, encode(loop), ["b .+0"]);
});

test("trap exits without a frame leave x30 alone; those alike are shared", (t) => {
  const b = new Arm64Builder().block();
  b.op(Arm64.trapif, [], { imm0: 5, imm2: Condition.eq, source: 9 });
  b.op(Arm64.trapif_cbz64, [2], { imm0: 6, source: 9 });
  b.op(Arm64.trapif_tbnz, [2], { imm0: 5, imm2: 31, source: 9 });
  const machine = encode(b.return());
  isCode(t, machine, [
    "b.eq .+16",
    "cbz x2, .+24",
    "tbnz w2, #31, .+8",
    "ret",
    ...exit(Context.trapStub),
    ...exit(Context.trapStub),
  ]);
  t.deepEqual([...machine.siteOffset], [28, 40]);
  t.deepEqual([...machine.siteTrap], [5, 6]);
});

test("trap exits of a function with a frame share their way to the stub", (t) => {
  const b = new Arm64Builder().block();
  b.op(Arm64.call_reg);
  b.op(Arm64.trapif, [], { imm0: 5, imm2: Condition.eq, source: 9 });
  b.op(Arm64.trapif, [], { imm0: 6, imm2: Condition.ne, source: 9 });
  const machine = encode(b.return());
  isCode(t, machine, [
    `ldr x16, [x28, #${Context.stackLimit}]`,
    "cmp sp, x16",
    "b.lo .+28",
    "str x30, [sp, #-16]!",
    "blr x9",
    "b.eq .+32",
    "b.ne .+32",
    "ldr x30, [sp], #16",
    "ret",
    ...exit(Context.limitStub),
    "b .-36",
    "bl .+8",
    "bl .+4",
    `ldr x16, [x28, #${Context.trapStub}]`,
    "mov x17, x30",
    "br x16",
  ]);
  t.deepEqual([...machine.siteOffset], [20, 48, 56, 60]);
});

test("an interrupt check keeps the flags and x30", (t) => {
  const b = new Arm64Builder().block();
  b.op(Arm64.interrupt, [], { source: 8 });
  const machine = encode(b.return());
  isCode(t, machine, [
    `ldr x16, [x28, #${Context.interrupt}]`,
    "cbnz x16, .+8",
    "ret",
    ...exit(Context.interruptStub),
    "b .-16",
  ]);
  t.deepEqual([...machine.siteKind], [SiteKind.interrupt]);
  t.deepEqual([...machine.siteOffset], [24]);
});

test("an access is a site, also when its address takes instructions", (t) => {
  const b = new Arm64Builder().block();
  const flags = mayFault;
  b.op(Arm64.ldr32, [0, 1, 2], { imm1: address(true, true, IndexExtend.uxtw), flags, source: 3 });
  b.op(Arm64.ldr_q, [v(1), 1], { imm0: 65536, imm1: address(true), flags, source: 4 });
  b.op(Arm64.ldr_s, [v(1), 1, 2], { imm1: address(true, true, IndexExtend.uxtw, true), flags, source: 5 });
  b.op(Arm64.strb_z, [1], { imm0: -256, imm1: address(true), flags, source: 6 });
  const machine = encode(b.return());
  isCode(t, machine, [
    "ldr w0, [x1, w2, uxtw]",
    "add x16, x1, #16, lsl #12",
    "ldr q1, [x16]",
    "ldr s1, [x1, w2, uxtw #2]",
    "sturb wzr, [x1, #-256]",
    "ret",
  ]);
  t.deepEqual([...machine.siteOffset], [0, 8, 12, 16]);
  t.deepEqual([...machine.siteSource], [3, 4, 5, 6]);
});

const uxtw = address(true, true, IndexExtend.uxtw);
const uxtwScaled = address(true, true, IndexExtend.uxtw, true);
const based = (imm0: number, source = -1) => ({ imm0, imm1: address(true), flags: mayFault, source });

test("stores of more than a byte may write nothing when they trap: a load of the same bytes comes first", (t) => {
  const b = new Arm64Builder().block();
  const at = { imm1: uxtw, flags: mayFault, source: 3 };
  b.op(Arm64.strb, [0, 1, 2], at);
  b.op(Arm64.strh, [0, 1, 3], at);
  b.op(Arm64.str32_z, [1, 4], at);
  b.op(Arm64.str_s, [v(0), 1, 5], { ...at, imm1: uxtwScaled });
  b.op(Arm64.str_d, [v(0), 1, 6], at);
  b.op(Arm64.str_q, [v(0), 7], based(65536, 4));
  b.op(Arm64.str64, [0, 9], { imm0: 8, imm1: address(true) }); // a record of the engine's
  const machine = encode(b.return());
  isCode(t, machine, [
    "strb w0, [x1, w2, uxtw]",
    "ldrh wzr, [x1, w3, uxtw]",
    "strh w0, [x1, w3, uxtw]",
    "ldr wzr, [x1, w4, uxtw]",
    "str wzr, [x1, w4, uxtw]",
    "ldr wzr, [x1, w5, uxtw #2]",
    "str s0, [x1, w5, uxtw #2]",
    "ldr xzr, [x1, w6, uxtw]",
    "str d0, [x1, w6, uxtw]",
    "add x16, x7, #16, lsl #12",
    "ldr q31, [x16]",
    "add x16, x7, #16, lsl #12",
    "str q0, [x16]",
    "str x0, [x9, #8]",
    "ret",
  ]);
  t.deepEqual([...machine.siteOffset], [0, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48]);
  t.deepEqual([...machine.siteSource], [3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4]);
});

test("no load comes before a store whose bytes were accessed before, whatever stands between", (t) => {
  const b = new Arm64Builder().block([1, 2]);
  b.op(Arm64.ldr64, [0, 1], based(16));
  b.op(Arm64.str64, [0, 1], based(16));
  b.op(Arm64.str32, [0, 1], based(20)); // below the end of what was loaded
  b.op(Arm64.str32, [0, 1], based(22)); // beyond
  b.op(Arm64.str_q, [v(0), 1], based(0));
  b.op(Arm64.call_ctx, [], { imm0: Context.builtins });
  b.op(Arm64.strh, [0, 1], based(24));
  b.op(Arm64.strh, [0, 2], based(0)); // another address
  // A sum is the address that it is.
  b.op(Arm64.ldr32, [0, 5, 6], { imm1: uxtwScaled, flags: mayFault });
  b.op(Arm64.add64_rx, [7, 5, 6], { imm2: extendedBy(Extend.uxtw, 2) });
  b.op(Arm64.str32, [0, 7], based(0));
  b.op(Arm64.str32, [0, 7], based(4));
  b.op(Arm64.str64, [0, 5, 6], { imm1: uxtw, flags: mayFault }); // not shifted: elsewhere
  b.end(Arm64.cbz32, [0]);
  // What block 0 has accessed is there in 1 and 2; what 1 has, isn't known in 2, which is a loop.
  b.block([2]);
  b.op(Arm64.str32, [0, 7], based(4));
  b.op(Arm64.str32, [0, 7], based(8));
  b.end(Arm64.jmp);
  b.block([2]);
  b.op(Arm64.str32, [0, 7], based(4));
  b.op(Arm64.str32, [0, 7], based(8));
  b.end(Arm64.jmp);
  b.code.predecessors[1]!.push(0);
  b.code.predecessors[2]!.push(0, 1, 2);
  isCode(t, encode(b), [
    `ldr x16, [x28, #${Context.stackLimit}]`,
    "cmp sp, x16",
    "b.lo .+112",
    "str x30, [sp, #-16]!",
    "ldr x0, [x1, #16]",
    "str x0, [x1, #16]",
    "str w0, [x1, #20]",
    "ldur wzr, [x1, #22]",
    "stur w0, [x1, #22]",
    "str q0, [x1]",
    `ldr x16, [x28, #${Context.builtins}]`,
    "blr x16",
    "strh w0, [x1, #24]",
    "ldrh wzr, [x2]",
    "strh w0, [x2]",
    "ldr w0, [x5, w6, uxtw #2]",
    "add x7, x5, w6, uxtw #2",
    "str w0, [x7]",
    "ldr wzr, [x7, #4]",
    "str w0, [x7, #4]",
    "ldr xzr, [x5, w6, uxtw]",
    "str x0, [x5, w6, uxtw]",
    "cbnz w0, .+16",
    "str w0, [x7, #4]",
    "ldr wzr, [x7, #8]",
    "str w0, [x7, #8]",
    "str w0, [x7, #4]",
    "ldr wzr, [x7, #8]",
    "str w0, [x7, #8]",
    "b .-12",
    ...exit(Context.limitStub),
    "b .-120",
  ]);
});

test("accesses to neighbouring addresses that can't fault are one instruction", (t) => {
  const b = new Arm64Builder().block();
  const at = (imm0: number) => ({ imm0, imm1: address(true) });
  b.op(Arm64.ldr64, [0, 1], at(8));
  b.op(Arm64.ldr64, [2, 1], at(16));
  b.op(Arm64.ldr32, [0, 1], at(252));
  b.op(Arm64.ldr32, [2, 1], at(248));
  b.op(Arm64.str64, [0, 1], at(504));
  b.op(Arm64.str64_z, [1], at(496));
  b.op(Arm64.str32_z, [1], at(0));
  b.op(Arm64.str32_z, [1], at(4));
  b.op(Arm64.ldr_s, [v(0), 1], at(0));
  b.op(Arm64.ldr_s, [v(1), 1], at(4));
  b.op(Arm64.str_d, [v(0), 1], at(0));
  b.op(Arm64.str_d, [v(0), 1], at(8));
  b.op(Arm64.str_q, [v(0), 1], at(1008));
  b.op(Arm64.str_q, [v(1), 1], at(992));
  // Four are two.
  for (const n of [0, 1, 2, 3]) b.op(Arm64.ldr64, [4 + n, 1], at(8 * n));
  isCode(t, encode(b.return()), [
    "ldp x0, x2, [x1, #8]",
    "ldp w2, w0, [x1, #248]",
    "stp xzr, x0, [x1, #496]",
    "stp wzr, wzr, [x1]",
    "ldp s0, s1, [x1]",
    "stp d0, d0, [x1]",
    "stp q1, q0, [x1, #992]",
    "ldp x4, x5, [x1]",
    "ldp x6, x7, [x1, #16]",
    "ret",
  ]);
});

test("accesses that can't be a pair are two instructions", (t) => {
  const b = new Arm64Builder().block();
  const at = (imm0: number) => ({ imm0, imm1: address(true) });
  b.op(Arm64.ldr64, [0, 1], at(4));
  b.op(Arm64.ldr64, [2, 1], at(12)); // not a multiple
  b.op(Arm64.ldr64, [0, 1], at(512));
  b.op(Arm64.ldr64, [2, 1], at(520)); // too far
  b.op(Arm64.ldr64, [0, 1], at(0));
  b.op(Arm64.ldr64, [0, 1], at(8)); // one register
  b.op(Arm64.ldr64, [1, 1], at(32));
  b.op(Arm64.ldr64, [2, 1], at(40)); // its own base
  b.op(Arm64.ldr64, [0, 3], at(0));
  b.op(Arm64.ldr64, [2, 4], at(8)); // other bases
  b.op(Arm64.ldr64, [0, 3], at(0));
  b.op(Arm64.ldr_d, [v(2), 3], at(8)); // other registers
  b.op(Arm64.ldr64, [0, 3], at(0));
  b.op(Arm64.str64, [2, 3], at(8)); // to and fro
  b.op(Arm64.ldrh, [0, 3], at(0));
  b.op(Arm64.ldrh, [2, 3], at(2)); // no pair of this size
  b.op(Arm64.str64, [0, 3], at(0));
  b.edit(0, 5);
  b.op(Arm64.str64, [2, 3], at(8)); // a move in between
  isCode(t, encode(b.return()), [
    "ldur x0, [x1, #4]",
    "ldur x2, [x1, #12]",
    "ldr x0, [x1, #512]",
    "ldr x2, [x1, #520]",
    "ldr x0, [x1]",
    "ldr x0, [x1, #8]",
    "ldr x1, [x1, #32]",
    "ldr x2, [x1, #40]",
    "ldr x0, [x3]",
    "ldr x2, [x4, #8]",
    "ldr x0, [x3]",
    "ldr d2, [x3, #8]",
    "ldr x0, [x3]",
    "str x2, [x3, #8]",
    "ldrh w0, [x3]",
    "ldrh w2, [x3, #2]",
    "str x0, [x3]",
    "mov x5, x0",
    "str x2, [x3, #8]",
    "ret",
  ]);
});

test("a pair that faults does what its two accesses would, and the trap is the first one's", (t) => {
  const b = new Arm64Builder().block();
  // If the first is there, so is what is below it.
  b.op(Arm64.ldr64, [0, 1], based(8, 3));
  b.op(Arm64.ldr64, [2, 1], based(0, 4));
  // Else the second one may trap alone: two instructions, and their bytes are there from then on.
  b.op(Arm64.ldr32, [0, 3], based(0, 5));
  b.op(Arm64.ldr32, [2, 3], based(4, 6));
  b.op(Arm64.str32, [0, 3], based(0, 7));
  b.op(Arm64.str32, [2, 3], based(4, 8));
  // A probe of the upper store shows that both can be done.
  b.op(Arm64.str64, [0, 4], based(24, 9));
  b.op(Arm64.str64_z, [4], based(16, 10));
  // The lower one of these is visible when the upper one traps.
  b.op(Arm64.str64, [0, 5], based(0, 11));
  b.op(Arm64.str64, [2, 5], based(8, 12));
  // An index and its sum are one address.
  b.op(Arm64.add64_rx, [7, 6, 0], { imm2: extendedBy(Extend.uxtw, 0) });
  b.op(Arm64.ldr32, [2, 7], based(4, 13));
  b.op(Arm64.ldr32, [8, 6, 0], { ...based(0, 14), imm1: uxtw });
  const machine = encode(b.return());
  isCode(t, machine, [
    "ldp x2, x0, [x1]",
    "ldr w0, [x3]",
    "ldr w2, [x3, #4]",
    "stp w0, w2, [x3]",
    "ldr xzr, [x4, #24]",
    "stp xzr, x0, [x4, #16]",
    "ldr xzr, [x5]",
    "str x0, [x5]",
    "ldr xzr, [x5, #8]",
    "str x2, [x5, #8]",
    "add x7, x6, w0, uxtw",
    "ldp w8, w2, [x7]",
    "ret",
  ]);
  t.deepEqual([...machine.siteOffset], [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 44]);
  t.deepEqual([...machine.siteSource], [3, 5, 6, 7, 9, 9, 11, 11, 12, 12, 13]);
});

test("constants and jump tables lie aligned after the code", (t) => {
  const b = new Arm64Builder();
  const four = b.code.constant32(0x3f800000);
  const sixteen = b.code.constant128(1, 2, 3, 4);
  const constant = (imm0: number) => ({ imm0, imm1: specialAddress(AddressBase.constant) });
  b.block([1, 1, 2]);
  b.op(Arm64.ldr_s, [v(0)], constant(four));
  b.op(Arm64.ldr_q, [v(1)], constant(sixteen));
  b.end(Arm64.jmp_table, [1, 2, 0]);
  b.block().return();
  b.block();
  b.op(Arm64.mov32_ri, [0], { imm2: 7 });
  b.return();
  const machine = encode(b);
  isCode(t, machine, [
    "ldr s0, .+64",
    "ldr q1, .+44",
    "cmp w0, #2",
    "b.hs .+24",
    "adr x1, .+52",
    "ldrsw x2, [x1, w0, uxtw #2]",
    "add x2, x1, x2, uxtx",
    "br x2",
    "ret",
    "mov x0, #7",
    "ret",
  ]);
  const view = new DataView(machine.bytes.buffer);
  t.is(view.getInt32(48, true), 1);
  t.is(view.getInt32(64, true), 0x3f800000);
  t.is(68 + view.getInt32(68, true), 32);
  t.is(68 + view.getInt32(72, true), 32);
  t.is(machine.bytes.length, 76);
});

test("a count beyond a comparison's immediate goes through x16", (t) => {
  const b = new Arm64Builder().block([...new Array<number>(4097).fill(1), 2]);
  b.end(Arm64.jmp_table, [1, 2, 0]);
  b.block().return();
  b.block().return();
  const machine = encode(b);
  t.is(machine.bytes.length - machine.codeSize, 4 * 4097 + (-machine.codeSize & 15));
  isCode(t, machine, [
    "mov x16, #4097",
    "cmp w0, w16",
    "b.hs .+24",
    `adr x1, .+${machine.bytes.length - 4 * 4097 - 12}`,
    "ldrsw x2, [x1, w0, uxtw #2]",
    "add x2, x1, x2, uxtx",
    "br x2",
    "ret",
    "ret",
  ]);
});

test("signatures and calls are relocated where their instructions begin", (t) => {
  const b = new Arm64Builder().block();
  b.op(Arm64.mov32_signature, [9], { imm0: 13 });
  const machine = encode(b.return());
  isCode(t, machine, ["mov w9, #0", "movk w9, #0, lsl #16", "ret"]);
  t.deepEqual([...machine.relocationOffset], [0]);
  t.deepEqual([...machine.relocationKind], [RelocationKind.signature]);
  t.deepEqual([...machine.relocationSymbol], [13]);
});

test("stack maps give offsets and registers", (t) => {
  const b = new Arm64Builder().block();
  b.code.outgoingBytes = 16;
  b.slotCount = 4;
  b.op(Arm64.call_reg);
  b.safepoint([slot(1), slot(3)]);
  b.op(Arm64.interrupt, [], { source: 8 });
  b.safepoint([19, slot(0)]);
  b.op(Arm64.call_ctx, [], { imm0: Context.builtins });
  b.safepoint([]);
  const machine = encode(b.return());
  t.deepEqual([...machine.siteKind], [SiteKind.call, SiteKind.call, SiteKind.trap, SiteKind.interrupt]);
  t.deepEqual([...machine.siteMap], [0, -1, -1, 1]);
  t.deepEqual([...machine.mapStart], [0, 2, 4]);
  // outgoing 16, return address 8
  t.deepEqual([...machine.mapWord], [32, 48, -1 - 19, 24]);
});

test("the same virtual code gives the same bytes, and prints", (t) => {
  const make = (): Arm64Builder => {
    const b = new Arm64Builder().block([1, 2]);
    b.slotCount = 2;
    b.op(Arm64.ldr64, [0, 1, 2], {
      imm1: address(true, true, IndexExtend.uxtw, true),
      flags: mayFault,
      source: 1,
    });
    b.op(Arm64.and64_ri, [0, 0], { imm0: 0, imm2: 0xff });
    b.edit(0, slot(1));
    b.end(Arm64.tbz, [0], { imm2: 3 });
    b.block().return();
    b.block().end(Arm64.trap, [], { imm0: TrapKind.unreachable, source: 2 });
    return b;
  };
  const a = make();
  t.deepEqual(encode(a).bytes, encode(make()).bytes);
  t.is(
    printVCode(a.code, a.allocation()),
    `block0():
      0  v0:x0 = ldr64 [v1:x1, v2:x2, uxtw #3], faults
      1  v0:x0 = and64_ri v0:x0, #0xff
          slot1 <- x0
      2  tbz v0:x0, #3 -> block1, block2
block1():
      3  ret
block2():
      4  trap unreachable
`,
  );
  t.regex(
    printListing(a.code, a.allocation()),
    /00000008 {2}00 1c 40 92 {2}; 1 v0:x0 = and64_ri v0:x0, #0xff\n/,
  );
});
