// Probes of running code: errors that pass through, re-entrance, overflow, traps, stack lines, instructions' edges.

import { attempt, describe, errorClass, type Loose, ProbeGroup } from "./probe.js";
import {
  EXTERNREF,
  echoOf,
  exportsOf,
  F32,
  F64,
  FUNCREF,
  functionOf,
  I32,
  I64,
  type ModuleBytes,
} from "./probe-modules.js";

const group = new ProbeGroup("running");
export const runningProbes = group.probes;

function thrower(W: Loose, thrown: unknown): Loose {
  return exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [], []);
      const inner = m.addFunction([], [], (code) => code.call(host));
      m.exportFunction(
        "f",
        m.addFunction([], [], (code) => code.call(inner)),
      );
    },
    {
      env: {
        host: () => {
          throw thrown;
        },
      },
    },
  ).f;
}
for (const [label, thrown] of [
  ["an object", { own: 1 }],
  ["a string", "text"],
  ["undefined", undefined],
  ["null", null],
  ["a symbol", Symbol.iterator],
  ["NaN", Number.NaN],
  ["an error", new SyntaxError("own")],
  ["a frozen error", Object.freeze(new RangeError("own"))],
  ["a promise", Promise.resolve(1)],
] as [string, unknown][]) {
  group.add(`a host function throws ${label}`, (W) => {
    try {
      thrower(W, thrown)();
    } catch (error) {
      return Object.is(error, thrown);
    }
    return "nothing thrown";
  });
}
group.add("an instance goes on after a host error", (W) => {
  let fail = true;
  const { f } = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [], [I32]);
      m.exportFunction(
        "f",
        m.addFunction([], [I32], (code) => code.call(host).i32Const(1).op(0x6a)),
      );
    },
    {
      env: {
        host: () => {
          if (fail) throw new Error("once");
          return 5;
        },
      },
    },
  );
  const first = attempt(W, f);
  fail = false;
  return [first, f()];
});

/** `f(n)` calls the host with n; what the host returns comes back plus one. */
function relay(W: Loose, host: (n: number, self: Loose) => number): Loose {
  const exports = exportsOf(
    W,
    (m) => {
      const index = m.importFunction("env", "host", [I32], [I32]);
      m.exportFunction(
        "f",
        m.addFunction([I32], [I32], (code) => code.localGet(0).call(index).i32Const(1).op(0x6a)),
      );
    },
    { env: { host: (n: number) => host(n, exports.f) } },
  );
  return exports.f;
}
group.add("re-entrance a hundred deep", (W) => relay(W, (n, self) => (n === 0 ? 0 : self(n - 1)))(100));
group.add("re-entrance: an inner error is caught by the host", (W) =>
  relay(W, (n, self) => {
    if (n === 5) throw new Error("deep");
    try {
      return self(n + 1);
    } catch {
      return 1000;
    }
  })(0),
);
group.add("re-entrance: an inner trap passes outer frames", (W) => {
  const trap = functionOf(W, [], [], (code) => code.op(0));
  return attempt(W, () => relay(W, (n, self) => (n === 3 ? trap() : self(n + 1)))(0));
});
group.add("re-entrance without end", (W) => attempt(W, () => relay(W, (n, self) => self(n + 1))(0)));
group.add("recursion without end", (W) => {
  const f = functionOf(W, [I32], [I32], (code) => code.localGet(0).i32Const(1).op(0x6a).call(0));
  return [attempt(W, () => f(0)), attempt(W, () => f(5))];
});
group.add("an overflow is an ordinary RangeError", (W) => {
  const f = functionOf(W, [], [], (code) => code.call(0));
  try {
    f();
  } catch (error) {
    return [
      error instanceof RangeError,
      (error as Error).constructor === RangeError,
      (error as Error).message,
      typeof (error as Error).stack,
    ];
  }
  return "nothing thrown";
});
group.add("recursion ten thousand deep works", (W) => {
  const f = functionOf(W, [I32], [I32], (code) =>
    code
      .localGet(0)
      .op(0x45)
      .block(0x04, I32)
      .i32Const(0)
      .op(0x05)
      .localGet(0)
      .i32Const(1)
      .op(0x6b)
      .call(0)
      .i32Const(1)
      .op(0x6a)
      .end(),
  );
  return f(10_000);
});
group.add("mutual recursion of two instances", (W) => {
  let even: Loose;
  const make = (next: (n: number) => number, answer: number): Loose =>
    exportsOf(
      W,
      (m) => {
        const host = m.importFunction("env", "next", [I32], [I32]);
        m.exportFunction(
          "f",
          m.addFunction([I32], [I32], (code) =>
            code
              .localGet(0)
              .op(0x45)
              .block(0x04, I32)
              .i32Const(answer)
              .op(0x05)
              .localGet(0)
              .i32Const(1)
              .op(0x6b)
              .call(host)
              .end(),
          ),
        );
      },
      { env: { next } },
    ).f;
  const odd = make((n) => even(n), 0);
  even = make(odd, 1);
  return [even(300), even(301)];
});

