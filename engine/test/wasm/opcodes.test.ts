/**
 * The opcode table against two others: wabt's names and immediates, and the types that Node's engine demands.
 * Every opcode is put into a function; operands come from parameters.
 */
import test from "ava";
import wabtModule from "wabt";
import {
  decodeModule,
  denseIndex,
  Immediate,
  OPCODE_DEFINED,
  OPCODE_ROWS,
  OPCODE_SIGNATURE,
  Op,
  type OpcodeRow,
  opcodeName,
  opcodeRows,
  ValType,
  validateModule,
} from "../../wasm/index.js";
import {
  type Bytes,
  EXTERNREF,
  FUNCREF,
  flat,
  functionModule,
  I32,
  leb,
  nodeAccepts,
  oneMemory,
  section,
  vec,
} from "./module-bytes.js";

const before = [
  section(4, vec([FUNCREF, 0, 1], [EXTERNREF, 0, 1])),
  oneMemory,
  section(6, vec([I32, 1, 0x41, 0, 0x0b])),
  section(7, vec([1, 0x66, 0, 0])),
  section(9, vec([1, 0, 0])),
  section(12, 1),
];
const after = [section(11, vec([1, 0]))];

function opcodeBytes(code: number): number[] {
  return code < 0x100 ? [code] : flat(code >> 8, leb(code & 0xff));
}

/** The smallest immediates of a kind. */
function immediateBytes(row: OpcodeRow): readonly Bytes[] {
  switch (row.immediate) {
    case Immediate.none:
      return [];
    case Immediate.f32:
      return [0, 0, 0, 0];
    case Immediate.f64:
      return new Array(8).fill(0);
    case Immediate.v128:
    case Immediate.shuffle:
      return new Array(16).fill(0);
    case Immediate.blockType:
      return [0x40];
    case Immediate.refType:
      return [FUNCREF];
    case Immediate.valTypes:
      return [1, I32];
    case Immediate.memory:
      return [row.align, 0];
    case Immediate.memoryLane:
      return [row.align, 0, row.lanes - 1];
    case Immediate.lane:
      return [row.lanes - 1];
    case Immediate.labelTable:
    case Immediate.callIndirect:
    case Immediate.memoryInit:
    case Immediate.memoryCopy:
    case Immediate.tableInit:
    case Immediate.tableCopy:
      return [0, 0];
    default:
      return [0];
  }
}

/** A function that applies the opcode to its parameters, of the given types, and returns what it gives. */
function application(row: OpcodeRow, params: readonly number[], results: readonly number[]): Uint8Array {
  const operands = params.map((_, i) => [0x20, i]);
  const code = [operands, opcodeBytes(row.code), immediateBytes(row), 0x0b];
  return functionModule(code, { params, results, before, after });
}

/** The opcode where nothing is reachable, so that operands don't matter; blocks are closed. */
function unreachable(row: OpcodeRow): Uint8Array | undefined {
  if (row.code === Op.else || row.code === Op.end) return undefined;
  const opens = row.immediate === Immediate.blockType;
  const code = [0, opcodeBytes(row.code), immediateBytes(row), opens ? [0x0b] : [], 0, 0x0b];
  return functionModule(code, { params: [I32], before, after });
}

function accepts(bytes: Uint8Array): boolean {
  try {
    validateModule(decodeModule(bytes));
    return true;
  } catch {
    return false;
  }
}

test("there are 437 opcodes, each at its own place", (t) => {
  t.is(opcodeRows.length, 437);
  t.is(new Set(opcodeRows.map(({ code }) => code)).size, 437);
  t.is(new Set(opcodeRows.map(({ name }) => name)).size, 437);
  t.is(
    OPCODE_DEFINED.reduce((sum, defined) => sum + defined, 0),
    437,
  );
  t.is(Op.i32_add, 0x6a);
  t.is(Op.memory_copy, 0xfc0a);
  t.is(Op.f64x2_convert_low_i32x4_u, 0xfdff);
  t.is(opcodeName(0x27), "illegal opcode 0x27");
});

test("Node takes every opcode, and none of the gaps between them is taken here", (t) => {
  for (const row of opcodeRows) {
    const bytes = unreachable(row);
    if (bytes === undefined) continue;
    t.true(nodeAccepts(bytes), row.name);
    t.true(accepts(bytes), row.name);
  }
  for (let index = 0; index < OPCODE_ROWS; index++) {
    if (OPCODE_DEFINED[index] === 1 || index === 0xfc || index === 0xfd) continue;
    const prefixed = index < 0x100 ? [index] : flat(index < 0x200 ? 0xfc : 0xfd, leb(index & 0xff));
    t.false(accepts(functionModule([0, prefixed, 0, 0, 0x0b], { before, after })), `0x${index.toString(16)}`);
  }
});

test("signatures are the ones that Node demands: these types and no others", (t) => {
  for (const row of opcodeRows) {
    if (row.params === null || row.results === null) continue;
    const { params, results } = row;
    t.true(nodeAccepts(application(row, params, results)), `${row.name}: accepted by Node`);
    t.true(accepts(application(row, params, results)), `${row.name}: accepted here`);
    for (const other of Object.values(ValType)) {
      for (let i = 0; i < params.length; i++) {
        const changed = params.map((type, at) => (at === i ? other : type));
        t.is(accepts(application(row, changed, results)), other === params[i], `${row.name} of ${changed}`);
        t.is(
          nodeAccepts(application(row, changed, results)),
          other === params[i],
          `${row.name} of ${changed}`,
        );
      }
      if (results.length === 0) continue;
      t.is(accepts(application(row, params, [other])), other === results[0], `${row.name} gives ${other}`);
      t.is(
        nodeAccepts(application(row, params, [other])),
        other === results[0],
        `${row.name} gives ${other}`,
      );
    }
  }
});

test("natural alignments and lane counts are the largest that Node takes", (t) => {
  for (const row of opcodeRows) {
    if (row.align < 0 && row.lanes === 0) continue;
    const more = { ...row, align: row.align + 1 };
    const lane = { ...row, lanes: row.lanes + 1 };
    for (const changed of row.lanes === 0 ? [more] : row.align < 0 ? [lane] : [more, lane]) {
      const bytes = application(changed, row.params ?? [], row.results ?? []);
      t.false(accepts(bytes), row.name);
      t.false(nodeAccepts(bytes), row.name);
    }
  }
});

test("names are wabt's", async (t) => {
  const wabt = await wabtModule();
  for (const row of opcodeRows) {
    const bytes = unreachable(row);
    if (bytes === undefined) continue;
    const module = wabt.readWasm(bytes, { readDebugNames: false });
    const text = module.toText({ foldExprs: false, inlineExport: false });
    module.destroy();
    const name = row.code === Op.select_t ? "select" : row.name;
    const line = new RegExp(`^\\s*${name.replaceAll(".", "\\.")}(\\s|\\)|$)`, "m");
    t.regex(text.slice(text.indexOf("unreachable")), line, row.name);
  }
});

test("packed signatures hold the types in popping order", (t) => {
  for (const row of opcodeRows) {
    const packed = OPCODE_SIGNATURE[denseIndex(row.code)];
    if (row.params === null || row.results === null) {
      t.is(packed, -1, row.name);
      continue;
    }
    const popped: number[] = [];
    for (let rest = packed >>> 8; rest !== 0; rest >>>= 8) popped.push(rest & 0xff);
    t.deepEqual(popped.reverse(), [...row.params], row.name);
    t.is(packed & 0xff, row.results[0] ?? 0, row.name);
  }
});
