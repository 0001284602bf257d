// Compile bombs: modules at the edges of the implementation limits, which a compiler survives only if everything in it
// is near-linear and nothing recurses on the input's depth. Enters: a size. Leaves: a module and what its export
// `run` must answer. Sizes are scaled down by the caller for quick runs.
// Limits: https://webassembly.github.io/spec/js-api/#limits (7,654,321 bytes in a function, 50,000 locals, 1,000
// parameters and results, 65,520 br_table targets).

import { type ByteWriter, EMPTY, FUNCREF, I32, I64, ModuleBytes } from "./module-bytes.js";

/** A kind of bomb. */
export interface Bomb {
  readonly name: string;
  /** The size at the limit: bytes of a body, or a count. */
  readonly full: number;
  /** What is built at a size: the module, the call's argument and the expected answer. */
  readonly build: (size: number) => BuiltBomb;
}

export interface BuiltBomb {
  readonly bytes: Uint8Array;
  readonly argument: number;
  readonly expected: unknown;
}

/** The largest body: 7,654,321 bytes and a little room. */
const largestBody = 7_600_000;

function single(
  argument: number,
  expected: unknown,
  write: (code: ByteWriter) => unknown,
  locals: readonly (readonly [number, number])[] = [],
  prepare: (m: ModuleBytes) => unknown = () => {},
): BuiltBomb {
  const m = new ModuleBytes();
  prepare(m);
  m.exportFunction("run", m.addFunction([I32], [I32], write, locals));
  return { bytes: m.toBytes(), argument, expected };
}

/** One long block: x = (x + k) ^ m, over and over. */
function straightLine(size: number): BuiltBomb {
  let x = 5;
  return single(5, 0, (code) => {
    for (let k = 1; code.length < size; k++) {
      code
        .localGet(0)
        .i32Const(k)
        .op(0x6a)
        .i32Const(k * 77)
        .op(0x73)
        .localSet(0);
      x = ((x + k) | 0) ^ (k * 77);
    }
    code.localGet(0).i32Const(x).op(0x6b);
  });
}

/** One long block over 300 locals: every step mixes three of them, so that hundreds of values live at once. */
function manyLive(size: number): BuiltBomb {
  const count = 300;
  const values = new Int32Array(count + 1);
  values[0] = 7;
  let sum = 0;
  const built = single(
    7,
    0,
    (code) => {
      for (let k = 1; code.length < size; k++) {
        const [a, b, c] = [k % (count + 1), (k * 7) % (count + 1), (k * 31 + 5) % (count + 1)];
        code
          .localGet(b)
          .localGet(c)
          .op(k % 3 === 0 ? 0x6a : k % 3 === 1 ? 0x6b : 0x73)
          .i32Const(k)
          .op(0x6a)
          .localSet(a);
        const [left, right] = [values[b] as number, values[c] as number];
        values[a] = (k % 3 === 0 ? left + right : k % 3 === 1 ? left - right : left ^ right) + k;
      }
      code.i32Const(0);
      for (let i = 0; i <= count; i++) code.localGet(i).op(0x6a);
    },
    [[count, I32]],
  );
  for (const value of values) sum = (sum + value) | 0;
  return { ...built, expected: sum };
}

/** The same over 64-bit values with multiplications and divisions, which want fixed registers. */
function fixedRegisters(size: number): BuiltBomb {
  let x = 123456789n;
  const built = single(
    1,
    0,
    (code) => {
      code
        .i64Const(x - 1n)
        .localGet(0)
        .op(0xad)
        .op(0x7c)
        .localSet(1);
      for (let k = 1; code.length < size; k++) {
        code
          .localGet(1)
          .i64Const(k | 1)
          .op(0x80)
          .i64Const(k)
          .op(0x7c)
          .localGet(1)
          .i64Const(k & 63)
          .op(0x89)
          .op(0x85)
          .localSet(1);
        const divided = BigInt.asUintN(64, BigInt.asUintN(64, x) / BigInt(k | 1)) + BigInt(k);
        const turn = BigInt(k & 63);
        const bits = BigInt.asUintN(64, x);
        const rotated = turn === 0n ? bits : BigInt.asUintN(64, (bits << turn) | (bits >> (64n - turn)));
        x = BigInt.asUintN(64, divided ^ rotated);
      }
      code.localGet(1).op(0xa7);
    },
    [[1, I64]],
  );
  return { ...built, expected: Number(BigInt.asIntN(32, x)) };
}

