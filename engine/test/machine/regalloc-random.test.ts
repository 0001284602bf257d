import test from "ava";
import { registerFile } from "../../isa/amd64/registers.js";
import { checkAllocation } from "../../machine/regalloc/check.js";
import { allocate, allocateFast, tryAllocateFull } from "../../machine/regalloc/index.js";
import {
  type Allocation,
  Constraint,
  def,
  InstructionFlag,
  RegisterClass,
  type RegisterFile,
  use,
  VCode,
  type VReg,
} from "../../machine/vcode.js";
import { amd64Machine, arm64Machine, printCode, RandomCode, randomCode } from "./random-vcode.js";

const seeds = Number(process.env.BACKPLANE_SEEDS ?? 400);

function flatten(a: Allocation): number[][] {
  return [
    [a.editCount, a.slotCount],
    ...[a.operandLocation, a.editBefore, a.editFrom, a.editTo, a.editClass].map((column) =>
      Array.from(column),
    ),
    ...[a.safepoints, a.mapStart, a.mapLocation].map((column) => Array.from(column)),
  ];
}

function tryOne(code: VCode, registers: RegisterFile, level: "quick" | "full"): string | null {
  try {
    const allocation = level === "full" ? tryAllocateFull(code, registers) : allocateFast(code, registers);
    if (allocation === null) return "the full allocator gave up";
    checkAllocation(code, allocation, registers);
    return null;
  } catch (error) {
    return (error as Error).stack ?? String(error);
  }
}

for (const level of ["quick", "full"] as const) {
  for (const [name, machine] of Object.entries({ amd64: amd64Machine, arm64: arm64Machine })) {
    test(`random code, ${level}, registers of ${name}: the checker accepts`, (t) => {
      for (let seed = 1; seed <= seeds; seed++) {
        const code = randomCode(seed, machine);
        const failure = tryOne(code, machine.registers, level);
        if (failure !== null) {
          if (process.env.BACKPLANE_SHOW) t.log(printCode(code));
          t.fail(`seed ${seed}: ${failure}`);
          return;
        }
      }
      t.pass();
    });
  }

  test(`random code, ${level}: the same code gives the same allocation`, (t) => {
    for (let seed = 1; seed <= 20; seed++) {
      const first = allocate(randomCode(seed), registerFile, level);
      const second = allocate(randomCode(seed), registerFile, level);
      t.deepEqual(flatten(first), flatten(second));
    }
  });
}

test("the full allocator moves and spills less in loops than the quick one", (t) => {
  const totals = { quick: 0, full: 0 };
  for (let seed = 1; seed <= 40; seed++) {
    const code = randomCode(seed);
    for (const level of ["quick", "full"] as const)
      totals[level] += editCost(code, allocate(code, registerFile, level));
  }
  t.true(totals.full < 0.75 * totals.quick, `${totals.full} against ${totals.quick}`);
});

/** Edits weighted by 8 to the power of their loop's depth. */
function editCost(code: VCode, allocation: Allocation): number {
  const blockOf = new Int32Array(code.instructionCount);
  for (let b = 0; b < code.blockCount; b++) blockOf.fill(b, code.blockStart[b], code.blockStart[b + 1]);
  let cost = 0;
  for (let e = 0; e < allocation.editCount; e++) {
    const b = blockOf[allocation.editBefore[e]];
    cost += code.blockIsCold[b] ? 0 : 8 ** code.blockLoopDepth[b];
  }
  return cost;
}

/** A loop around an inner loop that uses six values, and a call in between. */
function loopWithCall(callIsCold: boolean): VCode {
  const code = new VCode();
  const values = Array.from({ length: 6 }, () => code.newVReg(RegisterClass.int));
  const row = (operands: readonly (readonly [VReg, number])[], flags = 0): void => {
    code.instruction(1, flags);
    for (const [v, word] of operands) code.operand(v, word);
  };
  const block = (depth: number, cold: boolean, header: number, body: () => void): void => {
    code.startBlock(depth, cold, header);
    body();
    row([], InstructionFlag.terminator);
    code.finishBlock();
  };
  block(0, false, -1, () => {
    for (const v of values) row([[v, def()]]);
  });
  block(1, false, 1, () => {});
  block(1, callIsCold, 1, () => {
    row([]);
    code.clobber(0xffff, 0xffff);
  });
  block(1, false, 1, () => {});
  block(2, false, 4, () => {
    for (const v of values) row([[v, use()]]);
  });
  block(2, false, 4, () => {});
  block(1, false, 1, () => {});
  block(0, false, -1, () => {});
  const edges = [
    [0, 1],
    [1, 2],
    [1, 3],
    [2, 8],
    [3, 8],
    [8, 4],
    [4, 5],
    [5, 4],
    [4, 6],
    [6, 9],
    [9, 1],
    [6, 7],
  ];
  block(1, false, 1, () => {});
  block(1, false, 1, () => {});
  for (const [from, to] of edges) {
    code.successors[from].push(to);
    code.successorArgs[from].push([]);
    code.predecessors[to].push(from);
  }
  return code;
}

