/** Emitted functions run natively: pseudo rows against what JavaScript computes, branches, traps, the stack's end. */
import test from "ava";
import { encodeFunction } from "../../isa/amd64/emit.js";
import {
  AddressBase,
  Amd64,
  Condition,
  conditionPair,
  specialAddress,
} from "../../isa/amd64/instructions.js";
import { interruptSaved } from "../../isa/amd64/trampoline.js";
import { type MachineCode, prologueSource } from "../../machine/machine-code.js";
import type { Signature } from "../../machine/target.js";
import { InstructionFlag } from "../../machine/vcode.js";
import { Context, ExitStatus } from "../../runtime/layout.js";
import { TrapKind, Type } from "../../ssa/ops.js";
import { cpuTime } from "../support/cpu-time.js";
import { Random } from "../support/random.js";
import { isNativeHere, NativeBench, spareOffset } from "./native-bench.js";
import { VCodeBuilder } from "./vcode-builder.js";

const native = isNativeHere("amd64") ? test : test.skip;
const [rax, rcx, rdx] = [0, 1, 2];
const xmm = (n: number): number => 32 + n;
const { i32, i64, f32, f64 } = Type;

const bench = isNativeHere("amd64") ? new NativeBench() : (null as never);

/** Makes a function of numbers out of virtual code; results and parameters in slots as the signature has them. */
function load(
  b: VCodeBuilder,
  signature: Signature,
): { run: (...args: number[]) => number; machine: MachineCode; at: number } {
  const machine = encodeFunction(b.code, b.allocation());
  const at = bench.add(machine.bytes);
  const adapter = bench.add(bench.target.entryAdapter(signature));
  const result = signature.results[0];
  const run = (...args: number[]): number => {
    signature.params.forEach((type, k) => {
      if (type === f32) bench.slots.setFloat32(8 * k, args[k]!, true);
      else if (type === f64) bench.slots.setFloat64(8 * k, args[k]!, true);
      else bench.setSlot(k, type === i32 ? BigInt(args[k]! >>> 0) : BigInt(args[k]!));
    });
    const status = bench.start(adapter, at);
    if (status !== ExitStatus.done) return -1000 - status;
    if (result === f32) return bench.slots.getFloat32(0, true);
    return result === f64 ? bench.slots.getFloat64(0, true) : Number(bench.slot(0));
  };
  return { run, machine, at };
}

const specials = [
  0,
  -0,
  1,
  -1,
  1.5,
  -2.25,
  2 ** 100,
  -(2 ** 100),
  Infinity,
  -Infinity,
  Number.NaN,
  2 ** -140,
  -(2 ** -140),
];

native("minimum and maximum are Wasm's, quiet NaNs and signed zeros included", (t) => {
  for (const [row, type, isMin] of [
    [Amd64.fmin32, f32, true],
    [Amd64.fmax32, f32, false],
    [Amd64.fmin64, f64, true],
    [Amd64.fmax64, f64, false],
  ] as const) {
    const b = new VCodeBuilder().block();
    b.op(row, [xmm(0), xmm(0), xmm(1)]);
    const { run } = load(b.return(), { params: [type, type], results: [type] });
    for (const x of specials) {
      for (const y of specials) {
        t.is(run(x, y), isMin ? Math.min(x, y) : Math.max(x, y), `${isMin ? "min" : "max"}(${x}, ${y})`);
      }
    }
  }
});

native("a signalling NaN comes out of minimum quiet", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.fmin64, [xmm(0), xmm(0), xmm(1)]);
  const machine = encodeFunction(b.return().code, b.allocation());
  const f = bench.add(machine.bytes);
  const adapter = bench.add(bench.target.entryAdapter({ params: [f64, f64], results: [f64] }));
  for (const [x, y] of [
    [0x7ff0_0000_0000_0001n, 0x3ff0_0000_0000_0000n],
    [0x3ff0_0000_0000_0000n, 0xfff0_0000_0000_0001n],
  ] as const) {
    bench.setSlot(0, x);
    bench.setSlot(1, y);
    t.is(bench.start(adapter, f), ExitStatus.done);
    t.is(bench.slot(0) & 0x7ff8_0000_0000_0000n, 0x7ff8_0000_0000_0000n);
  }
});

