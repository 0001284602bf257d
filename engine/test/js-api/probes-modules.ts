// Probes of Module and its statics, validate, compile, instantiate, the streaming forms, and what bytes they take.

import { attempt, attemptLater, describe, type Loose, logged, ProbeGroup, sameTwice } from "./probe.js";
import { bytesOf, emptyBytes, everything, everythingImports, I32, moduleOf } from "./probe-modules.js";

const group = new ProbeGroup("modules");
export const moduleProbes = group.probes;

function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

const sources: [string, () => unknown][] = [
  ["Uint8Array", () => copyOf(emptyBytes)],
  ["ArrayBuffer", () => copyOf(emptyBytes).buffer],
  [
    "part of a buffer",
    () => {
      const whole = new Uint8Array(20);
      whole.set(emptyBytes, 5);
      return whole.subarray(5, 13);
    },
  ],
  ["DataView", () => new DataView(copyOf(emptyBytes).buffer)],
  ["Int16Array", () => new Int16Array(copyOf(emptyBytes).buffer)],
  ["Float64Array", () => new Float64Array(copyOf(emptyBytes).buffer)],
  ["Buffer", () => Buffer.from(emptyBytes)],
  [
    "SharedArrayBuffer",
    () => {
      const shared = new SharedArrayBuffer(8);
      new Uint8Array(shared).set(emptyBytes);
      return shared;
    },
  ],
  [
    "view of a SharedArrayBuffer",
    () => {
      const view = new Uint8Array(new SharedArrayBuffer(8));
      view.set(emptyBytes);
      return view;
    },
  ],
  [
    "detached buffer",
    () => {
      const { buffer } = copyOf(emptyBytes);
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
      return buffer;
    },
  ],
  [
    "resizable buffer",
    () => {
      const buffer = new (ArrayBuffer as Loose)(8, { maxByteLength: 100 });
      new Uint8Array(buffer).set(emptyBytes);
      return buffer;
    },
  ],
  ["empty", () => new Uint8Array(0)],
  ["four bytes", () => emptyBytes.slice(0, 4)],
  ["text", () => new TextEncoder().encode("(module)")],
  ["a component", () => new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0])],
  ["version 2", () => new Uint8Array([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0])],
  ["cut short", () => bytesOf(everything).slice(0, 40)],
  ["trailing byte", () => new Uint8Array([...emptyBytes, 0])],
  ["unknown section", () => new Uint8Array([...emptyBytes, 99, 0])],
  ["type error in a body", () => bytesOf((m) => m.addFunction([], [I32], (code) => code.f32Const(1)))],
  ["plain array", () => [...emptyBytes]],
  ["string", () => "module"],
  ["undefined", () => undefined],
  ["object with a buffer", () => ({ buffer: emptyBytes.buffer, byteOffset: 0, byteLength: 8 })],
];
for (const [label, make] of sources) {
  // By the specification every view is a BufferSource, a DataView too; Node 20 refuses that one.
  const view = (answer: string) => (label === "DataView" ? () => answer : undefined);
  const resolved = "resolves to {module: Module, instance: Instance}";
  group.add(`new Module of ${label}`, (W) => attempt(W, () => new W.Module(make())), view('"Module"'));
  group.add(`validate ${label}`, (W) => attempt(W, () => W.validate(make())), view('"true"'));
  group.add(
    `compile ${label}`,
    (W) => attemptLater(W, () => W.compile(make())),
    view('resolves to "resolves to Module"'),
  );
  group.add(
    `instantiate ${label}`,
    (W) => attemptLater(W, () => W.instantiate(make())),
    view(`resolves to "${resolved}"`),
  );
}
group.add("bytes changed after compile was called", (W) => {
  const bytes = copyOf(emptyBytes);
  const promise = W.compile(bytes);
  bytes.fill(0);
  return attemptLater(W, () => promise);
});
group.add("bytes changed after instantiate was called", (W) => {
  const bytes = copyOf(emptyBytes);
  const promise = W.instantiate(bytes);
  bytes.fill(0);
  return attemptLater(W, () => promise);
});
group.add("bytes are kept apart from the module", (W) => {
  const bytes = bytesOf((m) =>
    m.exportFunction(
      "f",
      m.addFunction([], [I32], (code) => code.i32Const(5)),
    ),
  );
  const module = new W.Module(bytes);
  bytes.fill(0);
  return new W.Instance(module).exports.f();
});

