// Probes of imports: what fits what, in which order it is read, what exotic objects do, and what an instance is after.

import { attempt, attemptLater, type Loose, logged, ProbeGroup, sameTwice } from "./probe.js";
import {
  bytesOf,
  EXTERNREF,
  echoOf,
  everything,
  everythingImports,
  exportsOf,
  F32,
  F64,
  FUNCREF,
  functionOf,
  I32,
  I64,
  type ModuleBytes,
  moduleOf,
} from "./probe-modules.js";

const group = new ProbeGroup("linking");
export const linkingProbes = group.probes;

const importers: [string, (m: ModuleBytes) => unknown][] = [
  ["function", (m) => m.importFunction("env", "x", [I32], [I32])],
  ["table", (m) => m.importTable("env", "x", FUNCREF, { minimum: 1, maximum: 9 })],
  ["memory", (m) => m.importMemory("env", "x", { minimum: 1, maximum: 9 })],
  ["i32 constant", (m) => m.importGlobal("env", "x", I32, false)],
  ["i64 constant", (m) => m.importGlobal("env", "x", I64, false)],
  ["f64 constant", (m) => m.importGlobal("env", "x", F64, false)],
  ["externref constant", (m) => m.importGlobal("env", "x", EXTERNREF, false)],
  ["funcref constant", (m) => m.importGlobal("env", "x", FUNCREF, false)],
  ["i32 variable", (m) => m.importGlobal("env", "x", I32, true)],
];
const given: [string, (namespace: Loose) => unknown][] = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["5", () => 5],
  ["2^40+0.5", () => 2 ** 40 + 0.5],
  ["5n", () => 5n],
  ["text", () => "text"],
  ["true", () => true],
  ["symbol", () => Symbol.iterator],
  ["object with valueOf", () => ({ valueOf: () => 3 })],
  ["host function", () => () => 1],
  ["class", () => class {}],
  ["export of the type", (W) => echoOf(W, I32)],
  ["export of another type", (W) => echoOf(W, I64)],
  ["export with fewer parameters", (W) => functionOf(W, [], [I32], (code) => code.i32Const(1))],
  ["memory", (W) => new W.Memory({ initial: 1, maximum: 9 })],
  ["table", (W) => new W.Table({ element: "anyfunc", initial: 1, maximum: 9 })],
  ["externref table", (W) => new W.Table({ element: "externref", initial: 1, maximum: 9 })],
  ["i32 global", (W) => new W.Global({ value: "i32" }, 7)],
  ["mutable i32 global", (W) => new W.Global({ value: "i32", mutable: true }, 7)],
  ["i64 global", (W) => new W.Global({ value: "i64" }, 7n)],
  ["externref global", (W) => new W.Global({ value: "externref" }, "x")],
];
for (const [kind, write] of importers) {
  for (const [label, make] of given) {
    group.add(`${kind} given ${label}`, (W) =>
      attempt(W, () => new W.Instance(moduleOf(W, write), { env: { x: make(W) } })),
    );
  }
}

const memoryLimits: [string, object][] = [
  ["equal", { initial: 2, maximum: 4 }],
  ["larger initial", { initial: 3, maximum: 4 }],
  ["too small", { initial: 1, maximum: 4 }],
  ["no maximum", { initial: 2 }],
  ["larger maximum", { initial: 2, maximum: 5 }],
  ["smaller maximum", { initial: 2, maximum: 3 }],
  ["shared", { initial: 2, maximum: 4, shared: true }],
];
for (const [label, descriptor] of memoryLimits) {
  group.add(`memory limits: ${label}`, (W) =>
    attempt(
      W,
      () =>
        new W.Instance(
          moduleOf(W, (m) => m.importMemory("env", "x", { minimum: 2, maximum: 4 })),
          { env: { x: new W.Memory(descriptor) } },
        ),
    ),
  );
  if ("shared" in descriptor) continue;
  group.add(`table limits: ${label}`, (W) =>
    attempt(
      W,
      () =>
        new W.Instance(
          moduleOf(W, (m) => m.importTable("env", "x", FUNCREF, { minimum: 2, maximum: 4 })),
          { env: { x: new W.Table({ element: "anyfunc", ...descriptor }) } },
        ),
    ),
  );
}
group.add("a grown memory fits by its present size", (W) => {
  const memory = new W.Memory({ initial: 1, maximum: 4 });
  const link = (): string =>
    attempt(
      W,
      () =>
        new W.Instance(
          moduleOf(W, (m) => m.importMemory("env", "x", { minimum: 2, maximum: 4 })),
          { env: { x: memory } },
        ),
    );
  const before = link();
  memory.grow(1);
  return [before, link()];
});

