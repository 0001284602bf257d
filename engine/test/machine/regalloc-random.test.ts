import test from "ava";
import { registerFile } from "../../isa/amd64/registers.js";
import { checkAllocation } from "../../machine/regalloc/check.js";
import { allocate } from "../../machine/regalloc/index.js";
import type { Allocation, VCode } from "../../machine/vcode.js";
import { printCode, randomCode } from "./random-vcode.js";

const seeds = Number(process.env.BACKPLANE_SEEDS ?? 400);

function flatten(a: Allocation): number[][] {
  return [
    [a.editCount, a.slotCount],
    ...[a.operandLocation, a.editBefore, a.editFrom, a.editTo, a.editClass].map((column) => Array.from(column)),
    ...[a.safepoints, a.mapStart, a.mapLocation].map((column) => Array.from(column)),
  ];
}

function tryOne(code: VCode, level: "quick" | "full"): string | null {
  try {
    checkAllocation(code, allocate(code, registerFile, level), registerFile);
    return null;
  } catch (error) {
    return (error as Error).stack ?? String(error);
  }
}

for (const level of ["quick", "full"] as const) {
  test(`random code, ${level}: the checker accepts`, (t) => {
    for (let seed = 1; seed <= seeds; seed++) {
      const code = randomCode(seed);
      const failure = tryOne(code, level);
      if (failure !== null) {
        if (process.env.BACKPLANE_SHOW) t.log(printCode(code));
        t.fail(`seed ${seed}: ${failure}`);
        return;
      }
    }
    t.pass();
  });

  test(`random code, ${level}: the same code gives the same allocation`, (t) => {
    for (let seed = 1; seed <= 20; seed++) {
      const first = allocate(randomCode(seed), registerFile, level);
      const second = allocate(randomCode(seed), registerFile, level);
      t.deepEqual(flatten(first), flatten(second));
    }
  });
}