// Statics
group.add("Module.imports", (W) => W.Module.imports(moduleOf(W, everything)));
group.add("Module.exports", (W) => W.Module.exports(moduleOf(W, everything)));
group.add("Module.exports is new each time", (W) => {
  const module = moduleOf(W, everything);
  const [first, second] = [W.Module.exports(module), W.Module.exports(module)];
  return [
    first === second,
    first[0] === second[0],
    Object.isFrozen(first),
    Object.isFrozen(first[0]),
    Object.getPrototypeOf(first[0]) === Object.prototype,
  ];
});
group.add("descriptor of a member of Module.imports", (W) =>
  Object.getOwnPropertyDescriptor(W.Module.imports(moduleOf(W, everything))[0], "kind"),
);
for (const name of ["imports", "exports", "customSections"]) {
  for (const bad of [undefined, null, {}, emptyBytes, 5]) {
    group.add(`Module.${name}(${bad === emptyBytes ? "bytes" : JSON.stringify(bad)})`, (W) =>
      attempt(W, () => W.Module[name](bad, "x")),
    );
  }
}
function withCustoms(m: Loose): void {
  m.addCustom("a", new Uint8Array([1, 2]), 0)
    .addCustom("b", new Uint8Array([3]), 1)
    .addCustom("a", new Uint8Array([4, 5, 6]), 11);
  m.addCustom("", new Uint8Array([9]), 11)
    .addCustom("ü😀", new Uint8Array(0), 11)
    .addCustom("undefined", new Uint8Array([7]), 11);
  m.addFunction([], [], () => {});
}
for (const name of ["a", "b", "c", "", "ü😀", undefined, null, 5, { toString: () => "a" }] as unknown[]) {
  const label = typeof name === "object" ? String(name) : JSON.stringify(name);
  group.add(
    `customSections ${label}`,
    (W) => {
      const sections = W.Module.customSections(moduleOf(W, withCustoms), name) as ArrayBuffer[];
      return sections.map((buffer) => [buffer instanceof ArrayBuffer, ...new Uint8Array(buffer)]);
    },
    name === undefined ? () => "[[true, 7]]" : undefined,
  );
}
group.add("customSections without a name", (W) =>
  attempt(W, () => W.Module.customSections(moduleOf(W, withCustoms))),
);
group.add("customSections with a symbol", (W) =>
  attempt(W, () => W.Module.customSections(moduleOf(W, withCustoms), Symbol.iterator)),
);
group.add("customSections are copies", (W) => {
  const module = moduleOf(W, withCustoms);
  new Uint8Array(W.Module.customSections(module, "b")[0])[0] = 99;
  return new Uint8Array(W.Module.customSections(module, "b")[0])[0];
});
group.add("customSections with a lone surrogate", (W) =>
  W.Module.customSections(moduleOf(W, withCustoms), "\ud800"),
);
group.add("names with odd characters", (W) => {
  const module = moduleOf(W, (m) => {
    const f = m.addFunction([], [], () => {});
    for (const name of ["", "\0", "__proto__", "constructor", "ü😀", "10", "2", "a b", "then"])
      m.exportFunction(name, f);
  });
  return [
    W.Module.exports(module).map((entry: Loose) => entry.name),
    Object.keys(new W.Instance(module).exports),
  ];
});

// instantiate
group.add("instantiate bytes", async (W) => {
  const result = await W.instantiate(bytesOf(everything), everythingImports(W));
  return [
    Object.keys(result),
    describe(W, result),
    Object.getPrototypeOf(result) === Object.prototype,
    Object.getOwnPropertyDescriptor(result, "module")?.enumerable,
  ];
});
group.add("instantiate a module", async (W) =>
  describe(W, await W.instantiate(moduleOf(W, everything), everythingImports(W))),
);
group.add("the same module comes back", async (W) => {
  const { module, instance } = await W.instantiate(emptyBytes);
  return [module === (await W.instantiate(module)), sameTwice(() => instance.exports)];
});
for (const imports of [undefined, null, 5, "text", true, 1n, {}, () => {}] as unknown[]) {
  const label =
    typeof imports === "function" ? "function" : typeof imports === "bigint" ? "1n" : JSON.stringify(imports);
  group.add(`imports ${label} for a module without any`, (W) =>
    attempt(W, () => new W.Instance(new W.Module(emptyBytes), imports)),
  );
  group.add(`imports ${label} for a module with some`, (W) =>
    attempt(W, () => new W.Instance(moduleOf(W, everything), imports)),
  );
  group.add(`instantiate bytes with imports ${label}`, (W) =>
    attemptLater(W, () => W.instantiate(emptyBytes, imports)),
  );
  group.add(`instantiate a module with imports ${label}`, (W) =>
    attemptLater(W, () => W.instantiate(moduleOf(W, everything), imports)),
  );
}
group.add("instantiate: a wrong import of bytes", (W) =>
  attemptLater(W, () => W.instantiate(bytesOf(everything), { env: {} })),
);
group.add("instantiate: bad bytes and bad imports", (W) =>
  attemptLater(W, () => W.instantiate(new Uint8Array(3), 5)),
);
group.add("instantiate reads imports after compiling", async (W) => {
  const log: string[] = [];
  const promise = W.instantiate(bytesOf(everything), {
    get env() {
      log.push("env");
      return everythingImports(W).env;
    },
  });
  log.push("returned");
  await promise;
  return log;
});
group.add("instantiate a module reads imports", async (W) => {
  const log: string[] = [];
  const promise = W.instantiate(moduleOf(W, everything), {
    get env() {
      log.push("env");
      return everythingImports(W).env;
    },
  });
  log.push("returned");
  await promise;
  return log;
});
group.add("compile and instantiate return promises", (W) => {
  const promises = [
    W.compile(emptyBytes),
    W.instantiate(emptyBytes),
    W.compile(new Uint8Array(1)),
    W.instantiate(),
  ];
  for (const promise of promises) promise.catch(() => {});
  return promises.map((promise) => promise instanceof Promise);
});
group.add("a start function that throws rejects", (W) => {
  const bytes = bytesOf((m) => {
    const f = m.importFunction("env", "f", [], []);
    m.setStart(f);
  });
  return attemptLater(W, () =>
    W.instantiate(bytes, {
      env: {
        f: () => {
          throw "a string";
        },
      },
    }),
  );
});
group.add("a thenable export is not awaited", async (W) => {
  const bytes = bytesOf((m) =>
    m.exportFunction(
      "then",
      m.addFunction([], [], (code) => code.op(0)),
    ),
  );
  const { instance } = await W.instantiate(bytes);
  return Object.keys(instance.exports);
});
group.add("Instance of something that is no Module", (W) =>
  [emptyBytes, {}, undefined, Object.create(W.Module.prototype)].map((value) =>
    attempt(W, () => new W.Instance(value)),
  ),
);
group.add("instantiate with an object that only looks like a Module", (W) =>
  attemptLater(W, () => W.instantiate(Object.create(W.Module.prototype))),
);
group.add("reading order of instantiate's options", (W) => {
  const log: string[] = [];
  return [attempt(W, () => new W.Instance(moduleOf(W, everything), logged(log, "imports", {}))), log];
});

