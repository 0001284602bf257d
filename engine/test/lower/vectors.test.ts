/**
 * Every vector instruction natively against Node's own WebAssembly: edge values and random ones, operands from memory,
 * from locals that are wanted afterwards, and as constants; tests also as conditions; for processors with AVX2, with
 * AVX and with SSE4.1 only. And every shape of shuffle that is recognized.
 */
import test from "ava";
import { nodeWebAssembly } from "../../platform/index.js";
import { InstanceLayout } from "../../runtime/layout.js";
import { buildFunction } from "../../ssa/build/build-function.js";
import { optimize } from "../../ssa/optimize.js";
import { decodeModule, type WasmModule } from "../../wasm/index.js";
import { edgeFloat32Bits, edgeFloat64Bits, edgeInt32, edgeInt64 } from "../fuzz/generate-constants.js";
import { Random } from "../support/random.js";
import { type VectorRow, vectorRows } from "../support/vector-opcodes.js";
import {
  ByteWriter,
  encodeModule,
  F32,
  F64,
  I32,
  I64,
  KIND_FUNCTION,
  KIND_MEMORY,
  V128,
} from "../support/wasm-bytes.js";
import { allFeatures, type Compiled, Executor, type Level, leastFeatures } from "./execute.js";

const settings: readonly (readonly [features: ReadonlySet<string>, level: Level])[] = [
  [new Set([...allFeatures, "avx2"]), "full"],
  [allFeatures, "full"],
  [leastFeatures, "full"],
  [leastFeatures, "quick"],
];

/** Where operands are read, where an instruction's own access goes, results, and operands written back. */
const place = { operands: 64, access: 128, result: 256, kept: 288, end: 352 } as const;
const types: Readonly<Record<string, number>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };
const loads: Readonly<Record<string, readonly number[]>> = {
  i: [0x28],
  l: [0x29],
  f: [0x2a],
  d: [0x2b],
  v: [0xfd, 0],
};
const stores: Readonly<Record<string, readonly number[]>> = {
  i: [0x36],
  l: [0x37],
  f: [0x38],
  d: [0x39],
  v: [0xfd, 0x0b],
};

type Source = "memory" | "local" | "constant";
type Reader = "store" | "branch";

interface Case {
  readonly row: VectorRow;
  readonly source: Source;
  readonly reader: Reader;
  /** A lane, or the sixteen choices of a shuffle. */
  readonly lanes: readonly number[];
  readonly random: Random;
}

function writeConstant(out: ByteWriter, letter: string, random: Random): void {
  switch (letter) {
    case "i":
      out.u8(0x41);
      out.s32(edgeInt32(random));
      return;
    case "l":
      out.u8(0x42);
      out.s64(edgeInt64(random));
      return;
    case "f":
      out.u8(0x43);
      out.fixed32(edgeFloat32Bits(random));
      return;
    case "d":
      out.u8(0x44);
      out.fixed64(edgeFloat64Bits(random));
      return;
    default:
      out.bytes([0xfd, 0x0c]);
      out.bytes(edgeVector(random));
  }
}

function edgeVector(random: Random): Uint8Array {
  const out = new ByteWriter();
  const kind = random.below(6);
  const byte = edgeInt32(random) & 0xff;
  for (let k = 0; k < 16; k++) {
    if (kind === 0 && k % 8 === 0) out.fixed64(edgeInt64(random));
    else if (kind === 1 && k % 4 === 0) out.fixed32(edgeInt32(random) >>> 0);
    else if (kind === 2 && k % 4 === 0) out.fixed32(edgeFloat32Bits(random) >>> 0);
    else if (kind === 3 && k % 8 === 0) out.fixed64(edgeFloat64Bits(random));
    else if (kind === 4) out.u8(byte);
    else if (kind === 5)
      out.u8(random.chance(50) ? random.pick([0, 0, 1, 127, 128, 255]) : random.below(256));
  }
  return out.toBytes();
}

function access(out: ByteWriter, code: readonly number[], offset: number): void {
  out.bytes(code);
  out.u32(0);
  out.u32(offset);
}

