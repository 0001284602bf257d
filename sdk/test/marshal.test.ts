/** Values across the border: every type, both ways, through a guest that hands them on; and everything hostile. */
import test from "ava";
import { bindExport } from "../binding/bind-export.js";
import { PluginMemory } from "../binding/memory.js";
import type { StandardSchema } from "../declare/schema.js";
import { fn, json, optional, type ValueType } from "../declare/signature.js";
import { MarshalError } from "../errors.js";
import { allocator, forwarder, type Guest, hostFunctions, linked } from "./binding-guest.js";

/** What the host function saw, and what came back, of a value that went through the guest and back. */
function roundTrip(type: ValueType): (value: unknown) => { seen: unknown; back: unknown; guest: Guest } {
  const signature = fn([type], type);
  let seen: unknown;
  const echo = (value: unknown): unknown => {
    seen = value;
    return value;
  };
  const guest = forwarder({ echo: [signature, echo as never] });
  const call = bindExport(guest.instance, "echo", signature);
  return (value) => {
    const back = call(value);
    return { seen, back, guest };
  };
}

const function_ = bindExport(linked(`(module ${allocator})`).instance, "backplane_alloc", fn(["i32"], "i32"));
const exported = linked(`(module ${allocator})`).plugin.exports.backplane_alloc;
const object = {};

const values: [ValueType, unknown[]][] = [
  ["i32", [0, -1, 2147483647, -2147483648]],
  ["i64", [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]],
  ["f32", [0, 0.5, -0, Number.NaN, Number.POSITIVE_INFINITY]],
  ["f64", [0, Math.PI, -0, Number.NaN, 5e-324]],
  ["externref", [object, null, undefined, "text", 5, function_]],
  ["funcref", [null, exported]],
  ["bool", [true, false]],
  ["i8", [-128, 0, 127]],
  ["u8", [0, 255]],
  ["i16", [-32768, 32767]],
  ["u16", [0, 65535]],
  ["u32", [0, 4294967295]],
  ["u64", [0n, 2n ** 64n - 1n]],
  [
    "string",
    ["", "Ada", "h\u00e9llo", "\ufeffmark", "\0", "a\0b", "\u{1f600}", "\ufffd", "x".repeat(100_000)],
  ],
  ["bytes", [new Uint8Array(), new Uint8Array([0, 255, 128]), new Uint8Array(100_000).fill(7)]],
  ["json", [null, 0, "text", [1, { a: ["\u00fc"] }], {}, true]],
  ["string?", [null, "", "Ada"]],
  ["bytes?", [null, new Uint8Array(), new Uint8Array([1])]],
  ["json?", [null, [null], 0]],
];

for (const [type, list] of values) {
  test(`${type} goes through a guest and back`, (t) => {
    const trip = roundTrip(type);
    for (const value of list) {
      const { seen, back } = trip(value);
      t.deepEqual(seen, value);
      t.deepEqual(back, value);
    }
  });
}

test("bytes are copied: neither side sees the other's changes", (t) => {
  const kept: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): void => void kept.push(bytes);
  const guest = forwarder({ keep: [fn(["bytes"]), keep as never] });
  bindExport(guest.instance, "keep", fn(["bytes"]))(new Uint8Array([1, 2]));
  guest.memory.bytes(0, 65536);
  guest.memory.write(32768, new Uint8Array([9, 9]));
  t.deepEqual(kept, [new Uint8Array([1, 2])]);
});

test("a view is the plugin's memory itself", (t) => {
  let sum = 0;
  const views = fn(["bytes"], undefined, { views: true });
  const clear = (bytes: Uint8Array): void => {
    for (const byte of bytes) sum += byte;
    bytes.fill(0);
  };
  const guest = forwarder({ clear: [views, clear as never] });
  bindExport(guest.instance, "clear", fn(["bytes"]))(new Uint8Array([1, 2, 3]));
  t.is(sum, 6);
  t.deepEqual(guest.memory.bytes(32768, 3), new Uint8Array(3));
});

