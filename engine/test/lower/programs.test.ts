/**
 * What single ops in isolation don't show: memory accesses and their addresses, updates in place, checks, frame
 * slots, calls with many arguments and results, builtins, branch tables, loops. Each program runs with all
 * optional instructions and with none, under both allocators.
 */
import test from "ava";
import type { Signature } from "../../machine/target.js";
import { Context, ExitStatus } from "../../runtime/layout.js";
import { Type } from "../../ssa/ops.js";
import { parseFunction } from "../../ssa/parse.js";
import {
  allFeatures,
  canonicalNumber,
  Executor,
  leastFeatures,
  type Outcome,
  type RunOptions,
} from "./execute.js";

const executor = new Executor();

const settings: readonly RunOptions[] = [allFeatures, leastFeatures].flatMap((features) =>
  (["quick", "full"] as const).map((level) => ({ features, level })),
);

type Arguments = readonly (bigint | number)[];
const bits = (list: Arguments): bigint[] => list.map((x) => BigInt.asUintN(64, BigInt(x)));
const u32 = (n: number): bigint => BigInt(n >>> 0);

/** Runs `text` under every setting and compares the outcome for each list of arguments. */
function check(
  name: string,
  text: string,
  cases: readonly (readonly [Arguments, Arguments | string])[],
  more: { prepare?: () => void; after?: () => string; expectAfter?: string } = {},
): void {
  test(name, (t) => {
    for (const setting of settings) {
      const compiled = executor.compile(parseFunction(text), setting);
      for (const [args, expected] of cases) {
        more.prepare?.();
        const got = executor.call(compiled, bits(args));
        const wanted: Outcome = typeof expected === "string" ? expected : bits(expected);
        t.deepEqual(got, wanted, `${setting.level}, ${setting.features.size} features, of ${args.join(",")}`);
        if (more.after !== undefined) t.is(more.after(), more.expectAfter ?? "");
      }
    }
  });
}

const memory = executor.memory;

/** A function of an index into memory: the instance is its base. */
const ofIndex = (body: string, result = "i32"): string =>
  `func 0 "f" -> ${result} {\nb0(v1:ptr, v2:i32, v3:i32, v4:i64):\n${body}\n}`;

const fill = (): void => {
  for (let k = 0; k < 4096; k += 8) memory.setBigUint64(k, 0x8182838485868788n + BigInt(k), true);
};

check(
  "partial loads extend as they should",
  ofIndex(
    `v10:i32 = load8u v1, v2 +1
     v11:i32 = load8s v1, v2 +1
     v12:i32 = load16u v1, v2 +2
     v13:i32 = load16s v1, v2 +2
     v14:i64 = load8u v1, v2 +1
     v15:i64 = load8s v1, v2 +1
     v16:i64 = load16s v1, v2 +2
     v17:i64 = load32u v1, v2 +4
     v18:i64 = load32s v1, v2 +4
     return v10, v11, v12, v13, v14, v15, v16, v17, v18`,
    "i32, i32, i32, i32, i64, i64, i64, i64, i64",
  ),
  [
    [
      [8, 0, 0],
      [
        0x87,
        u32(-121),
        0x8586,
        u32(0x8586 - 65536),
        0x87,
        -121,
        0x8586 - 65536,
        0x81828384n,
        0x81828384n - (1n << 32n),
      ],
    ],
  ],
  { prepare: fill },
);

check(
  "a narrow store of a float's bits writes no byte more",
  `func 0 "f" -> i32 {
b0(v1:ptr, v2:i32, v3:i32, v4:i64, v5:f32, v6:f64):
  v10:i32 = bitcast v5
  store8 v1, v2, v10 +0
  v11:i32 = bitcast v5
  store16 v1, v2, v11 +16
  v12:i64 = bitcast v6
  store32 v1, v2, v12 +32
  v13:i64 = bitcast v6
  store16 v1, v2, v13 +48
  v14:i32 = bitcast v5
  store v1, v2, v14 +64
  return v2
}`,
  [[[8, 0, 0, 0x11223344, 0x1122334455667788n], [8]]],
  {
    prepare: () => {
      for (let k = 0; k < 128; k++) memory.setUint8(k, 0xaa);
    },
    after: () => [8, 24, 40, 56, 72].map((at) => memory.getBigUint64(at, true).toString(16)).join(),
    expectAfter: "aaaaaaaaaaaaaa44,aaaaaaaaaaaa3344,aaaaaaaa55667788,aaaaaaaaaaaa7788,aaaaaaaa11223344",
  },
);