/** A million calls of a small function. */
function manyCalls(size: number): BuiltBomb {
  let x = 3;
  const built = single(
    3,
    0,
    (code) => {
      for (; code.length < size; ) {
        code.localGet(0).call(0).localSet(0);
        x = (Math.imul(x, 3) + 1) | 0;
      }
      code.localGet(0);
    },
    [],
    (m) => m.addFunction([I32], [I32], (code) => code.localGet(0).i32Const(3).op(0x6c).i32Const(1).op(0x6a)),
  );
  return { ...built, expected: x };
}

/** Small blocks in a row, each left early or not. */
function manyBlocks(size: number): BuiltBomb {
  let x = 9;
  const built = single(9, 0, (code) => {
    for (let k = 1; code.length < size; k++) {
      code
        .block()
        .localGet(0)
        .i32Const(1 << (k % 31))
        .op(0x71)
        .brIf(0)
        .localGet(0)
        .i32Const(k)
        .op(0x6a)
        .localSet(0)
        .end();
      if ((x & (1 << (k % 31))) === 0) x = (x + k) | 0;
    }
    code.localGet(0);
  });
  return { ...built, expected: x };
}

/** if/else in a row, with a value that both sides leave. */
function manyIfs(size: number): BuiltBomb {
  let x = 4;
  const built = single(4, 0, (code) => {
    for (let k = 1; code.length < size; k++) {
      code.localGet(0).i32Const(4).op(0x71).op(0x04).op(I32).localGet(0).i32Const(k).op(0x6a);
      code.op(0x05).localGet(0).i32Const(k).op(0x73).end().localSet(0);
      x = (x & 4) !== 0 ? (x + k) | 0 : x ^ k;
    }
    code.localGet(0);
  });
  return { ...built, expected: x };
}

/** Loops in a row that run once or twice. */
function manyLoops(size: number): BuiltBomb {
  let x = 1;
  const built = single(1, 0, (code) => {
    for (let k = 1; code.length < size; k++) {
      code
        .block(0x03)
        .localGet(0)
        .i32Const(k)
        .op(0x6a)
        .localTee(0)
        .i32Const(15)
        .op(0x71)
        .op(0x45)
        .brIf(0)
        .end();
      do x = (x + k) | 0;
      while ((x & 15) === 0);
    }
    code.localGet(0);
  });
  return { ...built, expected: x };
}

/** Loads and stores at changing places. */
function manyAccesses(size: number): BuiltBomb {
  const memory = new Uint8Array(65536);
  const view = new DataView(memory.buffer);
  let x = 77;
  const built = single(
    77,
    0,
    (code) => {
      for (let k = 1; code.length < size; k++) {
        const [from, to] = [(k * 13) % 65000, (k * 29) % 65000];
        code
          .localGet(1)
          .localGet(0)
          .memory(0x36, to)
          .localGet(1)
          .memory(0x28, from)
          .localGet(0)
          .op(0x6a)
          .i32Const(k)
          .op(0x6a)
          .localSet(0);
        view.setInt32(to, x, true);
        x = (view.getInt32(from, true) + x + k) | 0;
      }
      code.localGet(0);
    },
    [[1, I32]],
    (m) => m.addMemory({ minimum: 1, maximum: 1 }),
  );
  return { ...built, expected: x };
}

/** All operands first, then all additions: `count` values on the operand stack at once. */
function deepExpression(count: number): BuiltBomb {
  let sum = 0;
  const built = single(2, 0, (code) => {
    for (let k = 0; k < count; k++) {
      code.localGet(0).i32Const(k).op(0x6c);
      sum = (sum + Math.imul(2, k)) | 0;
    }
    for (let k = 1; k < count; k++) code.op(0x6a);
  });
  return { ...built, expected: sum };
}