/** A small linear congruential generator, so that a failure can be seen again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const borders = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x10000, 0x10ffff];

test("random text comes back as it was", (t) => {
  const random = randomNumbers(7);
  const trip = roundTrip("string");
  for (let i = 0; i < 2000; i++) {
    const wide = random(4);
    const length = random(40);
    let text = "";
    for (let j = 0; j < length; j++) {
      const any = wide === 0 ? random(128) : wide === 1 ? random(256) : random(0x10f800);
      const code = random(5) === 0 ? borders[random(borders.length)] : any;
      text += String.fromCodePoint(code >= 0xd800 && code < 0xe000 ? code - 0x800 : code);
    }
    const { seen, back } = trip(text);
    if (seen !== text || back !== text) t.fail(JSON.stringify(text));
  }
  t.pass();
});

test("lone surrogates are refused, from an argument and from a result", (t) => {
  const trip = roundTrip("string");
  for (const text of ["\ud800", "a\udc00b", "\udc00\ud800", `${"x".repeat(5000)}\ud83d`]) {
    const error = t.throws(() => trip(text), { instanceOf: MarshalError });
    t.is(
      error.message,
      "p: export echo: argument 1: the text has a lone surrogate, which UTF-8 can't express",
    );
  }
  const guest = forwarder({ give: [fn([], "string"), (() => "\ud800") as never] });
  t.throws(() => guest.plugin.function("give")?.(), {
    instanceOf: MarshalError,
    message: "p: import h.give (Host.give): result: the text has a lone surrogate, which UTF-8 can't express",
  });
});

const notUtf8 = [
  [0x80],
  [0xc0, 0x80],
  [0xc1, 0xbf],
  [0xe0, 0x80, 0x80],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xf0, 0x80, 0x80, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xff],
  [0xe2, 0x82],
  [0xef, 0xbf, 0xbd, 0xff],
];

test("invalid UTF-8 is refused, as an argument of the host's and as a result", (t) => {
  const guest = forwarder({ take: [fn(["string"], "string"), ((text: string) => text) as never] });
  const asResult = linked(`(module ${allocator} (func (export "give") (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32)))))`);
  const give = bindExport(asResult.instance, "give", fn(["bytes"], "string"));
  const bytesToText = bindExport(guest.instance, "take", fn(["bytes"], "bytes"));
  for (const list of notUtf8) {
    for (const before of ["", "x".repeat(50)]) {
      const bytes = Buffer.concat([Buffer.from(before), Uint8Array.from(list)]);
      t.throws(() => bytesToText(bytes), {
        instanceOf: MarshalError,
        message: /^p: import h\.take \(Host\.take\): argument 1: the \d+ bytes at \d+ are not valid UTF-8$/,
      });
      t.throws(() => give(bytes), {
        instanceOf: MarshalError,
        message: /^p: export give: result: the \d+ bytes at \d+ are not valid UTF-8$/,
      });
    }
  }
  t.is(asResult.global("freed"), notUtf8.length * 2);
});

test("null is pointer 0, empty is not, and both have length 0", (t) => {
  const guest = linked(`(module ${allocator}
    (func (export "look") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))`);
  for (const type of ["string?", "bytes?", "json?"] as const) {
    const look = guest.plugin.function("look");
    const bound = bindExport(guest.instance, "look", fn([type], ["u32", "u32"]));
    t.deepEqual(bound(null), [0, 0]);
    t.truthy(look);
  }
  const [pointer, length] = bindExport(
    guest.instance,
    "look",
    fn(["string"], ["u32", "u32"]),
  )("") as number[];
  t.true(pointer > 0);
  t.is(length, 0);
  const empty = bindExport(guest.instance, "look", fn(["bytes?"], ["u32", "u32"]))(new Uint8Array());
  t.true((empty as number[])[0] > 0);
});

test("null where a value is needed is refused, in all four places", (t) => {
  const guest = forwarder({
    take: [fn(["string"]), (() => {}) as never],
    give: [fn([], "bytes"), (() => null) as never],
  });
  t.throws(() => guest.plugin.function("take")?.(0, 5), {
    message:
      'p: import h.take (Host.take): argument 1: expected a string, got null (pointer 0); types that may be null end with "?"',
  });
  t.throws(() => guest.plugin.function("give")?.(), {
    message: "p: import h.give (Host.give): result: expected a Uint8Array, got null",
  });
  const none = linked(`(module ${allocator} (func (export "none") (result i64) (i64.const 0))
    (func (export "take") (param i32 i32)))`);
  t.throws(() => bindExport(none.instance, "none", fn([], "json"))(), {
    message: /^p: export none: result: expected a value that JSON can express, got null \(pointer 0\)/,
  });
  t.throws(() => bindExport(none.instance, "take", fn(["string"]))(null), {
    message: "p: export take: argument 1: expected a string, got null",
  });
});

test("integers by width: the guest's bits are cut and extended, the host's values checked", (t) => {
  const seen: unknown[] = [];
  const see = (value: unknown): void => void seen.push(value);
  for (const [type, core, expected] of [
    ["i8", 0x1ff, -1],
    ["u8", 0x1ff, 255],
    ["i16", 0x18000, -32768],
    ["u16", -1, 65535],
    ["u32", -1, 4294967295],
    ["bool", 256, true],
    ["bool", 0, false],
  ] as const) {
    const guest = forwarder({ see: [fn([type]), see as never] });
    guest.plugin.function("see")?.(core);
    t.is(seen.pop(), expected, type);
  }
  for (const [type, bad] of [
    ["i8", [128, -129, 1.5, Number.NaN, 1n, "1", undefined]],
    ["u8", [-1, 256]],
    ["i16", [32768]],
    ["u16", [-1, 65536]],
    ["u32", [-1, 4294967296, Number.POSITIVE_INFINITY]],
    ["u64", [-1n, 2n ** 64n, 1]],
    ["i64", [1, undefined]],
    ["i32", ["1", undefined, 1n, true]],
    ["f64", [undefined, null]],
    ["bool", [1, undefined]],
    ["funcref", ["f"]],
  ] as const) {
    const trip = roundTrip(type);
    for (const value of bad) {
      t.throws(() => trip(value), {
        instanceOf: MarshalError,
        message: /^p: export echo: argument 1: expected /,
      });
    }
  }
  t.throws(() => roundTrip("u8")(256), {
    message: "p: export echo: argument 1: expected an integer from 0 to 255 (u8), got the number 256",
  });
});

/** A Standard Schema made of a function that gives issues, or none and a value. */
function schema<T>(
  validate: (value: unknown) => ReturnType<StandardSchema<unknown, T>["~standard"]["validate"]>,
): StandardSchema<unknown, T> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