check(
  "lanes are rotated by two shifts, which may be of different vectors",
  `func 0 "f" -> i64, i64, i64 {
b0(v1:ptr, v2:i64, v3:i64):
  v4:v128 = vsplat v2 i64x2
  v5:v128 = vsplat v3 i64x2
  v6:i32 = const 12
  v7:i32 = const 20
  v8:v128 = vshl v4, v6 i32x4
  v9:v128 = vshru v4, v7 i32x4
  v10:v128 = vor v8, v9
  v11:i32 = const 3
  v12:i32 = const 13
  v13:v128 = vshru v4, v12 i16x8
  v14:v128 = vshl v5, v11 i16x8
  v15:v128 = vor v13, v14
  v16:i32 = const 44
  v17:v128 = vshl v5, v16 i64x2
  v18:v128 = vshru v5, v7 i64x2
  v19:v128 = vor v17, v18
  v20:i64 = vextractu v10 i64x2 0
  v21:i64 = vextractu v15 i64x2 1
  v22:i64 = vextractu v19 i64x2 1
  return v20, v21, v22
}`,
  [
    [
      [0x123456789abcdef0n, 0x8001400220041008n],
      [0x45678123cdef09abn, 0x0008001200248046n, 0x4100880014002200n],
    ],
  ],
);

check(
  "a load that is seen through a conversion with other users stays",
  ofIndex(
    `v10:i64 = load8s v1, v2 +1
     v11:i32 = wrap v10
     v13:i32 = const 1
     v14:i32 = add v11, v13
     v12:i64 = sext v11
     return v12, v14`,
    "i64, i32",
  ),
  [
    [
      [8, 0, 0],
      [-121, u32(-120)],
    ],
  ],
  { prepare: fill },
);

check(
  "a shifted index wraps around, one of few bits is scaled",
  ofIndex(
    `v20:i32 = const 255
     v21:i32 = const 2
     v22:i32 = const 64
     v23:i32 = and v2, v20
     v24:i32 = shl v23, v21
     v25:i32 = add v24, v22
     v26:i32 = load v1, v25 +4
     v27:i32 = shl v3, v21
     v28:i32 = load v1, v27
     v29:i32 = const 16
     v30:i32 = load v1, v29 +8
     return v26, v28, v30`,
    "i32, i32, i32",
  ),
  [
    // 0x302 & 255 = 2: byte 76 is the upper half of the word at 72. 0x40000004 << 2 = 16.
    [
      [0x302, u32(0x40000004), 0],
      [0x81828384, 0x85868788 + 16, 0x85868788 + 24],
    ],
  ],
  { prepare: fill },
);

check(
  "an added index wraps around",
  ofIndex(
    `v20:i32 = const 64
     v21:i32 = add v2, v20
     v22:i32 = load v1, v21
     return v22`,
  ),
  [[[u32(-40), 0, 0], [0x85868788 + 24]]],
  { prepare: fill },
);

check(
  "an index from a 64-bit value has its upper half cut off, stores take its low bytes",
  ofIndex(
    `v20:i32 = wrap v4
     v21:i32 = const 65535
     v22:i32 = and v20, v21
     store16 v1, v2, v22
     v23:i32 = load v1, v20
     v24:i32 = load16u v1, v2
     return v23, v24`,
    "i32, i32",
  ),
  [
    [
      [512, 0, 0xabcd00000010n],
      [0x85868788 + 16, 16],
    ],
  ],
  { prepare: fill },
);

