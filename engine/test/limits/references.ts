// What references keep alive. Usage: node --expose-gc references.js node|backplane SCENE COUNT; scenes:
//   pairs     COUNT pairs of linked instances in cycles through externref and funcref, dropped: all are collected
//   stream    COUNT host objects pass through one call as externref, each kept in a table for a while: memory is level
//   kept      COUNT host objects held by a table at once, then let go: memory falls again
// Prints figures as JSON; exit code 1 says what is wrong.

import { type Namespace, namespaceOf, type WasmExport, type WasmTable } from "./engine-namespace.js";
import { EXTERNREF, FUNCREF, I32, ModuleBytes } from "./module-bytes.js";

const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("needs --expose-gc");

/** Several collections with turns of the event loop between, so that finalizers run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) {
    collect?.();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function firstOfPair(): Uint8Array {
  const m = new ModuleBytes();
  const host = m.importFunction("env", "host", [], []);
  m.addTable(FUNCREF, { minimum: 2 });
  m.addTable(EXTERNREF, { minimum: 2 });
  m.addGlobal(EXTERNREF, true, (code) => code.refNull(EXTERNREF));
  m.exportTable("functions", 0).exportTable("objects", 1).exportGlobal("object", 0);
  m.exportFunction(
    "call",
    m.addFunction([], [], (code) => code.call(host)),
  );
  m.exportFunction(
    "keep",
    m.addFunction([EXTERNREF], [], (code) =>
      code.localGet(0).globalSet(0).i32Const(0).localGet(0).raw(0x26, 1),
    ),
  );
  return m.toBytes();
}

function secondOfPair(): Uint8Array {
  const m = new ModuleBytes();
  const call = m.importFunction("first", "call", [], []);
  m.importTable("first", "functions", FUNCREF, { minimum: 2 });
  m.addGlobal(EXTERNREF, true, (code) => code.refNull(EXTERNREF));
  const again = m.addFunction([], [], (code) => code.call(call));
  m.addElements(0, [call, again]);
  m.exportFunction("again", again);
  m.exportFunction(
    "keep",
    m.addFunction([EXTERNREF], [], (code) => code.localGet(0).globalSet(0)),
  );
  return m.toBytes();
}

async function pairs(namespace: Namespace, count: number): Promise<string | undefined> {
  const first = new namespace.Module(firstOfPair());
  const second = new namespace.Module(secondOfPair());
  let collected = 0;
  const registry = new FinalizationRegistry<number>(() => collected++);
  const make = (): void => {
    let calls = 0;
    const a = new namespace.Instance(first, {
      env: {
        host: () => {
          calls++;
          void b;
        },
      },
    });
    const b: { exports: Record<string, WasmExport> } = new namespace.Instance(second, { first: a.exports });
    const knot = { a, b };
    a.exports.keep(knot);
    b.exports.keep(knot);
    a.exports.objects.set(1, b.exports.again);
    b.exports.again();
    if (calls !== 1) throw new Error("the pair doesn't work");
    registry.register(a, 1);
    registry.register(b, 2);
    registry.register(knot, 3);
  };
  const chunk = 500;
  for (let made = 0; made < count; made += chunk) {
    for (let i = 0; i < chunk && made + i < count; i++) make();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  for (let i = 0; i < 20 && collected < 3 * count; i++) await settle();
  process.stdout.write(JSON.stringify({ pairs: count, collected, rss: process.memoryUsage.rss() }));
  // The last one made may be held by a register or a stale stack slot of the machine.
  return collected >= 3 * (count - 2)
    ? undefined
    : `only ${collected} of ${3 * count} objects were collected`;
}

function streamModule(): Uint8Array {
  const m = new ModuleBytes();
  const make = m.importFunction("env", "make", [I32], [EXTERNREF]);
  const use = m.importFunction("env", "use", [I32, EXTERNREF], []);
  m.addTable(EXTERNREF, { minimum: 1024 });
  // for (; n != 0; n--) { o = make(n); table[n & 1023] = o; use(n, table[(n * 7) & 1023]) }
  m.exportFunction(
    "run",
    m.addFunction(
      [I32],
      [],
      (code) => {
        code.block(0x03).localGet(0).call(make).localSet(1);
        code.localGet(0).i32Const(1023).op(0x71).localGet(1).raw(0x26, 0);
        code.localGet(0).localGet(0).i32Const(7).op(0x6c).i32Const(1023).op(0x71).raw(0x25, 0).call(use);
        code.localGet(0).i32Const(1).op(0x6b).localTee(0).brIf(0).end();
      },
      [[1, EXTERNREF]],
    ),
  );
  m.exportFunction(
    "pass",
    m.addFunction([EXTERNREF], [EXTERNREF], (code) => code.localGet(0)),
  );
  m.exportTable("table");
  return m.toBytes();
}

/** Heap and other memory in use after a collection. */
function level(): number {
  collect?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function stream(namespace: Namespace, count: number): Promise<string | undefined> {
  const levels: number[] = [];
  let wrong = 0;
  const { exports } = new namespace.Instance(new namespace.Module(streamModule()), {
    env: {
      make: (n: number) => {
        if (n % Math.ceil(count / 10) === 0) levels.push(level());
        return { n, payload: [n, n, n, n, n, n] };
      },
      use: (n: number, object: { n: number } | null) => {
        if (object !== null && (object.n < n || object.n > n + 1023)) wrong++;
      },
    },
  });
  exports.run(count);
  const inside = [...levels];
  for (let i = 0; i < count; i++) {
    const object = { i };
    if (exports.pass(object) !== object) wrong++;
    if (i % Math.ceil(count / 10) === 0) levels.push(level());
  }
  await settle();
  const after = level();
  const [low, high] = [Math.min(...levels.slice(1)), Math.max(...levels.slice(1))];
  process.stdout.write(JSON.stringify({ count, inside, low, high, after, rss: process.memoryUsage.rss() }));
  if (wrong > 0) return `${wrong} objects came back wrong`;
  return high - low < 16e6 && after - low < 16e6
    ? undefined
    : `memory is not level: ${levels.join(", ")}, after ${after}`;
}

async function kept(namespace: Namespace, count: number): Promise<string | undefined> {
  const { exports } = new namespace.Instance(new namespace.Module(streamModule()), {
    env: { make: () => null, use: () => {} },
  });
  const table = exports.table as WasmTable;
  const before = level();
  table.grow(count);
  for (let i = 0; i < count; i++) table.set(1024 + i, { i, payload: [i, i, i, i] });
  const full = level();
  for (let i = 0; i < count; i += 997)
    if ((table.get(1024 + i) as { i: number }).i !== i) return `object ${i} is another`;
  for (let i = 0; i < count; i++) table.set(1024 + i, null);
  await settle();
  const after = level();
  process.stdout.write(JSON.stringify({ count, before, full, after }));
  // What stays is the table itself, and whatever the engine's own list of handles has grown to.
  return after - before < (full - before) / 3 + 8e6
    ? undefined
    : `${full - before} bytes held, ${after - before} still after letting go`;
}

const scenes = { pairs, stream, kept };
const [engine = "node", scene = "pairs", count = "1000"] = process.argv.slice(2);
const wrong = await scenes[scene as keyof typeof scenes](await namespaceOf(engine), Number(count));
if (wrong !== undefined) {
  process.stderr.write(`${scene}: ${wrong}\n`);
  process.exitCode = 1;
}
