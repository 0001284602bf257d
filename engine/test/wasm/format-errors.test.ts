/** Each error code once at least, from bytes written by hand: code, place, wording; Node must refuse them too. */
import test from "ava";
import { BodyState } from "../../wasm/body-state.js";
import {
  createValidationContext,
  decodeModule,
  formatErrorCodes,
  validateModule,
  WasmFormatError,
} from "../../wasm/index.js";
import { LIMITS } from "../../wasm/limits.js";
import { invalidCases } from "./invalid-cases.js";
import { malformedCases } from "./malformed-cases.js";
import {
  FUNCREF,
  flat,
  funcType,
  functionModule,
  header,
  hex,
  I32,
  leb,
  moduleBytes,
  nodeAccepts,
  section,
  sized,
  vec,
} from "./module-bytes.js";

const cases = [...malformedCases, ...invalidCases];

function errorOf(bytes: Uint8Array, simd: boolean | undefined): unknown {
  try {
    validateModule(decodeModule(bytes), { simd });
    return undefined;
  } catch (error) {
    return error;
  }
}

for (const { code, title, bytes, at, message, inFunction, simd } of cases) {
  test(`${code}: ${title}`, (t) => {
    const error = errorOf(bytes, simd);
    if (!(error instanceof WasmFormatError)) return t.fail(`expected ${code}, found ${String(error)}`);
    t.is(error.code, code, error.message);
    t.regex(error.message, message);
    t.is(error.offset, at, error.message);
    t.is(error.functionIndex, inFunction ?? -1);
    t.regex(error.message, new RegExp(` @\\+0x${at.toString(16)}$`));
    if (simd === false) t.is(errorOf(bytes, true), undefined, "it is valid with vectors");
    else t.false(nodeAccepts(bytes), "Node's engine accepts this");
  });
}

test("every code is tried", (t) => {
  const tried = new Set<string>(cases.map(({ code }) => code));
  t.deepEqual(
    formatErrorCodes.filter((code) => !tried.has(code)),
    [],
  );
});

test("families tell malformed from invalid", (t) => {
  const family = (bytes: Uint8Array) => (errorOf(bytes, true) as WasmFormatError).family;
  t.is(family(moduleBytes(section(14))), "malformed");
  t.is(family(functionModule("41 00 0b")), "invalid");
  t.is(family(moduleBytes(section(1, leb(1_000_001)))), "limit");
});

test("a stack of more operands than can be kept is refused, not allocated", (t) => {
  const wide = new Array<number>(LIMITS.results).fill(I32);
  const module = decodeModule(functionModule("0b", { types: [funcType([], wide)] }));
  const state = new BodyState(createValidationContext(module));
  state.begin(module.bodies[0]);
  state.height = LIMITS.operands;
  const error = t.throws(() => state.pushTypes(0, 2), { instanceOf: WasmFormatError });
  t.is(error.code, "limit-exceeded");
});

test("valid neighbours of the errors above", (t) => {
  const valid = [
    moduleBytes(),
    functionModule("0b"),
    functionModule("41 00 04 7f 41 00 05 41 01 0b 1a 0b"),
    functionModule("d0 70 d0 70 41 00 1c 01 70 1a 0b"),
    functionModule("0b", { locals: [[leb(50_000), I32]] }),
    functionModule("41 80 80 80 80 78 1a 0b"),
    functionModule("42 80 80 80 80 80 80 80 80 80 7f 1a 0b"),
    functionModule("02 80 80 80 80 00 0b 0b"),
    moduleBytes(section(4, vec([FUNCREF, 0, leb(10_000_001)]))),
    moduleBytes(section(5, vec([1, leb(65_536), leb(65_536)]))),
    moduleBytes(section(0, sized("\ufeffname"), 1, 2), section(1, 0), section(0, sized("\ufeffname"))),
    Uint8Array.from(flat(header, hex("01 81 80 80 80 00 00"))),
  ];
  for (const bytes of valid) {
    t.is(errorOf(bytes, true), undefined);
    t.true(nodeAccepts(bytes));
  }
});