/** A chain of dependent conversions, a tree of depth `count` for a matcher that recurses. */
function deepChain(count: number): BuiltBomb {
  let x = 1;
  const built = single(1, 0, (code) => {
    code.localGet(0);
    for (let k = 0; k < count; k++) {
      code.i32Const(k).op(k % 2 === 0 ? 0x6a : 0x73);
      x = k % 2 === 0 ? (x + k) | 0 : x ^ k;
    }
  });
  return { ...built, expected: x };
}

const localCount = 49_999;

function setAll(code: ByteWriter, locals: number): void {
  for (let i = 1; i <= locals; i++) code.localGet(0).i32Const(i).op(0x6a).localSet(i);
}

function sumAll(code: ByteWriter, locals: number): void {
  code.i32Const(0);
  for (let i = 1; i <= locals; i++) code.localGet(i).op(0x6a);
}

function sumOf(locals: number, argument: number): number {
  return Number(
    BigInt.asIntN(32, BigInt(locals) * BigInt(argument) + (BigInt(locals) * BigInt(locals + 1)) / 2n),
  );
}

/** `blocks` blocks and five times as many locals (50,000 and 10,000 in full), in the shape that `middle` writes. */
function locals(
  middle: (code: ByteWriter, blocks: number, locals: number) => number,
): (blocks: number) => BuiltBomb {
  return (blocks) => {
    const count = Math.min(localCount, blocks * 5);
    let change = 0;
    const built = single(
      1,
      0,
      (code) => {
        setAll(code, count);
        change = middle(code, blocks, count);
        sumAll(code, count);
      },
      [[count, I32]],
    );
    return { ...built, expected: (sumOf(count, 1) + change) | 0 };
  };
}

/** Adds 1 to the five locals whose turn it is in block `b`. */
function addToFive(code: ByteWriter, b: number, count: number): void {
  for (let i = 0; i < 5; i++) {
    const local = 1 + ((b * 5 + i) % count);
    code.localGet(local).i32Const(1).op(0x6a).localSet(local);
  }
}

/** Blocks in a row; each is left by a branch that isn't taken, and adds 1 to five locals. */
const localsInRow = locals((code, blocks, count) => {
  for (let b = 0; b < blocks; b++) {
    code.block().localGet(0).op(0x45).brIf(0);
    addToFive(code, b, count);
    code.end();
  }
  return blocks * 5;
});

/** Blocks within blocks; from each a branch to the outermost, past sets of five locals. */
const localsNested = locals((code, blocks, count) => {
  for (let b = 0; b < blocks; b++) code.block();
  for (let b = 0; b < blocks; b++) {
    code
      .localGet(0)
      .op(0x45)
      .brIf(blocks - 1 - b);
    addToFive(code, b, count);
    code.end();
  }
  return blocks * 5;
});

/** Loops in a row, each with a way back that isn't taken; all locals live through all of them. */
const localsAroundLoops = locals((code, blocks, count) => {
  for (let b = 0; b < blocks; b++) {
    code.block(0x03);
    addToFive(code, b, count);
    code.localGet(0).op(0x45).brIf(0).end();
  }
  return blocks * 5;
});

/** Loops within loops; the innermost sets every local, each loop has a way back that isn't taken. */
const localsInNestedLoops = locals((code, blocks, count) => {
  for (let b = 0; b < blocks; b++) code.block(0x03);
  for (let i = 1; i <= count; i++) code.localGet(i).i32Const(1).op(0x6a).localSet(i);
  for (let b = 0; b < blocks; b++) code.localGet(0).op(0x45).brIf(0).end();
  return count;
});

/** if/else in a row, each side setting other locals: a merge for every local. */
const localsMerged = locals((code, blocks, count) => {
  for (let b = 0; b < blocks; b++) {
    code.localGet(0).block(0x04);
    addToFive(code, b, count);
    code.op(0x05);
    for (let i = 0; i < 5; i++) code.i32Const(b).localSet(1 + ((b * 7 + i * 11) % count));
    code.end();
  }
  return blocks * 5;
});

