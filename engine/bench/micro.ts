// Small benchmark modules, each about one cost. Enters: a name. Leaves: a module's bytes with an export `run(n)`, and
// how many of the measured things one step of it does. The module writer is the tests' own.

import { type ByteWriter, F64, FUNCREF, I32, I64, ModuleBytes } from "../test/limits/module-bytes.js";

/** A micro benchmark: `run(steps)` is timed. */
export interface Micro {
  readonly bytes: Uint8Array;
  /** How many steps a measurement takes. */
  readonly steps: number;
  /** True if each step is a call from JavaScript, rather than one call with a loop inside. */
  readonly fromOutside: boolean;
}

/** A loop that runs `body` while the counter in local 0 is above zero, then returns local 1. */
function counted(code: ByteWriter, body: (code: ByteWriter) => unknown): void {
  code.block(0x03);
  body(code);
  code.localGet(0).i32Const(1).op(0x6b).localTee(0).brIf(0).end().localGet(1);
}

function looping(
  type: number,
  body: (code: ByteWriter) => unknown,
  prepare: (m: ModuleBytes) => unknown = () => {},
): Uint8Array {
  const m = new ModuleBytes();
  prepare(m);
  const run = m.addFunction([I32], [type], (code) => counted(code, body), [
    [1, type],
    [1, I32],
  ]);
  return m.exportFunction("run", run).toBytes();
}

function hostCall(): Uint8Array {
  return looping(
    I32,
    (code) => code.localGet(1).call(0).localSet(1),
    (m) => m.importFunction("env", "host", [I32], [I32]),
  );
}

function exportedCall(): Uint8Array {
  const m = new ModuleBytes();
  return m
    .exportFunction(
      "run",
      m.addFunction([I32], [I32], (code) => code.localGet(0).i32Const(1).op(0x6a)),
    )
    .toBytes();
}

/** A callee large enough that inlining it would not pay, in a table of four. */
function addCallee(m: ModuleBytes): number {
  return m.addFunction([I32], [I32], (code) => {
    code.localGet(0).op(0x45).block(0x04).localGet(0).call(0).op(0x1a).end();
    code.localGet(0).i32Const(7).op(0x6a).i32Const(0x55).op(0x73);
  });
}

function directCall(): Uint8Array {
  return looping(
    I32,
    (code) => code.localGet(0).call(0).localGet(1).op(0x6a).localSet(1),
    (m) => addCallee(m),
  );
}

function callIndirect(): Uint8Array {
  return looping(
    I32,
    (code) =>
      code.localGet(0).localGet(0).i32Const(3).op(0x71).callIndirect(0).localGet(1).op(0x6a).localSet(1),
    (m) => {
      const callees = [addCallee(m), addCallee(m), addCallee(m), addCallee(m)];
      m.addTable(FUNCREF, { minimum: 4 });
      m.addElements(0, callees);
    },
  );
}

function memorySum(): Uint8Array {
  return looping(
    I32,
    (code) => code.localGet(0).i32Const(0xfffc).op(0x71).memory(0x28, 16).localGet(1).op(0x6a).localSet(1),
    (m) => m.addMemory({ minimum: 2 }),
  );
}

function memoryWrite(): Uint8Array {
  return looping(
    I32,
    (code) => code.localGet(0).i32Const(0xffff).op(0x71).localGet(0).memory(0x3a, 8),
    (m) => m.addMemory({ minimum: 2 }),
  );
}

function floatLoop(): Uint8Array {
  return looping(F64, (code) =>
    code.localGet(1).f64Const(0.5).op(0xa2).f64Const(1.25).op(0xa0).op(0x9f).localSet(1),
  );
}

function branches(): Uint8Array {
  return looping(I32, (code) =>
    code
      .localGet(0)
      .localGet(1)
      .op(0x73)
      .i32Const(5)
      .op(0x71)
      .block(0x04)
      .localGet(1)
      .i32Const(3)
      .op(0x6a)
      .localSet(1)
      .op(0x05)
      .localGet(1)
      .i32Const(1)
      .op(0x74)
      .i32Const(1)
      .op(0x6a)
      .localSet(1)
      .end(),
  );
}

function i64Mix(): Uint8Array {
  return looping(I64, (code) =>
    code
      .localGet(1)
      .i64Const(6364136223846793005n)
      .op(0x7e)
      .localGet(0)
      .op(0xad)
      .op(0x7c)
      .i64Const(29)
      .op(0x89)
      .localSet(1),
  );
}

/** The micro benchmark of this name. */
export function microBenchmark(name: string): Micro {
  const makers: Record<string, () => Uint8Array> = {
    "host-call": hostCall,
    "exported-call": exportedCall,
    "call-indirect": callIndirect,
    "direct-call": directCall,
    "memory-sum": memorySum,
    "memory-write": memoryWrite,
    "float-loop": floatLoop,
    branches,
    "i64-mix": i64Mix,
  };
  const make = makers[name];
  if (make === undefined) throw new Error(`no micro benchmark named ${name}`);
  const crossing = name === "host-call" || name === "exported-call";
  return { bytes: make(), steps: crossing ? 1_000_000 : 20_000_000, fromOutside: name === "exported-call" };
}
