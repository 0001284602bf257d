// Probes of Memory, Table and Global objects: descriptors and the order they are read in, growth, buffers, contents.

import { attempt, convertible, describe, type Loose, logged, ProbeGroup, sameTwice } from "./probe.js";
import { EXTERNREF, echoOf, exportsOf, FUNCREF, I32, I64 } from "./probe-modules.js";

const group = new ProbeGroup("objects");
export const objectProbes = group.probes;

function readOrder(make: (descriptor: Loose) => unknown, target: object): (namespace: Loose) => unknown {
  return (W) => {
    const log: string[] = [];
    return [
      attempt(W, () => make(logged(log, "descriptor", target))),
      log.filter((line) => !/\b(address|index)\b/.test(line)),
    ];
  };
}

// Memory
group.add("order of reading a memory's descriptor", (W) =>
  readOrder((d) => new W.Memory(d), { initial: 1, maximum: 2, shared: false })(W),
);
group.add("order of converting a memory's descriptor", (W) => {
  const log: string[] = [];
  const result = attempt(
    W,
    () =>
      new W.Memory({
        get maximum() {
          log.push("maximum");
          return convertible(log, "maximum", 2);
        },
        get initial() {
          log.push("initial");
          return convertible(log, "initial", 1);
        },
      }),
  );
  return [result, log];
});
group.add("a failing initial stops reading", (W) =>
  readOrder((d) => new W.Memory(d), { initial: -1, maximum: 2 })(W),
);
for (const [label, descriptor] of [
  ["no initial", { maximum: 1 }],
  ["minimum for initial", { minimum: 1 }],
  ["maximum below initial", { initial: 2, maximum: 1 }],
  ["initial 65537", { initial: 65537 }],
  ["maximum 65536", { initial: 0, maximum: 65536 }],
  ["maximum 65537", { initial: 0, maximum: 65537 }],
  ["shared without maximum", { initial: 0, shared: true }],
  ["shared", { initial: 1, maximum: 2, shared: true }],
  ["shared by truthiness", { initial: 1, maximum: 2, shared: "yes" }],
  ["shared 0", { initial: 1, shared: 0 }],
  ["zero pages", { initial: 0 }],
  ["unknown member", { initial: 1, extra: 1 }],
] as [string, object][]) {
  group.add(`new Memory: ${label}`, (W) => attempt(W, () => new W.Memory(descriptor).buffer));
}
group.add("descriptor from a function object", (W) => {
  const descriptor: Loose = () => {};
  descriptor.initial = 2;
  return new W.Memory(descriptor).buffer;
});
group.add("descriptor inherits", (W) => new W.Memory(Object.create({ initial: 3 })).buffer.byteLength);
group.add("buffer keeps its identity", (W) => {
  const memory = new W.Memory({ initial: 1 });
  return sameTwice(() => memory.buffer);
});
group.add("buffer is a fixed ArrayBuffer", (W) => {
  const { buffer } = new W.Memory({ initial: 1 });
  return [
    buffer instanceof ArrayBuffer,
    Object.isFrozen(buffer),
    Object.isExtensible(buffer),
    (buffer as Loose).resizable,
  ];
});
group.add("grow detaches", (W) => {
  const memory = new W.Memory({ initial: 1, maximum: 5 });
  const before = memory.buffer;
  const view = new Uint8Array(before);
  view[7] = 9;
  const previous = memory.grow(2);
  return [
    previous,
    before.byteLength,
    view.length,
    memory.buffer !== before,
    memory.buffer.byteLength,
    new Uint8Array(memory.buffer)[7],
  ];
});
group.add("grow by zero detaches", (W) => {
  const memory = new W.Memory({ initial: 1 });
  const before = memory.buffer;
  return [memory.grow(0), before.byteLength, memory.buffer !== before];
});
group.add("failed grow leaves the buffer", (W) => {
  const memory = new W.Memory({ initial: 1, maximum: 2 });
  const before = memory.buffer;
  return [attempt(W, () => memory.grow(2)), before.byteLength, memory.buffer === before];
});
group.add("grow past 65536 pages", (W) => attempt(W, () => new W.Memory({ initial: 1 }).grow(65536)));
group.add("structuredClone can't transfer a memory's buffer", (W) => {
  const memory = new W.Memory({ initial: 1 });
  const result = attempt(W, () => structuredClone(memory.buffer, { transfer: [memory.buffer] }));
  return [result === "throws TypeError" || result.startsWith("throws"), memory.buffer.byteLength];
});
group.add("slice of a buffer is a copy", (W) => {
  const memory = new W.Memory({ initial: 1 });
  const copy = memory.buffer.slice(0, 10);
  return [copy.byteLength, copy instanceof ArrayBuffer];
});
group.add("shared buffer", (W) => {
  const memory = new W.Memory({ initial: 1, maximum: 3, shared: true });
  const before = memory.buffer;
  const growth = memory.grow(1);
  return [
    before instanceof SharedArrayBuffer,
    growth,
    before.byteLength,
    memory.buffer.byteLength,
    memory.buffer !== before,
    Object.isFrozen(memory.buffer),
  ];
});
group.add("shared buffer keeps its identity", (W) => {
  const memory = new W.Memory({ initial: 1, maximum: 3, shared: true });
  return sameTwice(() => memory.buffer);
});
group.add("memory.size and memory.grow inside", (W) => {
  const { size, grow, memory } = exportsOf(W, (m) => {
    m.addMemory({ minimum: 1, maximum: 3 });
    m.exportMemory("memory");
    m.exportFunction(
      "size",
      m.addFunction([], [I32], (code) => code.raw(0x3f, 0)),
    );
    m.exportFunction(
      "grow",
      m.addFunction([I32], [I32], (code) => code.localGet(0).raw(0x40, 0)),
    );
  });
  const before = memory.buffer;
  return [
    size(),
    grow(1),
    before.byteLength,
    size(),
    memory.buffer.byteLength,
    grow(2),
    memory.grow(1),
    size(),
    grow(0),
    attempt(W, () => memory.grow(1)),
  ];
});
group.add("growth inside by zero detaches", (W) => {
  const { grow, memory } = exportsOf(W, (m) => {
    m.addMemory({ minimum: 1 });
    m.exportMemory("memory");
    m.exportFunction(
      "grow",
      m.addFunction([I32], [I32], (code) => code.localGet(0).raw(0x40, 0)),
    );
  });
  const before = memory.buffer;
  return [grow(0), before.byteLength, memory.buffer === before];
});
group.add("a host function grows the memory in the middle", (W) => {
  const memory = new W.Memory({ initial: 1, maximum: 4 });
  const { f } = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [], []);
      m.importMemory("env", "memory", { minimum: 1 });
      m.exportFunction(
        "f",
        m.addFunction([], [I32, I32], (code) =>
          code.raw(0x3f, 0).call(host).i32Const(70_000).i32Const(77).memory(0x36).raw(0x3f, 0),
        ),
      );
    },
    { env: { memory, host: () => memory.grow(1) } },
  );
  return [f(), new Uint8Array(memory.buffer)[70_000]];
});

