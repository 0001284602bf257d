import test from "ava";
import loadWabt from "wabt";
import { InstanceLayout } from "../../runtime/layout.js";
import { buildFunction } from "../../ssa/build/build-function.js";
import { Builder, typeOfValType } from "../../ssa/build/builder.js";
import { instructions } from "../../ssa/build/instructions.js";
import { SsaFunction } from "../../ssa/function.js";
import { Op, Type } from "../../ssa/ops.js";
import { verifyFunction } from "../../ssa/verify.js";
import { decodeModule, validateModule, WasmFormatError } from "../../wasm/index.js";
import { denseIndex } from "../../wasm/opcode-columns.js";
import { Immediate, opcodeRows } from "../../wasm/opcodes.js";
import { ValType, type WasmModule } from "../../wasm/types.js";
import { ModuleBytes } from "../limits/module-bytes.js";
import { cpuTime } from "../support/cpu-time.js";
import { Random } from "../support/random.js";
import { bombs, carryingModule } from "./bomb-modules.js";
import { programs } from "./programs.js";
import { randomControl } from "./random-control.js";
import { differences, type HostFunctions, type JsValue } from "./run-both.js";

const wabt = await loadWabt();
const features = { reference_types: true, bulk_memory: true, multi_value: true };

function assemble(text: string): Uint8Array {
  return wabt.parseWat("test.wat", text, features).toBinary({}).buffer;
}

function layoutOf(module: WasmModule): InstanceLayout {
  return new InstanceLayout({
    importedFunctionCount: module.importedFunctionCount,
    functionCount: module.functionTypes.length,
    tableCount: module.tables.length,
    importedGlobalCount: module.importedGlobalCount,
    globalCount: module.globals.length,
    referencedFunctions: [],
  });
}

function build(bytes: Uint8Array, locals?: "slots"): SsaFunction {
  const module = decodeModule(bytes);
  const layout = layoutOf(module);
  const options = { bounds: "guard", interrupts: true, ...(locals ? { locals } : {}) } as const;
  const f = buildFunction(module, module.importedFunctionCount, layout, options);
  verifyFunction(f, "build");
  return f;
}

function count(f: SsaFunction, op: number): number {
  let found = 0;
  for (let v = 1; v < f.rowCount; v++) if (f.op[v] === op && f.blockOf[v]! >= 0) found++;
  return found;
}

const host: HostFunctions = {
  twice: ((n: number) => n * 2) as never,
  mixed: ((a: number, b: bigint, c: number, d: number) => a + Number(b) + c + d) as never,
  both: ((n: number) => [n + 1, BigInt(n) * 1_000_000_000_000n]) as never,
  nothing: () => undefined,
};

for (const { name, text, calls } of programs) {
  test(`programs: ${name} gives what Node gives`, (t) => {
    t.deepEqual(differences(assemble(text), calls, host), []);
  });
}

// ---------------------------------------------------------------- every numeric opcode

const interesting: Readonly<Record<number, readonly JsValue[]>> = {
  [ValType.i32]: [0, 1, -1, 5, 31, 33, -7, 0x7fffffff, -0x80000000, 0x12345678, 0xff80, 128],
  [ValType.i64]: [
    0n,
    1n,
    -1n,
    63n,
    65n,
    -7n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    0x123456789abcdef0n,
    0x80000000n,
    128n,
  ],
  [ValType.f32]: [0, -0, 1.5, -2.5, 0.5, 3e9, -3e9, 2 ** 40, 1e30, Infinity, -Infinity, NaN, 2.5, 2 ** -140],
  [ValType.f64]: [
    0,
    -0,
    1.5,
    -2.5,
    0.5,
    3e9,
    -3e9,
    1e19,
    1e300,
    Infinity,
    -Infinity,
    NaN,
    3.5,
    2 ** 52 + 0.5,
  ],
};