test("JSON with a schema: what comes from the guest is checked and transformed", (t) => {
  const seen: unknown[] = [];
  const order = schema((value) => {
    const { items } = value as { items: { price: unknown }[] };
    const issues = items.flatMap(({ price }, i) =>
      typeof price === "number"
        ? []
        : [{ message: "expected a number", path: ["items", i, { key: "price" }] }],
    );
    return issues.length > 0 ? { issues: [...issues, { message: "no" }] } : { value: items.length };
  });
  const see = (value: unknown): void => void seen.push(value);
  const guest = forwarder({ see: [fn([json(order)]), see as never] });
  const call = bindExport(guest.instance, "see", fn(["json"]));
  call({ items: [{ price: 1 }, { price: 2 }] });
  t.deepEqual(seen, [2]);
  const error = t.throws(() => call({ items: [{ price: "secret" }, { price: 1 }, {}] }), {
    instanceOf: MarshalError,
  });
  t.is(
    error.message,
    "p: import h.see (Host.see): argument 1: the JSON doesn't match its schema: " +
      "items[0].price: expected a number; items[2].price: expected a number; no",
  );
});

test("JSON with a schema: null, asynchronous schemas, schemas that throw", (t) => {
  const guest = linked(`(module ${allocator}
    (func (export "echo") (param i32 i32) (result i64)
      (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32)))))`);
  const call = (type: ValueType, value: unknown): unknown =>
    bindExport(guest.instance, "echo", fn(["json?"], type))(value);
  const five = json(schema(() => ({ value: 5 })));
  t.is(call(optional(five), null), null);
  t.is(call(optional(five), 1), 5);
  t.throws(() => call(five, null), { message: /got null/ });
  const later = json(schema(() => Promise.reject(new Error("later"))));
  t.throws(() => call(later, 1), { message: /: result: the schema validates asynchronously; / });
  const broken = json(
    schema(() => {
      throw new Error("broken");
    }),
  );
  t.throws(() => call(broken, 1), { message: "p: export echo: result: the schema threw: broken" });
});