check(
  "stores of constants and of every width",
  ofIndex(
    `v20:i32 = const -1
     v21:i64 = const 1234605616436508552
     v22:i64 = const -2
     v23:f32 = const 1.5
     v24:f64 = const -0.5
     v25:f64 = const 0
     store8 v1, v2, v20
     store16 v1, v2, v20 +2
     store v1, v2, v20 +4
     store v1, v2, v21 +8
     store v1, v2, v22 +16
     store v1, v2, v23 +24
     store v1, v2, v24 +32
     store v1, v2, v25 +40
     store32 v1, v2, v21 +48
     store8 v1, v2, v4 +52
     return v3`,
  ),
  [[[1024, 7, 0x1122n], [7]]],
  {
    prepare: () => {
      for (let k = 1024; k < 1088; k++) memory.setUint8(k, 0x55);
    },
    after: () =>
      [0, 8, 16, 24, 32, 40, 48]
        .map((k) =>
          memory
            .getBigUint64(1024 + k, true)
            .toString(16)
            .padStart(16, "0"),
        )
        .join(" "),
    expectAfter:
      "ffffffffffff55ff 1122334455667788 fffffffffffffffe 555555553fc00000 bfe0000000000000 0000000000000000 5555552255667788",
  },
);

check(
  "a load, an operation and a store to the same place, in place; not if another store stands between",
  ofIndex(
    `v20:i32 = load v1, v2
     v21:i32 = add v20, v3
     store v1, v2, v21
     v22:i64 = load v1, v2 +8
     v23:i64 = const 255
     v24:i64 = xor v23, v22
     store v1, v2, v24 +8
     v25:i32 = load v1, v2 +16
     v26:i32 = sub v3, v25
     store v1, v2, v26 +16
     v27:i32 = load v1, v2 +20
     store v1, v2, v3 +20
     v28:i32 = or v27, v3
     store v1, v2, v28 +20
     return v3`,
  ),
  [[[64, 3, 0], [3]]],
  {
    prepare: fill,
    after: () => [64, 68, 72, 80, 84].map((k) => memory.getUint32(k, true).toString(16)).join(" "),
    expectAfter: [
      0x85868788 + 64 + 3,
      0x81828384,
      (0x85868788 + 72) ^ 255,
      3 - 0x85868788 - 80,
      0x81828384 | 3,
    ]
      .map((n) => (n >>> 0).toString(16))
      .join(" "),
  },
);

check(
  "a load isn't moved across a store that changes what it reads",
  ofIndex(
    `v20:i32 = load v1, v2
     v21:i32 = const 0
     store v1, v2, v21
     v22:i32 = add v3, v20
     v23:i32 = load8u v1, v2 +4
     store v1, v2, v21 +4
     v24:i32 = const 132
     v25:i32 = eq v23, v24
     return v22, v25`,
    "i32, i32",
  ),
  [
    [
      [64, 1, 0],
      [0x85868788 + 65, 1],
    ],
  ],
  { prepare: fill },
);

check(
  "offsets of 2 GiB and more are added in 64 bits",
  `func 0 "f" -> i32 {
   b0(v1:ptr, v2:i32, v3:i64):
     v4:ptr = bitcast v3
     v5:i32 = load v4, v2 +4294967280
     v6:i32 = const -16
     v7:i32 = load v4, v6
     return v5, v7
   }`.replace("-> i32", "-> i32, i32"),
  [
    [
      [8, BigInt(executor.memoryAddress) - 4294967280n],
      [0x85868788 + 8, 0x85868788],
    ],
  ],
  { prepare: fill },
);

check(
  "bounds checks",
  `func 0 "f" -> i32 {
   b0(v1:ptr, v2:i32, v3:i64):
     check v2, v3 +8
     v4:i32 = const 100
     check v4, v3 +4
     check v2, v3 +4294967300
     return v2
   }`,
  [
    [[0, 4294967300n], [0]],
    [[0, 4294967299n], "memoryOutOfBounds"],
    [[1, 4294967300n], "memoryOutOfBounds"],
    [[0, 103], "memoryOutOfBounds"],
    [[0, 7], "memoryOutOfBounds"],
    [[-1, 0x100000006n], "memoryOutOfBounds"],
    [[-1, 0xffffffffffffn], [u32(-1)]],
  ].map(([a, e]) => [(a as number[]).map((x, k) => (k === 0 ? u32(Number(x)) : x)), e]) as never,
);

