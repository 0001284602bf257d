// Probes of conversions: ToWebAssemblyValue for arguments, host results and globals, and back; indices and limits.

import { attempt, convertible, describe, type Loose, ProbeGroup } from "./probe.js";
import { EXTERNREF, echoOf, exportsOf, F32, F64, FUNCREF, functionOf, I32, I64 } from "./probe-modules.js";

const group = new ProbeGroup("values");
export const valueProbes = group.probes;

const types: [string, number][] = [
  ["i32", I32],
  ["i64", I64],
  ["f32", F32],
  ["f64", F64],
  ["externref", EXTERNREF],
  ["anyfunc", FUNCREF],
];

/** Values made afresh for each question; the label names them. */
const values: [string, () => unknown][] = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["true", () => true],
  ["0", () => 0],
  ["-0", () => -0],
  ["1.9", () => 1.9],
  ["-1.9", () => -1.9],
  ["NaN", () => Number.NaN],
  ["Infinity", () => Number.POSITIVE_INFINITY],
  ["2^31", () => 2 ** 31],
  ["2^32", () => 2 ** 32],
  ["2^32+5.5", () => 2 ** 32 + 5.5],
  ["2^53+2", () => 2 ** 53 + 2],
  ["-2^63", () => -(2 ** 63)],
  ["1e300", () => 1e300],
  ["1e-50", () => 1e-50],
  ["16777217", () => 16777217],
  ["text", () => "text"],
  ['"12"', () => "12"],
  ['"0x10"', () => "0x10"],
  ['""', () => ""],
  ["1n", () => 1n],
  ["-1n", () => -1n],
  ["2n**63n", () => 2n ** 63n],
  ["2n**64n+3n", () => 2n ** 64n + 3n],
  ["symbol", () => Symbol.iterator],
  ["{}", () => ({})],
  ["[]", () => []],
  ["[7]", () => [7]],
  ["valueOf 3", () => ({ valueOf: () => 3 })],
  ["valueOf 3n", () => ({ valueOf: () => 3n })],
  [
    "valueOf throws",
    () => ({
      valueOf: () => {
        throw new SyntaxError("own");
      },
    }),
  ],
  ["toPrimitive", () => ({ [Symbol.toPrimitive]: (hint: string) => (hint === "number" ? 11 : 12) })],
  ["date", () => new Date(86400000)],
  ["function", () => () => 1],
];

for (const [typeName, type] of types) {
  for (const [label, make] of values) {
    group.add(`${typeName} argument ${label}`, (W) => {
      const value = make();
      const returned = echoOf(W, type)(value);
      return typeName === "externref" ? [Object.is(returned, value), describe(W, returned)] : returned;
    });
  }
}
for (const [typeName, type] of types) {
  for (const label of [
    "undefined",
    "null",
    "1.9",
    "2^32+5.5",
    "1n",
    "text",
    "valueOf 3",
    "symbol",
    "function",
    "valueOf throws",
  ]) {
    const make = (values.find(([name]) => name === label) as [string, () => unknown])[1];
    group.add(`${typeName} from a host function: ${label}`, (W) => {
      const { f } = exportsOf(
        W,
        (m) => {
          const host = m.importFunction("env", "host", [], [type]);
          m.exportFunction(
            "f",
            m.addFunction([], [type], (code) => code.call(host)),
          );
        },
        { env: { host: make } },
      );
      return f();
    });
    group.add(
      `${typeName} global set to ${label}`,
      (W) => {
        const global = new W.Global({ value: typeName, mutable: true });
        const before = describe(W, global.value);
        return [
          before,
          attempt(W, () => {
            global.value = make();
          }),
          describe(W, global.value),
        ];
      },
      typeName === "externref" ? (answer) => answer.replace('["null"', '["undefined"') : undefined,
    );
  }
}

