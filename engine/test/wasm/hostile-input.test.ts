/** Input made to hurt: time and memory stay in proportion to the bytes, and the JavaScript stack is not used up. */
import test from "ava";
import { decodeModule, validateModule, WasmFormatError } from "../../wasm/index.js";
import { cpuTime } from "../support/cpu-time.js";
import {
  type Bytes,
  flat,
  funcType,
  functionModule,
  hex,
  I32,
  I64,
  leb,
  moduleBytes,
  oneTable,
  section,
  sized,
  vec,
} from "./module-bytes.js";

const SECONDS = 1000;

/** Runs within a time that only something quadratic exceeds. */
function within<Result>(limit: number, run: () => Result): Result {
  const begin = cpuTime();
  const result = run();
  const took = cpuTime() - begin;
  if (took > limit) throw new Error(`took ${Math.round(took)} ms, at most ${limit} are expected`);
  return result;
}

function codeOf(bytes: Uint8Array): string {
  try {
    validateModule(decodeModule(bytes));
    return "valid";
  } catch (error) {
    if (error instanceof WasmFormatError) return error.code;
    throw error;
  }
}

function repeat(count: number, bytes: readonly number[]): Uint8Array {
  const out = new Uint8Array(count * bytes.length);
  for (let i = 0; i < out.length; i++) out[i] = bytes[i % bytes.length];
  return out;
}

function largeBody(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const body = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  const content = Buffer.concat([Buffer.from([1, ...leb(body.length)]), body]);
  const code = Buffer.concat([Buffer.from([10, ...leb(content.length)]), content]);
  return Buffer.concat([moduleBytes(section(1, vec(funcType())), section(3, vec(0))), code]);
}

test("huge counts allocate nothing", (t) => {
  const huge = leb(999_999);
  for (const id of [1, 2, 3, 6, 7, 9])
    t.is(codeOf(moduleBytes(section(id, huge))), "unexpected-end", `${id}`);
  t.is(codeOf(moduleBytes(section(9, vec([1, 0, leb(9_999_999)])))), "unexpected-end");
  t.is(codeOf(moduleBytes(section(11, vec([1, leb(0xffffffff)])))), "unexpected-end");
  t.is(codeOf(moduleBytes(section(0, leb(0xffffffff)))), "unexpected-end");
  t.is(codeOf(moduleBytes(section(4, vec(hex("70 00 ff ff ff ff 0f"))))), "valid");
  t.is(codeOf(moduleBytes(1, leb(0xffffffff))), "section-size");
  t.is(codeOf(functionModule(flat(0, 0x0e, leb(65_000), 0, 0x0b))), "unexpected-end");
});

test("nesting 100,000 deep, valid and not", (t) => {
  const opens = repeat(100_000, [0x02, 0x40]);
  const ends = repeat(100_000, [0x0b]);
  t.is(
    within(5 * SECONDS, () => codeOf(largeBody([0], opens, ends, [0x0b]))),
    "valid",
  );
  t.is(codeOf(largeBody([0], opens, ends)), "end-expected");
  const branches = Buffer.concat([opens, Buffer.from([0x0c, ...leb(99_999)]), ends]);
  t.is(codeOf(largeBody([0], branches, [0x0b])), "valid");
  const facts = validateModule(decodeModule(largeBody([0], opens, ends, [0x0b])));
  t.is(facts.maxDepth[0], 100_001);
});

test("a function of 7 MB, and one of a byte more than allowed", (t) => {
  const addition = hex("41 01 41 02 6a 1a");
  const count = Math.floor(7_654_000 / addition.length);
  const body = largeBody([0], repeat(count, addition), [0x0b]);
  t.is(
    within(10 * SECONDS, () => codeOf(body)),
    "valid",
  );
  t.is(codeOf(largeBody([0], new Uint8Array(7_654_319).fill(1), [0x0b])), "valid");
  t.is(codeOf(largeBody([0], new Uint8Array(7_654_320).fill(1), [0x0b])), "limit-exceeded");
});

