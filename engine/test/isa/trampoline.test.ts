/**
 * The stubs between host and Wasm, run natively with a toy context: those for the system's own convention, and those for
 * Windows, called by a shim that checks what they keep.
 */

import { readFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { signatureLayout } from "../../isa/amd64/abi.js";
import { cpuFeatures, cpuidRoutine, cpuidWords } from "../../isa/amd64/cpu-features.js";
import { Encoder, inMemory } from "../../isa/amd64/encode.js";
import { Amd64 } from "../../isa/amd64/instructions.js";
import { r15, rax, rsi, rsp } from "../../isa/amd64/registers.js";
import {
  compileSaved,
  interruptSaved,
  interruptSlot,
  lazyStub,
  slotCount,
  slotThunk,
} from "../../isa/amd64/trampoline.js";
import { stackOffset } from "../../machine/abi.js";
import type { Signature } from "../../machine/target.js";
import { builtinNumber, builtins, Context, ExitStatus } from "../../runtime/layout.js";
import { Type } from "../../ssa/ops.js";
import { MicrosoftBench } from "./microsoft-bench.js";
import { hostBounds } from "./microsoft-host.js";
import { environmentIndex, isNativeHere, NativeBench, spareOffset } from "./native-bench.js";

const here = isNativeHere("amd64") ? test : test.skip;

/** A test with each convention of the host's. */
function native(title: string, run: (t: ExecutionContext, bench: NativeBench) => void): void {
  here(title, (t) => run(t, new NativeBench()));
  here(`${title}, on Windows`, (t) => run(t, new MicrosoftBench()));
}

function code(write: (e: Encoder) => void): Uint8Array {
  const e = new Encoder();
  write(e);
  return e.bytes.slice(0, e.size);
}

const { i32, i64, f32, f64, v128 } = Type;
const nothing: Signature = { params: [], results: [] };
/** More of each kind than registers, and a vector on the stack. */
const many: Type[] = [
  ...[i32, i64, i32, i64, i32, i64, i32, i64, i32, i64, i64],
  ...[f32, f64, f64, f32, f64, f64, f64, f64, f64, f32],
  ...[v128, v128],
];

/** A function that returns its parameters: those on the stack are copied, the others are where results go. */
function identity(signature: Signature): Uint8Array {
  const layout = signatureLayout(signature);
  return code((e) => {
    signature.params.forEach((type, k) => {
      const place = layout.params[k]!;
      if (place >= 0) return;
      const vector = type === v128;
      e.setAddress(rsp, 8 + stackOffset(place));
      e.emit(vector ? Amd64.movups_rm : Amd64.movsd_rm, 47, inMemory);
      e.setAddress(rsp, 8 + stackOffset(layout.results[k]!));
      e.emit(vector ? Amd64.movups_mr : Amd64.movsd_mr, 47, inMemory);
    });
    e.return();
  });
}

/** The slots that a value of each type fills, made from its position; f32 slots have zeros above. */
function fillSlots(bench: NativeBench, types: readonly Type[], salt: bigint): bigint[] {
  const words: bigint[] = [];
  types.forEach((type, k) => {
    const word = 0x1234_5678_9abc_def0n + BigInt(k) * 0x0101_0101_0101_0101n + salt;
    words.push(type === i32 || type === f32 ? word & 0xffff_ffffn : word);
    if (type === v128) words.push(word ^ 0xffn);
  });
  for (const [k, word] of words.entries()) bench.setSlot(k, word);
  return words;
}
const slotsNow = (bench: NativeBench, n: number): bigint[] =>
  Array.from({ length: n }, (_, k) => bench.slot(k));

native(
  "a fiber is entered, calls its function and comes back done with its stack pointer as it was",
  (t, bench) => {
    const adapter = bench.add(bench.target.entryAdapter(nothing));
    const f = bench.add(
      code((e) => {
        e.setAddress(r15, spareOffset);
        e.emit(Amd64.mov64_mr, rsi, inMemory);
        e.setAddress(r15, spareOffset + 8);
        e.emit(Amd64.mov64_mr, rsp, inMemory);
        for (let r = 0; r < 15; r++) if (r !== rsp) e.moveImmediate32(r, 0x5a5a5a5a);
        e.return();
      }),
    );
    for (let k = 0; k < 100; k++) {
      t.is(bench.start(adapter, f, 0x1234), ExitStatus.done);
      t.is(bench.get(Context.wasmSp), bench.stackTop);
    }
    t.is(bench.get(spareOffset), 0x1234);
    t.is(bench.get(spareOffset + 8), bench.stackTop - 8, "rsp is 16-byte aligned before the call");
  },
);

native("arguments and results of all types pass through registers and the stack", (t, bench) => {
  for (const types of [many, [...many].reverse(), [v128, ...many, v128], [i32], [f32], [v128]]) {
    const signature = { params: types, results: types };
    const adapter = bench.add(bench.target.entryAdapter(signature));
    const f = bench.add(identity(signature));
    const words = fillSlots(bench, types, 0n);
    t.is(slotCount(signature), words.length);
    t.is(bench.start(adapter, f), ExitStatus.done);
    t.deepEqual(slotsNow(bench, words.length), words);
  }
});

native("a host call exits with its arguments and goes on with its results", (t, bench) => {
  const signature = { params: many, results: [...many].reverse() };
  const adapter = bench.add(bench.target.entryAdapter(signature));
  const stub = bench.add(bench.target.hostStub(signature));
  const words = fillSlots(bench, many, 0n);
  t.is(bench.start(adapter, stub), ExitStatus.hostCall);
  t.is(bench.get(Context.env), bench.environment);
  t.is(bench.context.getUint32(Context.envIndex, true), environmentIndex);
  t.deepEqual(slotsNow(bench, words.length), words);
  const back = bench.stackWord(bench.get(Context.wasmSp));
  t.true(
    back > adapter && back < adapter + bench.target.entryAdapter(signature).length,
    "[wasmSp] is the return address",
  );
  const results = fillSlots(bench, signature.results, 77n);
  t.is(bench.resume(), ExitStatus.done);
  t.deepEqual(slotsNow(bench, results.length), results);
});

native("a function without code exits once to be compiled and keeps its arguments", (t, bench) => {
  const signature = { params: many, results: many };
  const adapter = bench.add(bench.target.entryAdapter(signature));
  const lazy = bench.add(lazyStub(1234567));
  const words = fillSlots(bench, many, 5n);
  t.is(bench.start(adapter, lazy), ExitStatus.compile);
  t.is(bench.callIndex, 1234567);
  t.is(bench.get(Context.env), bench.environment);
  t.is(bench.context.getUint32(Context.envIndex, true), environmentIndex);
  const back = bench.stackWord(bench.get(Context.wasmSp) + compileSaved);
  t.true(back > adapter && back < adapter + bench.target.entryAdapter(signature).length);
  bench.set(Context.entryCode, bench.add(identity(signature)));
  t.is(bench.resume(), ExitStatus.done);
  t.deepEqual(slotsNow(bench, words.length), words);
});

native("a thunk jumps through its slot", (t, bench) => {
  const f = bench.add(identity(nothing));
  const slot = new Uint8Array(8);
  new DataView(slot.buffer).setBigUint64(0, BigInt(f), true);
  const slotAddress = bench.add(slot);
  const thunk = bench.add(slotThunk(slotAddress + 16, slotAddress));
  t.is(thunk, slotAddress + 16);
  t.is(bench.start(bench.add(bench.target.entryAdapter(nothing)), thunk), ExitStatus.done);
});

native("a trap leaves with the return address and the trapping function's stack pointer", (t, bench) => {
  const f = bench.add(
    code((e) => {
      e.emit(Amd64.sub64_ri, 0, rsp, 40);
      e.setAddress(r15, Context.trapStub);
      e.indirect(2);
    }),
  );
  bench.set(Context.faultAddress, 1);
  t.is(bench.start(bench.add(bench.target.entryAdapter(nothing)), f), ExitStatus.trap);
  t.is(bench.get(Context.trapPc), f + 4 + 4);
  t.is(bench.get(Context.faultAddress), 0);
  t.is(bench.get(Context.wasmSp), bench.stackTop - 8 - 40);
});

native("an interrupt keeps every register", (t, bench) => {
  const f = bench.add(
    code((e) => {
      for (let n = 0; n < 16; n++) {
        e.moveImmediate64(rax, 0x1000 + n, 0x2000 + n);
        e.emit(Amd64.movq_xr, 32 + n, rax);
      }
      for (let r = 0; r < 15; r++) if (r !== rsp) e.moveImmediate64(r, 0x3000 + r, 0x4000 + r);
      e.setAddress(r15, Context.interruptStub);
      e.indirect(2);
      for (let r = 0; r < 16; r++) {
        e.setAddress(r15, spareOffset + 8 * r);
        e.emit(Amd64.mov64_mr, r, inMemory);
        e.setAddress(r15, spareOffset + 128 + 8 * r);
        e.emit(Amd64.movsd_mr, 32 + r, inMemory);
      }
      e.return();
    }),
  );
  t.is(bench.start(bench.add(bench.target.entryAdapter(nothing)), f), ExitStatus.interrupt);
  const sp = bench.get(Context.wasmSp);
  t.is(bench.stackWord(sp + interruptSlot(5)), 0x4005 * 2 ** 32 + 0x3005);
  t.is(bench.stackWord(sp + interruptSlot(32 + 9)), 0x2009 * 2 ** 32 + 0x1009);
  const back = bench.stackWord(sp + interruptSaved);
  t.true(back > f && back < f + 1000);
  t.is(bench.resume(), ExitStatus.done);
  for (let r = 0; r < 16; r++) {
    t.is(bench.get(spareOffset + 128 + 8 * r), 0x2000_0000_1000 + r * (2 ** 32 + 1));
    if (r !== rsp && r !== r15) t.is(bench.get(spareOffset + 8 * r), 0x4000_0000_3000 + r * (2 ** 32 + 1));
  }
  t.is(bench.get(spareOffset + 8 * rsp), bench.stackTop - 8);
  t.is(bench.get(spareOffset + 8 * r15), bench.contextAddress);
});

native("builtins exit with their number and arguments", (t, bench) => {
  builtins.forEach((b, number) => {
    if (b.native) return;
    const params = b.params.map((name) => (name === "i64" ? i64 : i32));
    const signature = { params, results: b.result === null ? [] : [i32] };
    const adapter = bench.add(bench.target.entryAdapter(signature));
    const words = fillSlots(bench, params, 9n);
    t.is(bench.start(adapter, bench.get(Context.builtins + 8 * number)), ExitStatus.builtin);
    t.is(bench.callIndex, number);
    t.is(bench.get(Context.env), bench.environment);
    t.deepEqual(slotsNow(bench, words.length), words);
    bench.setSlot(0, 0xffff_ffff_8765_4321n);
    t.is(bench.resume(), ExitStatus.done);
    if (b.result !== null) t.is(bench.slot(0), 0x8765_4321n);
  });
});

native("memoryMove and memorySet are the C library's", (t, bench) => {
  const buffer = Uint8Array.from({ length: 4096 }, (_, k) => k);
  const expected = buffer.slice();
  const address = BigInt(bench.platform.addressOf(buffer.buffer));
  const adapter = bench.add(bench.target.entryAdapter({ params: [i64, i64, i64], results: [] }));
  const run = (name: "memoryMove" | "memorySet", a: bigint, b: bigint, c: bigint): void => {
    for (const [k, v] of [a, b, c].entries()) bench.setSlot(k, v);
    t.is(bench.start(adapter, bench.get(Context.builtins + 8 * builtinNumber[name])), ExitStatus.done);
  };
  run("memoryMove", address + 10n, address, 2000n);
  expected.copyWithin(10, 0, 2000);
  run("memorySet", address + 3000n, 0xabn, 500n);
  expected.fill(0xab, 3000, 3500);
  t.deepEqual(buffer, expected);
});

native(
  "long copies and fills are done in pieces, in the order that keeps what is yet to be read",
  (t, bench) => {
    const size = 5 << 20;
    const buffer = Uint8Array.from({ length: size }, (_, k) => Math.imul(k, 0x9e3779b1) >>> 24);
    const expected = buffer.slice();
    const address = BigInt(bench.platform.addressOf(buffer.buffer));
    const adapter = bench.add(bench.target.entryAdapter({ params: [i64, i64, i64], results: [] }));
    const run = (name: "memoryMove" | "memorySet", ...words: bigint[]): void => {
      for (const [k, word] of words.entries()) bench.setSlot(k, word);
      t.is(bench.start(adapter, bench.get(Context.builtins + 8 * builtinNumber[name])), ExitStatus.done);
    };
    const most = (5 << 20) - 100;
    run("memoryMove", address + 77n, address, BigInt(most));
    expected.copyWithin(77, 0, most);
    run("memoryMove", address, address + 99n, BigInt(most));
    expected.copyWithin(0, 99, 99 + most);
    run("memorySet", address + 1_000_000n, 0x5an, 3_000_001n);
    expected.fill(0x5a, 1_000_000, 4_000_001);
    t.is(Buffer.compare(buffer, expected), 0);
  },
);

native("functions of the C library are called in a row", (t, bench) => {
  const buffer = new Uint8Array(100);
  const address = bench.platform.addressOf(buffer.buffer);
  const calls = new BigUint64Array(new ArrayBuffer(3 * 32));
  calls.set([bench.get(Context.memset), address, 7, 50].map(BigInt), 0);
  calls.set([bench.get(Context.memset), address + 40, 8, 5].map(BigInt), 4);
  calls.set([bench.get(Context.memmove), address + 43, address + 38, 6].map(BigInt), 8);
  const code = bench.target.callSequence(BigInt(bench.platform.addressOf(calls.buffer)), 3);
  bench.callable(bench.add(code))();
  const expected = new Uint8Array(100).fill(7, 0, 50).fill(8, 40, 45).copyWithin(43, 38, 44);
  t.deepEqual(buffer, expected);
});

here("the thread's block has the fiber's bounds while it runs, on Windows", (t) => {
  const bench = new MicrosoftBench();
  const f = bench.add(
    code((e) => {
      hostBounds.forEach(({ offset }, k) => {
        for (const byte of [0x65, 0x48, 0x8b, 0x04, 0x25]) e.byte(byte); // mov rax, gs:[offset]
        e.word32(offset);
        e.setAddress(r15, spareOffset + 8 * k);
        e.emit(Amd64.mov64_mr, rax, inMemory);
      });
      e.return();
    }),
  );
  t.is(bench.start(bench.add(bench.target.entryAdapter(nothing)), f), ExitStatus.done);
  t.is(bench.get(spareOffset), bench.stackTop);
  t.is(bench.get(spareOffset + 8), bench.get(Context.stackBottom));
  t.is(bench.get(spareOffset + 16), bench.get(Context.stackBottom));
});

native("the processor's features are those the kernel names", (t, bench) => {
  const words = new Uint32Array(cpuidWords);
  bench.platform.routine(bench.add(cpuidRoutine(BigInt(bench.platform.addressOf(words.buffer)))))();
  const features = cpuFeatures(words);
  const flags = /^flags\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ") ?? [];
  for (const name of ["bmi1", "bmi2", "popcnt", "sse4_1", "avx", "avx2"]) {
    t.is(features.has(name), flags.includes(name), name);
  }
  t.is(features.has("lzcnt"), flags.includes("abm"));
});

test("features need the leaf and the system's consent", (t) => {
  const all = new Uint32Array(cpuidWords).fill(0xffffffff);
  t.deepEqual([...cpuFeatures(all)].sort(), ["avx", "avx2", "bmi1", "bmi2", "lzcnt", "popcnt", "sse4_1"]);
  const noSystem = all.slice();
  noSystem[3] = 1;
  t.false(cpuFeatures(noSystem).has("avx"));
  const old = all.slice();
  old[4] = 1;
  old[5] = 0;
  t.deepEqual([...cpuFeatures(old)].sort(), ["avx", "popcnt", "sse4_1"]);
});