// Traps
const traps: [string, number[], number[], (code: Loose, m?: ModuleBytes) => unknown, unknown[]][] = [
  ["unreachable", [], [], (code) => code.op(0), []],
  ["i32.div_s by zero", [I32, I32], [I32], (code) => code.localGet(0).localGet(1).op(0x6d), [1, 0]],
  [
    "i32.div_s overflow",
    [I32, I32],
    [I32],
    (code) => code.localGet(0).localGet(1).op(0x6d),
    [-(2 ** 31), -1],
  ],
  ["i32.div_u by zero", [I32, I32], [I32], (code) => code.localGet(0).localGet(1).op(0x6e), [1, 0]],
  ["i32.rem_s by zero", [I32, I32], [I32], (code) => code.localGet(0).localGet(1).op(0x6f), [1, 0]],
  [
    "i32.rem_s of the smallest by -1",
    [I32, I32],
    [I32],
    (code) => code.localGet(0).localGet(1).op(0x6f),
    [-(2 ** 31), -1],
  ],
  ["i64.div_s by zero", [I64, I64], [I64], (code) => code.localGet(0).localGet(1).op(0x7f), [1n, 0n]],
  [
    "i64.div_s overflow",
    [I64, I64],
    [I64],
    (code) => code.localGet(0).localGet(1).op(0x7f),
    [-(2n ** 63n), -1n],
  ],
  ["i64.rem_u by zero", [I64, I64], [I64], (code) => code.localGet(0).localGet(1).op(0x82), [1n, 0n]],
  [
    "i64.rem_s of the smallest by -1",
    [I64, I64],
    [I64],
    (code) => code.localGet(0).localGet(1).op(0x81),
    [-(2n ** 63n), -1n],
  ],
  ["i32.trunc_f64_s of NaN", [F64], [I32], (code) => code.localGet(0).op(0xaa), [Number.NaN]],
  ["i32.trunc_f64_s of 2^31", [F64], [I32], (code) => code.localGet(0).op(0xaa), [2 ** 31]],
  ["i32.trunc_f64_s of -2^31-0.9", [F64], [I32], (code) => code.localGet(0).op(0xaa), [-(2 ** 31) - 0.9]],
  ["i32.trunc_f64_u of -0.9", [F64], [I32], (code) => code.localGet(0).op(0xab), [-0.9]],
  ["i32.trunc_f64_u of -1", [F64], [I32], (code) => code.localGet(0).op(0xab), [-1]],
  [
    "i64.trunc_f32_s of Infinity",
    [F32],
    [I64],
    (code) => code.localGet(0).op(0xae),
    [Number.POSITIVE_INFINITY],
  ],
  ["i64.trunc_f64_u of 2^64", [F64], [I64], (code) => code.localGet(0).op(0xb1), [2 ** 64]],
  ["i64.trunc_f64_u of 2^63", [F64], [I64], (code) => code.localGet(0).op(0xb1), [2 ** 63]],
  ["i32.trunc_sat_f64_u of 1e300", [F64], [I32], (code) => code.localGet(0).raw(0xfc, 3), [1e300]],
  ["i64.trunc_sat_f64_s of NaN", [F64], [I64], (code) => code.localGet(0).raw(0xfc, 6), [Number.NaN]],
];
for (const [label, parameters, results, write, args] of traps) {
  group.add(label, (W) => attempt(W, () => functionOf(W, parameters, results, write)(...args)));
}
/** Exports load, store, table.get, call_indirect, memory.fill and memory.copy over one page and three places. */
function accesses(W: Loose): Loose {
  return exportsOf(W, (m) => {
    const seven = m.addFunction([], [I32], (code) => code.i32Const(7));
    const wrong = m.addFunction([I32], [], () => {});
    m.addMemory({ minimum: 1 });
    m.addTable(FUNCREF, { minimum: 3 });
    m.addElements(0, [seven, wrong]);
    m.exportFunction(
      "load",
      m.addFunction([I32], [I32], (code) => code.localGet(0).memory(0x28)),
    );
    m.exportFunction(
      "load8far",
      m.addFunction([I32], [I32], (code) => code.localGet(0).memory(0x2d, 0xffffffff)),
    );
    m.exportFunction(
      "store",
      m.addFunction([I32], [], (code) => code.localGet(0).i64Const(-1).memory(0x37)),
    );
    m.exportFunction(
      "call",
      m.addFunction([I32], [I32], (code) => code.localGet(0).callIndirect(m.type([], [I32]))),
    );
    m.exportFunction(
      "get",
      m.addFunction([I32], [FUNCREF], (code) => code.localGet(0).raw(0x25, 0)),
    );
    m.exportFunction(
      "fill",
      m.addFunction([I32, I32, I32], [], (code) => code.localGet(0).localGet(1).localGet(2).raw(0xfc, 11, 0)),
    );
    m.exportFunction(
      "copy",
      m.addFunction([I32, I32, I32], [], (code) =>
        code.localGet(0).localGet(1).localGet(2).raw(0xfc, 10, 0, 0),
      ),
    );
  });
}
for (const [name, ...args] of [
  ["load", 65532],
  ["load", 65533],
  ["load", 65536],
  ["load", -1],
  ["load", 2 ** 31],
  ["load8far", 0],
  ["load8far", 1],
  ["store", 65528],
  ["store", 65529],
  ["store", -8],
  ["call", 0],
  ["call", 1],
  ["call", 2],
  ["call", 3],
  ["call", -1],
  ["get", 2],
  ["get", 3],
  ["fill", 65536, 0, 0],
  ["fill", 65537, 0, 0],
  ["fill", 65535, 0, 2],
  ["fill", 0, 5, -1],
  ["copy", 0, 65536, 0],
  ["copy", 0, 65536, 1],
  ["copy", 65530, 0, 7],
] as [string, ...number[]][]) {
  group.add(`${name}(${args.join()})`, (W) => attempt(W, () => accesses(W)[name](...args)));
}
group.add("a trap is a RuntimeError with a message and stack", (W) => {
  try {
    functionOf(W, [], [], (code) => code.op(0))();
  } catch (error) {
    const own = (key: string): string => {
      const descriptor = Object.getOwnPropertyDescriptor(error, key);
      return descriptor === undefined
        ? "none"
        : `${typeof descriptor.value} ${descriptor.writable} ${descriptor.enumerable} ${descriptor.configurable}`;
    };
    return [
      errorClass(W, error),
      own("message"),
      own("name"),
      own("cause"),
      String(error).startsWith("RuntimeError: "),
    ];
  }
  return "nothing thrown";
});