test("what isn't JSON is refused without quoting it", (t) => {
  const take = fn(["json"]);
  const guest = forwarder({ take: [take, (() => {}) as never] });
  const error = t.throws(() => bindExport(guest.instance, "take", fn(["string"]))("{secret"));
  t.is(error?.message, "p: import h.take (Host.take): argument 1: the 7 characters are not JSON");
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const value of [undefined, () => {}, 1n, cycle]) {
    t.throws(() => bindExport(guest.instance, "take", take)(value), { instanceOf: MarshalError });
  }
});

test("the first access to a memory, and the first after it grew, may be a write", (t) => {
  const { memory, plugin } = linked(`(module (memory (export "memory") 1)
    (func (export "grow") (drop (memory.grow (i32.const 1)))))`);
  memory.write(10, new Uint8Array([1, 2]));
  t.deepEqual(memory.bytes(10, 2), new Uint8Array([1, 2]));
  (plugin.exports.grow as () => void)();
  memory.write(65536 + 10, new Uint8Array([3]));
  t.deepEqual(memory.bytes(65536 + 10, 1), new Uint8Array([3]));
});

test("an allocator that grows memory moves nothing under the host", (t) => {
  // Every allocation takes a new page, so each detaches the buffer that was there before.
  const growing = `(memory (export "memory") 1)
    (func $grow (export "backplane_alloc") (param i32) (result i32)
      (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
    (func (export "backplane_free") (param i32 i32))`;
  const join = (a: string, b: Uint8Array): string => `${a}${b.length}`;
  const guest = forwarder({ join: [fn(["string", "bytes"], "string"), join as never] }, false, growing);
  const call = bindExport(guest.instance, "join", fn(["string", "bytes"], "string"));
  for (let i = 0; i < 20; i++) t.is(call("grow", new Uint8Array(i)), `grow${i}`);
  t.is(guest.memory.size, 61 * 65536);
});

test("a view that ends while its result is allocated is told", (t) => {
  const growing = `(memory (export "memory") 1)
    (func (export "backplane_alloc") (param i32) (result i32)
      (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
    (func (export "backplane_free") (param i32 i32))`;
  const echo = fn(["bytes"], "bytes", { views: true });
  const guest = forwarder({ echo: [echo, ((bytes: Uint8Array) => bytes) as never] }, false, growing);
  t.throws(() => bindExport(guest.instance, "echo", fn(["bytes"], "bytes"))(new Uint8Array([1])), {
    message: "p: import h.echo (Host.echo): result: the bytes are a view that has ended; hand over a copy",
  });
});