// Table
group.add("order of reading a table's descriptor", (W) =>
  readOrder((d) => new W.Table(d), { element: "anyfunc", initial: 1, maximum: 2 })(W),
);
group.add("element is read and converted first", (W) =>
  readOrder((d) => new W.Table(d), { element: "none", initial: -1 })(W),
);
for (const [label, descriptor] of [
  ["no element", { initial: 1 }],
  ["funcref", { element: "funcref", initial: 1 }],
  ["i32", { element: "i32", initial: 1 }],
  ["element by toString", { element: { toString: () => "anyfunc" }, initial: 1 }],
  ["element symbol", { element: Symbol.iterator, initial: 1 }],
  ["no initial", { element: "anyfunc" }],
  ["minimum for initial", { element: "anyfunc", minimum: 1 }],
  ["maximum below initial", { element: "anyfunc", initial: 2, maximum: 1 }],
  ["initial 10,000,001", { element: "anyfunc", initial: 10_000_001 }],
  ["maximum 2^32-1", { element: "anyfunc", initial: 0, maximum: 2 ** 32 - 1 }],
] as [string, object][]) {
  group.add(`new Table: ${label}`, (W) => attempt(W, () => new W.Table(descriptor).length));
}
for (const element of ["anyfunc", "externref"]) {
  group.add(`${element} table's first values`, (W) => {
    const plain = new W.Table({ element, initial: 1 });
    const withUndefined = new W.Table({ element, initial: 1 }, undefined);
    const withNull = new W.Table({ element, initial: 1 }, null);
    return [plain.get(0), withUndefined.get(0), withNull.get(0)];
  });
  group.add(`${element} table set without a value`, (W) => {
    const table = new W.Table({ element, initial: 2 });
    return [
      attempt(W, () => table.set(0)),
      table.get(0),
      attempt(W, () => table.set(1, undefined)),
      table.get(1),
    ];
  });
  group.add(
    `${element} table grown without a value`,
    (W) => {
      const table = new W.Table({ element, initial: 1 });
      return [
        table.grow(1),
        table.get(1),
        attempt(W, () => table.grow(1, undefined)),
        table.length === 3 && table.get(2),
      ];
    },
    element === "anyfunc" ? (node) => node.replace('"throws TypeError", false', '"2", null') : undefined,
  );
  group.add(`${element} table with a value that is a host function`, (W) => {
    const host = (): number => 1;
    return [
      attempt(W, () => new W.Table({ element, initial: 1 }, host).get(0)),
      attempt(W, () => new W.Table({ element, initial: 0 }).grow(1, host)),
    ];
  });
  group.add(`${element} table out of bounds`, (W) => {
    const table = new W.Table({ element, initial: 1, maximum: 2 });
    return [
      attempt(W, () => table.get(1)),
      attempt(W, () => table.set(1, null)),
      attempt(W, () => table.grow(2)),
      table.length,
    ];
  });
  group.add(`${element} table: the index is checked before the value`, (W) => {
    const table = new W.Table({ element, initial: 1 });
    return [
      attempt(W, () => table.set(9, 5)),
      attempt(W, () => table.set(-1, 5)),
      attempt(W, () => table.set(0, 5)),
    ];
  });
}
group.add("table of functions keeps identity", (W) => {
  const f = echoOf(W, I32);
  const table = new W.Table({ element: "anyfunc", initial: 3 }, f);
  table.grow(1, f);
  return [table.get(0) === f, table.get(3) === f, table.set(1, null), table.get(1), table.get(2)(8)];
});
group.add("table of anything keeps identity", (W) => {
  const object = {};
  const table = new W.Table({ element: "externref", initial: 6 }, object);
  table.set(1, null);
  table.set(2, undefined);
  table.set(3, Number.NaN);
  table.set(4, "text");
  return [
    table.get(0) === object,
    table.get(1),
    table.get(2),
    table.get(3),
    table.get(4),
    table.get(5) === object,
  ];
});
group.add("table.grow returns the old length and may be zero", (W) => {
  const table = new W.Table({ element: "anyfunc", initial: 2 });
  return [table.grow(3), table.grow(0), table.length];
});
group.add("table.set of a function that is no export", (W) => {
  const table = new W.Table({ element: "anyfunc", initial: 1 });
  const f = echoOf(W, I32);
  return [() => 1, class {}, f.bind(null), new Proxy(f, {}), {}, 0, "f", true].map((value) =>
    attempt(W, () => table.set(0, value)),
  );
});
group.add("table.grow conversion order", (W) => {
  const log: string[] = [];
  const table = new W.Table({ element: "anyfunc", initial: 0 });
  return [attempt(W, () => table.grow(convertible(log, "delta", 1), 5)), log, table.length];
});
group.add("table growth inside is seen outside", (W) => {
  const { table, grow, get } = exportsOf(W, (m) => {
    m.addTable(EXTERNREF, { minimum: 1, maximum: 3 });
    m.exportTable("table");
    m.exportFunction(
      "grow",
      m.addFunction([EXTERNREF, I32], [I32], (code) => code.localGet(0).localGet(1).raw(0xfc, 15, 0)),
    );
    m.exportFunction(
      "get",
      m.addFunction([I32], [EXTERNREF], (code) => code.localGet(0).raw(0x25, 0)),
    );
  });
  const object = {};
  return [
    table.length,
    grow(object, 2),
    table.length,
    table.get(2) === object,
    grow(object, 1),
    table.set(1, "out"),
    get(1),
    get(0),
  ];
});
group.add("an exported table's empty places", (W) => {
  const { table, other } = exportsOf(W, (m) => {
    m.addTable(EXTERNREF, { minimum: 1 });
    m.addTable(FUNCREF, { minimum: 1 });
    m.exportTable("table").exportTable("other", 1);
  });
  return [table.get(0), other.get(0)];
});

