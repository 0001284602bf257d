/**
 * The encoder of arm64's own routines: each method against the words that GNU as makes of the same text. Texts lie between
 * `back: nop` and `nop; ahead: nop`.
 */
import test from "ava";
import { callSequence } from "../../isa/arm64/call-sequence.js";
import { clockRoutines } from "../../isa/arm64/clock.js";
import { RoutineEncoder } from "../../isa/arm64/routine-encoder.js";

type Case = readonly [emit: (e: RoutineEncoder) => void, text: string, words: string];

/** The last column is what `aarch64-linux-gnu-as` gives. */
const cases: readonly Case[] = [
  [(e) => e.move(3, 4), "mov x3, x4", "aa0403e3"],
  [(e) => e.moveSp(16, 31), "mov x16, sp", "910003f0"],
  [(e) => e.moveSp(31, 16), "mov sp, x16", "9100021f"],
  [(e) => e.immediate(5, 0), "mov x5, #0", "d2800005"],
  [(e) => e.immediate(5, 65535), "mov x5, #0xffff", "d29fffe5"],
  [(e) => e.immediate(5, 0x12345678), "movz x5, #0x5678; movk x5, #0x1234, lsl #16", "d28acf05 f2a24685"],
  [(e) => e.immediate(5, -1), "mov x5, #-1", "92800005"],
  [(e) => e.immediate(5, -1001), "mov x5, #-1001", "92807d05"],
  [
    (e) => e.immediate(5, 0x7f1234560000n),
    "movz x5, #0x3456, lsl #16; movk x5, #0x7f12, lsl #32",
    "d2a68ac5 f2cfe245",
  ],
  [
    (e) => e.immediate(5, 0xffffffff00010002n),
    "movn x5, #0xfffd; movk x5, #0x0001, lsl #16",
    "929fffa5 f2a00025",
  ],
  [(e) => e.add(1, 2, 3), "add x1, x2, x3", "8b030041"],
  [(e) => e.subtract(1, 2, 3), "sub x1, x2, x3", "cb030041"],
  [(e) => e.addImmediate(1, 2, 4095), "add x1, x2, #4095", "913ffc41"],
  [(e) => e.addImmediate(31, 31, -160), "sub sp, sp, #160", "d10283ff"],
  [(e) => e.addImmediate(1, 2, 4096), "add x1, x2, #1, lsl #12", "91400441"],
  [(e) => e.addImmediate(31, 31, -8208), "sub sp, sp, #2, lsl #12; sub sp, sp, #16", "d1400bff d10043ff"],
  [(e) => e.addImmediate(1, 2, 0), "add x1, x2, #0", "91000041"],
  [(e) => e.shiftRight(4, 5, 12), "lsr x4, x5, #12", "d34cfca4"],
  [(e) => e.divide(1, 2, 3), "udiv x1, x2, x3", "9ac30841"],
  [(e) => e.multiplyAdd(1, 2, 3, 4), "madd x1, x2, x3, x4", "9b031041"],
  [(e) => e.multiplySubtract(1, 2, 3, 4), "msub x1, x2, x3, x4", "9b039041"],
  [(e) => e.shiftLeftBy(1, 2, 3), "lsl x1, x2, x3", "9ac32041"],
  [(e) => e.shiftRightBy(1, 2, 3), "lsr x1, x2, x3", "9ac32441"],
  [(e) => e.andNot(1, 2, 3), "bic x1, x2, x3", "8a230041"],
  [(e) => e.bits(1, 2, 16, 4), "ubfx x1, x2, #16, #4", "d3504c41"],
  [(e) => e.compare(1, 2), "cmp x1, x2", "eb02003f"],
  [(e) => e.compareSp(16), "cmp sp, x16", "eb3063ff"],
  [(e) => e.compare32(1, 2), "cmp w1, w2", "6b02003f"],
  [(e) => e.compareImmediate(1, 1), "cmp x1, #1", "f100043f"],
  [(e) => e.compareImmediate(1, -3), "cmn x1, #3", "b1000c3f"],
  [(e) => e.compareImmediate32(1, 7), "cmp w1, #7", "71001c3f"],
  [(e) => e.convertDouble(5, 0, 26, 16), "ldr d0, [x26, #16]; fcvtzs x5, d0", "fd400b40 9e780005"],
  [(e) => e.load(1, 2, 32760), "ldr x1, [x2, #32760]", "f97ffc41"],
  [(e) => e.store(31, 2, 8), "str xzr, [x2, #8]", "f900045f"],
  [(e) => e.load(1, 31, 8), "ldr x1, [sp, #8]", "f94007e1"],
  [(e) => e.load32(1, 2, 4), "ldr w1, [x2, #4]", "b9400441"],
  [(e) => e.store32(31, 2, 4), "str wzr, [x2, #4]", "b900045f"],
  [(e) => e.loadByteAt(7, 5, 6), "ldrb w7, [x5, x6]", "386668a7"],
  [(e) => e.loadPair(1, 2, 31, 504), "ldp x1, x2, [sp, #504]", "a95f8be1"],
  [(e) => e.storePair(31, 31, 31, -512), "stp xzr, xzr, [sp, #-512]", "a9207fff"],
  [(e) => e.loadSingle(3, 4, 8), "ldr s3, [x4, #8]", "bd400883"],
  [(e) => e.storeSingle(3, 4, 8), "str s3, [x4, #8]", "bd000883"],
  [(e) => e.loadDouble(3, 4, 8), "ldr d3, [x4, #8]", "fd400483"],
  [(e) => e.storeDouble(3, 4, 8), "str d3, [x4, #8]", "fd000483"],
  [(e) => e.loadVector(3, 4, 32), "ldr q3, [x4, #32]", "3dc00883"],
  [(e) => e.loadVector(3, 4, 24), "add x16, x4, #24; ldr q3, [x16]", "91006090 3dc00203"],
  [(e) => e.storeVector(3, 31, 32), "str q3, [sp, #32]", "3d800be3"],
  [(e) => e.loadDoublePair(8, 9, 31, 96), "ldp d8, d9, [sp, #96]", "6d4627e8"],
  [(e) => e.storeDoublePair(8, 9, 31, 96), "stp d8, d9, [sp, #96]", "6d0627e8"],
  [(e) => e.loadVectorPair(30, 31, 31, 736), "ldp q30, q31, [sp, #736]", "ad577ffe"],
  [(e) => e.storeVectorPair(0, 1, 31, 256), "stp q0, q1, [sp, #256]", "ad0807e0"],
  [(e) => e.push(30), "str x30, [sp, #-16]!", "f81f0ffe"],
  [(e) => e.pop(30), "ldr x30, [sp], #16", "f84107fe"],
  [(e) => e.loadAcquire32(1, 2), "ldar w1, [x2]", "88dffc41"],
  [(e) => e.loadAcquire(1, 2), "ldar x1, [x2]", "c8dffc41"],
  [(e) => e.storeRelease32(1, 2), "stlr w1, [x2]", "889ffc41"],
  [(e) => e.loadExclusive32(1, 2), "ldaxr w1, [x2]", "885ffc41"],
  [(e) => e.storeExclusive32(3, 1, 2), "stlxr w3, w1, [x2]", "8803fc41"],
  [(e) => e.compareAndSwap32(1, 31, 2), "casal w1, wzr, [x2]", "88e1fc5f"],
  [(e) => e.addAtomically32(2, 1, 0), "ldaddal w1, w2, [x0]", "b8e10002"],
  [(e) => e.barrier(), "dmb ish", "d5033bbf"],
  [(e) => e.jumpRegister(16), "br x16", "d61f0200"],
  [(e) => e.callRegister(16), "blr x16", "d63f0200"],
  [(e) => e.return(), "ret", "d65f03c0"],
  [(e) => e.return(16), "ret x16", "d65f0200"],
  [(e) => e.readFlags(16), "mrs x16, nzcv", "d53b4210"],
  [(e) => e.writeFlags(16), "msr nzcv, x16", "d51b4210"],
  [(e) => e.systemCall(98), "mov x8, #98; svc #0", "d2800c48 d4000001"],
  [(e) => e.branch(null, "back"), "b back", "17ffffff"],
  [(e) => e.branch(3, "ahead"), "b.lo ahead", "54000043"],
  [(e) => e.branchIfZero(1, "ahead"), "cbz x1, ahead", "b4000041"],
  [(e) => e.branchIfNotZero(1, "back"), "cbnz x1, back", "b5ffffe1"],
  [(e) => e.branchIfZero32(1, "back"), "cbz w1, back", "34ffffe1"],
  [(e) => e.branchIfNotZero32(1, "ahead"), "cbnz w1, ahead", "35000041"],
  [(e) => e.call("ahead"), "bl ahead", "94000002"],
  [(e) => e.addressOf(16, "ahead"), "adr x16, ahead", "10000050"],
  [(e) => e.addressOf(17, "back"), "adr x17, back", "10fffff1"],
  [(e) => e.addressOfPage(16, 0x10000, 0x12345678), "adrp x16, 0x12345000 at 0x10004", "b00919b0"],
  [(e) => e.word(0xd50b7b24), "dc cvau, x4", "d50b7b24"],
  [(e) => e.word(0xd50b7524), "ic ivau, x4", "d50b7524"],
  [(e) => e.word(0xd5033b9f), "dsb ish", "d5033b9f"],
  [(e) => e.word(0xd5033fdf), "isb", "d5033fdf"],
  [(e) => e.word(0xd53b0020), "mrs x0, ctr_el0", "d53b0020"],
];

