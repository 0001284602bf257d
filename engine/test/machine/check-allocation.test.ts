/** The checker refuses what is wrong: hand-made cases for each rule, and planted faults in good allocations. */
import test from "ava";
import {
  allocatableFloatMask,
  allocatableIntMask,
  rax,
  rbx,
  rcx,
  rdx,
  registerFile,
  rsp,
  scratchFloat,
} from "../../isa/amd64/registers.js";
import { allocateFast, allocateFull, checkAllocation } from "../../machine/regalloc/index.js";
import {
  type Allocation,
  Constraint,
  def,
  earlyDef,
  firstSlot,
  InstructionFlag,
  lateUse,
  operandDef,
  RegisterClass,
  Rematerializable,
  use,
  VCode,
  type VReg,
} from "../../machine/vcode.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import { Random, randomCode } from "./random-vcode.js";

const slot = (n: number): number => firstSlot + n;

interface Edit {
  readonly before: number;
  readonly from: number;
  readonly to: number;
  readonly cls?: number;
}

function allocation(
  locations: readonly number[],
  edits: readonly Edit[] = [],
  more: Partial<Allocation> = {},
): Allocation {
  return {
    operandLocation: Int32Array.from(locations),
    editCount: edits.length,
    editBefore: Int32Array.from(edits, (e) => e.before),
    editFrom: Int32Array.from(edits, (e) => e.from),
    editTo: Int32Array.from(edits, (e) => e.to),
    editClass: Uint8Array.from(edits, (e) => e.cls ?? RegisterClass.int),
    slotCount: 8,
    safepoints: new Int32Array(0),
    mapStart: new Int32Array(1),
    mapLocation: new Int32Array(0),
    ...more,
  };
}

type Row = readonly (readonly [VReg, number])[];

/** One block of the given instructions, the last of which ends it. */
function block(code: VCode, rows: readonly Row[], flags: readonly number[] = []): void {
  code.startBlock(0, false, -1);
  rows.forEach((row, i) => {
    code.instruction(1, (flags[i] ?? 0) | (i === rows.length - 1 ? InstructionFlag.terminator : 0));
    for (const [v, word] of row) code.operand(v, word);
  });
  code.finishBlock();
}

function refusal(code: VCode, a: Allocation): string {
  try {
    checkAllocation(code, a, registerFile);
    return "accepted";
  } catch (error) {
    if (!(error instanceof EngineBug)) throw error;
    return error.message;
  }
}

/** v0 and v1 are defined, then used. */
function twoValues(first: number, second: number): VCode {
  const code = new VCode();
  const a = code.newVReg(RegisterClass.int);
  const b = code.newVReg(RegisterClass.int);
  block(code, [
    [[a, def()]],
    [[b, def()]],
    [
      [a, first],
      [b, second],
    ],
    [],
  ]);
  return code;
}

