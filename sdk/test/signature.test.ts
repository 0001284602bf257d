/** What `fn` gives, and what WebAssembly sees of it. */

import test from "ava";
import * as v from "valibot";
import {
  coreSignature,
  type FunctionSignature,
  fn,
  formatCoreSignature,
  isReference,
  json,
  optional,
  resultTypes,
} from "../declare/signature.js";

test("a signature has what was declared", (t) => {
  t.deepEqual(
    { ...fn(["i32", "string"], "bytes?") },
    {
      params: ["i32", "string"],
      result: "bytes?",
      throws: false,
      views: false,
      async: false,
    },
  );
  const { result, throws, views, async } = fn([], undefined, { throws: true, views: true, async: true });
  t.deepEqual([result, throws, views, async], [undefined, true, true, true]);
  t.deepEqual(resultTypes(fn([])), []);
  t.deepEqual(resultTypes(fn([], "i32")), ["i32"]);
  t.deepEqual(resultTypes(fn([], ["f64", "i32"])), ["f64", "i32"]);
});

const coreForms: readonly [FunctionSignature, string][] = [
  [fn([]), "() -> ()"],
  [
    fn(["i32", "i64", "f32", "f64", "externref", "funcref"]),
    "(i32, i64, f32, f64, externref, funcref) -> ()",
  ],
  [fn(["bool", "i8", "u8", "i16", "u16", "u32"], "u64"), "(i32, i32, i32, i32, i32, i32) -> i64"],
  [fn(["string", "bytes", "json"], "string"), "(i32, i32, i32, i32, i32, i32) -> i64"],
  [fn(["string?", "bytes?", "json?"], "json?"), "(i32, i32, i32, i32, i32, i32) -> i64"],
  [fn([json(v.string())], optional(json(v.string()))), "(i32, i32) -> i64"],
  [fn(["f64"], ["f64", "string"]), "(f64) -> (f64, i64)"],
  [fn(["string"], "i32", { throws: true }), "(i32, i32, i32) -> i32"],
];

for (const [signature, expected] of coreForms) {
  test(`${signature.params.map(String).join(", ")} crosses as ${expected}`, (t) => {
    t.is(formatCoreSignature(coreSignature(signature)), expected);
  });
}

test("optional forms", (t) => {
  t.is(optional("string"), "string?");
  t.is(optional("bytes"), "bytes?");
  t.is(optional("json"), "json?");
  const schema = v.string();
  t.like(optional(json(schema)), { kind: "json", schema, optional: true });
  t.true(isReference(optional(json(schema))));
  t.false(isReference("u64"));
});

test("what isn't a type is refused in JavaScript too", (t) => {
  const loose = fn as (...args: unknown[]) => unknown;
  const refused = (message: RegExp, ...args: unknown[]): void => {
    t.throws(() => loose(...args), { code: "OPTIONS", message });
  };
  refused(/^fn: no type is named 'strng'; there are i32, .*"?json\?"?, and json\(schema\)$/, ["strng"]);
  refused(/^fn: no type is named 'toString'; /, ["toString"]);
  refused(/^fn: no type is named 'i33'; /, [], ["f64", "i33"]);
  refused(/^fn: no type is named null; /, [null]);
  refused(/^fn: no type is named \{\}; /, [], {});
  refused(/^fn: the parameters are a list, as in fn\(\["string"\]\), not 'string'$/, "string");
  refused(/^fn: the parameters are a list, .*, not undefined$/);
});