check(
  "frame slots of all types",
  `func 0 "f" -> i32, i64, f32, f64 {
     slots i32, i64, f32, f64
   b0(v1:ptr, v2:i32, v3:i64, v4:f32, v5:f64):
     slotstore v2 $0
     slotstore v3 $1
     slotstore v4 $2
     slotstore v5 $3
     v6:i32 = slotload $0
     v7:i64 = slotload $1
     v8:f32 = slotload $2
     v9:f64 = slotload $3
     v10:i64 = const 77
     slotstore v10 $1
     v11:i64 = slotload $1
     v12:i64 = sub v7, v11
     return v6, v12, v8, v9
   }`,
  [
    [
      [5, 100, 0x3f800000, 0x4000000000000000n],
      [5, 23, 0x3f800000, 0x4000000000000000n],
    ],
  ],
);

check(
  "records: fields, elements, the context",
  `func 0 "f" -> i32, i64, i64, i32 {
   b0(v1:ptr, v2:i32):
     v3:ptr = offset v1 +64
     v4:ptr = element v3, v2 << 3
     v5:i32 = peek32 v4 +0 invariant
     v6:ptr = offset v4 +8
     v7:i64 = peek v6 -8 invariant
     v8:ptr = element v1, v2 << 5
     v9:i64 = peek v8 +0 table
     v10:i64 = const 1
     v11:i64 = peek v4 +16 global
     v12:i64 = add v11, v10
     poke v4, v12 +16 global
     v13:ptr = ctx
     v14:i32 = peek32 v13 +${Context.callIndex} volatile
     return v5, v7, v9, v14
   }`,
  [[[2], [0x85868788 + 80, 0x8182838485868788n + 80n, 0x8182838485868788n + 64n, 0]]],
  {
    prepare: fill,
    after: () => memory.getBigUint64(96, true).toString(16),
    expectAfter: (0x8182838485868788n + 97n).toString(16),
  },
);

check(
  "selection of every type, by integer and float comparisons",
  `func 0 "f" -> i32, i64, f32, f64, f64, f32, i64 {
   b0(v1:ptr, v2:i32, v3:i64, v4:f32, v5:f64, v6:i32, v7:i64, v8:f32, v9:f64):
     v10:i32 = select v2, v2, v6
     v11:i32 = slt v3, v7
     v12:i64 = select v11, v3, v7
     v13:i32 = flt v4, v8
     v14:f32 = select v13, v4, v8
     v15:i32 = feq v5, v9
     v16:f64 = select v15, v5, v9
     v17:i32 = fne v5, v9
     v18:f64 = select v17, v5, v9
     v19:i32 = eqz v15
     v20:f32 = select v19, v4, v8
     v21:i64 = select v15, v3, v7
     return v10, v12, v14, v16, v18, v20, v21
   }`,
  [
    [
      [0, -5, 0x3f800000, 0x3ff0000000000000n, 9, 6, 0x40000000, 0x7ff8000000000000n],
      [9, -5, 0x3f800000, 0x7ff8000000000000n, 0x3ff0000000000000n, 0x3f800000, 6],
    ],
    [
      [3, 7, 0x7fc00000, 0x3ff0000000000000n, 9, 6, 0x40000000, 0x3ff0000000000000n],
      [3, 6, 0x40000000, 0x3ff0000000000000n, 0x3ff0000000000000n, 0x40000000, 7],
    ],
  ],
);

check(
  "branch tables: every entry, the default, entries that share a target, arguments",
  `func 0 "f" -> i32 {
   b0(v1:ptr, v2:i32):
     v3:i32 = const 10
     v4:i32 = const 20
     brtable v2, b1, b2(v3), b1, b2(v4), b3
   b1:
     v5:i32 = const 1
     return v5
   b2(v6:i32):
     v7:i32 = add v6, v2
     return v7
   b3:
     v8:i32 = const 99
     return v8
   }`,
  [
    [[0], [1]],
    [[1], [11]],
    [[2], [1]],
    [[3], [23]],
    [[4], [99]],
    [[u32(-1)], [99]],
  ],
);

check(
  "a loop: counters, flags of results, critical edges",
  `func 0 "f" -> i32, i32 {
   b0(v1:ptr, v2:i32):
     v3:i32 = const 0
     v4:i32 = const 1
     v5:i32 = const -1
     brif v2, b1(v2, v3), b2(v3, v5)
   b1(v6:i32, v7:i32):
     v8:i32 = add v7, v6
     v9:i32 = sub v6, v4
     brif v9, b1(v9, v8), b2(v8, v9)
   b2(v10:i32, v11:i32):
     return v10, v11
   }`,
  [
    [[0], [0, u32(-1)]],
    [[1], [1, 0]],
    [[100], [5050, 0]],
  ],
);