test("C functions in a row: address and arguments from four words each", (t) => {
  const words = new Uint32Array(callSequence(0x7f1234560000n, 2).buffer);
  const call = "f9400209 f9400600 f9400a01 f9400e02 d63f0120";
  // str x30, [sp, #-16]!; for each: mov x16, #..., ldr x9, [x16], ldr x0, [x16, #8], ..., blr x9; ldr x30, [sp], #16; ret
  t.is(
    Array.from(words, (word) => word.toString(16)).join(" "),
    `f81f0ffe d2a68ad0 f2cfe250 ${call} d2800410 f2a68ad0 f2cfe250 ${call} f84107fe d65f03c0`,
  );
});

test("the clock changes words by single instructions where the processor has LSE, else by exclusive sequences", (t) => {
  const words = (features: ReadonlySet<string>) =>
    Array.from(new Uint32Array(clockRoutines(0x7f1234560000n, features).bytes.slice().buffer));
  const count = (among: number[], mask: number, value: number) =>
    among.filter((word) => (word & mask) >>> 0 === value).length;
  for (const [features, single, exclusive] of [
    [new Set(["atomics"]), 1, 0],
    [new Set<string>(), 0, 1],
  ] as const) {
    const all = words(features);
    t.is(count(all, 0xffe0fc00, 0x88e0fc00), 2 * single, "casal");
    t.is(count(all, 0xffe0fc00, 0xb8e00000), single, "ldaddal");
    t.is(count(all, 0xfffffc00, 0x885ffc00), 3 * exclusive, "ldaxr");
    t.is(count(all, 0xffe0fc00, 0x8800fc00), 3 * exclusive, "stlxr");
  }
});