group.add("a function of an instance as funcref", (W) => {
  const echo = echoOf(W, FUNCREF);
  return [echo(echo) === echo, echo(null)];
});
group.add("arguments are converted left to right, all of them", (W) => {
  const log: string[] = [];
  const f = functionOf(W, [I32, F64, I64], [F64], (code) => code.localGet(1));
  const result = f(
    convertible(log, "a", 1),
    convertible(log, "b", 2.5),
    convertible(log, "c", 3n),
    convertible(log, "extra", 4),
  );
  return [log, result];
});
group.add("a failing conversion stops the rest", (W) => {
  const log: string[] = [];
  const f = functionOf(W, [I32, I64, I32], [], () => {});
  return [
    attempt(W, () => f(convertible(log, "a", 1), convertible(log, "b", 2), convertible(log, "c", 3))),
    log,
  ];
});
for (const [typeName, type] of types) {
  group.add(`missing ${typeName} argument`, (W) => echoOf(W, type)());
}
group.add("extra arguments are ignored", (W) => echoOf(W, I32)(1, 2, 3));
group.add("this is ignored", (W) => [
  echoOf(W, I32).call({}, 4),
  echoOf(W, I32).apply(null, [5]),
  echoOf(W, I32).bind(7)(6),
]);
group.add("large array as arguments by apply", (W) => echoOf(W, I32).apply(null, new Array(1000).fill(3)));
group.add("results of f32 are exact", (W) =>
  [0.1, 1e-46, 3.4028236e38, 16777219].map((value) => echoOf(W, F32)(value)),
);
group.add("results of i64 are signed", (W) =>
  [2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n) - 1n].map((value) => echoOf(W, I64)(value)),
);
group.add("results of i32 are signed", (W) =>
  [2 ** 31, 2 ** 32 - 1, -(2 ** 31) - 1].map((value) => echoOf(W, I32)(value)),
);
group.add("no result is undefined", (W) => functionOf(W, [], [], () => {})());
group.add("several results are an array", (W) => {
  const results = functionOf(W, [], [I32, I64, F64], (code) =>
    code.i32Const(-1).i64Const(-1).f64Const(0.5),
  )();
  return [
    results,
    Array.isArray(results),
    Object.isFrozen(results),
    Object.getPrototypeOf(results) === Array.prototype,
  ];
});
group.add("one hundred results", (W) => {
  const f = functionOf(W, [], new Array(100).fill(I32), (code) => {
    for (let i = 0; i < 100; i++) code.i32Const(i * 3);
  });
  return f();
});
group.add("fifty mixed parameters", (W) => {
  const parameters = Array.from({ length: 50 }, (_, i) => [I32, F64, F32, I64][i % 4] as number);
  const f = functionOf(W, parameters, parameters, (code) =>
    code.raw(...parameters.flatMap((_, i) => [0x20, i])),
  );
  return f(...parameters.map((type, i) => (type === I64 ? BigInt(i) << 40n : i + 0.5)));
});

/** A function with two results from the host, which answers with `make()`. */
function pairFrom(W: Loose, make: () => unknown): Loose {
  return exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [], [I32, F64]);
      m.exportFunction(
        "f",
        m.addFunction([], [I32, F64], (code) => code.call(host)),
      );
    },
    { env: { host: make } },
  ).f;
}
for (const [label, make] of [
  ["array", () => [1, 2.5]],
  ["set", () => new Set([3, 4])],
  [
    "generator",
    () =>
      (function* () {
        yield 5;
        yield 6;
      })(),
  ],
  ["string", () => "78"],
  ["too short", () => [1]],
  ["too long", () => [1, 2, 3]],
  ["undefined", () => undefined],
  ["number", () => 5],
  ["object", () => ({ 0: 1, 1: 2, length: 2 })],
  ["null", () => null],
  ["with bigint", () => [1n, 2]],
  ["holes", () => new Array(2)],
  [
    "iterator throws",
    () => ({
      [Symbol.iterator]() {
        throw new SyntaxError("own");
      },
    }),
  ],
  ["iterator is no function", () => ({ [Symbol.iterator]: 5 })],
] as [string, () => unknown][]) {
  group.add(`two results from a host function: ${label}`, (W) => pairFrom(W, make)());
}
group.add("two results: iterator is read to its end before conversion", (W) => {
  const log: string[] = [];
  const f = pairFrom(W, () =>
    (function* () {
      log.push("first");
      yield convertible(log, "a", 1);
      log.push("second");
      yield convertible(log, "b", 2);
      log.push("end");
    })(),
  );
  return [f(), log];
});
group.add("an endless iterator is given up or closed", (W) => {
  const log: string[] = [];
  let step = 0;
  const iterator = {
    [Symbol.iterator]: () => iterator,
    next: () => {
      if (++step > 50) throw new SyntaxError("too far");
      return { value: step, done: false };
    },
    return: () => {
      log.push("closed");
      return {};
    },
  };
  return [attempt(W, () => pairFrom(W, () => iterator)()), log];
});
group.add("host result ignored when none is wanted", (W) => {
  const log: string[] = [];
  const { f } = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [], []);
      m.exportFunction(
        "f",
        m.addFunction([], [], (code) => code.call(host)),
      );
    },
    { env: { host: () => convertible(log, "result", 1) } },
  );
  return [f(), log];
});
group.add("host arguments", (W) => {
  const seen: unknown[] = [];
  const { f } = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [I32, I64, F32, F64, EXTERNREF, FUNCREF], []);
      m.exportFunction(
        "f",
        m.addFunction([EXTERNREF], [], (code) =>
          code.i32Const(-1).i64Const(-1).f32Const(0.1).f64Const(-0).localGet(0).refNull(FUNCREF).call(host),
        ),
      );
    },
    {
      env: {
        host(...args: unknown[]) {
          seen.push(args.length, ...args);
        },
      },
    },
  );
  f("an object");
  return seen;
});
group.add("this and new.target in a host function", (W) => {
  const seen: unknown[] = [];
  const { f } = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [], []);
      m.exportFunction(
        "f",
        m.addFunction([], [], (code) => code.call(host)),
      );
    },
    {
      env: {
        host: function (this: unknown) {
          seen.push(this === undefined, new.target);
        },
      },
    },
  );
  f();
  return seen;
});
group.add("this in a sloppy host function", (W) => {
  const host = new Function("return this === globalThis ? 1 : 0");
  const { f } = exportsOf(
    W,
    (m) => {
      const index = m.importFunction("env", "host", [], [I32]);
      m.exportFunction(
        "f",
        m.addFunction([], [I32], (code) => code.call(index)),
      );
    },
    { env: { host } },
  );
  return f();
});