// Orders
function chain(m: ModuleBytes): void {
  m.importFunction("a", "one", [], []);
  m.importGlobal("b", "two", I32, false);
  m.importFunction("a", "three", [], []);
  m.importFunction("", "", [], []);
}
group.add("order of reading imports", (W) => {
  const log: string[] = [];
  const imports = logged(log, "imports", {
    a: logged(log, "a", { one: () => {}, three: () => {} }),
    b: logged(log, "b", { two: 3 }),
    "": logged(log, "empty", { "": () => {} }),
  });
  return [attempt(W, () => new W.Instance(moduleOf(W, chain), imports)), log];
});
group.add(
  "all are read before any is checked, or not",
  (W) => {
    const log: string[] = [];
    const imports = logged(log, "imports", {
      a: logged(log, "a", { one: 5, three: () => {} }),
      b: logged(log, "b", { two: "x" }),
    });
    return [attempt(W, () => new W.Instance(moduleOf(W, chain), imports)), log];
  },
  () => '["throws WebAssembly.LinkError", ["get imports.a", "get a.one"]]',
);
group.add("a missing namespace", (W) => attempt(W, () => new W.Instance(moduleOf(W, chain), { b: {} })));
for (const [label, value] of [
  ["undefined", undefined],
  ["null", null],
  ["5", 5],
  ["text", "text"],
  ["function", Object.assign(() => {}, { one: () => {}, three: () => {} })],
] as [string, unknown][]) {
  group.add(`a namespace that is ${label}`, (W) =>
    attempt(W, () => new W.Instance(moduleOf(W, chain), { a: value, b: { two: 1 }, "": { "": () => {} } })),
  );
}
group.add("a throwing getter passes unchanged", (W) => {
  const thrown = { own: true };
  try {
    new W.Instance(moduleOf(W, chain), {
      get a() {
        throw thrown;
      },
    });
  } catch (error) {
    return error === thrown;
  }
  return "nothing thrown";
});
group.add("a throwing getter of a name", (W) =>
  attempt(
    W,
    () =>
      new W.Instance(moduleOf(W, chain), {
        a: {
          get one() {
            throw new SyntaxError("own");
          },
        },
      }),
  ),
);
group.add("inherited imports", (W) =>
  attempt(
    W,
    () =>
      new W.Instance(
        moduleOf(W, chain),
        Object.create({
          a: Object.create({ one: () => {}, three: () => {} }),
          b: { two: 1 },
          "": { "": () => {} },
        }),
      ),
  ),
);
group.add("names that objects inherit", (W) => {
  const module = moduleOf(W, (m) => m.importFunction("toString", "call", [], []));
  return attempt(W, () => new W.Instance(module, {}));
});

