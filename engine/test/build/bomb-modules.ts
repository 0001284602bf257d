/**
 * Functions that punish a builder which does anything more than linear work: each is valid, and large in one
 * respect. All compute what `expected` says for the argument 0, so that the small ones can be run too.
 */
import { type ByteWriter, I32, type LocalRuns, ModuleBytes } from "../limits/module-bytes.js";

export interface Bomb {
  readonly name: string;
  /** A module with one function (i32) -> i32 exported as "run", of about `size` parts. */
  build(size: number): Uint8Array;
  /** The size at which the builder is timed. */
  readonly full: number;
}

const block = 0x02;
const loop = 0x03;
const ifThen = 0x04;
const elseArm = 0x05;
const branchTable = 0x0e;
const add = 0x6a;

function oneFunction(write: (code: ByteWriter) => void, locals: LocalRuns = []): Uint8Array {
  const module = new ModuleBytes();
  module.exportFunction("run", module.addFunction([I32], [I32], write, locals));
  return module.toBytes();
}

function nested(code: ByteWriter, opcode: number, depth: number, inside: () => void): void {
  for (let i = 0; i < depth; i++) {
    if (opcode === ifThen) code.localGet(0);
    code.block(opcode);
  }
  inside();
  for (let i = 0; i < depth; i++) code.end();
}

/** Sets local `i` (of those behind the parameter) to something. */
function setLocal(code: ByteWriter, i: number): void {
  code.i32Const(i & 63).localSet(i + 1);
}

const manyLocals = 49_000;

export const bombs: readonly Bomb[] = [
  {
    name: "straight line",
    full: 1_900_000,
    build: (size) =>
      oneFunction((code) => {
        code.localGet(0);
        for (let i = 0; i < size; i++) code.i32Const(i & 63).op(add);
      }),
  },
  {
    name: "locals set in turn, a branch after each to its own label",
    full: manyLocals,
    build: (size) =>
      oneFunction(
        (code) => {
          for (let i = 0; i < size; i++) {
            code.block(block);
            setLocal(code, i);
            code.localGet(0).brIf(0).end();
          }
          code.localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "locals set in turn, a branch after each to one outer label",
    full: manyLocals,
    build: (size) =>
      oneFunction(
        (code) => {
          code.block(block);
          for (let i = 0; i < size; i++) {
            setLocal(code, i);
            code.localGet(0).brIf(0);
          }
          code.end().localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "branches first, then all locals set, with a merge behind",
    full: manyLocals,
    build: (size) =>
      oneFunction(
        (code) => {
          code.block(block);
          for (let i = 0; i < size; i++) code.localGet(0).brIf(0);
          for (let i = 0; i < size; i++) setLocal(code, i);
          code.end().localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "nested blocks, a local set and a branch to the outermost in each",
    full: manyLocals,
    build: (size) =>
      oneFunction(
        (code) => {
          for (let i = 0; i < size; i++) {
            code.block(block);
            setLocal(code, i);
            code.localGet(0).brIf(i);
          }
          for (let i = 0; i < size; i++) code.end();
          code.localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "nested loops, each of which sets a local and may start over",
    full: manyLocals,
    build: (size) =>
      oneFunction(
        (code) => {
          for (let i = 0; i < size; i++) code.block(loop);
          for (let i = 0; i < size; i++) {
            setLocal(code, i);
            code.localGet(0).brIf(0).end();
          }
          code.localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "a loop left by many branches before its locals are set",
    full: manyLocals,
    build: (size) =>
      oneFunction(
        (code) => {
          code.block(block).block(loop);
          for (let i = 0; i < size; i++) code.localGet(0).brIf(1);
          for (let i = 0; i < size; i++) setLocal(code, i);
          code.localGet(0).brIf(0).end().end().localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "a br_table in each of many loops that set all locals",
    full: 12_000,
    build: (size) =>
      oneFunction(
        (code) => {
          code.block(loop);
          for (let i = 0; i < size; i++) setLocal(code, i);
          for (let i = 0; i < size; i++) {
            code.block(block).localGet(0).op(branchTable).u32(2).u32(0).u32(1).u32(0).u32(0).end();
          }
          code.end().localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "a br_table with as many entries as there may be, all to one label with a value",
    full: 65_000,
    build: (size) =>
      oneFunction((code) => {
        code.block(block, I32).i32Const(7).localGet(0).op(branchTable).u32(size);
        for (let i = 0; i <= size; i++) code.u32(0);
        code.end();
      }),
  },
  {
    name: "a br_table with as many labels as entries",
    full: 65_000,
    build: (size) =>
      oneFunction(
        (code) => {
          nested(code, block, size, () => {
            setLocal(code, 0);
            code
              .localGet(0)
              .op(branchTable)
              .u32(size - 1);
            for (let i = 0; i < size; i++) code.u32(i);
          });
          code.localGet(1);
        },
        [[1, I32]],
      ),
  },
  {
    name: "blocks nested deeply",
    full: 100_000,
    build: (size) =>
      oneFunction(
        (code) => {
          nested(code, block, size, () => {
            setLocal(code, 0);
            code.localGet(0).brIf(size - 1);
          });
          code.localGet(1);
        },
        [[1, I32]],
      ),
  },
  {
    name: "loops nested deeply, with a branch to each",
    full: 100_000,
    build: (size) =>
      oneFunction(
        (code) => {
          nested(code, loop, size, () => {
            setLocal(code, 0);
            for (let i = 0; i < size; i++) code.localGet(0).brIf(i);
          });
          code.localGet(1);
        },
        [[1, I32]],
      ),
  },
  {
    name: "ifs nested deeply, each with an else",
    full: 100_000,
    build: (size) =>
      oneFunction(
        (code) => {
          for (let i = 0; i < size; i++) code.localGet(0).block(ifThen);
          for (let i = 0; i < size; i++) {
            code.op(elseArm);
            setLocal(code, 0);
            code.end();
          }
          code.localGet(1);
        },
        [[1, I32]],
      ),
  },
  {
    name: "all locals set deep in a nest of blocks that are branched to",
    full: 40_000,
    build: (size) =>
      oneFunction(
        (code) => {
          nested(code, block, size, () => {
            for (let i = 0; i < size; i++) setLocal(code, i);
            for (let i = 0; i < size; i++) code.localGet(0).brIf(i);
          });
          code.localGet(size);
        },
        [[size, I32]],
      ),
  },
  {
    name: "unreachable code nested deeply",
    full: 100_000,
    build: (size) =>
      oneFunction((code) => {
        code.localGet(0).op(0x0f);
        nested(code, loop, size, () => code.br(size - 1));
      }),
  },
];

/** A function whose branches carry far more values than it has bytes: refused. */
export function carryingModule(branches: number): Uint8Array {
  const module = new ModuleBytes();
  const results = new Array<number>(1000).fill(I32);
  const type = module.type([], results);
  module.addFunction([I32], [], (code) => {
    code.op(block).u32(type);
    for (let i = 0; i < 1000; i++) code.i32Const(0);
    for (let i = 0; i < branches; i++) code.localGet(0).brIf(0);
    code.end();
    for (let i = 0; i < 1000; i++) code.op(0x1a);
  });
  return module.toBytes();
}