test("pointers that a hostile guest makes up", (t) => {
  const hostile = (pointer: string): string => `(memory (export "memory") 1 1)
    (func (export "backplane_alloc") (param i32) (result i32) (i32.const ${pointer}))
    (func (export "backplane_free") (param i32 i32))`;
  const one = fn(["string"]);
  for (const [pointer, fault] of [
    ["0", /argument 1: backplane_alloc\(5\) gave no memory$/],
    ["-1", /argument 1: 5 bytes at 4294967295 end outside of 65536 bytes of memory$/],
    ["65532", /argument 1: 5 bytes at 65532 end outside of 65536 bytes of memory$/],
  ] as const) {
    const guest = linked(`(module ${hostile(pointer)} (func (export "f") (param i32 i32)))`);
    t.throws(() => bindExport(guest.instance, "f", one)("12345"), {
      instanceOf: MarshalError,
      message: fault,
    });
  }
  const same = linked(`(module ${hostile("100")} (func (export "f") (param i32 i32 i32 i32)))`);
  t.throws(() => bindExport(same.instance, "f", fn(["string", "bytes"]))("12345", new Uint8Array(1)), {
    instanceOf: MarshalError,
    message: "p: export f: argument 2: backplane_alloc gave memory that another value is in",
  });
  const results = linked(`(module ${hostile("8")}
    (func (export "far") (result i64) (i64.const 0x10000ffff))
    (func (export "long") (result i64) (i64.const 0xffffffff00000001))
    (func (export "fits") (result i64) (i64.const 0x00000001ffff)))`);
  t.throws(() => bindExport(results.instance, "long", fn([], "bytes"))(), { instanceOf: MarshalError });
  t.is((bindExport(results.instance, "far", fn([], "bytes"))() as Uint8Array).length, 1);
  t.throws(
    () => bindExport(results.instance, "fits", fn([], "bytes?"))(),
    undefined,
    "pointer beyond the end",
  );
  const importing = forwarder({ take: [fn(["bytes"]), (() => {}) as never] });
  for (const [pointer, length] of [
    [-1, 1],
    [1, -1],
    [65536, 1],
    [-1, -1],
  ]) {
    t.throws(() => importing.plugin.function("take")?.(pointer, length), { instanceOf: MarshalError });
  }
  importing.plugin.function("take")?.(65536, 0);
});

test("random pointers and lengths give values or MarshalErrors, nothing else", (t) => {
  const random = randomNumbers(11);
  const any = (): number =>
    [random(65536), random(2 ** 32), 65536 - random(4), 2 ** 32 - random(4)][random(4)];
  const types = ["string?", "bytes?", "json?"] as const;
  const take = forwarder({ take: [fn(types), (() => {}) as never] });
  const gives = types.map((type) => {
    const guest = linked(
      `(module ${allocator} (func (export "give") (param i64) (result i64) (local.get 0)))`,
    );
    return bindExport(guest.instance, "give", fn(["u64"], type));
  });
  const takeRaw = take.plugin.function("take");
  let refused = 0;
  const attempt = (action: () => unknown): void => {
    try {
      action();
    } catch (error) {
      refused++;
      if (!(error instanceof MarshalError)) throw error;
    }
  };
  for (let i = 0; i < 2000; i++) {
    attempt(() => takeRaw?.(any(), any(), any(), any(), 0, any()));
    attempt(() => gives[i % 3](BigInt(any()) | (BigInt(any()) << 32n)));
  }
  t.true(refused > 2000 && refused < 4000);
});

test("several results, in both directions", (t) => {
  const types = ["string", "u8", "bytes?", "i64"] as const;
  const list = ["text", 200, null, 5n];
  const several = fn(types, types);
  const guest = forwarder({ all: [several, ((...args: unknown[]) => args) as never] });
  t.deepEqual(bindExport(guest.instance, "all", several)(...list), list);
  for (const [value, message] of [
    [[1], "p: import h.two (Host.two): results: expected a list of 2 values, got 1"],
    [7, "p: import h.two (Host.two): results: expected a list of 2 values, got the number 7"],
    [[1, "x"], "p: import h.two (Host.two): result 2: expected a number, got a string"],
  ] as const) {
    const wrong = forwarder({ two: [fn([], ["i32", "i32"]), (() => value) as never] });
    t.throws(() => wrong.plugin.function("two")?.(), { instanceOf: MarshalError, message });
  }
});

