/** What the decoder makes of each section, and of names. */
import test from "ava";
import {
  decodeModule,
  ELEMENT_NULL,
  formatFuncType,
  formatGlobalType,
  formatTableType,
  globalOfElement,
  readNames,
  sectionName,
  ValType,
  validateModule,
} from "../../wasm/index.js";
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  funcType,
  functionModule,
  hex,
  I32,
  I64,
  leb,
  moduleBytes,
  section,
  sized,
  V128,
  vec,
} from "./module-bytes.js";

const zero = hex("41 00 0b");

/** One of everything. */
const everything = moduleBytes(
  section(0, sized("first"), 1, 2, 3),
  section(1, vec(funcType([I32, I64], [F32]), funcType())),
  section(
    2,
    vec(
      [sized("env"), sized("f"), 0, 0],
      [sized("env"), sized("t"), 1, FUNCREF, 1, 1, 2],
      [sized("env"), sized("m"), 2, 0, 3],
      [sized("env"), sized("g"), 3, I32, 0],
      [sized("env"), sized("r"), 3, FUNCREF, 0],
    ),
  ),
  section(3, vec(1)),
  section(4, vec([EXTERNREF, 0, 5])),
  section(
    6,
    vec([F64, 1, 0x44, 1, 2, 3, 4, 5, 6, 7, 8, 0x0b], [V128, 0, hex(`fd 0c ${"09 ".repeat(16)} 0b`)]),
  ),
  section(7, vec([sized("run"), 0, 1], [sized("größe"), 3, 2])),
  section(8, 1),
  section(
    9,
    vec(
      [0, hex("23 00 0b"), vec(1, 0)],
      [5, FUNCREF, vec(hex("d2 01 0b"), hex("d0 70 0b"), hex("23 01 0b"))],
      [6, 1, zero, EXTERNREF, vec(hex("d0 6f 0b"))],
      [3, 0, vec(0)],
    ),
  ),
  section(12, 2),
  section(10, vec(sized([vec([2, I32], [3, F64]), 0x0b]))),
  section(11, vec([0, zero, sized("hello")], [1, sized([7, 8])])),
  section(0, sized("last")),
);

test("every section", (t) => {
  const module = decodeModule(everything);
  validateModule(module);
  t.deepEqual(module.types.map(formatFuncType), ["(i32, i64) -> f32", "() -> ()"]);
  t.deepEqual(
    module.imports.map(({ module: from, name, kind, index }) => `${from}.${name} ${kind} ${index}`),
    ["env.f function 0", "env.t table 0", "env.m memory 0", "env.g global 0", "env.r global 1"],
  );
  t.deepEqual([...module.functionTypes], [0, 1]);
  t.is(module.importedFunctionCount, 1);
  t.deepEqual(module.tables.map(formatTableType), ["funcref {min 1, max 2}", "externref {min 5}"]);
  t.is(module.importedTableCount, 1);
  t.is(module.memories[0].minimum, 3);
  t.is(module.memories[0].maximum, undefined);
  t.deepEqual(module.globals.map(formatGlobalType), ["i32", "funcref", "mut f64", "v128"]);
  t.is(module.importedGlobalCount, 2);
  t.like(module.globals[2].init, { op: "f64.const", lo: 0x04030201, hi: 0x08070605 });
  t.like(module.globals[3].init, { op: "v128.const", upperHi: 0x09090909 });
  t.deepEqual(
    module.exports.map(({ name, kind, index }) => `${name} ${kind} ${index}`),
    ["run function 1", "größe global 2"],
  );
  t.is(module.start, 1);
  t.is(module.dataCount, 2);
  t.true(module.firstVectorTypeOffset > 0);
});