/** The function (address) -> () of a case. Local 0 is the address, then come the operands. */
function body({ row, source, reader, lanes, random }: Case): Uint8Array {
  const [params = "", results = ""] = row.signature.split(":");
  const isAccess = row.immediate === "memory" || row.immediate === "memory-lane";
  const operands = [...params].slice(isAccess ? 1 : 0);
  const out = new ByteWriter();
  out.u32(operands.length);
  for (const letter of operands) {
    out.u32(1);
    out.u8(types[letter]!);
  }
  const load = (letter: string, k: number): void => {
    out.bytes([0x20, 0]);
    access(out, loads[letter]!, place.operands + 16 * k);
  };
  operands.forEach((letter, k) => {
    load(letter, k);
    out.bytes([0x21, 1 + k]);
  });
  if (results !== "") out.bytes([0x20, 0]);
  if (isAccess) out.bytes([0x20, 0]);
  operands.forEach((letter, k) => {
    if (source === "constant" && k === operands.length - 1) writeConstant(out, letter, random);
    else if (source === "memory") load(letter, k);
    else out.bytes([0x20, 1 + k]);
  });
  out.u8(0xfd);
  out.u32(row.opcode & 0xff);
  if (isAccess) {
    out.u32(0);
    out.u32(place.access);
  }
  if (row.immediate === "v128") out.bytes(edgeVector(random));
  else if (row.immediate !== "memory" && row.immediate !== "none") out.bytes(lanes);
  // (if (result i32) (then 7) (else 9))
  if (reader === "branch") out.bytes([0x04, I32, 0x41, 7, 0x05, 0x41, 9, 0x0b]);
  if (results !== "") access(out, stores[results]!, place.result);
  if (source === "local") {
    operands.forEach((letter, k) => {
      out.bytes([0x20, 0, 0x20, 1 + k]);
      access(out, stores[letter]!, place.kept + 16 * k);
    });
  }
  out.u8(0x0b);
  return out.toBytes();
}

function moduleOf(cases: readonly Case[]): Uint8Array {
  return encodeModule({
    types: [{ params: [I32], results: [] }],
    functions: cases.map(() => 0),
    memories: [{ minimum: 1 }],
    exports: [
      { name: "memory", kind: KIND_MEMORY, index: 0 },
      ...cases.map((_, k) => ({ name: `f${k}`, kind: KIND_FUNCTION, index: k }) as const),
    ],
    bodies: cases.map(body),
  });
}

/** Compiles functions of a module for some processor, with the executor's page of bytes as linear memory. */
class Runner {
  private readonly executor = new Executor();
  private readonly module: WasmModule;
  private readonly layout: InstanceLayout;

  constructor(bytes: Uint8Array) {
    this.module = decodeModule(bytes);
    const functionCount = this.module.bodies.length;
    this.layout = new InstanceLayout({
      importedFunctionCount: 0,
      functionCount,
      tableCount: 0,
      importedGlobalCount: 0,
      globalCount: 0,
      referencedFunctions: Int32Array.from({ length: functionCount }, (_, k) => k),
    });
  }

  get memory(): DataView {
    return this.executor.memory;
  }

  compile(index: number, features: ReadonlySet<string>, level: Level): Compiled {
    const func = buildFunction(this.module, index, this.layout, { bounds: "guard", interrupts: false });
    optimize(func, level);
    return this.executor.compile(func, { features, level, guardPages: true });
  }

  call(compiled: Compiled): unknown {
    // The page is its own instance record, whose word at 16 is the memory's base.
    this.memory.setBigUint64(16, BigInt(this.executor.memoryAddress), true);
    return this.executor.call(compiled, [0n]);
  }
}

/** Bits of lanes that are floats which arithmetic made: there a NaN may be any quiet one. */
function floatLanes(name: string): 0 | 32 | 64 {
  const made = /^(f32x4|f64x2)\.(add|sub|mul|div|min|max|sqrt|ceil|floor|trunc|nearest|demote|promote)/.exec(
    name,
  );
  return made === null ? 0 : made[1] === "f32x4" ? 32 : 64;
}

function sameResult(expected: DataView, actual: DataView, lanes: 0 | 32 | 64): boolean {
  for (let at = place.access; at < place.end; at += 4) {
    if (expected.getUint32(at, true) === actual.getUint32(at, true)) continue;
    const isResult = at >= place.result && at < place.result + 16;
    if (lanes === 0 || !isResult) return false;
    if (lanes === 32) {
      const isQuiet = (actual.getUint32(at, true) & 0x7fc00000) === 0x7fc00000;
      if (!Number.isNaN(expected.getFloat32(at, true)) || !isQuiet) return false;
      continue;
    }
    const lane = at & ~7;
    const isQuiet = (actual.getUint32(lane + 4, true) & 0x7ff80000) === 0x7ff80000;
    if (!Number.isNaN(expected.getFloat64(lane, true)) || !isQuiet) return false;
  }
  return true;
}

function fill(memory: DataView, random: Random): void {
  for (let at = place.operands; at < place.end; at += 16) {
    const bytes = at < place.result ? edgeVector(random) : new Uint8Array(16);
    for (let k = 0; k < 16; k++) memory.setUint8(at + k, bytes[k]!);
  }
}

const hex = (memory: DataView, at: number): string =>
  [8, 0]
    .map((k) =>
      memory
        .getBigUint64(at + k, true)
        .toString(16)
        .padStart(16, "0"),
    )
    .join("");