// Exotic functions
function callHost(W: Loose, host: unknown): unknown {
  return exportsOf(
    W,
    (m) => {
      const index = m.importFunction("env", "host", [I32], [I32]);
      m.exportFunction(
        "f",
        m.addFunction([I32], [I32], (code) => code.localGet(0).call(index)),
      );
    },
    { env: { host } },
  ).f(20);
}
group.add("a bound function", (W) =>
  callHost(
    W,
    function (this: number, x: number) {
      return this + x;
    }.bind(5),
  ),
);
group.add("a callable proxy", (W) => {
  const log: string[] = [];
  const result = callHost(
    W,
    new Proxy((x: number) => x + 1, {
      apply(target, self, args) {
        log.push(`apply ${String(self)} ${args.join()}`);
        return target(args[0]) + 100;
      },
    }),
  );
  return [result, log];
});
group.add("a proxy without traps", (W) => callHost(W, new Proxy((x: number) => x * 3, {})));
group.add("a revoked proxy", (W) => {
  const { proxy, revoke } = Proxy.revocable((x: number) => x, {});
  const run = exportsOf(
    W,
    (m) => {
      const index = m.importFunction("env", "host", [I32], [I32]);
      m.exportFunction(
        "f",
        m.addFunction([I32], [I32], (code) => code.localGet(0).call(index)),
      );
    },
    { env: { host: proxy } },
  );
  revoke();
  return attempt(W, () => run.f(1));
});
group.add("a proxy that is not callable", (W) => attempt(W, () => callHost(W, new Proxy({}, {}))));
group.add("a class", (W) =>
  attempt(W, () =>
    callHost(
      W,
      class {
        x = 1;
      },
    ),
  ),
);
group.add("an async function", (W) => callHost(W, async () => 5));
group.add("a generator function", (W) =>
  callHost(W, function* () {
    yield 5;
  }),
);
group.add("a native function", (W) => callHost(W, Math.sqrt));
group.add("a method of a prototype", (W) => attempt(W, () => callHost(W, Array.prototype.push)));
group.add("an arrow and its arguments", (W) =>
  callHost(W, (...args: unknown[]) => args.length * 1000 + (args[0] as number)),
);
group.add("a proxy as namespace", (W) =>
  attempt(
    W,
    () =>
      new W.Instance(
        moduleOf(W, chain),
        new Proxy({}, { get: () => new Proxy({}, { get: (_t, key) => (key === "two" ? 4 : () => {}) }) }),
      ),
  ),
);