test("segments", (t) => {
  const { elements, data, bytes } = decodeModule(everything);
  t.deepEqual(
    elements.map(({ mode }) => mode),
    ["active", "passive", "active", "declarative"],
  );
  t.deepEqual(
    elements.map(({ items }) => [...items]),
    [[1, 0], [1, ELEMENT_NULL, -3], [ELEMENT_NULL], [0]],
  );
  t.is(globalOfElement(-3), 1);
  t.like(elements[0].offset, { op: "global.get", index: 0 });
  t.is(elements[2].tableIndex, 1);
  t.is(elements[2].type, ValType.externref);
  t.is(new TextDecoder().decode(bytes.subarray(data[0].start, data[0].end)), "hello");
  t.is(data[1].mode, "passive");
  t.deepEqual([...bytes.subarray(data[1].start, data[1].end)], [7, 8]);
});

test("bodies refer to the bytes, locals stay in runs", (t) => {
  const { bodies, bytes } = decodeModule(everything);
  t.is(bodies.length, 1);
  const [body] = bodies;
  t.is(body.functionIndex, 1);
  t.deepEqual(
    [...body.locals],
    [
      { count: 2, type: ValType.i32 },
      { count: 3, type: ValType.f64 },
    ],
  );
  t.is(body.localCount, 5);
  t.deepEqual([...bytes.subarray(body.codeStart, body.end)], [0x0b]);
});

test("custom sections and the order of all", (t) => {
  const { customSections, sections, bytes } = decodeModule(everything);
  t.deepEqual(
    customSections.map(({ name }) => name),
    ["first", "last"],
  );
  t.deepEqual([...bytes.subarray(customSections[0].start, customSections[0].end)], [1, 2, 3]);
  t.is(
    sections.map(({ id }) => sectionName(id)).join(" "),
    ["custom type import function table global export start element data count code data custom"].join(),
  );
  t.is(sections.at(-1)?.end, bytes.length);
});

test("a module in the middle of a larger buffer", (t) => {
  const large = new Uint8Array(everything.length + 20).fill(0xff);
  large.set(everything, 7);
  const module = decodeModule(large.subarray(7, 7 + everything.length));
  validateModule(module);
  t.is(module.exports.length, 2);
});

test("names of module, functions and locals", (t) => {
  const names = [
    sized("name"),
    [0, sized([sized("modulé")])],
    [1, sized([vec([0, sized("imported")], [leb(300), sized("far")])])],
    [9, sized([1, 2, 3])],
    [2, sized([vec([0, vec([0, sized("x")], [1, sized("a name longer than thirty-two bytes is")])])])],
  ];
  const section0 = readNames(decodeModule(moduleBytes(section(0, ...names))));
  t.is(section0.moduleName, "modulé");
  t.is(section0.functionName(0), "imported");
  t.is(section0.functionName(300), "far");
  t.is(section0.functionName(1), undefined);
  t.is(section0.functionCount, 2);
  t.deepEqual(
    [...section0.localNames(0)],
    [
      [0, "x"],
      [1, "a name longer than thirty-two bytes is"],
    ],
  );
  t.is(section0.localNames(1).size, 0);
});

test("a damaged name section is no error; what stands before the damage counts", (t) => {
  const whole = section(
    0,
    sized("name"),
    [0, sized([sized("m")])],
    [1, sized([vec([0, sized("f")], [1, sized("g")])])],
  );
  const content = whole.slice(2);
  for (let length = 5; length <= content.length; length++) {
    const names = readNames(
      decodeModule(functionModule("0b", { after: [section(0, content.slice(0, length))] })),
    );
    if (length >= 9) t.is(names.moduleName, "m");
    t.is(names.functionName(0), length >= content.length - 3 ? "f" : undefined, `${length}`);
  }
  const broken = content.with(-4, 0xff);
  t.is(readNames(decodeModule(moduleBytes(section(0, broken)))).functionName(0), undefined);
  t.is(
    readNames(decodeModule(moduleBytes(section(0, sized("name"), 1, 5, 0x80, 0x80, 0x80, 0x80, 0x80))))
      .functionCount,
    0,
  );
  t.is(readNames(decodeModule(moduleBytes())).moduleName, undefined);
});