check(
  "bits tested: masks, shifted masks, single bits of 64",
  `func 0 "f" -> i32, i32, i32, i32, i32 {
   b0(v1:ptr, v2:i32, v3:i64, v4:i32):
     v5:i32 = const 1
     v6:i32 = ushr v2, v4
     v7:i32 = and v6, v5
     v8:i32 = const 7
     v9:i32 = const 0
     v10:i32 = select v7, v8, v9
     v11:i64 = const 549755813888
     v12:i64 = and v3, v11
     v13:i32 = eqz v12
     v14:i32 = select v13, v8, v9
     v15:i32 = shl v5, v4
     v16:i32 = and v2, v15
     v17:i32 = select v16, v8, v9
     v18:i64 = const 2147483648
     v19:i64 = and v3, v18
     v20:i64 = const 0
     v21:i32 = slt v19, v20
     v22:i32 = select v21, v8, v9
     v23:i32 = const 128
     v24:i32 = and v2, v23
     v25:i32 = slt v24, v9
     v26:i32 = select v25, v8, v9
     return v10, v14, v17, v22, v26
   }`,
  [
    [
      [u32(0x80), 549755813888n, 7],
      [7, 0, 7, 0, 0],
    ],
    [
      [u32(-0x81), 0x80000000n, 39],
      [0, 7, 0, 0, 0],
    ],
  ],
);

// ---------------------------------------------------------------- calls

const { i32, i64, f32, f64 } = Type;
const wide: Signature = {
  params: [...Array<Type>(11).fill(i32), ...Array<Type>(10).fill(f64), i64, f32],
  results: [i64, ...Array<Type>(10).fill(i32), ...Array<Type>(9).fill(f64), f32],
};
const typeName = (t: Type): string => ({ [i32]: "i32", [i64]: "i64", [f32]: "f32", [f64]: "f64" })[t as 1]!;
const list = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, k) => `v${from + k}`);

/** Returns its parameters in another order. */
const shuffle = `func 7 "shuffle" -> ${wide.results.map(typeName).join(", ")} {
b0(v1:ptr, ${wide.params.map((t, k) => `v${k + 2}:${typeName(t)}`).join(", ")}):
  return v23, ${list(2, 10).reverse().join(", ")}, ${list(13, 9).reverse().join(", ")}, v24
}`;