native("float equality as value, branch, move and trap", (t) => {
  const equal = conditionPair("all", Condition.np, Condition.e);
  const different = conditionPair("any", Condition.p, Condition.ne);
  for (const [pair, expected] of [
    [equal, (x: number, y: number) => x === y],
    [different, (x: number, y: number) => x !== y],
  ] as const) {
    const value = new VCodeBuilder().block();
    value.op(Amd64.ucomisd_rr, [xmm(0), xmm(1)]);
    value.op(Amd64.setccp, [rax, rcx], { imm2: pair });
    const asValue = load(value.return(), { params: [f64, f64], results: [i64] });

    const branch = new VCodeBuilder().block([1, 2]);
    branch.op(Amd64.ucomisd_rr, [xmm(0), xmm(1)]);
    branch.end(Amd64.jccp, [], { imm2: pair });
    branch.block();
    branch.op(Amd64.mov32_ri, [rax], { imm2: 1 });
    branch.return().block();
    branch.op(Amd64.mov32_ri, [rax], { imm2: 0 });
    const asBranch = load(branch.return(), { params: [f64, f64], results: [i64] });

    const trap = new VCodeBuilder().block();
    trap.op(Amd64.ucomisd_rr, [xmm(0), xmm(1)]);
    trap.op(Amd64.trapifp, [], { imm0: TrapKind.unreachable, imm2: pair });
    trap.op(Amd64.mov32_ri, [rax], { imm2: 0 });
    const asTrap = load(trap.return(), { params: [f64, f64], results: [i64] });

    for (const x of specials) {
      for (const y of specials) {
        const is = expected(x, y) ? 1 : 0;
        t.is(asValue.run(x, y), is);
        t.is(asBranch.run(x, y), is);
        t.is(asTrap.run(x, y), is ? -1000 - ExitStatus.trap : 0);
      }
    }
  }
});

native("a float copy on condition", (t) => {
  for (const [row, source] of [
    [Amd64.fcmov64, xmm(1)],
    [Amd64.fcmov64, 64],
    [Amd64.fcmov32, 64],
  ] as const) {
    const b = new VCodeBuilder().block();
    b.slotCount = 1;
    b.edit(xmm(1), 64, 1);
    b.op(Amd64.test32_rr, [rax, rax]);
    b.op(row, [xmm(0), xmm(0), source], { imm2: Condition.ne });
    const type = row === Amd64.fcmov32 ? f32 : f64;
    const { run } = load(b.return(), { params: [i32, type, type], results: [type] });
    t.is(run(1, 2.5, 3.5), 3.5);
    t.is(run(0, 2.5, 3.5), 2.5);
  }
});

native("setcc defines all 64 bits", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.cmp32_rr, [rax, rdx]);
  b.op(Amd64.mov64_ri, [6], { imm2: -1 });
  b.op(Amd64.setcc, [6], { imm2: Condition.l });
  b.op(Amd64.mov64_rr, [rax, 6]);
  const { run } = load(b.return(), { params: [i32, i32], results: [i64] });
  t.is(run(-5, 3), 1);
  t.is(run(3, -5), 0);
});

native("a jump table reaches each block, and the last one for all other numbers", (t) => {
  const n = 300;
  const b = new VCodeBuilder().block(Array.from({ length: n + 1 }, (_, k) => 1 + ((k * 7) % (n + 1))));
  b.end(Amd64.jmp_table, [rcx, rdx, rax]);
  for (let k = 0; k <= n; k++) {
    if (k % 5 === 3) b.block([b.code.blockCount + 1]).end(Amd64.jmp);
    else {
      b.block();
      b.op(Amd64.mov32_ri, [rax], { imm2: 1 + k });
      b.return();
    }
  }
  const { run } = load(b, { params: [i32], results: [i32] });
  const value = (block: number): number => ((block - 1) % 5 === 3 ? block + 1 : block);
  for (let k = 0; k < n; k++) t.is(run(k), value(1 + ((k * 7) % (n + 1))));
  for (const k of [n, n + 1, -1, 0x7fffffff]) t.is(run(k), value(1 + ((n * 7) % (n + 1))));
});