test("every numeric opcode gives what Node gives", (t) => {
  let opcodes = 0;
  for (const { code, name, params, results, immediate } of opcodeRows) {
    if (code >= 0xfd00 || immediate !== Immediate.none || !params?.length || !results?.length) continue;
    opcodes++;
    const module = new ModuleBytes();
    const index = module.addFunction(params, results, (to) => {
      for (let i = 0; i < params.length; i++) to.localGet(i);
      if (code > 0xff) to.op(0xfc).u32(code & 0xff);
      else to.op(code);
    });
    module.exportFunction("f", index);
    const values = params.map((p) => interesting[p]!);
    const calls = values[0]!.flatMap((a) =>
      (values[1] ?? [0]).map(
        (b): [string, ...JsValue[]] => ["f", a, b].slice(0, 1 + params.length) as [string, ...JsValue[]],
      ),
    );
    t.deepEqual(differences(module.toBytes(), calls), [], name);
  }
  t.is(opcodes, 136);
});

test("every load and store gives what Node gives, at the edges too", (t) => {
  let opcodes = 0;
  for (const { code, name, params, results, immediate } of opcodeRows) {
    if (code >= 0xfd00 || immediate !== Immediate.memory || !params || !results) continue;
    opcodes++;
    const module = new ModuleBytes();
    module.addMemory({ minimum: 1 });
    module.addData(
      0,
      Uint8Array.from({ length: 40 }, (_, i) => 0xf0 - i * 37),
    );
    const f = module.addFunction(params, results, (to) => {
      for (let i = 0; i < params.length; i++) to.localGet(i);
      to.memory(code, 3);
    });
    const get = module.addFunction([ValType.i32], [ValType.i64], (to) => to.localGet(0).memory(0x29));
    module.exportFunction("f", f).exportFunction("get", get);
    const calls: [string, ...JsValue[]][] = [];
    for (const at of [0, 1, 2, 5, 20, 65525, 65529, 65531, 65532, 65533, -1, -4]) {
      for (const value of params.length > 1 ? interesting[params[1]!]! : [undefined]) {
        calls.push(value === undefined ? ["f", at] : ["f", at, value], ["get", Math.min(at >>> 0, 65528)]);
      }
    }
    t.deepEqual(differences(module.toBytes(), calls), [], name);
  }
  t.is(opcodes, 23);
});

test("constants keep their bits", (t) => {
  const module = new ModuleBytes();
  module.addFunction([], [], (to) => {
    to.op(0x43).raw(0x01, 0x00, 0xa0, 0x7f).op(0x1a);
    to.op(0x44).raw(0x01, 0, 0, 0, 0, 0, 0xf4, 0xff).op(0x1a);
    to.i64Const(-(2n ** 63n))
      .op(0x1a)
      .i64Const(0x7fff_ffff_8000_0000n)
      .op(0x1a)
      .i32Const(-0x80000000)
      .op(0x1a);
  });
  const f = build(module.toBytes());
  const constants: [number, number, number][] = [];
  for (let v = 1; v < f.rowCount; v++)
    if (f.op[v] === Op.const) constants.push([f.type[v]!, f.lo[v]!, f.hi[v]!]);
  t.deepEqual(constants, [
    [Type.f32, 0x7fa00001, 0],
    [Type.f64, 1, 0xfff40000 | 0],
    [Type.i64, 0, 0x80000000 | 0],
    [Type.i64, 0x80000000 | 0, 0x7fffffff],
    [Type.i32, 0x80000000 | 0, 0],
  ]);
});

// ---------------------------------------------------------------- construction

test("random control flow gives what Node gives", (t) => {
  const random = new Random(20);
  for (let round = 0; round < 150; round++) {
    const bytes = randomControl(random, random.between(5, 60));
    const calls = [0, 3, 20].map((fuel): [string, ...JsValue[]] => [
      "run",
      fuel,
      round,
      random.next(),
      -fuel,
    ]);
    t.deepEqual(differences(bytes, calls), [], `round ${round}`);
  }
});

test("a merge has parameters only for what differs", (t) => {
  const f = build(
    assemble(`(module (func (param i32) (result i32) (local i32 i32 i32)
      (local.set 3 (i32.const 9))
      (if (local.get 0)
        (then (local.set 1 (i32.const 1)) (local.set 2 (local.get 3)))
        (else (local.set 2 (local.get 3))))
      (i32.add (i32.add (local.get 1) (local.get 2)) (local.get 3))))`),
  );
  // Instance, parameter, and the one local that differs.
  t.is(count(f, Op.param), 3);
});