// Streaming
const wasm = { headers: { "content-type": "application/wasm" } };
const responses: [string, () => unknown][] = [
  ["a good response", () => new Response(emptyBytes, wasm)],
  ["a promise of a response", () => Promise.resolve(new Response(emptyBytes, wasm))],
  [
    "a parameter in the type",
    () => new Response(emptyBytes, { headers: { "content-type": "application/wasm; charset=utf-8" } }),
  ],
  ["upper case type", () => new Response(emptyBytes, { headers: { "content-type": "Application/WASM" } })],
  [
    "another type",
    () => new Response(emptyBytes, { headers: { "content-type": "application/octet-stream" } }),
  ],
  ["no type", () => new Response(emptyBytes)],
  ["status 404", () => new Response(emptyBytes, { ...wasm, status: 404 })],
  ["status 201", () => new Response(emptyBytes, { ...wasm, status: 201 })],
  ["bad bytes", () => new Response(new Uint8Array([1, 2, 3]), wasm)],
  ["an empty body", () => new Response(new Uint8Array(0), wasm)],
  ["no body", () => new Response(null, wasm)],
  ["bytes", () => emptyBytes],
  ["nothing", () => undefined],
  ["a rejected promise", () => Promise.reject(new SyntaxError("own"))],
  ["a promise of bytes", () => Promise.resolve(emptyBytes)],
  [
    "a used body",
    () => {
      const response = new Response(emptyBytes, wasm);
      void response.arrayBuffer();
      return response;
    },
  ],
  [
    "an object like a response",
    () => ({
      ok: true,
      status: 200,
      headers: new Map([["content-type", "application/wasm"]]),
      arrayBuffer: async () => emptyBytes.buffer,
    }),
  ],
];
for (const [label, make] of responses) {
  const insensitive = label === "upper case type";
  group.add(
    `compileStreaming of ${label}`,
    (W) => attemptLater(W, () => W.compileStreaming(make())),
    insensitive ? () => 'resolves to "resolves to Module"' : undefined,
  );
  group.add(
    `instantiateStreaming of ${label}`,
    (W) => attemptLater(W, () => W.instantiateStreaming(make())),
    insensitive ? () => 'resolves to "resolves to {module: Module, instance: Instance}"' : undefined,
  );
}
group.add("instantiateStreaming with imports", async (W) => {
  const result = await W.instantiateStreaming(new Response(bytesOf(everything), wasm), everythingImports(W));
  return [Object.keys(result), Object.keys(result.instance.exports)];
});
group.add("instantiateStreaming with a wrong import", (W) =>
  attemptLater(W, () => W.instantiateStreaming(new Response(bytesOf(everything), wasm), { env: {} })),
);
group.add("instantiateStreaming with imports that are no object", (W) =>
  attemptLater(W, () => W.instantiateStreaming(new Response(emptyBytes, wasm), 5)),
);
