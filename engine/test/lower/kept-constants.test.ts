/**
 * Constants that loops keep: none is made or read in a loop that has registers for all; what finds no register is read from
 * the constant pool by its user. The same results with few and with many.
 */
import test from "ava";
import { nativeTarget } from "../../isa/index.js";
import { allocate } from "../../machine/regalloc/index.js";
import type { Allocation, VCode } from "../../machine/vcode.js";
import { layoutBlocks } from "../../ssa/layout.js";
import { parseFunction } from "../../ssa/parse.js";
import { allFeatures, Executor, leastFeatures } from "./execute.js";

const target = nativeTarget();
const executor = new Executor();

/** Words that no instruction makes without memory. */
const wordOf = (k: number): number => (0x9e3779b1 * (k + 1)) >>> 0;
const vectorOf = (k: number): string => wordOf(k).toString(16).padStart(8, "0").repeat(4);

/** `n` rounds of x = ((x ^ c0) + c1) ^ c2 ... over four lanes with `count` constants; gives a lane. */
function vectorLoop(count: number): string {
  const constants = Array.from({ length: count }, (_, k) => `  v${100 + k}:v128 = const 0x${vectorOf(k)}`);
  const steps = Array.from({ length: count }, (_, k) => {
    const from = k === 0 ? "v5" : `v${200 + k - 1}`;
    return `  v${200 + k}:v128 = ${k % 2 === 0 ? `vxor ${from}, v${100 + k}` : `vadd ${from}, v${100 + k} i32x4`}`;
  });
  return `func 0 "f" -> i32 {
b0(v1:ptr, v2:i32):
  v3:v128 = const 0x0
  jump b1(v2, v3)
b1(v4:i32, v5:v128):
${constants.join("\n")}
${steps.join("\n")}
  v6:i32 = const 1
  v7:i32 = sub v4, v6
  brif v7, b1(v7, v${199 + count}), b2
b2:
  v8:i32 = vextractu v${199 + count} i32x4 0
  return v8
}`;
}

function vectorResult(count: number, rounds: number): number {
  let x = 0;
  for (let n = 0; n < rounds; n++)
    for (let k = 0; k < count; k++) x = k % 2 === 0 ? x ^ wordOf(k) : (x + wordOf(k)) | 0;
  return x >>> 0;
}

interface Allocated {
  readonly code: VCode;
  readonly allocation: Allocation;
}

function allocated(text: string, level: "quick" | "full"): Allocated {
  const func = parseFunction(text);
  const signature = { params: [], results: func.results };
  const code = target.lower(func, layoutBlocks(func).order, {
    features: allFeatures,
    guardPages: true,
    keepConstants: level === "full",
    signature,
    signatureOf: () => signature,
  });
  return { code, allocation: allocate(code, target.registers, level) };
}

/** In loops: constants that are made (again), and uses that read the pool. */
function inLoops({ code, allocation }: Allocated): { made: number; read: number } {
  const isInLoop = new Uint8Array(code.instructionCount);
  for (let b = 0; b < code.blockCount; b++)
    if (code.blockLoopDepth[b]! > 0) isInLoop.fill(1, code.blockStart[b], code.blockStart[b + 1]);
  let made = 0;
  let read = 0;
  for (let e = 0; e < allocation.editCount; e++)
    if (allocation.editFrom[e]! < 0 && isInLoop[allocation.editBefore[e]!]) made++;
  for (let i = 0; i < code.instructionCount; i++) {
    if (!isInLoop[i]) continue;
    for (let o = code.operandStart[i]!; o < code.operandStart[i + 1]!; o++) {
      if (code.operandWord[o]! & 1 && code.vregRematerializable[code.operandVReg[o]!]) made++;
      if (allocation.operandLocation[o]! < 0) read++;
    }
  }
  return { made, read };
}

test("a loop with registers for its constants neither makes nor reads any", (t) => {
  for (const count of [1, 4, 10]) {
    t.deepEqual(inLoops(allocated(vectorLoop(count), "full")), { made: 0, read: 0 }, `${count} constants`);
  }
});

test("what finds no register is read from the pool where instructions can, else made for its use", (t) => {
  const { made, read } = inLoops(allocated(vectorLoop(16), "full"));
  if (target.name === "amd64") {
    t.is(made, 0);
    t.true(read > 0 && read < 8, `${read} are read`);
  } else t.is(read, 0);
});

test("results don't depend on how many constants there are", (t) => {
  for (const count of [1, 4, 14, 16, 20, 60]) {
    for (const features of [allFeatures, leastFeatures]) {
      for (const level of ["quick", "full"] as const) {
        const compiled = executor.compile(parseFunction(vectorLoop(count)), { features, level });
        const got = executor.call(compiled, [3n]);
        t.deepEqual(got, [BigInt(vectorResult(count, 3))], `${count}, ${level}, ${features.size} features`);
      }
    }
  }
});

/** Scalar floats, whose constants are narrower than a slot: x = (x + c0) * c1 + c2 ... */
function floatLoop(count: number, type: "f32" | "f64"): string {
  const constants = Array.from({ length: count }, (_, k) => `  v${100 + k}:${type} = const ${k + 1}.5`);
  const steps = Array.from({ length: count }, (_, k) => {
    const from = k === 0 ? "v5" : `v${200 + k - 1}`;
    return `  v${200 + k}:${type} = ${k % 2 === 0 ? "fadd" : "fmul"} ${from}, v${100 + k}`;
  });
  return `func 0 "f" -> ${type} {
b0(v1:ptr, v2:i32):
  v3:${type} = const 0.25
  jump b1(v2, v3)
b1(v4:i32, v5:${type}):
${constants.join("\n")}
${steps.join("\n")}
  v6:i32 = const 1
  v7:i32 = sub v4, v6
  brif v7, b1(v7, v${199 + count}), b2
b2:
  return v${199 + count}
}`;
}

test("floats: the same", (t) => {
  const view = new DataView(new ArrayBuffer(8));
  for (const type of ["f32", "f64"] as const) {
    const round = type === "f32" ? Math.fround : (x: number) => x;
    for (const count of [3, 15, 25]) {
      let x = 0.25;
      for (let n = 0; n < 2; n++)
        for (let k = 0; k < count; k++) x = round(k % 2 === 0 ? x + (k + 1.5) : x * (k + 1.5));
      view.setBigUint64(0, 0n);
      if (type === "f32") view.setFloat32(4, x);
      else view.setFloat64(0, x);
      for (const features of [allFeatures, leastFeatures]) {
        const compiled = executor.compile(parseFunction(floatLoop(count, type)), { features, level: "full" });
        t.deepEqual(executor.call(compiled, [2n]), [view.getBigUint64(0)], `${type}, ${count}`);
      }
    }
  }
});
