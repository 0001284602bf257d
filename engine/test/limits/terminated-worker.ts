// Two workers run the engine; one is ended in the middle of a call (in a host function that waits, or in a loop of
// host calls) while the other and the main thread go on. Usage: node terminated-worker.js node|backplane ROUNDS

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { namespaceOf, type WasmExport } from "./engine-namespace.js";
import { I32, ModuleBytes } from "./module-bytes.js";
import { trapKind } from "./trap-kinds.js";

interface Task {
  readonly engine: string;
  readonly role: "endless" | "waiting" | "steady";
  readonly signal: SharedArrayBuffer;
}

function moduleBytes(): Uint8Array {
  const m = new ModuleBytes();
  const host = m.importFunction("env", "host", [], []);
  m.addMemory({ minimum: 1 });
  m.exportFunction(
    "endless",
    m.addFunction([], [], (code) => code.block(0x03).call(host).br(0).end()),
  );
  m.exportFunction(
    "once",
    m.addFunction([], [], (code) => code.call(host)),
  );
  m.exportFunction(
    "sum",
    m.addFunction(
      [I32],
      [I32],
      (code) => {
        code
          .block(0x03)
          .localGet(1)
          .localGet(0)
          .op(0x6a)
          .localSet(1)
          .localGet(0)
          .i32Const(1)
          .op(0x6b)
          .localTee(0)
          .brIf(0)
          .end()
          .localGet(1);
      },
      [[1, I32]],
    ),
  );
  m.exportFunction(
    "load",
    m.addFunction([I32], [I32], (code) => code.localGet(0).memory(0x28)),
  );
  m.exportFunction(
    "deep",
    m.addFunction([], [], (code) => code.call(5)),
  );
  return m.toBytes();
}

/** Work whose results are known: a sum, a trap, an overflow. */
function steady(exports: Record<string, WasmExport>, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    if (exports.sum(1000) !== 500500) throw new Error("a sum is wrong");
    for (const [action, kind] of [
      [() => exports.load(-1), "memory bounds"],
      [() => exports.deep(), "stack overflow"],
    ] as const) {
      try {
        action();
      } catch (error) {
        if (trapKind(error) !== kind) throw new Error(`${kind} came as ${String(error)}`);
        continue;
      }
      throw new Error(`no ${kind}`);
    }
  }
}

async function work(task: Task): Promise<void> {
  const signal = new Int32Array(task.signal);
  const namespace = await namespaceOf(task.engine);
  let calls = 0;
  const host = (): void => {
    calls++;
    if (calls === 1) {
      Atomics.store(signal, 0, 1);
      Atomics.notify(signal, 0);
    }
    if (task.role === "waiting") Atomics.wait(signal, 1, 0);
  };
  const { exports } = new namespace.Instance(new namespace.Module(moduleBytes()), { env: { host } });
  if (task.role === "steady") {
    host();
    steady(exports, 40);
    parentPort?.postMessage("done");
  } else if (task.role === "endless") exports.endless();
  else exports.once();
}

function start(task: Task): { worker: Worker; started: Promise<unknown>; finished: Promise<unknown> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  const waiting = (
    Atomics as unknown as { waitAsync(cell: Int32Array, at: number, value: number): { value: unknown } }
  ).waitAsync(new Int32Array(task.signal), 0, 0);
  const finished = new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  finished.catch(() => {});
  return { worker, started: Promise.race([Promise.resolve(waiting.value), finished]), finished };
}

async function main(engine: string, rounds: number): Promise<void> {
  const namespace = await namespaceOf(engine);
  const { exports } = new namespace.Instance(new namespace.Module(moduleBytes()), {
    env: { host: () => {} },
  });
  for (let round = 0; round < rounds; round++) {
    const task = (role: Task["role"]): Task => ({ engine, role, signal: new SharedArrayBuffer(8) });
    const doomed = start(task(round % 2 === 0 ? "endless" : "waiting"));
    const other = start(task("steady"));
    await doomed.started;
    steady(exports, 5);
    await doomed.worker.terminate();
    steady(exports, 5);
    await other.finished;
    await other.worker.terminate();
  }
  process.stdout.write("survived");
}

if (isMainThread) await main(process.argv[2] ?? "node", Number(process.argv[3] ?? "2"));
else await work(workerData as Task);