// Stacks
/** The lines of an error's stack that are in Wasm, with the hash of the module taken out. */
function wasmLines(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    return String((error as Error).stack)
      .split("\n")
      .filter((line) => line.includes("wasm://"))
      .map((line) => line.trim().replace(/[0-9a-f]{8}(?=:wasm-function)/, "HASH"));
  }
  return ["nothing thrown"];
}
function trapDeep(m: ModuleBytes): void {
  const a = m.addFunction([I32], [], (code) => code.localGet(0).block(0x04).op(0).end());
  const b = m.addFunction([I32], [], (code) => code.i32Const(100).op(0x1a).localGet(0).call(a));
  m.exportFunction(
    "f",
    m.addFunction([I32], [], (code) => code.localGet(0).call(b).localGet(0).call(a)),
  );
}
group.add("stack lines without names", (W) => wasmLines(() => exportsOf(W, trapDeep).f(1)));
group.add("stack lines with function names", (W) =>
  wasmLines(() =>
    exportsOf(W, (m) => {
      trapDeep(m);
      m.addNames(undefined, [
        [0, "inner"],
        [2, "outer.name<T>"],
      ]);
    }).f(1),
  ),
);
group.add("stack lines with a module name", (W) =>
  wasmLines(() =>
    exportsOf(W, (m) => {
      trapDeep(m);
      m.addNames("some-module", [[1, "middle"]]);
    }).f(1),
  ),
);
group.add("stack lines of a division", (W) =>
  wasmLines(() => functionOf(W, [I32], [I32], (code) => code.i32Const(5).localGet(0).op(0x6d))(0)),
);
group.add("stack lines of a load", (W) => wasmLines(() => accesses(W).load(-1)));
group.add("stack lines of a bad indirect call", (W) => wasmLines(() => accesses(W).call(1)));
group.add("stack lines of a null indirect call", (W) => wasmLines(() => accesses(W).call(2)));
group.add("stack lines of table.get", (W) => wasmLines(() => accesses(W).get(3)));
group.add("stack lines of memory.fill", (W) => wasmLines(() => accesses(W).fill(0, 0, 70_000)));
group.add("stack lines across two instances", (W) => {
  const inner = exportsOf(W, trapDeep).f;
  return wasmLines(() =>
    exportsOf(
      W,
      (m) => {
        const index = m.importFunction("env", "f", [I32], []);
        m.exportFunction(
          "g",
          m.addFunction([I32], [], (code) => code.localGet(0).call(index)),
        );
      },
      { env: { f: inner } },
    ).g(1),
  );
});
group.add("stack lines of an indirect call's caller", (W) =>
  wasmLines(() =>
    exportsOf(W, (m) => {
      const f = m.addFunction([], [], (code) => code.op(0));
      m.addTable(FUNCREF, { minimum: 1 });
      m.addElements(0, [f]);
      m.exportFunction(
        "g",
        m.addFunction([], [], (code) => code.op(0x01).i32Const(0).callIndirect(m.type([], []))),
      );
    }).g(),
  ),
);
group.add("stack lines of a start function", (W) =>
  wasmLines(() => exportsOf(W, (m) => m.setStart(m.addFunction([], [], (code) => code.op(0))))),
);
group.add("stack lines repeat in recursion and stop at the limit", (W) => {
  const f = functionOf(W, [I32], [], (code) =>
    code.localGet(0).op(0x45).block(0x04).op(0).end().localGet(0).i32Const(1).op(0x6b).call(0),
  );
  return wasmLines(() => f(30));
});
group.add("stack lines of an overflow", (W) =>
  wasmLines(() => functionOf(W, [], [], (code) => code.call(0))()).slice(1, 4),
);
group.add("the first line of a trap's stack is its text", (W) => {
  try {
    exportsOf(W, trapDeep).f(1);
  } catch (error) {
    return String((error as Error).stack).split("\n")[0] === String(error);
  }
  return "nothing thrown";
});
group.add("stack under Error.stackTraceLimit 2", (W) => {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 2;
  try {
    return wasmLines(() => exportsOf(W, trapDeep).f(1));
  } finally {
    Error.stackTraceLimit = before;
  }
});
group.addInformational("Wasm frames in the stack of a host's own error", (W) =>
  wasmLines(
    thrower(W, undefined) &&
      (() =>
        exportsOf(
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
              host: () => {
                throw new Error("host");
              },
            },
          },
        ).f()),
  ),
);