test("values must be where they are used", (t) => {
  const code = twoValues(use(), use());
  t.is(refusal(code, allocation([rax, rcx, rax, rcx])), "accepted");
  t.regex(refusal(code, allocation([rax, rax, rax, rax])), /v0 isn't in rax, which holds v1/);
  t.regex(refusal(code, allocation([rax, rcx, rdx, rcx])), /v0 isn't in rdx, which holds nothing known/);
});

test("edits are executed in order", (t) => {
  const code = twoValues(use(), use());
  const swap = [
    { before: 2, from: rax, to: rdx },
    { before: 2, from: rcx, to: rax },
    { before: 2, from: rdx, to: rcx },
  ];
  t.is(refusal(code, allocation([rax, rcx, rcx, rax], swap)), "accepted");
  t.regex(refusal(code, allocation([rax, rcx, rcx, rax], swap.slice(1))), /isn't in/);
  t.regex(
    refusal(code, allocation([rax, rcx, rax, rcx], [swap[0], { ...swap[1], before: 1 }])),
    /out of order/,
  );
});

test("locations must exist and suit the class", (t) => {
  const code = twoValues(use(Constraint.any), use());
  t.is(
    refusal(code, allocation([rax, rcx, slot(0), rcx], [{ before: 1, from: rax, to: slot(0) }])),
    "accepted",
  );
  t.regex(refusal(code, allocation([rsp, rcx, rsp, rcx])), /isn't allocatable/);
  t.regex(refusal(code, allocation([32, rcx, 32, rcx])), /wrong file/);
  t.regex(refusal(code, allocation([-1, rcx, -1, rcx])), /no location/);
  t.regex(
    refusal(code, allocation([rax, rcx, slot(8), rcx], [{ before: 1, from: rax, to: slot(8) }])),
    /slot 8/,
  );
  const moved = [
    { before: 1, from: rax, to: slot(0) },
    { before: 2, from: slot(0), to: slot(1) },
  ];
  t.regex(refusal(code, allocation([rax, rcx, slot(1), rcx], moved)), /slot to slot/);
});

test("constraints: register, fixed, slot", (t) => {
  t.regex(
    refusal(
      twoValues(use(), use()),
      allocation([rax, rcx, slot(0), rcx], [{ before: 1, from: rax, to: slot(0) }]),
    ),
    /must be in a register/,
  );
  t.regex(
    refusal(twoValues(use(Constraint.fixed, rbx), use()), allocation([rax, rcx, rax, rcx])),
    /must be in rbx/,
  );
  t.regex(
    refusal(twoValues(use(Constraint.slot), use()), allocation([rax, rcx, rax, rcx])),
    /must be in a slot/,
  );
});

test("a definition may take over a reused operand only where that is", (t) => {
  const code = new VCode();
  const [a, b, c] = [0, 1, 2].map(() => code.newVReg(RegisterClass.int));
  block(code, [
    [[a, def()]],
    [[b, def()]],
    [
      [c, def(Constraint.reuse, 1)],
      [a, use()],
      [b, use()],
    ],
    [[c, use()]],
  ]);
  t.is(refusal(code, allocation([rax, rcx, rax, rax, rcx, rax])), "accepted");
  t.regex(refusal(code, allocation([rax, rcx, rcx, rax, rcx, rcx])), /must be where operand 1 is/);
});

test("late uses and early definitions share no register with what is written", (t) => {
  for (const [useWord, defWord] of [
    [lateUse(), def()],
    [use(), earlyDef()],
  ]) {
    const code = new VCode();
    const [a, b] = [0, 1].map(() => code.newVReg(RegisterClass.int));
    block(code, [
      [[a, def()]],
      [
        [b, defWord],
        [a, useWord],
      ],
      [],
    ]);
    t.is(refusal(code, allocation([rax, rcx, rax])), "accepted");
    t.regex(refusal(code, allocation([rax, rax, rax])), /while operand 1 is there/);
  }
  const code = new VCode();
  const [a, b] = [0, 1].map(() => code.newVReg(RegisterClass.int));
  block(code, [
    [[a, def()]],
    [
      [b, def()],
      [a, use()],
    ],
    [],
  ]);
  t.is(refusal(code, allocation([rax, rax, rax])), "accepted");
});

test("clobbers destroy", (t) => {
  const code = new VCode();
  const a = code.newVReg(RegisterClass.int);
  code.startBlock(0, false, -1);
  code.instruction(1);
  code.operand(a, def());
  code.instruction(1);
  code.clobber(allocatableIntMask, allocatableFloatMask);
  code.instruction(1, InstructionFlag.terminator);
  code.operand(a, use(Constraint.any));
  code.finishBlock();
  t.regex(refusal(code, allocation([rax, rax])), /nothing known/);
  t.is(refusal(code, allocation([rax, slot(3)], [{ before: 1, from: rax, to: slot(3) }])), "accepted");
});

test("vectors take two slots, and scratch may carry values between slots", (t) => {
  const code = new VCode();
  const a = code.newVReg(RegisterClass.vector);
  const b = code.newVReg(RegisterClass.int);
  block(code, [
    [[a, def()]],
    [[b, def()]],
    [
      [a, use(Constraint.slot)],
      [b, use()],
    ],
    [],
  ]);
  const vector = { before: 1, from: 32, to: slot(2), cls: RegisterClass.vector };
  t.is(refusal(code, allocation([32, rax, slot(2), rax], [vector])), "accepted");
  t.regex(refusal(code, allocation([32, rax, slot(3), rax], [{ ...vector, to: slot(3) }])), /odd slot/);
  const overwritten = [vector, { before: 2, from: rax, to: slot(3) }];
  t.regex(refusal(code, allocation([32, rax, slot(2), rax], overwritten)), /nothing known/);
  const carried = [
    vector,
    { before: 1, from: slot(2), to: scratchFloat, cls: RegisterClass.vector },
    { before: 1, from: scratchFloat, to: slot(4), cls: RegisterClass.vector },
  ];
  t.is(refusal(code, allocation([32, rax, slot(4), rax], carried)), "accepted");
});

test("only constants are made again, and only where they can be", (t) => {
  const code = twoValues(use(), use());
  const remade = [{ before: 2, from: -1, to: rdx }];
  t.regex(refusal(code, allocation([rax, rax, rdx, rax], remade)), /not a constant/);
  code.vregRematerializable[0] = 1;
  t.is(refusal(code, allocation([rax, rax, rdx, rax], remade)), "accepted");
  t.regex(
    refusal(code, allocation([rax, rax, slot(1), rax], [{ before: 2, from: -1, to: slot(1) }])),
    /into a slot/,
  );
});

test("only constants of the pool are read there, and only by uses that may be anywhere", (t) => {
  const inPool = allocation([rax, rdx, -1, rdx]);
  const code = twoValues(use(Constraint.any), use());
  t.regex(refusal(code, inPool), /no location/);
  code.vregRematerializable[0] = Rematerializable.byInstruction;
  t.regex(refusal(code, inPool), /no location/);
  code.vregRematerializable[0] = Rematerializable.fromPool;
  t.is(refusal(code, inPool), "accepted");
  t.regex(refusal(code, allocation([rax, rdx, -2, rdx])), /no location/);
  t.regex(refusal(code, allocation([-1, rdx, -1, rdx])), /no location/);
  const inRegisters = twoValues(use(), use());
  inRegisters.vregRematerializable[0] = Rematerializable.fromPool;
  t.regex(refusal(inRegisters, inPool), /no location/);
});

/** A loop: parameter p, passed p + 1 back. Blocks: entry, loop, back, exit. */
function loop(): VCode {
  const code = new VCode();
  const [start, p, next] = [0, 1, 2].map(() => code.newVReg(RegisterClass.int));
  const rows: Row[][] = [
    [[[start, def()]], []],
    [
      [
        [next, def()],
        [p, use()],
      ],
      [[next, use()]],
    ],
    [[]],
    [[[next, use()]]],
  ];
  for (const instructions of rows) {
    code.startBlock(0, false, -1);
    for (const row of instructions) {
      code.instruction(1, row === instructions.at(-1) ? InstructionFlag.terminator : 0);
      for (const [v, word] of row) code.operand(v, word);
    }
    code.finishBlock();
  }
  const edge = (from: number, to: number, args: VReg[]): void => {
    code.successors[from].push(to);
    code.successorArgs[from].push(args);
    code.predecessors[to].push(from);
  };
  code.blockParams[1].push(p);
  edge(0, 1, [start]);
  edge(1, 2, []);
  edge(1, 3, []);
  edge(2, 1, [next]);
  return code;
}

test("arguments reach parameters on every edge", (t) => {
  const code = loop();
  const back = { before: 4, from: rcx, to: rax };
  t.is(refusal(code, allocation([rax, rcx, rax, rcx, rcx], [back])), "accepted");
  t.regex(refusal(code, allocation([rax, rcx, rax, rcx, rcx])), /v1 isn't in rax/);
  t.is(refusal(code, allocation([rax, rax, rax, rax, rax])), "accepted");
});

test("stack maps name exactly the live references", (t) => {
  const code = new VCode();
  const a = code.newVReg(RegisterClass.int, true);
  const b = code.newVReg(RegisterClass.int);
  block(
    code,
    [
      [[a, def()]],
      [[b, def()]],
      [],
      [
        [a, use()],
        [b, use()],
      ],
    ],
    [0, 0, InstructionFlag.safepoint],
  );
  const locations = [rax, rcx, rax, rcx];
  const map = (...mapLocation: number[]): Partial<Allocation> => ({
    safepoints: Int32Array.of(2),
    mapStart: Int32Array.of(0, mapLocation.length),
    mapLocation: Int32Array.from(mapLocation),
  });
  t.is(refusal(code, allocation(locations, [], map(rax))), "accepted");
  t.regex(refusal(code, allocation(locations, [], map())), /reference v0 isn't in the stack map/);
  t.regex(refusal(code, allocation(locations, [], map(rax, rcx))), /rcx, which holds no live reference/);
  t.regex(refusal(code, allocation(locations)), /number of safepoints/);
});

// -- planted faults

function copyOf(a: Allocation): Allocation {
  return {
    ...a,
    operandLocation: a.operandLocation.slice(),
    editBefore: a.editBefore.slice(),
    editFrom: a.editFrom.slice(),
    editTo: a.editTo.slice(),
    editClass: a.editClass.slice(),
    mapLocation: a.mapLocation.slice(),
  };
}

function withoutEdit(a: Allocation, gone: number): Allocation {
  const keep = <T extends Int32Array | Uint8Array>(column: T): T => column.filter((_, e) => e !== gone) as T;
  return {
    ...a,
    editCount: a.editCount - 1,
    editBefore: keep(a.editBefore),
    editFrom: keep(a.editFrom),
    editTo: keep(a.editTo),
    editClass: keep(a.editClass),
  };
}

for (const [name, allocate] of [
  ["quick", allocateFast],
  ["full", allocateFull],
] as const) {
  test(`planted faults in allocations of the ${name} allocator are found`, (t) => {
    const random = new Random(5);
    let uses = 0;
    let usesFound = 0;
    let edits = 0;
    let editsFound = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const code = randomCode(seed);
      const good = allocate(code, registerFile);
      for (let round = 0; round < 6 && code.operandCount > 0; round++) {
        const bad = copyOf(good);
        const o = random.below(code.operandCount);
        if (code.operandWord[o] & operandDef || ((code.operandWord[o] >> 2) & 7) === Constraint.slot)
          continue;
        // Another register of the same file can hold the value as well only after a copy; such are rare.
        const old = bad.operandLocation[o];
        const isInt = code.vregClass[code.operandVReg[o]] === RegisterClass.int;
        bad.operandLocation[o] = isInt ? (old === rbx ? rdx : rbx) : old === 40 ? 41 : 40;
        uses++;
        if (refusal(code, bad) !== "accepted") usesFound++;
      }
      for (let round = 0; round < 6 && good.editCount > 0; round++) {
        edits++;
        if (refusal(code, withoutEdit(good, random.below(good.editCount))) !== "accepted") editsFound++;
      }
    }
    t.true(usesFound > 0.85 * uses && uses > 150, `${usesFound} of ${uses} wrong locations were refused`);
    // A few edits are superfluous, above all in blocks that nothing enters.
    t.true(editsFound > 0.8 * edits, `${editsFound} of ${edits} missing edits were refused`);
  });
}