/** One br_table to every one of the nested blocks; each way out sets five locals. */
const localsByTable = locals((code, blocks, count) => {
  const outer = Math.min(blocks, 10_000);
  for (let b = 0; b < outer; b++) code.block();
  code
    .localGet(0)
    .i32Const(1)
    .op(0x6b)
    .op(0x0e)
    .u32(outer - 1);
  for (let b = 0; b < outer; b++) code.u32(b);
  code.end();
  for (let b = 1; b < outer; b++) {
    addToFive(code, b, count);
    code.end();
  }
  return (outer - 1) * 5;
});

/** A br_table of `ways` targets over 1,000 nested blocks. */
function wideTable(ways: number): BuiltBomb {
  const depth = 1000;
  const chosen = Math.floor(ways * 0.7);
  const target = chosen % depth;
  let x = 0;
  const built = single(
    chosen,
    0,
    (code) => {
      for (let b = 0; b < depth; b++) code.block();
      code.localGet(0).op(0x0e).u32(ways);
      for (let way = 0; way < ways; way++) code.u32(way % depth);
      code.u32(depth - 1).end();
      for (let b = 1; b < depth; b++) code.localGet(1).i32Const(b).op(0x6a).localSet(1).end();
      code.localGet(1);
    },
    [[1, I32]],
  );
  for (let b = target + 1; b < depth; b++) x += b;
  return { ...built, expected: x };
}

/** A br_table of `ways` targets that are all the same block, with a value carried. */
function uniformTable(ways: number): BuiltBomb {
  return single(ways + 5, 42, (code) => {
    code.op(0x02).op(I32).i32Const(42).localGet(0).op(0x0e).u32(ways);
    for (let way = 0; way <= ways; way++) code.u32(0);
    code.end();
  });
}

/** `depth` blocks or loops or ifs within each other; the innermost adds one. */
function nested(opcode: number): (depth: number) => BuiltBomb {
  return (depth) =>
    single(1, 2, (code) => {
      for (let i = 0; i < depth; i++) {
        if (opcode === 0x04) code.localGet(0);
        code.op(opcode).op(EMPTY);
      }
      code.localGet(0).i32Const(1).op(0x6a).localSet(0);
      for (let i = 0; i < depth; i++) code.end();
      code.localGet(0);
    });
}

/** if within else, `depth` times, each with a value as its result. */
function nestedElse(depth: number): BuiltBomb {
  return single(depth, depth, (code) => {
    for (let i = 0; i < depth; i++)
      code.localGet(0).i32Const(i).op(0x46).op(0x04).op(I32).i32Const(i).op(0x05);
    code.localGet(0);
    for (let i = 0; i < depth; i++) code.end();
  });
}

/** Blocks within each other, from the innermost a branch with a value to each by a br_if. */
function nestedBranches(depth: number): BuiltBomb {
  return single(3, 3, (code) => {
    for (let i = 0; i < depth; i++) code.op(0x02).op(I32);
    code.localGet(0);
    for (let i = 0; i < depth; i++) code.localGet(0).op(0x45).brIf(i);
    for (let i = 0; i < depth; i++) code.end();
  });
}

/** Unreachable code: `depth` blocks after a return. */
function nestedUnreachable(depth: number): BuiltBomb {
  return single(3, 3, (code) => {
    code.localGet(0).op(0x0f);
    for (let i = 0; i < depth; i++) code.block(i % 2 === 0 ? 0x02 : 0x03);
    for (let i = 0; i < depth; i++) code.op(0x00).end();
    code.op(0x00);
  });
}

/** A function of `count` parameters and results that turns them by one place, called ten times in a row. */
function manyParameters(count: number): BuiltBomb {
  const types = new Array<number>(count).fill(I32);
  const m = new ModuleBytes();
  const turn = m.addFunction(types, types, (code) => {
    for (let i = 0; i < count; i++) code.localGet((i + 1) % count);
  });
  m.addTable(FUNCREF, { minimum: 1 });
  m.addElements(0, [turn]);
  const run = m.addFunction([I32], [I32], (code) => {
    for (let i = 0; i < count; i++) code.localGet(0).i32Const(i).op(0x6c);
    for (let round = 0; round < 10; round++) {
      if (round % 2 === 0) code.call(turn);
      else code.i32Const(0).callIndirect(m.type(types, types));
    }
    for (let i = 1; i < count; i++) code.op(0x1a);
  });
  m.exportFunction("run", run);
  return { bytes: m.toBytes(), argument: 3, expected: 3 * (10 % count) };
}

