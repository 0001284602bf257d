/**
 * The verifier: everything that `function.ts` promises, checked. Enters: any function; leaves: nothing, or an
 * `EngineBug` that names the pass that ran before. It runs after every pass under `BACKPLANE_VERIFY=1`.
 *
 * Uses in blocks that can't be reached are only checked for type: nothing dominates them, and the first pass
 * removes them.
 */
import { type DominatorTree, findDominators } from "./analysis/dominators.js";
import { findPredecessors } from "./analysis/predecessors.js";
import { EngineBug } from "./engine-bug.js";
import { type Block, entryBlock, type SsaFunction, type Value } from "./function.js";
import { Op, OpFlag, opFlags, opIsList, opNames, opRows, Type, typeNames } from "./ops.js";
import { printRow } from "./print.js";
import { laneCount, laneType, shapeNames, shapesOfOp } from "./shapes.js";
import { anyValue, isBitcast, typeOfLetter, typingRules } from "./typing.js";

/**
 * Checks a function.
 * @param stage what ran before, for the message
 * @throws EngineBug
 */
export function verifyFunction(func: SsaFunction, stage: string): void {
  new Verifier(func, stage).run();
}

class Verifier {
  /** Place of each row within the walk over all blocks; parameters come first in their block. 0: in no block. */
  private readonly place: Int32Array;
  private dominators!: DominatorTree;

  constructor(
    private readonly func: SsaFunction,
    private readonly stage: string,
  ) {
    this.place = new Int32Array(func.rowCount);
  }