// Identity
group.add("exports object", (W) => {
  const { exports } = new W.Instance(moduleOf(W, everything), everythingImports(W));
  return [
    Object.getPrototypeOf(exports),
    Object.isFrozen(exports),
    Object.isSealed(exports),
    Object.isExtensible(exports),
    Object.keys(exports),
    Object.getOwnPropertyDescriptor(exports, "twice")?.enumerable,
  ];
});
group.add("exports refuse changes", (W) => {
  const { exports } = new W.Instance(moduleOf(W, everything), everythingImports(W));
  return [
    attempt(W, () => {
      exports.twice = 1;
    }),
    attempt(W, () => {
      exports.more = 1;
    }),
    attempt(W, () => delete exports.twice),
    "toString" in exports,
  ];
});
group.add("instance.exports refuses changes", (W) => {
  const instance = new W.Instance(moduleOf(W, everything), everythingImports(W));
  return [
    attempt(W, () => {
      instance.exports = 5;
    }),
    sameTwice(() => instance.exports),
  ];
});
group.add("names and lengths of exported functions", (W) => {
  const exports = exportsOf(W, everything, everythingImports(W));
  return [exports.host.name, exports.host.length, exports.twice.name, exports.twice.length];
});
group.add("names do not come from the name section", (W) => {
  const { f } = exportsOf(W, (m) => {
    m.exportFunction(
      "f",
      m.addFunction([I32, I32, I32], [], () => {}),
    );
    m.addNames("mod", [[0, "named"]]);
  });
  return [f.name, f.length];
});
group.add("one function, several exports", (W) => {
  const { a, b } = exportsOf(W, (m) => {
    const f = m.addFunction([], [], () => {});
    m.exportFunction("a", f).exportFunction("b", f);
  });
  return a === b;
});
group.add("two instances have two functions", (W) => {
  const module = moduleOf(W, (m) =>
    m.exportFunction(
      "a",
      m.addFunction([], [], () => {}),
    ),
  );
  return sameTwice(() => new W.Instance(module).exports.a);
});
group.add("imported objects exported again", (W) => {
  const imports = everythingImports(W);
  const exports = exportsOf(W, everything, imports);
  return [
    exports.memory === imports.env.m,
    exports.table === imports.env.t,
    exports.host === imports.env.f,
    sameTwice(() => exports.imported),
    exports.imported.value,
  ];
});
group.add("an imported host function exported again", (W) => {
  const exports = exportsOf(W, everything, everythingImports(W));
  return [
    exports.host(4),
    attempt(W, () => new W.Table({ element: "anyfunc", initial: 1 }, exports.host).get(0) === exports.host),
  ];
});
group.add("an imported export exported again", (W) => {
  const f = echoOf(W, I32);
  const exports = exportsOf(W, (m) => m.exportFunction("again", m.importFunction("env", "x", [I32], [I32])), {
    env: { x: f },
  });
  return [exports.again === f, exports.again.name];
});
group.add("the same host function imported twice", (W) => {
  const host = (): number => 1;
  const { a, b } = exportsOf(
    W,
    (m) => {
      m.exportFunction("a", m.importFunction("env", "x", [], [I32]));
      m.exportFunction("b", m.importFunction("env", "x", [], [I32]));
    },
    { env: { x: host } },
  );
  return [a === b, a.name, b.name];
});
group.add("functions from exports, tables, globals and calls are one", (W) => {
  const { f, table, global, get } = exportsOf(W, (m) => {
    const index = m.addFunction([], [I32], (code) => code.i32Const(1));
    m.addTable(FUNCREF, { minimum: 2 });
    m.addElements(0, [index]);
    m.exportFunction("f", index).exportTable("table");
    m.exportGlobal(
      "global",
      m.addGlobal(FUNCREF, false, (code) => code.refFunc(index)),
    );
    m.exportFunction(
      "get",
      m.addFunction([], [FUNCREF], (code) => code.refFunc(index)),
    );
  });
  return [table.get(0) === f, global.value === f, get() === f, table.get(1)];
});
group.add("a function that is not exported, from a table", (W) => {
  const { table } = exportsOf(W, (m) => {
    m.addFunction([], [], () => {});
    const index = m.addFunction([I32, I32], [I32], (code) => code.localGet(1));
    m.addTable(FUNCREF, { minimum: 2 });
    m.addElements(1, [index]);
    m.exportTable("table");
  });
  const f = table.get(1);
  return [f.name, f.length, f(1, 2), f === table.get(1)];
});
group.add("a host function put into a table by an element segment", (W) => {
  const { table } = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "x", [I32], [I32]);
      m.addTable(FUNCREF, { minimum: 1 });
      m.addElements(0, [host]);
      m.exportTable("table");
    },
    { env: { x: (value: number) => value + 5 } },
  );
  return [table.get(0)(1), table.get(0).name, sameTwice(() => table.get(0))];
});
group.add("functions of one instance called through another's table", (W) => {
  const table = new W.Table({ element: "anyfunc", initial: 2 });
  const double = functionOf(W, [I32], [I32], (code) => code.localGet(0).localGet(0).op(0x6a));
  table.set(1, double);
  const { run } = exportsOf(
    W,
    (m) => {
      const type = m.type([I32], [I32]);
      m.importTable("env", "t", FUNCREF, { minimum: 2 });
      m.exportFunction(
        "run",
        m.addFunction([I32, I32], [I32], (code) => code.localGet(0).localGet(1).callIndirect(type)),
      );
    },
    { env: { t: table } },
  );
  return [run(21, 1), attempt(W, () => run(1, 0)), attempt(W, () => run(1, 2))];
});