native("constants are read where they are", (t) => {
  const b = new VCodeBuilder();
  const mask = b.code.constant128(-1, 0x7fffffff, -1, 0x7fffffff);
  const half = b.code.constant64(0, 0x3fe00000);
  const two = b.code.constant32(0x40000000);
  b.block();
  const from = (imm0: number) => ({ imm0, imm1: specialAddress(AddressBase.constant) });
  b.op(Amd64.andps_rm, [xmm(0), xmm(0)], from(mask));
  b.op(Amd64.addsd_rm, [xmm(0), xmm(0)], from(half));
  b.op(Amd64.cvtss2sd_rm, [xmm(3)], from(two));
  b.op(Amd64.mulsd_rr, [xmm(0), xmm(0), xmm(3)]);
  const { run } = load(b.return(), { params: [f64], results: [f64] });
  t.is(run(-3.25), 7.5);
});

native("definitions are executed again in slots without touching a register or the flags", (t) => {
  const b = new VCodeBuilder();
  const wide = b.code.constant64(0x11223344, 0x3ff00000);
  b.block();
  b.slotCount = 8;
  const address = (base: number, imm0: number) => ({ imm0, imm1: specialAddress(base as AddressBase) });
  const definitions = [
    b.op(Amd64.mov64_abs, [rcx], { imm0: 0x40000000, imm2: 5 }),
    b.op(Amd64.mov32_ri, [rcx], { imm2: -3 }),
    b.op(Amd64.mov64_ri, [rcx], { imm2: -3 }),
    b.op(Amd64.movsd_rm, [xmm(1)], address(AddressBase.constant, wide)),
    b.op(Amd64.fzero, [xmm(1)]),
    b.op(Amd64.movsd_rm, [xmm(1)], address(AddressBase.incoming, 0)),
  ];
  for (const [k, i] of definitions.entries()) b.edit(-1 - i, 64 + k);
  for (let k = 0; k < definitions.length; k++) {
    b.op(Amd64.mov64_rm, [rax], address(AddressBase.slot, k));
    b.op(Amd64.mov64_mr, [rax], address(AddressBase.context, spareOffset + 8 * k));
  }
  const params = Array.from({ length: 9 }, () => i64);
  const { run } = load(b.return(), { params, results: [i64] });
  run(0, 0, 0, 0, 0, 0, 0, 0, 0x123456789abc);
  const words = definitions.map((_, k) => bench.context.getBigUint64(spareOffset + 8 * k, true));
  t.deepEqual(words, [
    0x4000_0000_0000_0005n,
    0xffff_fffdn,
    0xffff_ffff_ffff_fffdn,
    0x3ff0_0000_1122_3344n,
    0n,
    0x1234_5678_9abcn,
  ]);
});

native("random branch mazes take the same way as their model", (t) => {
  const random = new Random(7);
  for (let round = 0; round < 30; round++) {
    // Block k: eax = eax * 3 + k; if (eax & bit) goto a else goto b; after 500 steps of ecx, return.
    const n = 5 + random.below(60);
    const bits = Array.from({ length: n }, () => 1 << random.below(16));
    const targets = Array.from({ length: n }, () => [1 + random.below(n), 1 + random.below(n)]);
    const padding = Array.from({ length: n }, () => random.below(12));
    const b = new VCodeBuilder().block([1]);
    b.op(Amd64.mov32_ri, [rcx], { imm2: 500 });
    b.end(Amd64.jmp);
    const exit = n + 1 + n + n;
    for (let k = 0; k < n; k++) {
      b.block([exit, n + 1 + k], random.below(3) === 0);
      b.op(Amd64.imul32_rri, [rax, rax], { imm2: 3 });
      b.op(Amd64.add32_ri, [rax, rax], { imm2: k });
      for (let p = 0; p < padding[k]!; p++) b.op(Amd64.mov64_abs, [rdx], { imm0: p, imm2: 1 });
      b.op(Amd64.sub32_ri, [rcx, rcx], { imm2: 1 });
      b.end(Amd64.jcc, [], { imm2: Condition.e });
    }
    for (let k = 0; k < n; k++) {
      b.block([n + 1 + n + k, targets[k]![1]!]);
      b.op(Amd64.test32_ri, [rax], { imm2: bits[k]! });
      b.end(Amd64.jcc, [], { imm2: Condition.ne });
    }
    for (let k = 0; k < n; k++) b.block([targets[k]![0]!], random.below(2) === 0).end(Amd64.jmp);
    b.block().return();
    const { run } = load(b, { params: [i32], results: [i32] });
    for (const start of [0, 1, 12345, -7]) {
      let value = start;
      let at = 0;
      for (let steps = 500; ; ) {
        value = (Math.imul(value, 3) + at) | 0;
        if (--steps === 0) break;
        at = (value & bits[at]! ? targets[at]![0]! : targets[at]![1]!) - 1;
      }
      t.is(run(start) | 0, value);
    }
  }
});