// References
group.add("externref keeps every kind of value", (W) => {
  const echo = echoOf(W, EXTERNREF);
  const values = [{}, [], () => 1, Symbol.iterator, "text", 1, -0, Number.NaN, 1n, true, undefined, null];
  return values.map((value) => Object.is(echo(value), value));
});
group.add("ref.is_null of externrefs", (W) => {
  const f = functionOf(W, [EXTERNREF], [I32], (code) => code.localGet(0).op(0xd1));
  return [f(null), f(undefined), f(0), f({})];
});
group.add("externref through a global and a table", (W) => {
  const { set, get } = exportsOf(W, (m) => {
    m.addGlobal(EXTERNREF, true, (code) => code.refNull(EXTERNREF));
    m.addTable(EXTERNREF, { minimum: 4 });
    m.exportFunction(
      "set",
      m.addFunction([I32, EXTERNREF], [], (code) =>
        code.localGet(1).globalSet(0).localGet(0).globalGet(0).raw(0x26, 0),
      ),
    );
    m.exportFunction(
      "get",
      m.addFunction([I32], [EXTERNREF], (code) => code.localGet(0).raw(0x25, 0)),
    );
  });
  const object = {};
  set(1, object);
  set(2, undefined);
  return [get(0), get(1) === object, get(2), attempt(W, () => get(4))];
});
group.add("funcref called through a table set by code", (W) => {
  const { put, call } = exportsOf(W, (m) => {
    m.addTable(FUNCREF, { minimum: 1 });
    m.exportFunction(
      "put",
      m.addFunction([FUNCREF], [], (code) => code.i32Const(0).localGet(0).raw(0x26, 0)),
    );
    m.exportFunction(
      "call",
      m.addFunction([I32], [I32], (code) =>
        code
          .localGet(0)
          .i32Const(0)
          .callIndirect(m.type([I32], [I32])),
      ),
    );
  });
  const before = attempt(W, () => call(1));
  put(functionOf(W, [I32], [I32], (code) => code.localGet(0).i32Const(3).op(0x6c)));
  const during = call(5);
  put(echoOf(W, I64));
  return [before, during, attempt(W, () => call(1))];
});
group.add("host functions get exported functions as arguments", (W) => {
  const seen: unknown[] = [];
  const exports = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [FUNCREF], [FUNCREF]);
      const f: number = m.addFunction([], [I32], (code) => code.i32Const(77));
      m.declareFunctions([f]);
      m.exportFunction("seven", f);
      m.exportFunction(
        "run",
        m.addFunction([], [FUNCREF], (code) => code.refFunc(f).call(host)),
      );
    },
    {
      env: {
        host: (f: Loose) => {
          seen.push(f, f());
          return f;
        },
      },
    },
  );
  const result = exports.run();
  return [seen[0] === exports.seven, seen[1], result === exports.seven];
});
group.add("a host function that returns a function for funcref", (W) => {
  const { f } = exportsOf(
    W,
    (m) => {
      const host = m.importFunction("env", "host", [], [FUNCREF]);
      m.exportFunction(
        "f",
        m.addFunction([], [FUNCREF], (code) => code.call(host)),
      );
    },
    { env: { host: () => () => 1 } },
  );
  return attempt(W, f);
});