/** `count` tiny functions; `run` calls the first ones directly and all of them by a table. */
function manyFunctions(count: number): BuiltBomb {
  const m = new ModuleBytes();
  const indices: number[] = [];
  for (let i = 0; i < count; i++)
    indices.push(m.addFunction([I32], [I32], (code) => code.localGet(0).i32Const(i).op(0x6a)));
  m.addTable(FUNCREF, { minimum: count });
  m.addElements(0, indices);
  const run = m.addFunction(
    [I32],
    [I32],
    (code) => {
      code
        .block(0x03)
        .localGet(1)
        .localGet(0)
        .callIndirect(m.type([I32], [I32]))
        .localSet(1);
      code.localGet(0).i32Const(1).op(0x6b).localTee(0).brIf(0).end().localGet(1);
    },
    [[1, I32]],
  );
  m.exportFunction("run", run);
  let sum = 0;
  for (let i = 1; i < count; i++) sum = (sum + i) | 0;
  return { bytes: m.toBytes(), argument: count - 1, expected: sum };
}

/** `count` exports and globals and data segments: what isn't code. */
function manyEntries(count: number): BuiltBomb {
  const m = new ModuleBytes();
  m.addMemory({ minimum: 1 });
  const run = m.addFunction([I32], [I32], (code) => code.localGet(0).memory(0x2d));
  for (let i = 0; i < count; i++) {
    m.exportGlobal(
      `g${i}`,
      m.addGlobal(I32, i % 2 === 0, (code) => code.i32Const(i)),
    );
    const at = i % 65536;
    m.addData(at, new Uint8Array([at % 251]));
  }
  m.exportFunction("run", run);
  return { bytes: m.toBytes(), argument: 7, expected: 7 };
}

/** All bombs with their full sizes. */
export const bombs: readonly Bomb[] = [
  { name: "straight-line", full: largestBody, build: straightLine },
  { name: "many-live", full: largestBody, build: manyLive },
  { name: "fixed-registers", full: largestBody, build: fixedRegisters },
  { name: "calls", full: largestBody, build: manyCalls },
  { name: "blocks", full: largestBody, build: manyBlocks },
  { name: "ifs", full: largestBody, build: manyIfs },
  { name: "loops", full: largestBody, build: manyLoops },
  { name: "accesses", full: largestBody, build: manyAccesses },
  { name: "deep-expression", full: 100_000, build: deepExpression },
  { name: "deep-chain", full: 100_000, build: deepChain },
  { name: "locals-in-row", full: 10_000, build: localsInRow },
  { name: "locals-nested", full: 10_000, build: localsNested },
  { name: "locals-around-loops", full: 10_000, build: localsAroundLoops },
  { name: "locals-in-nested-loops", full: 10_000, build: localsInNestedLoops },
  { name: "locals-merged", full: 10_000, build: localsMerged },
  { name: "locals-by-table", full: 10_000, build: localsByTable },
  { name: "wide-table", full: 65_520, build: wideTable },
  { name: "uniform-table", full: 65_520, build: uniformTable },
  { name: "nested-blocks", full: 100_000, build: nested(0x02) },
  { name: "nested-loops", full: 100_000, build: nested(0x03) },
  { name: "nested-ifs", full: 100_000, build: nested(0x04) },
  { name: "nested-else", full: 100_000, build: nestedElse },
  { name: "nested-branches", full: 100_000, build: nestedBranches },
  { name: "nested-unreachable", full: 100_000, build: nestedUnreachable },
  { name: "parameters", full: 1000, build: manyParameters },
  { name: "functions", full: 100_000, build: manyFunctions },
  { name: "entries", full: 99_999, build: manyEntries },
];