/** Runs the cases everywhere; the first difference of each. */
function differences(cases: readonly Case[], rounds: number): string[] {
  const bytes = moduleOf(cases);
  const wasm = nodeWebAssembly();
  const exports = (new wasm.Instance(new wasm.Module(bytes), {}) as { exports: Record<string, unknown> })
    .exports;
  const expected = new DataView((exports.memory as { buffer: ArrayBuffer }).buffer);
  const runner = new Runner(bytes);
  const found: string[] = [];
  cases.forEach((one, index) => {
    for (const [features, level] of settings) {
      const compiled = runner.compile(index, features, level);
      const random = new Random(index);
      for (let round = 0; round < rounds; round++) {
        fill(expected, random);
        for (let at = place.operands; at < place.end; at++) runner.memory.setUint8(at, expected.getUint8(at));
        (exports[`f${index}`] as (address: number) => void)(0);
        const outcome = runner.call(compiled);
        if (Array.isArray(outcome) && sameResult(expected, runner.memory, floatLanes(one.row.name))) continue;
        const operands = [0, 1, 2].map((k) => hex(expected, place.operands + 16 * k)).join(" ");
        const setting = `${[...features].join()} ${level} ${one.source} ${one.reader} ${one.lanes}`;
        const [right, wrong] = [hex(expected, place.result), hex(runner.memory, place.result)];
        found.push(`${one.row.name} (${setting}) of ${operands}: ${wrong}, not ${right}`);
        return;
      }
    }
  });
  return found;
}

function lanesOf(row: VectorRow, random: Random): number[] {
  if (row.immediate !== "lane" && row.immediate !== "memory-lane") return [];
  const shape = /x(\d+)\./.exec(row.name);
  const count = shape !== null ? Number(shape[1]) : 128 / Number(/\d+_lane/.exec(row.name)![0].split("_")[0]);
  return [random.below(count)];
}

function casesOf(row: VectorRow): Case[] {
  const random = new Random(row.opcode);
  const isTest = row.signature === "v:i" && row.immediate === "none";
  const cases: Case[] = [];
  for (const source of ["memory", "local", "constant"] as const) {
    for (let n = 0; n < (row.immediate === "none" ? 1 : 3); n++)
      cases.push({ row, source, reader: "store", lanes: lanesOf(row, random), random });
    if (isTest) cases.push({ row, source, reader: "branch", lanes: [], random });
  }
  return cases;
}

const families = new Map<string, VectorRow[]>();
for (const row of vectorRows) {
  const family = row.name.split(".")[0]!;
  if (row.immediate !== "shuffle") families.set(family, [...(families.get(family) ?? []), row]);
}

test("there are 236 vector instructions", (t) => {
  t.is(vectorRows.length, 236);
});

for (const [family, rows] of families) {
  test(`${family}: ${rows.length} instructions as on Node's own engine`, (t) => {
    t.deepEqual(differences(rows.flatMap(casesOf), 24), []);
  });
}

/** Choices for each pattern that lowering knows, and for none. */
function shuffles(random: Random): number[][] {
  const list: number[][] = [];
  const byLanes = (size: number, choose: (lane: number) => number): void => {
    list.push(Array.from({ length: 16 }, (_, k) => choose(Math.floor(k / size)) * size + (k % size)));
  };
  for (const size of [1, 2, 4, 8]) {
    const count = 16 / size;
    for (const first of [0, 1, count - 1, count, count + 1, 2 * count - 1]) {
      byLanes(size, () => first);
      byLanes(size, (lane) => (first + lane) % (2 * count));
      byLanes(size, (lane) => (first + lane) % count);
      byLanes(size, (lane) => count + ((first + lane) % count));
    }
    for (const [from, a, b] of [
      [0, 0, count],
      [0, count, 0],
      [count / 2, 0, count],
      [count / 2, count, 0],
      [0, 0, 0],
      [count / 2, count, count],
    ] as const) {
      byLanes(size, (lane) => from + (lane >> 1) + (lane % 2 === 0 ? a : b));
    }
    for (let n = 0; n < 6; n++) {
      byLanes(size, (lane) => lane + (random.chance(50) ? count : 0));
      byLanes(size, () => random.below(count));
      byLanes(size, () => random.below(2 * count));
      byLanes(size, (lane) => (lane < count / 2 ? 0 : count) + random.below(count));
      byLanes(size, (lane) => (lane < count / 2 ? random.below(count / 2) : lane));
      byLanes(size, (lane) => (lane < count / 2 ? lane : count / 2 + random.below(count / 2)));
    }
  }
  return list;
}

test("shuffles of every pattern as on Node's own engine", (t) => {
  const random = new Random(1);
  const row = vectorRows.find(({ immediate }) => immediate === "shuffle")!;
  const cases = shuffles(random).flatMap((lanes): Case[] =>
    (["memory", "local", "constant"] as const).map((source) => ({
      row,
      source,
      reader: "store",
      lanes,
      // A constant of zeros, now and then, makes shuffles into shifts by bytes.
      random: new Random(random.below(1000)),
    })),
  );
  t.deepEqual(differences(cases, 4), []);
});