// Global
group.add("order of reading a global's descriptor", (W) =>
  readOrder((d) => new W.Global(d, 1), { value: "i32", mutable: true })(W),
);
group.add("order of reading and converting a global", (W) => {
  const log: string[] = [];
  const descriptor = {
    get value() {
      log.push("value");
      return convertible(log, "value", "i32");
    },
    get mutable() {
      log.push("mutable");
      return 1;
    },
  };
  return [attempt(W, () => new W.Global(descriptor, convertible(log, "initial", 4)).value), log];
});
for (const [label, descriptor, ...rest] of [
  ["no value type", { mutable: true }, 1],
  ["unknown type", { value: "i16" }, 1],
  ["type by toString", { value: { toString: () => "i32" } }, 5],
  ["empty type", { value: "" }, 5],
  ["upper case", { value: "I32" }, 5],
  ["funcref", { value: "funcref" }],
  ["anyfunc", { value: "anyfunc" }],
  ["anyfunc undefined", { value: "anyfunc" }, undefined],
  ["anyfunc host function", { value: "anyfunc" }, () => 1],
  ["externref", { value: "externref" }],
  ["externref undefined", { value: "externref" }, undefined],
  ["externref null", { value: "externref" }, null],
  ["i32 default", { value: "i32" }],
  ["i64 default", { value: "i64" }],
  ["f32 default", { value: "f32" }],
  ["f64 default", { value: "f64" }],
  ["i32 null", { value: "i32" }, null],
  ["i64 null", { value: "i64" }, null],
  ["i64 number", { value: "i64" }, 5],
  ["i32 bigint", { value: "i32" }, 5n],
  ["f32 rounded", { value: "f32" }, 0.1],
  ["mutable by truthiness", { value: "i32", mutable: "x" }, 1],
] as [string, object, ...unknown[]][]) {
  const specified = label === "externref" ? () => '"undefined"' : undefined;
  group.add(
    `new Global: ${label}`,
    (W) => attempt(W, () => new W.Global(descriptor, ...rest).value),
    specified,
  );
}
group.addInformational("a global of type v128, which is of the vector instructions", (W) =>
  attempt(W, () => new W.Global({ value: "v128" })),
);
group.add("value and valueOf", (W) => {
  const global = new W.Global({ value: "i64", mutable: true }, 5n);
  global.value = 6n;
  return [global.value, global.valueOf(), global + 1n, Object.keys(global)];
});
group.add("setting an immutable global", (W) => {
  const global = new W.Global({ value: "i32" }, 5);
  return [
    attempt(W, () => {
      global.value = 6;
    }),
    attempt(W, () => {
      global.value = Symbol.iterator;
    }),
    global.value,
  ];
});
group.add("setting valueOf's result does nothing", (W) =>
  attempt(W, () => new W.Global({ value: "i32" }, 1).valueOf(5)),
);
group.add("setter without an argument", (W) => {
  const { set } = Object.getOwnPropertyDescriptor(W.Global.prototype, "value") as PropertyDescriptor;
  const global = new W.Global({ value: "i32", mutable: true }, 1);
  return [attempt(W, () => Reflect.apply(set as never, global, [])), global.value];
});
group.add("a failing conversion leaves the global", (W) => {
  const global = new W.Global({ value: "i32", mutable: true }, 5);
  return [
    attempt(W, () => {
      global.value = 1n;
    }),
    global.value,
  ];
});
group.add("a global shared by two instances", (W) => {
  const global = new W.Global({ value: "i64", mutable: true }, 5n);
  const make = (): Loose =>
    exportsOf(
      W,
      (m) => {
        const index = m.importGlobal("env", "global", I64, true);
        m.exportFunction(
          "add",
          m.addFunction([I64], [I64], (code) =>
            code.globalGet(index).localGet(0).op(0x7c).globalSet(index).globalGet(index),
          ),
        );
        m.exportGlobal("global", index);
      },
      { env: { global } },
    );
  const [a, b] = [make(), make()];
  return [a.add(1n), b.add(2n), global.value, a.global === global, b.global === global];
});
group.add("global of function type", (W) => {
  const f = echoOf(W, I32);
  const global = new W.Global({ value: "anyfunc", mutable: true }, f);
  const before = global.value === f;
  global.value = null;
  return [
    before,
    global.value,
    attempt(W, () => {
      global.value = () => 1;
    }),
  ];
});
group.add("exported globals of every type", (W) => {
  const { a, b, c, d, e, f } = exportsOf(W, (m) => {
    const function0 = m.addFunction([], [I32], (code) => code.i32Const(3));
    m.exportGlobal(
      "a",
      m.addGlobal(0x7f, false, (code) => code.i32Const(-5)),
    );
    m.exportGlobal(
      "b",
      m.addGlobal(0x7e, true, (code) => code.i64Const(-5)),
    );
    m.exportGlobal(
      "c",
      m.addGlobal(0x7d, false, (code) => code.f32Const(0.1)),
    );
    m.exportGlobal(
      "d",
      m.addGlobal(0x7c, true, (code) => code.f64Const(-0)),
    );
    m.exportGlobal(
      "e",
      m.addGlobal(0x6f, true, (code) => code.refNull(0x6f)),
    );
    m.exportGlobal(
      "f",
      m.addGlobal(0x70, false, (code) => code.refFunc(function0)),
    );
  });
  const values = [a, b, c, d, e, f].map((global) => describe(W, global.value));
  b.value = 2n ** 63n;
  e.value = "text";
  return [
    values,
    b.value,
    e.value,
    attempt(W, () => {
      a.value = 1;
    }),
    f.value(),
    sameTwice(() => f.value),
  ];
});