// Segments and start functions
group.add("a data segment out of bounds", (W) => {
  const memory = new W.Memory({ initial: 1 });
  const result = attempt(
    W,
    () =>
      new W.Instance(
        moduleOf(W, (m) => {
          m.importMemory("env", "m", { minimum: 1 });
          m.addData(0, new Uint8Array([5]))
            .addData(65536, new Uint8Array([6]))
            .addData(1, new Uint8Array([7]));
        }),
        { env: { m: memory } },
      ),
  );
  return [result, [...new Uint8Array(memory.buffer, 0, 3)]];
});
group.add("an element segment out of bounds", (W) => {
  const table = new W.Table({ element: "anyfunc", initial: 2 });
  const result = attempt(
    W,
    () =>
      new W.Instance(
        moduleOf(W, (m) => {
          const f = m.addFunction([], [], () => {});
          m.importTable("env", "t", FUNCREF, { minimum: 1 });
          m.addElements(0, [f]).addElements(1, [f, f]);
        }),
        { env: { t: table } },
      ),
  );
  return [result, table.get(0) === null, table.get(1)];
});
group.add("elements are written before data", (W) => {
  const table = new W.Table({ element: "anyfunc", initial: 1 });
  const result = attempt(
    W,
    () =>
      new W.Instance(
        moduleOf(W, (m) => {
          const f = m.addFunction([], [I32], (code) => code.i32Const(9));
          m.importTable("env", "t", FUNCREF, { minimum: 1 });
          m.addMemory({ minimum: 0 });
          m.addElements(0, [f]).addData(0, new Uint8Array([1]));
        }),
        { env: { t: table } },
      ),
  );
  return [result, table.get(0)?.()];
});
group.add("an empty data segment at the end is in bounds", (W) =>
  attempt(
    W,
    () =>
      new W.Instance(
        moduleOf(W, (m) => {
          m.addMemory({ minimum: 1 });
          m.addData(65536, new Uint8Array(0));
        }),
      ),
  ),
);
group.add("a segment's offset from an imported global", (W) => {
  const { memory } = exportsOf(
    W,
    (m) => {
      m.importGlobal("env", "at", I32, false);
      m.addMemory({ minimum: 1 });
      m.addData(9, new Uint8Array([3]));
      m.exportMemory("memory");
    },
    { env: { at: 9 } },
  );
  return new Uint8Array(memory.buffer)[9];
});
group.add("a start function runs once, within the constructor", (W) => {
  const log: string[] = [];
  const module = moduleOf(W, (m) => m.setStart(m.importFunction("env", "f", [], [])));
  new W.Instance(module, { env: { f: (...args: unknown[]) => log.push(`start ${args.length}`) } });
  log.push("made");
  return log;
});
group.add("a start function that traps", (W) =>
  attempt(
    W,
    () => new W.Instance(moduleOf(W, (m) => m.setStart(m.addFunction([], [], (code) => code.op(0))))),
  ),
);
group.add("a start function that throws an object", (W) => {
  const thrown = Symbol("own");
  try {
    new W.Instance(
      moduleOf(W, (m) => m.setStart(m.importFunction("env", "f", [], []))),
      {
        env: {
          f: () => {
            throw thrown;
          },
        },
      },
    );
  } catch (error) {
    return error === thrown;
  }
  return "nothing thrown";
});
group.add("a start function overflows the stack", (W) =>
  attempt(
    W,
    () => new W.Instance(moduleOf(W, (m) => m.setStart(m.addFunction([], [], (code) => code.call(0))))),
  ),
);
group.add("what a failed start leaves in an imported table works", (W) => {
  const table = new W.Table({ element: "anyfunc", initial: 1 });
  const result = attempt(
    W,
    () =>
      new W.Instance(
        moduleOf(W, (m) => {
          const f = m.addFunction([], [I32], (code) => code.i32Const(31));
          const bad = m.addFunction([], [], (code) => code.op(0));
          m.importTable("env", "t", FUNCREF, { minimum: 1 });
          m.addElements(0, [f]).setStart(bad);
        }),
        { env: { t: table } },
      ),
  );
  return [result, table.get(0)()];
});
group.add("imports are kept as they were", (W) => {
  const env: Loose = { x: () => 1 };
  const { f } = exportsOf(
    W,
    (m) => {
      const index = m.importFunction("env", "x", [], [I32]);
      m.exportFunction(
        "f",
        m.addFunction([], [I32], (code) => code.call(index)),
      );
    },
    { env },
  );
  env.x = () => 2;
  return f();
});
group.add("import of f32 rounds", (W) => {
  const { g } = exportsOf(W, (m) => m.exportGlobal("g", m.importGlobal("env", "g", F32, false)), {
    env: { g: 0.1 },
  });
  return [
    g.value,
    attempt(W, () => {
      g.value = 1;
    }),
  ];
});
group.add("an imported constant's object", (W) => {
  const global = new W.Global({ value: "i32" }, 8);
  const { a } = exportsOf(W, (m) => m.exportGlobal("a", m.importGlobal("env", "g", I32, false)), {
    env: { g: global },
  });
  return [a === global, a.value];
});
group.add("instantiating asynchronously links the same", (W) =>
  attemptLater(W, async () =>
    Object.keys((await W.instantiate(bytesOf(everything), everythingImports(W))).instance.exports),
  ),
);