/** Calls it with constants among the arguments and sums up what comes back. */
const caller = (op: string, before: string): string => `func 0 "caller" -> i32, i64, f64, f32, i32 {
b0(v1:ptr, v2:i32, v3:i64, v4:f64, v5:f32):
  v10:i32 = const -7
  v11:f64 = const 2.5
  ${before}
  v40:i64 = ${op}(${op.startsWith("callptr") ? "v20, " : ""}${[...Array(9).fill("v2"), "v10", "v10", ...Array(8).fill("v4"), "v11", "v11", "v3", "v5"].join(", ")}) ${op.startsWith("callptr") ? "s1" : "f7 s1"}
${Array.from({ length: 20 }, (_, k) => `  v${41 + k}:${typeName(wide.results[k + 1]!)} = proj v40 #${k + 1}`).join("\n")}
  v70:i32 = add v41, v50
  v71:f64 = fadd v51, v59
  return v70, v40, v71, v60, v2
}`;

test("calls with arguments and results beyond the registers", (t) => {
  for (const setting of settings) {
    const options: RunOptions = { ...setting, signatureOf: () => wide };
    const callee = executor.compile(parseFunction(shuffle), options);
    executor.functions.set(7, callee.address);
    memory.setBigUint64(0, BigInt(callee.address), true);
    const args = bits([5, 1n << 40n, 0x4008000000000000n, 0x40400000]);
    // Results 1 and 10 are the tenth and the first i32; of the doubles, the ninth and the first.
    const expected = bits([u32(-7 + 5), 1n << 40n, 0x4016000000000000n, 0x40400000, 5]);
    const direct = executor.compile(parseFunction(caller("call v1", "")), options);
    t.deepEqual(executor.call(direct, args), expected, "direct");
    const folded = executor.compile(
      parseFunction(caller("callptr v1", "v20:ptr = peek v1 +0 record")),
      options,
    );
    t.deepEqual(executor.call(folded, args), expected, "through memory");
    const indirect = executor.compile(
      parseFunction(
        caller("callptr v1", "v21:ptr = peek v1 +0 record\nv22:i64 = bitcast v21\nv20:ptr = bitcast v22"),
      ),
      options,
    );
    t.deepEqual(executor.call(indirect, args), expected, "through a register");
  }
});

test("values live across calls, and the same value goes to several places", (t) => {
  const signature: Signature = { params: [i32, i32, f64], results: [i32] };
  for (const setting of settings) {
    const options: RunOptions = { ...setting, signatureOf: () => signature };
    const callee = executor.compile(
      parseFunction(`func 7 "callee" -> i32 {
        b0(v1:ptr, v2:i32, v3:i32, v4:f64):
          v5:i32 = ftosi v4
          v6:i32 = add v2, v3
          v7:i32 = mul v6, v5
          return v7
        }`),
      options,
    );
    executor.functions.set(7, callee.address);
    const compiled = executor.compile(
      parseFunction(`func 0 "f" -> i32, f64, i32 {
        b0(v1:ptr, v2:i32, v3:f64):
          v4:i32 = const 1000
          v5:i32 = call v1(v2, v2, v3) f7 s0
          v6:i32 = call v1(v5, v4, v3) f7 s0
          v7:f64 = const 0.25
          v8:f64 = fmul v3, v7
          v9:i32 = add v6, v5
          v10:i32 = sub v4, v2
          return v9, v8, v10
        }`),
      options,
    );
    t.deepEqual(
      executor.call(compiled, bits([6, 0x4010000000000000n])),
      bits([48 + 4 * 1048, 0x3ff0000000000000n, 994]),
    );
  }
});

test("builtins and interrupts exit and come back with all values as they were", (t) => {
  for (const setting of settings) {
    const compiled = executor.compile(
      parseFunction(`func 0 "f" -> i32, i64 {
        b0(v1:ptr, v2:i32, v3:i64):
          interrupt
          v4:i32 = builtin v1(v2) memoryGrow
          v5:i32 = add v4, v2
          v6:ptr = offset v1 +128
          v7:i64 = const 16
          v8:i32 = const 171
          v9:i32 = builtin v1() memorySize
          builtin v1(v6, v8, v7) memorySet
          v10:i32 = add v5, v9
          return v10, v3
        }`),
      setting,
    );
    fill();
    const statuses: number[] = [];
    executor.interrupt();
    const got = executor.call(compiled, bits([5, 1n << 50n]), (bench) => {
      statuses.push(bench.status);
      if (bench.status === ExitStatus.builtin)
        bench.setSlot(0, bench.callIndex === 0 ? bench.slot(0) * 3n : 1000n);
      else bench.lowerInterrupt();
    });
    t.deepEqual(got, bits([1020, 1n << 50n]));
    t.deepEqual(statuses, [ExitStatus.interrupt, ExitStatus.builtin, ExitStatus.builtin]);
    t.is(memory.getBigUint64(128, true), 0xababababababababn);
    t.is(memory.getBigUint64(144, true), 0x8182838485868788n + 144n);
  }
});

check(
  "signature numbers, compared in memory and in registers",
  `func 0 "f" -> i32, i32, i32 {
   b0(v1:ptr, v2:i32):
     v3:i32 = signature s5
     v4:i32 = peek32 v1 +0 invariant
     v5:i32 = eq v4, v3
     v6:i32 = ne v2, v3
     return v3, v5, v6
   }`,
  [
    [[canonicalNumber(5)], [canonicalNumber(5), 1, 0]],
    [[1], [canonicalNumber(5), 1, 1]],
  ],
  { prepare: () => memory.setUint32(0, canonicalNumber(5), true) },
);

check(
  "long chains of conversions",
  `func 0 "f" -> i64, i32 {
   b0(v1:ptr, v2:i64):
     ${Array.from({ length: 40 }, (_, k) => (k % 2 === 0 ? `v${k + 3}:i32 = wrap v${k + 2}` : `v${k + 3}:i64 = zext v${k + 2}`)).join("\n     ")}
     v50:i32 = wrap v42
     return v42, v50
   }`,
  [[[0x123456789n], [0x23456789, 0x23456789]]],
);