test("a loop's header has parameters only for the locals set in it, and none if nothing branches to it", (t) => {
  const text = (branch: string): string => `(module (func (param i32) (result i32) (local i32 i32)
    (local.set 1 (i32.const 1))
    (loop (local.set 2 (local.get 1)) (loop (local.set 2 (local.get 0))) ${branch})
    (local.get 2)))`;
  const looping = build(assemble(text("(br_if 0 (local.get 0))")));
  t.is(count(looping, Op.param), 2 + 1);
  t.is(count(looping, Op.interrupt), 1);
  const straight = build(assemble(text("")));
  t.is(straight.blockCount, 1);
  t.is(count(straight, Op.interrupt), 0);
});

test("edges of a br_table to one label share a block where the label takes arguments", (t) => {
  const f = build(
    assemble(`(module (func (param i32) (result i32)
      (block (result i32)
        (br_if 0 (i32.const 3) (local.get 0)) (drop)
        (br_table 0 0 0 0 0 (i32.const 7) (local.get 0)))))`),
  );
  let args = 0;
  for (let e = 0; e < f.edgeCount; e++) args += f.edgeArgsCount[e]!;
  t.is(args, 2);
  t.is(count(f, Op.brtable), 1);
});

test("rows say where they stem from", (t) => {
  const module = new ModuleBytes();
  module.addFunction([ValType.i32], [ValType.i32], (to) => to.localGet(0).i32Const(3).op(0x6e));
  const bytes = module.toBytes();
  const f = build(bytes);
  for (let v = 1; v < f.rowCount; v++) if (f.op[v] === Op.udiv) t.is(bytes[f.source[v]!], 0x6e);
  t.is(count(f, Op.udiv), 1);
});

test("every opcode has a rule", (t) => {
  const noRule = instructions[denseIndex(0xff)];
  for (const { code, name } of opcodeRows) t.not(instructions[denseIndex(code)], noRule, name);
});

// ---------------------------------------------------------------- size

for (const bomb of bombs) {
  test(`bombs: ${bomb.name}`, (t) => {
    t.deepEqual(differences(bomb.build(9), [["run", 0]]), []);
    const bytes = bomb.build(bomb.full);
    validateModule(decodeModule(bytes));
    const start = cpuTime();
    const f = build(bytes);
    // The slowest takes less than a second with its verification; what isn't linear takes minutes, if memory lasts.
    t.true(cpuTime() - start < 15_000);
    t.true(f.rowCount < bytes.length * 3 + 100_000);
    t.true(f.poolCount < bytes.length * 12 + 100_000);
  });
}

test("only the locals that a body names become known, with the type of their run", (t) => {
  const module = new ModuleBytes();
  const types = [ValType.i64, ValType.f32, ValType.f64, ValType.i32];
  const runs = Array.from({ length: 9999 }, (_, i): [number, number] => [i % 5, types[i % 4]!]);
  const named = [1, 2, 17, 4998, 19_990];
  module.addFunction(
    [ValType.i32],
    [],
    (to) => {
      for (const local of named) to.localGet(local).op(0x1a);
    },
    runs,
  );
  const decoded = decodeModule(module.toBytes());
  const body = decoded.bodies[0]!;
  const declared = runs.flatMap(([count, type]) => new Array<number>(count).fill(type));
  const b = new Builder();
  for (let round = 0; round < 2; round++) {
    const f = new SsaFunction("f", 0, []);
    b.start(f, decoded, layoutOf(decoded), { bounds: "guard", interrupts: false }, body);
    b.locals.reset(1, body);
    b.scan.run(b);
    const known = Array.from({ length: b.locals.count }, (_, i) => i).filter((local) =>
      b.locals.isKnown(local),
    );
    t.deepEqual(known, named);
    for (const local of named) {
      t.is(b.locals.type[local], typeOfValType[declared[local - 1]!]);
      t.is(f.type[b.locals.definition[local]!], typeOfValType[declared[local - 1]!]);
    }
  }
});

test("a function whose branches carry too many values is refused", (t) => {
  t.notThrows(() => build(carryingModule(100)));
  const error = t.throws(() => build(carryingModule(10_000)), { instanceOf: WasmFormatError });
  t.is(error?.code, "limit-exceeded");
});