test("if one of several results can't cross, the memory of the others is given back", (t) => {
  const counts = ["allocated", "freed", "lastFreed", "lastSize"];
  const types = ["string", "string", "bytes"] as const;
  const toGuest = forwarder({ three: [fn([], types), (() => ["abc", "de", 5]) as never] });
  t.throws(() => toGuest.plugin.function("three")?.(), {
    message: "p: import h.three (Host.three): result 3: expected a Uint8Array, got the number 5",
  });
  t.deepEqual(counts.map(toGuest.global), [2, 2, 32771, 2]);
  const packed = (pointer: number, length: number): string => `(i64.const ${pointer + length * 2 ** 32})`;
  const toHost = linked(`(module ${allocator} (data (i32.const 8) "\\ff\\ff abc")
    (func (export "three") (result i64 i64 i64) ${packed(16, 1)} ${packed(8, 2)} ${packed(11, 3)}))`);
  t.throws(() => bindExport(toHost.instance, "three", fn([], types))(), {
    message: "p: export three: result 2: the 2 bytes at 8 are not valid UTF-8",
  });
  t.deepEqual(counts.map(toHost.global), [0, 3, 11, 3]);
});

test("shared memory: text and bytes, also after it grew", (t) => {
  const { Memory } = Reflect.get(globalThis, "WebAssembly") as {
    Memory: new (type: object) => { buffer: SharedArrayBuffer; grow(pages: number): number };
  };
  const native = new Memory({ initial: 1, maximum: 3, shared: true });
  const memory = new PluginMemory("p");
  let top = 65530;
  const alloc = (size: number): number => {
    if (native.buffer.byteLength < 131072) native.grow(1);
    top += size;
    return top - size;
  };
  memory.attach({ exports: { memory: native, backplane_alloc: alloc, backplane_free() {} } });
  t.is(memory.size, 65536);
  const [pointer, length] = memory.put("h\u00e9llo \u{1f600}");
  t.is(memory.text(pointer, length), "h\u00e9llo \u{1f600}");
  const copy = memory.bytes(pointer, length);
  t.false(copy.buffer instanceof SharedArrayBuffer);
  t.is(Buffer.from(copy).toString(), "h\u00e9llo \u{1f600}");
  memory.write(10, Uint8Array.of(0xff));
  t.throws(() => memory.text(10, 1), { instanceOf: MarshalError, message: /not valid UTF-8/ });
  t.is(memory.size, 131072);
});

test("a module without memory or allocator is told so", (t) => {
  const bare = linked(`(module (func (export "f") (param i32 i32)))`);
  t.throws(() => bindExport(bare.instance, "f", fn(["string"]))("x"), {
    message: `p: export f: argument 1: text and bytes need the plugin's export "backplane_alloc", which is missing`,
  });
  t.throws(() => bare.memory.text(0, 1), { message: /need the plugin's export "memory", which is missing/ });
  const odd = linked(`(module (global (export "memory") i32 (i32.const 0))
    (global (export "backplane_alloc") i32 (i32.const 0)) (func (export "f") (param i32 i32)))`);
  t.throws(() => bindExport(odd.instance, "f", fn(["string"]))("x"), { instanceOf: MarshalError });
  t.throws(() => odd.memory.bytes(0, 1), { instanceOf: MarshalError });
});

test("host functions that look at memory while the start section runs", (t) => {
  const module = hostFunctions({ log: [fn(["string"]), (() => {}) as never] });
  const text = `(module (import "h" "log" (func $log (param i32 i32))) (memory (export "memory") 1)
    (func $start (call $log (i32.const 1) (i32.const 1))) (start $start))`;
  t.throws(() => linked(text, module), {
    instanceOf: MarshalError,
    message:
      /^p: import h\.log \(Host\.log\): argument 1: the plugin's memory isn't known while its start section runs/,
  });
});