test("an inner loop without calls is free of spill code, and a cold call costs the fast path nothing", (t) => {
  for (const callIsCold of [false, true]) {
    const code = loopWithCall(callIsCold);
    const allocation = tryAllocateFull(code, registerFile);
    if (allocation === null) return t.fail("the full allocator gave up");
    checkAllocation(code, allocation, registerFile);
    const blockOf = new Int32Array(code.instructionCount);
    for (let b = 0; b < code.blockCount; b++) blockOf.fill(b, code.blockStart[b], code.blockStart[b + 1]);
    for (let e = 0; e < allocation.editCount; e++) {
      const b = blockOf[allocation.editBefore[e]];
      t.false(b === 4 || b === 5, "an edit in the inner loop");
      if (callIsCold) t.true(b <= 2, `an edit in block ${b}, on the fast path`);
    }
  }
  return undefined;
});

test("a value fixed to two registers is in both, and a call's operands survive each other", (t) => {
  const code = new VCode();
  const [a, b] = [0, 1].map(() => code.newVReg(RegisterClass.int));
  code.startBlock(0, false, -1);
  code.instruction(1);
  code.operand(a, def(Constraint.fixed, 0));
  code.operand(b, def(Constraint.fixed, 1));
  code.instruction(1);
  code.operand(b, use(Constraint.fixed, 0));
  code.operand(a, use(Constraint.fixed, 1));
  code.operand(a, use(Constraint.fixed, 2));
  code.clobber(0xffff, 0xffff);
  code.instruction(1, InstructionFlag.terminator);
  code.operand(a, use());
  code.finishBlock();
  for (const level of ["quick", "full"] as const) {
    const allocation = allocate(code, registerFile, level);
    checkAllocation(code, allocation, registerFile);
    t.deepEqual(Array.from(allocation.operandLocation.subarray(0, 5)), [0, 1, 0, 1, 2]);
  }
});

test("large code is allocated, at either level", (t) => {
  const straight = new VCode();
  straight.startBlock(0, false, -1);
  let last = straight.newVReg(RegisterClass.int);
  straight.instruction(1);
  straight.operand(last, def());
  for (let i = 0; i < 300_000; i++) {
    const next = straight.newVReg(RegisterClass.int);
    straight.instruction(1);
    straight.operand(next, def(Constraint.reuse, 1));
    straight.operand(last, use());
    last = next;
  }
  straight.instruction(1, InstructionFlag.terminator);
  straight.finishBlock();
  const tangled = new RandomCode(9, { size: 60_000, pressure: 20, calls: true, shuffle: false }).code;
  for (const level of ["quick", "full"] as const) {
    t.is(allocate(straight, registerFile, level).editCount, 0);
    t.true(allocate(tangled, registerFile, level).editCount > 10_000);
    t.notThrows(() => allocate(wideSwitch(65_520), registerFile, level));
  }
});

/** A switch whose targets all pass an argument to one block. */
function wideSwitch(ways: number): VCode {
  const code = new VCode();
  const v = code.newVReg(RegisterClass.int);
  const param = code.newVReg(RegisterClass.int);
  const end = (): void => {
    code.instruction(1, InstructionFlag.terminator);
    code.finishBlock();
  };
  code.startBlock(0, false, -1);
  code.instruction(1);
  code.operand(v, def());
  end();
  for (let k = 0; k < ways; k++) {
    code.startBlock(0, false, -1);
    end();
  }
  code.startBlock(0, false, -1);
  code.instruction(1);
  code.operand(param, use());
  end();
  code.blockParams[ways + 1].push(param);
  for (let k = 1; k <= ways; k++) {
    code.successors[0].push(k);
    code.successorArgs[0].push([]);
    code.predecessors[k].push(0);
    code.successors[k].push(ways + 1);
    code.successorArgs[k].push([v]);
    code.predecessors[ways + 1].push(k);
  }
  return code;
}
