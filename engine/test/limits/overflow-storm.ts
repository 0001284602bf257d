// Overflows the stack many times, in several shapes, and checks that each is a RangeError after which everything goes
// on. Usage: node overflow-storm.js node|backplane COUNT [worker]; with `worker` it happens in a worker thread while
// the main thread does the same.

import { isMainThread, Worker, workerData } from "node:worker_threads";
import { type Namespace, namespaceOf, type WasmExport } from "./engine-namespace.js";
import { F64, FUNCREF, I32, I64, ModuleBytes } from "./module-bytes.js";

/** Recursion directly, through a table, with large frames, with many parameters, and through the host. */
function overflowModule(): Uint8Array {
  const m = new ModuleBytes();
  const host = m.importFunction("env", "host", [I32], [I32]);
  const direct: number = m.addFunction([I32], [I32], (code) =>
    code.localGet(0).i32Const(1).op(0x6a).call(1).i32Const(1).op(0x6a),
  );
  m.addTable(FUNCREF, { minimum: 1 });
  const indirect = m.addFunction([I32], [I32], (code) =>
    code
      .localGet(0)
      .i32Const(0)
      .callIndirect(m.type([I32], [I32]))
      .i32Const(1)
      .op(0x6a),
  );
  m.addElements(0, [indirect]);
  const large = m.addFunction(
    [I32],
    [I32],
    (code) => {
      for (let i = 1; i <= 200; i++) code.localGet(0).i32Const(i).op(0x6c).localSet(i);
      code.localGet(0).call(3).localSet(0);
      code.i32Const(0);
      for (let i = 0; i <= 200; i++) code.localGet(i).op(0x6a);
    },
    [[200, I32]],
  );
  const types = [I32, I64, F64, I32, I64, F64, I32, I64, F64, I32, I64, F64, I32, I64, F64, I32];
  const wide: number = m.addFunction(types, [I32], (code) => {
    for (let i = 0; i < types.length; i++) code.localGet(i);
    code.call(4).localGet(0).op(0x6a);
  });
  const startWide = m.addFunction([I32], [I32], (code) => {
    for (const type of types) {
      if (type === I32) code.localGet(0);
      else if (type === I64) code.i64Const(7);
      else code.f64Const(0.5);
    }
    code.call(wide);
  });
  const throughHost = m.addFunction([I32], [I32], (code) => code.localGet(0).call(host).i32Const(1).op(0x6a));
  const fine = m.addFunction([I32], [I32], (code) =>
    code
      .localGet(0)
      .op(0x45)
      .block(0x04, I32)
      .i32Const(0)
      .op(0x05)
      .localGet(0)
      .i32Const(1)
      .op(0x6b)
      .call(7)
      .i32Const(1)
      .op(0x6a)
      .end(),
  );
  for (const [name, index] of Object.entries({ direct, indirect, large, startWide, throughHost, fine }))
    m.exportFunction(name, index);
  return m.toBytes();
}

function storm(namespace: Namespace, count: number): void {
  const instance: { exports: Record<string, WasmExport> } = new namespace.Instance(
    new namespace.Module(overflowModule()),
    {
      env: { host: (x: number) => instance.exports.throughHost(x + 1) as number },
    },
  );
  const { exports } = instance;
  const shapes = ["direct", "indirect", "large", "startWide"];
  for (let i = 0; i < count; i++) {
    // Through the host one overflow is more than a thousand nested calls, so it is one in a hundred.
    const shape = i % 100 === 99 ? "throughHost" : (shapes[i % shapes.length] as string);
    let thrown: unknown;
    try {
      exports[shape](1);
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof RangeError)) throw new Error(`${shape} ended with ${String(thrown)}`);
    if (exports.fine(500) !== 500) throw new Error(`after ${shape} a sound call goes wrong`);
  }
}

async function main(): Promise<void> {
  const [engine = "node", count = "100", where] = isMainThread
    ? process.argv.slice(2)
    : (workerData as string[]);
  let worker: Promise<number> | undefined;
  if (isMainThread && where === "worker") {
    const thread = new Worker(new URL(import.meta.url), { workerData: [engine, count] });
    worker = new Promise((resolve, reject) => {
      thread.on("error", reject);
      thread.on("exit", resolve);
    });
  }
  storm(await namespaceOf(engine), Number(count));
  if (worker !== undefined && (await worker) !== 0) throw new Error("the worker failed");
  if (isMainThread) process.stdout.write("survived");
}

await main();