const nop = 0xd503201f;

function wordsOf(emit: (e: RoutineEncoder) => void): string {
  const e = new RoutineEncoder("test");
  e.place("back");
  e.word(nop);
  emit(e);
  e.word(nop);
  e.place("ahead");
  e.word(nop);
  const words = new Uint32Array(e.finished().buffer);
  return Array.from(words.subarray(1, -2), (word) => word.toString(16).padStart(8, "0")).join(" ");
}

for (const [emit, text, words] of cases) {
  test(text, (t) => t.is(wordsOf(emit), words));
}

test("operands out of range are refused", (t) => {
  for (const emit of [
    (e: RoutineEncoder) => e.load(0, 1, 4),
    (e: RoutineEncoder) => e.load(0, 1, 32768),
    (e: RoutineEncoder) => e.loadPair(0, 1, 2, 512),
    (e: RoutineEncoder) => e.addImmediate(0, 1, 1 << 24),
    (e: RoutineEncoder) => e.compareImmediate32(0, 4096),
    (e: RoutineEncoder) => e.addressOfPage(0, 0, 2 ** 33),
  ]) {
    t.throws(() => emit(new RoutineEncoder("test")), { message: /out of range/ });
  }
  const e = new RoutineEncoder("test");
  e.branch(null, "nowhere");
  t.throws(() => e.finished(), { message: /no place nowhere/ });
});