native("endless recursion traps in the prologue, with the sites' words", (t) => {
  for (const slots of [0, 5, 4000]) {
    const b = new VCodeBuilder().block();
    b.slotCount = slots;
    // The function calls itself through a word of the context.
    b.op(Amd64.call_ctx, [], { imm0: Context.link });
    const { run, machine, at } = load(b.return(), { params: [], results: [] });
    bench.set(Context.link, at);
    t.is(run(), -1000 - ExitStatus.trap);
    const site = machine.siteOffset.indexOf(bench.get(Context.trapPc) - at);
    t.is(machine.siteTrap[site], TrapKind.stackOverflow);
    t.is(machine.siteSource[site], prologueSource);
    // The frame isn't there yet: the return address of the call before lies at wasmSp.
    const back = bench.stackWord(bench.get(Context.wasmSp)) - at;
    t.true(machine.siteOffset.includes(back));
    t.true(bench.get(Context.wasmSp) > bench.get(Context.stackLimit) - 2048);
  }
});

native("an interrupt check leaves when the word is set, and goes on", (t) => {
  const b = new VCodeBuilder().block();
  b.op(Amd64.interrupt, [], { flags: InstructionFlag.safepoint });
  b.op(Amd64.add32_ri, [rax, rax], { imm2: 1 });
  const { run } = load(b.return(), { params: [i32], results: [i32] });
  t.is(run(41), 42);
  bench.raiseInterrupt();
  t.is(run(41), -1000 - ExitStatus.interrupt);
  bench.lowerInterrupt();
  t.is(bench.resume(), ExitStatus.done);
  t.is(bench.slot(0), 42n);
});

native("a raised stack limit is an interrupt at the next prologue, with all registers as they were", (t) => {
  for (const slots of [5, 4000]) {
    const b = new VCodeBuilder().block();
    b.slotCount = slots;
    b.op(Amd64.call_ctx, [], { imm0: Context.link });
    const leaf = new VCodeBuilder().block();
    leaf.op(Amd64.add32_ri, [rax, rax], { imm2: 1 });
    bench.set(Context.link, load(leaf.return(), { params: [], results: [] }).at);
    const { run, machine, at } = load(b.return(), { params: [i32], results: [i32] });
    bench.raiseInterrupt();
    t.is(run(41), -1000 - ExitStatus.interrupt);
    const back = bench.stackWord(bench.get(Context.wasmSp) + interruptSaved) - at;
    t.is(machine.siteSource[machine.siteOffset.indexOf(back)], prologueSource);
    bench.lowerInterrupt();
    t.is(bench.resume(), ExitStatus.done);
    t.is(bench.slot(0), 42n);
  }
});

test("a function of 200,000 blocks is emitted in linear time", (t) => {
  const time = (n: number): number => {
    const b = new VCodeBuilder();
    for (let k = 0; k < n; k++) {
      b.block([(k * 7919) % n, k + 1]);
      b.op(Amd64.add32_ri, [rax, rax], { imm2: k });
      b.op(Amd64.trapif, [], { imm0: k % 5, imm2: Condition.e, source: k });
      b.end(Amd64.jcc, [], { imm2: Condition.b });
    }
    b.block().return();
    const allocation = b.allocation();
    const started = cpuTime();
    t.true(encodeFunction(b.code, allocation).codeSize > n * 10);
    return cpuTime() - started;
  };
  time(2000);
  const short = time(20_000);
  const long = time(200_000);
  t.true(long < 40 * short + 500, `${short} ms, ${long} ms`);
});