test("millions of operands at once", (t) => {
  const pushes = repeat(2_000_000, [0x41, 0x00]);
  const module = decodeModule(largeBody([0], pushes, [0x00, 0x0b]));
  t.is(within(10 * SECONDS, () => validateModule(module)).maxOperands[0], 2_000_000);
});

test("a thousand results per call add up to a limit, not to all memory", (t) => {
  const wide = funcType([], new Array<number>(1000).fill(I32));
  const calls = repeat(40_000, hex("00 10 01").slice(1));
  const body = flat(0, [...calls], 0x00, 0x0b);
  const bytes = moduleBytes(
    section(1, vec(funcType(), wide)),
    section(3, vec(0, 1)),
    section(10, vec(sized(body), sized(hex("00 00 0b")))),
  );
  t.is(
    within(10 * SECONDS, () => codeOf(bytes)),
    "limit-exceeded",
  );
});

test("a br_table of 65,520 labels with 1,000 operands each costs its labels", (t) => {
  const wide = funcType([], new Array<number>(1000).fill(I32));
  const labels = new Array<number>(65_520).fill(0);
  const block = [0x02, 0x01, 0x00, 0x41, 0x00, 0x0e, leb(labels.length), labels, 0x00, 0x0b, 0x00, 0x0b];
  const drops = new Array<number>(1000).fill(0x1a);
  const reachable = flat(hex("02 01 10 01 41 00 0e"), leb(labels.length), labels, hex("00 0b"), drops, 0x0b);
  const bytes = moduleBytes(
    section(1, vec(funcType(), wide)),
    section(3, vec(0, 1, 0)),
    section(10, vec(sized([0, reachable]), sized(hex("00 00 0b")), sized([0, block]))),
  );
  t.is(
    within(2 * SECONDS, () => codeOf(bytes)),
    "valid",
  );
});

test("50,000 locals in each of 20,000 functions", (t) => {
  const count = 20_000;
  const body = sized([
    vec([leb(49_998), I32], [1, I64], [1, I32]),
    hex("20 cf 86 03 1a 20 ce 86 03 50 1a 0b"),
  ]);
  const content = Buffer.concat([Buffer.from(leb(count)), repeat(count, body)]);
  const bytes = Buffer.concat([
    moduleBytes(section(1, vec(funcType())), section(3, leb(count), [...new Uint8Array(count)])),
    Buffer.from([10, ...leb(content.length)]),
    content,
  ]);
  t.is(
    within(5 * SECONDS, () => codeOf(bytes)),
    "valid",
  );
});

test("locals far out in the runs have their types", (t) => {
  const runs: Bytes[] = [];
  for (let i = 0; i < 100; i++) runs.push([leb(400), i % 2 === 0 ? I32 : I64]);
  const get = (index: number, test: number) => flat(0x20, leb(index), test, 0x1a);
  const [isZero32, isZero64] = [0x45, 0x50];
  for (const [index, operation, expected] of [
    [0, isZero32, "valid"],
    [399, isZero32, "valid"],
    [400, isZero64, "valid"],
    [39_999, isZero64, "valid"],
    [39_600, isZero64, "valid"],
    [39_599, isZero32, "valid"],
    [39_599, isZero64, "type-mismatch"],
    [400, isZero32, "type-mismatch"],
    [40_000, isZero32, "unknown-local"],
  ] as const) {
    t.is(codeOf(functionModule([get(index, operation), 0x0b], { locals: runs })), expected, `${index}`);
    t.is(codeOf(functionModule([get(0, isZero32), get(index, operation), 0x0b], { locals: runs })), expected);
  }
});

test("an error far into large sections is found without reading them again for each entry", (t) => {
  const count = 200_000;
  const items = [...repeat(count, hex("23 00 0b"))];
  const bytes = moduleBytes(
    section(2, vec([0, 0, 3, 0x70, 0])),
    oneTable,
    section(9, 1, [5, 0x70, leb(count), items]),
  );
  t.is(
    within(5 * SECONDS, () => codeOf(bytes)),
    "valid",
  );
});