  run(): void {
    const { func } = this;
    if (func.blockCount === 0) this.fail("there is no entry block");
    if (func.isRemoved(entryBlock)) this.fail("the entry block is empty");
    let place = 0;
    for (let b = 0; b < func.blockCount; b++) place = this.blockStructure(b as Block, place);
    for (let b = 0; b < func.blockCount; b++) this.edges(b as Block);
    this.dominators = findDominators(func, findPredecessors(func));
    for (let b = 0; b < func.blockCount; b++) {
      for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
        this.row(v as Value, b as Block);
      }
    }
  }

  private fail(detail: string, v?: Value): never {
    const { func } = this;
    const where = v === undefined ? "" : ` (in b${func.blockOf[v]}: ${this.rowText(v)})`;
    throw new EngineBug(this.stage, func.index, func.name, detail + where);
  }

  private rowText(v: Value): string {
    try {
      return printRow(this.func, v);
    } catch {
      return `row ${v}`;
    }
  }

  // ------------------------------------------------------------ structure

  private blockStructure(b: Block, place: number): number {
    const { func } = this;
    const params = func.params[b]!;
    for (let i = 0; i < params.length; i++) {
      const p = params[i]!;
      this.ownRow(p, b, ++place);
      if (func.op[p] !== Op.param || func.lo[p] !== i)
        this.fail(`v${p} is listed as parameter ${i} of b${b}`, p);
      if (((1 << func.type[p]!) & anyValue) === 0) this.fail(`parameter v${p} has no value type`, p);
    }
    if (func.isRemoved(b)) {
      if (params.length > 0) this.fail(`b${b} is empty but has parameters`);
      if (func.lastRow[b] !== -1) this.fail(`b${b} has a last row but no first`);
      return place;
    }
    let previous = -1;
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
      this.ownRow(v as Value, b, ++place);
      if (func.previous[v] !== previous) this.fail(`v${v}'s link to the row before is wrong`, v as Value);
      const op = func.op[v]!;
      if (op >= opNames.length) this.fail(`v${v} has no op`);
      if (op === Op.param) this.fail(`parameter v${v} stands among the rows of b${b}`);
      const isLast = func.next[v] === -1;
      const isTerminator = (opFlags[op]! & OpFlag.terminator) !== 0;
      if (isTerminator && !isLast) this.fail("a terminator isn't the last row", v as Value);
      if (!isTerminator && isLast) this.fail(`b${b} doesn't end with a terminator`, v as Value);
      previous = v;
    }
    if (func.lastRow[b] !== previous) this.fail(`b${b}'s last row is v${previous}, not v${func.lastRow[b]}`);
    return place;
  }

  private ownRow(v: Value, b: Block, place: number): void {
    const { func } = this;
    if (v <= 0 || v >= func.rowCount) this.fail(`b${b} holds row ${v}, which doesn't exist`);
    if (this.place[v] !== 0) this.fail(`v${v} stands in two places (the second in b${b})`);
    if (func.blockOf[v] !== b) this.fail(`v${v} is in b${b} but says b${func.blockOf[v]}`);
    this.place[v] = place;
  }

  private edges(b: Block): void {
    const { func } = this;
    if (func.isRemoved(b)) return;
    const t = func.terminator(b);
    const op = func.op[t]!;
    if (op === Op.return || op === Op.trap) return;
    const count = func.hi[t]!;
    const right = op === Op.jump ? count === 1 : op === Op.brif ? count === 2 : count >= 1;
    if (!right) this.fail(`${opNames[op]} has ${count} edges`, t);
    if (func.lo[t]! < 0 || func.lo[t]! + count > func.edgeCount) this.fail("edges out of range", t);
    for (let i = 0; i < count; i++) this.edge(b, func.lo[t]! + i, t);
  }

  private edge(b: Block, e: number, t: Value): void {
    const { func } = this;
    const target = func.edgeTarget[e]!;
    if (func.edgeSource[e] !== b) this.fail(`edge ${e} says it leaves b${func.edgeSource[e]}`, t);
    if (target < 0 || target >= func.blockCount || func.isRemoved(target as Block)) {
      this.fail(`b${target} doesn't exist`, t);
    }
    if (target === entryBlock) this.fail("an edge leads to the entry block", t);
    const params = func.params[target]!;
    const count = func.edgeArgsCount[e]!;
    if (count !== params.length) this.fail(`b${target} takes ${params.length} arguments, gets ${count}`, t);
    for (let i = 0; i < count; i++) {
      const arg = func.edgeArg(e as never, i);
      if (arg <= 0 || arg >= func.rowCount || this.place[arg] === 0)
        this.fail(`argument v${arg} isn't defined`, t);
      const want = func.type[params[i]!]!;
      const got = func.type[arg]!;
      if (want !== got)
        this.fail(`argument v${arg} is ${typeNames[got]}, b${target} takes ${typeNames[want]}`, t);
    }
  }

  // ------------------------------------------------------------ rows

  private row(v: Value, b: Block): void {
    const { func } = this;
    const op = func.op[v]!;
    if (opIsList[op] && (func.a2[v]! < 0 || func.a1[v]! < 0 || func.a1[v]! + func.a2[v]! > func.poolCount)) {
      this.fail("operand list out of range", v);
    }
    const n = func.operandCount(v);
    for (let i = 0; i < n; i++) this.use(func.operand(v, i), v, b);
    const edges = func.successorCount(b);
    if ((opFlags[op]! & OpFlag.terminator) !== 0) {
      for (let i = 0; i < edges; i++) {
        const e = func.successorEdge(b, i);
        for (let k = 0; k < func.edgeArgsCount[e]!; k++) this.use(func.edgeArg(e, k), v, b);
      }
    }
    this.types(v, op);
    this.special(v, op);
  }

  private use(value: Value, v: Value, b: Block): void {
    const { func, dominators } = this;
    if (value <= 0 || value >= func.rowCount || this.place[value] === 0)
      this.fail(`v${value} isn't defined`, v);
    if (func.type[value] === Type.none) this.fail(`v${value} has no value`, v);
    if (!dominators.isReachable(b)) return;
    const home = func.blockOf[value]!;
    const dominates =
      home === b
        ? this.place[value]! < this.place[v]!
        : dominators.isReachable(home) && dominators.dominates(home, b);
    if (!dominates) this.fail(`v${value}'s definition doesn't dominate its use`, v);
  }

  private types(v: Value, op: Op): void {
    const { func } = this;
    const rule = typingRules[op]!;
    const type = func.type[v]! as Type;
    if (((1 << type) & rule.row) === 0) this.fail(`${opNames[op]} can't have type ${typeNames[type]}`, v);
    const fixed = opRows[op]!.result;
    if (fixed !== null && fixed !== type) this.fail(`${opNames[op]} has type ${typeNames[fixed]}`, v);
    let same: Type = Type.none;
    for (let i = 0; i < rule.operands.length; i++) {
      const letter = rule.operands[i]!;
      const got = func.type[func.operand(v, i)]! as Type;
      let right = true;
      if (letter === "T") right = got === type;
      else if (letter === "A") right = got === type || (type === Type.ptr && got === Type.i64);
      else if (letter === "S") {
        if (same === Type.none) same = got;
        right = got === same && ((1 << got) & rule.same) !== 0;
      } else if (letter !== "x") right = got === typeOfLetter(letter);
      if (!right) this.fail(`operand ${i} is ${typeNames[got]}`, v);
    }
  }

  /** What depends on more than a row's own columns. */
  private special(v: Value, op: Op): void {
    const { func } = this;
    if (op === Op.bitcast) {
      const from = func.type[func.a0[v]!] as Type;
      if (!isBitcast(from, func.type[v] as Type)) this.fail(`bitcast from ${typeNames[from]}`, v);
    } else if (op === Op.slotload || op === Op.slotstore) {
      const type = op === Op.slotload ? func.type[v] : func.type[func.a0[v]!];
      if (func.slotTypes[func.lo[v]!] !== type) this.fail("the slot has another type", v);
    } else if (op === Op.proj) this.projection(v);
    else if (op === Op.callptr) {
      if (func.a2[v] === 0 || func.type[func.operand(v, 1)] !== Type.ptr) this.fail("no code address", v);
    } else if (op === Op.return) this.returned(v);
    else if (op === Op.const && func.type[v] === Type.v128) this.vectorNumber(v);
    else if (op >= Op.vsplat && op <= Op.vpromote) this.lanes(v, op);
  }

  private vectorNumber(v: Value): void {
    const { func } = this;
    const right = func.lo[v]! >= 0 && func.lo[v]! < func.vectorCount && func.hi[v] === 0;
    if (!right) this.fail(`there is no vector ${func.lo[v]}`, v);
  }

  /** Shapes that the op has, lanes that the shape has, and types of their values. */
  private lanes(v: Value, op: Op): void {
    const { func } = this;
    const immediate = opRows[op]!.immediate;
    const shape = func.hi[v]!;
    if (immediate === "lanes") this.vectorNumber(v);
    if (immediate !== "shape" && immediate !== "lane") return;
    if (((1 << shape) & shapesOfOp[op]!) === 0)
      this.fail(`${opNames[op]} has no shape ${shapeNames[shape]}`, v);
    if (immediate === "lane" && (func.lo[v]! < 0 || func.lo[v]! >= laneCount[shape]!))
      this.fail(`${shapeNames[shape]} has no lane ${func.lo[v]}`, v);
    const isExtract = op === Op.vextracts || op === Op.vextractu;
    const scalar = isExtract ? v : op === Op.vsplat ? func.a0[v]! : op === Op.vreplace ? func.a1[v]! : 0;
    if (scalar !== 0 && func.type[scalar] !== laneType[shape])
      this.fail(`a lane of ${shapeNames[shape]} isn't ${typeNames[func.type[scalar]!]}`, v);
  }

  private projection(v: Value): void {
    const { func } = this;
    const before = func.previous[v]!;
    const follows =
      func.lo[v] === 1
        ? before === func.a0[v]
        : before !== -1 &&
          func.op[before] === Op.proj &&
          func.a0[before] === func.a0[v] &&
          func.lo[before] === func.lo[v]! - 1;
    if (!follows) this.fail("a projection doesn't follow its call in order", v);
    if ((opFlags[func.op[func.a0[v]!]!]! & OpFlag.call) === 0)
      this.fail("a projection of something else than a call", v);
  }

  private returned(v: Value): void {
    const { func } = this;
    const count = func.operandCount(v);
    if (count !== func.results.length) this.fail(`returns ${count} values of ${func.results.length}`, v);
    for (let i = 0; i < count; i++) {
      if (func.type[func.operand(v, i)] !== func.results[i])
        this.fail(`result ${i} isn't ${typeNames[func.results[i]!]}`, v);
    }
  }
}