const indices: [string, () => unknown][] = [
  ["-1", () => -1],
  ["-0.5", () => -0.5],
  ["2^32", () => 2 ** 32],
  ["2^32-1", () => 2 ** 32 - 1],
  ["NaN", () => Number.NaN],
  ["Infinity", () => Number.POSITIVE_INFINITY],
  ['"1"', () => "1"],
  ['"0x1"', () => "0x1"],
  ["text", () => "abc"],
  ["null", () => null],
  ["undefined", () => undefined],
  ["true", () => true],
  ["1.9", () => 1.9],
  ["valueOf 1", () => ({ valueOf: () => 1 })],
  ["symbol", () => Symbol.iterator],
  ["1n", () => 1n],
  ["[1]", () => [1]],
  ["{}", () => ({})],
];
/** By the specification ([EnforceRange] takes the integer part first) -0.5 is 0; Node 20 refuses it. */
function asZero(label: string, answer: string): (() => string) | undefined {
  return label === "-0.5" ? () => answer : undefined;
}

for (const [label, make] of indices) {
  const table = (W: Loose): Loose => new W.Table({ element: "externref", initial: 2, maximum: 5 }, "filled");
  group.add(`table.get(${label})`, (W) => table(W).get(make()), asZero(label, '"filled"'));
  group.add(
    `table.set(${label})`,
    (W) => {
      const object = table(W);
      return [attempt(W, () => object.set(make(), "new")), object.get(0), object.get(1)];
    },
    asZero(label, '["undefined", "new", "filled"]'),
  );
  group.add(
    `table.grow(${label})`,
    (W) => {
      const object = table(W);
      return [attempt(W, () => object.grow(make())), object.length];
    },
    asZero(label, '["2", 2]'),
  );
  group.add(
    `memory.grow(${label})`,
    (W) => {
      const memory = new W.Memory({ initial: 1, maximum: 3 });
      return [attempt(W, () => memory.grow(make())), memory.buffer.byteLength];
    },
    asZero(label, '["1", 65536]'),
  );
  group.add(
    `new Memory initial ${label}`,
    (W) => attempt(W, () => new W.Memory({ initial: make(), maximum: 2 }).buffer.byteLength),
    asZero(label, '"0"'),
  );
  group.add(
    `new Memory maximum ${label}`,
    (W) => attempt(W, () => new W.Memory({ initial: 1, maximum: make() }).buffer.byteLength),
    asZero(label, '"throws RangeError"'),
  );
  group.add(
    `new Table initial ${label}`,
    (W) => attempt(W, () => new W.Table({ element: "anyfunc", initial: make(), maximum: 3 }).length),
    asZero(label, '"0"'),
  );
  group.add(
    `new Table maximum ${label}`,
    (W) => attempt(W, () => new W.Table({ element: "anyfunc", initial: 1, maximum: make() }).length),
    asZero(label, '"throws RangeError"'),
  );
}