// Numbers
group.add("NaN payloads inside", (W) =>
  functionOf(W, [I32], [I32], (code) => code.localGet(0).op(0xbe).op(0xbc))(0x7fa00001),
);
group.add("f64 bits inside", (W) =>
  functionOf(W, [I64], [I64], (code) => code.localGet(0).op(0xbf).op(0xbd))(0x7ff4000000000001n),
);
group.add("float arithmetic's edges", (W) => {
  const binary = (op: number): Loose =>
    functionOf(W, [F64, F64], [F64], (code) => code.localGet(0).localGet(1).op(op));
  const pairs = [
    [0, -0],
    [Number.NaN, 1],
    [1, Number.NaN],
    [Infinity, -Infinity],
    [5, 0],
    [-5, 0],
    [0.1, 0.2],
  ];
  return [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6].map((op) =>
    pairs.map(([a, b]) => describe(W, binary(op)(a, b))),
  );
});
group.add("rounding", (W) =>
  [0x9b, 0x9c, 0x9d, 0x9e, 0x9f].map((op) =>
    [0.5, 1.5, -0.5, -1.5, 2.5, 4.999, -0, 1e17].map((value) =>
      describe(W, functionOf(W, [F64], [F64], (code) => code.localGet(0).op(op))(value)),
    ),
  ),
);
group.add("shifts by more than the width", (W) =>
  [0x74, 0x75, 0x76, 0x77, 0x78].map((op) =>
    functionOf(W, [I32, I32], [I32], (code) => code.localGet(0).localGet(1).op(op))(-123456789, 37),
  ),
);
group.add("counts", (W) =>
  [0x67, 0x68, 0x69].map((op) =>
    [0, 1, -1, 2 ** 31].map((value) => functionOf(W, [I32], [I32], (code) => code.localGet(0).op(op))(value)),
  ),
);
group.add("64-bit counts", (W) =>
  [0x79, 0x7a, 0x7b].map((op) =>
    [0n, 1n, -1n, 2n ** 63n].map((value) =>
      functionOf(W, [I64], [I64], (code) => code.localGet(0).op(op))(value),
    ),
  ),
);
