/** An application's declarations, with every kind of type, for the tests of the bindings. */
import { defineHostModule, describe, fn } from "../../index.js";

const greetings = new Map([["fr", "Bonjour"]]);

/** What was saved. */
export const saved: string[] = [];

export const app = defineHostModule("app", {
  greeting: [fn(["string"], "string?"), (language) => greetings.get(language) ?? null],
  "is-even": [fn(["i32"], "bool"), (n) => n % 2 === 0],
  save: [
    fn(["string"], undefined, { throws: true }),
    (text) => {
      if (text === "bad") throw new Error("can't save bad");
      saved.push(text);
    },
  ],
  delete: [
    fn(["string?", "bytes?", "bool", "u8", "i16"], "u16"),
    (text, bytes, sure, n, m) => (text === null && bytes === null && sure ? n + m : 0),
  ],
  reversed: [fn(["bytes"], "bytes", { throws: true }), (bytes) => bytes.toReversed()],
  same: [fn(["json?"], "json?"), (value) => value],
  scale: [fn(["i64", "u64", "f32", "f64", "u32"], "f64"), (a, b, c, d, e) => Number(a + b) * c * d * e],
  pair: [fn(["i32"], ["i32", "i32"]), (n) => [n, n]],
  hold: [fn(["externref"]), () => {}],
});

export const Crossing = describe({
  greet: fn(["string", "string"], "string"),
  maybe: fn(["string?", "bool"], "string?"),
  reverse: fn(["bytes?"], "bytes?"),
  add: fn(["i8", "u8", "u64"], "u64"),
  even: fn(["i32"], "bool"),
  save: fn(["string"], "string"),
  echo: fn(["json"], "json"),
});
