// Compares the allocators by what they insert into generated code, each edit weighted by 8 to the power of its
// loop's depth, cold blocks left out. By hand, when a heuristic changes: node dist/engine/test/machine/allocation-quality.js [SEEDS]

import { registerFile } from "../../isa/amd64/registers.js";
import { allocateFast, tryAllocateFull } from "../../machine/regalloc/index.js";
import { type Allocation, firstSlot, operandDef, type VCode } from "../../machine/vcode.js";
import { RandomCode } from "./random-vcode.js";

interface Cost {
  loads: number;
  stores: number;
  moves: number;
  constants: number;
  slots: number;
  milliseconds: number;
}

function add(cost: Cost, code: VCode, a: Allocation): void {
  const frequency = new Float64Array(code.instructionCount);
  for (let b = 0; b < code.blockCount; b++) {
    const runs = code.blockIsCold[b] ? 0 : 8 ** code.blockLoopDepth[b];
    frequency.fill(runs, code.blockStart[b], code.blockStart[b + 1]);
  }
  for (let e = 0; e < a.editCount; e++) {
    const runs = frequency[a.editBefore[e]];
    if (a.editFrom[e] < 0) cost.constants += runs;
    else if (a.editFrom[e] >= firstSlot) cost.loads += runs;
    else if (a.editTo[e] >= firstSlot) cost.stores += runs;
    else cost.moves += runs;
  }
  for (let i = 0; i < code.instructionCount; i++) {
    for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) {
      if (a.operandLocation[o] < firstSlot) continue;
      if (code.operandWord[o] & operandDef) cost.stores += frequency[i];
      else cost.loads += frequency[i];
    }
  }
  cost.slots += a.slotCount;
}

const seeds = Number(process.argv[2] ?? 50);
const shapes = [
  { name: "low pressure", pressure: 6, calls: false },
  { name: "low pressure, calls", pressure: 6, calls: true },
  { name: "high pressure", pressure: 30, calls: false },
  { name: "high pressure, calls", pressure: 30, calls: true },
];
const allocators = [
  ["quick", allocateFast],
  ["full", tryAllocateFull],
] as const;

for (const { name, pressure, calls } of shapes) {
  console.log(name);
  for (const [level, allocate] of allocators) {
    const cost: Cost = { loads: 0, stores: 0, moves: 0, constants: 0, slots: 0, milliseconds: 0 };
    for (let seed = 1; seed <= seeds; seed++) {
      const { code } = new RandomCode(seed, { size: 300, pressure, calls, shuffle: false });
      const start = performance.now();
      const allocation = allocate(code, registerFile);
      cost.milliseconds += performance.now() - start;
      if (allocation !== null) add(cost, code, allocation);
    }
    const figures = Object.entries(cost).map(([what, value]) => `${what} ${Math.round(value)}`);
    console.log(`  ${level.padEnd(6)} ${figures.join(", ")}`);
  }
}
