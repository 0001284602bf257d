import test from "ava";
import { rax, rcx, rdx, registerFile, scratchFloat, xmm } from "../../isa/amd64/registers.js";
import { EditList } from "../../machine/regalloc/edits.js";
import { ParallelMove } from "../../machine/regalloc/parallel-move.js";
import { SlotPool } from "../../machine/regalloc/slots.js";
import { firstSlot, type Location, RegisterClass } from "../../machine/vcode.js";

const slot = (n: number): Location => firstSlot + n;

/** Executes the edits on named values; a remade definition i gives "constant i". */
function execute(edits: EditList, initial: Map<Location, string>): Map<Location, string> {
  const state = new Map(initial);
  for (let e = 0; e < edits.count; e++) {
    const from = edits.from[e];
    const to = edits.to[e];
    if (from >= firstSlot && to >= firstSlot) throw new Error("slot to slot");
    if (from < 0 && to >= firstSlot) throw new Error("definition into a slot");
    state.set(to, from < 0 ? `constant ${-1 - from}` : (state.get(from) ?? "nothing"));
  }
  return state;
}

function moveAll(moves: readonly (readonly [Location, Location, RegisterClass?])[]): {
  edits: EditList;
  wrong: string[];
} {
  const edits = new EditList();
  const parallel = new ParallelMove(edits, registerFile, new SlotPool(100));
  const initial = new Map<Location, string>();
  for (let l = 0; l < firstSlot + 50; l++) initial.set(l, `old ${l}`);
  for (const [from, to, cls] of moves) parallel.add(from, to, cls ?? RegisterClass.int);
  parallel.resolve(7);
  const after = execute(edits, initial);
  const wrong: string[] = [];
  const written = new Map(moves.map(([from, to]) => [to, from]));
  for (const [l, old] of initial) {
    if (l === scratchFloat) continue;
    const from = written.get(l);
    const expected = from === undefined ? old : from < 0 ? `constant ${-1 - from}` : `old ${from}`;
    if (after.get(l) !== expected) wrong.push(`${l} has ${after.get(l)}, not ${expected}`);
  }
  return { edits, wrong };
}

test("every map of up to five locations onto themselves, in registers, slots and both", (t) => {
  const places = [
    [rax, rcx, rdx, 3, 5],
    [slot(0), slot(1), slot(2), slot(3), slot(4)],
    [rax, slot(1), rdx, slot(3), xmm(1)],
  ];
  for (const locations of places) {
    for (let count = 1; count <= 5; count++) {
      // Each destination reads any of the locations, or stays: (count + 1) ** count moves.
      for (let pattern = 0; pattern < (count + 1) ** count; pattern++) {
        const moves: [Location, Location][] = [];
        for (let k = 0, rest = pattern; k < count; k++, rest = Math.floor(rest / (count + 1))) {
          const source = rest % (count + 1);
          if (source < count) moves.push([locations[source], locations[k]]);
        }
        const { wrong } = moveAll(moves);
        if (wrong.length > 0) {
          t.fail(`${JSON.stringify(moves)}: ${wrong.join(", ")}`);
          return;
        }
      }
    }
  }
  t.pass();
});

test("a chain takes one edit a move, a cycle of registers one more", (t) => {
  t.is(
    moveAll([
      [rax, rcx],
      [rcx, rdx],
      [rdx, 3],
    ]).edits.count,
    3,
  );
  t.is(
    moveAll([
      [rax, rcx],
      [rcx, rdx],
      [rdx, rax],
    ]).edits.count,
    4,
  );
  t.is(moveAll([[rax, rax]]).edits.count, 0);
});

test("constants are made after their destination has been read, also in slots", (t) => {
  const { wrong } = moveAll([
    [-1 - 12, rax],
    [rax, rcx],
    [-1 - 13, slot(0)],
    [slot(0), slot(1)],
    [-1 - 14, slot(2), RegisterClass.float],
  ]);
  t.deepEqual(wrong, []);
});

test("the same move twice is one move; two sources for one location are refused", (t) => {
  t.is(
    moveAll([
      [rax, rcx],
      [rax, rcx],
    ]).edits.count,
    1,
  );
  t.throws(
    () =>
      moveAll([
        [rax, rcx],
        [rdx, rcx],
      ]),
    { message: /two sources/ },
  );
});

test("edits stand before the instruction asked for, with the class of their value", (t) => {
  const { edits } = moveAll([
    [xmm(1), xmm(2), RegisterClass.vector],
    [xmm(2), xmm(1), RegisterClass.vector],
  ]);
  t.is(edits.count, 3);
  t.true(edits.before.subarray(0, 3).every((before) => before === 7));
  t.true(edits.cls.subarray(0, 3).every((cls) => cls === RegisterClass.vector));
});

test("a long chain through many locations is near-linear", (t) => {
  const count = 200_000;
  const edits = new EditList();
  const parallel = new ParallelMove(edits, registerFile, new SlotPool(count + 1));
  for (let k = 0; k < count; k++) parallel.add(slot(k), slot(k + 1), RegisterClass.int);
  parallel.resolve(0);
  t.is(edits.count, 2 * count);
  t.is(edits.from[0], slot(count - 1));
});
