/** Stacks of errors from Wasm code: put together when they are read, and a property as of any error afterwards. */
import test from "ava";
import { InterruptError, putFramesFirst, WebAssembly, withLimits } from "../../index.js";
import { assemble } from "./assemble.js";

const module = new WebAssembly.Module(
  assemble(`(module
    (func $trap (export "trap") unreachable)
    (func $spin (export "spin") (loop (br 0))))`),
);

function failures(): Error[] {
  const { trap, spin } = new WebAssembly.Instance(module).exports as Record<string, () => void>;
  const failure = (action: () => void): Error => {
    try {
      action();
    } catch (error) {
      return error as Error;
    }
    throw new Error("it didn't fail");
  };
  return [failure(() => trap()), failure(() => withLimits({ timeout: 500 }, () => spin()))];
}

test.serial("nothing is prepared before a stack is read, and then once", (t) => {
  const { prepareStackTrace } = Error;
  let prepared = 0;
  Error.prepareStackTrace = (error, sites) => {
    // AVA asks for stacks as well, of objects.
    if (error instanceof Error) prepared++;
    return `${error}\n    at ${sites.length} sites`;
  };
  try {
    for (const error of failures()) {
      const before = prepared;
      const { stack } = error;
      t.regex(String(stack), /^\w+Error: .*\n {4}at (trap|spin) \(wasm:.*\n {4}at \d+ sites$/);
      t.is(error.stack, stack);
      t.is(prepared, before + 1);
    }
    t.is(prepared, 2);
    Error.prepareStackTrace = () => 5;
    for (const error of failures()) t.is(error.stack as unknown, 5, "whatever the application makes of it");
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
});

test.serial(
  "a stack is a property that can be written, before it was read as well, and isn't enumerated",
  (t) => {
    for (const read of [false, true]) {
      for (const error of failures()) {
        if (read) t.regex(error.stack ?? "", /wasm-function/);
        t.false(Object.keys(error).includes("stack"));
        const derived = Object.create(error) as Error;
        derived.stack = "its own";
        t.not(error.stack, "its own");
        error.stack = "another";
        t.is(error.stack, "another");
        t.is(derived.stack, "its own");
      }
    }
  },
);

test.serial("Wasm frames stand before JavaScript's, which begin above the function that is named", (t) => {
  const frame = { url: "wasm://wasm/m", functionName: "m.f", functionIndex: 3, byteOffset: 0x41 };
  const made = (most?: number): Error => {
    const error = new InterruptError("deadline", [frame]);
    putFramesFirst(error, [frame], made, most);
    return error;
  };
  const lines = made().stack?.split("\n") ?? [];
  t.is(lines[0], "InterruptError: the call was stopped at its deadline");
  t.is(lines[1], "    at m.f (wasm://wasm/m:wasm-function[3]:0x41)");
  t.regex(lines[2], /lazy-stack\.test/);
  t.notRegex(lines[2], /made/);
  t.is(made(2).stack?.split("\n").length, 3);
});
