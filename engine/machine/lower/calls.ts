/**
 * Calls, arguments and results, by the calling convention. A call's arguments are uses fixed to their registers, its
 * results fixed definitions; every other register is destroyed.
 */
import { Op, type Type } from "../../ssa/ops.js";
import { classOf, isStackPlace, type SignatureLayout, stackOffset } from "../abi.js";
import type { Signature } from "../target.js";
import { Constraint, def, InstructionFlag, type PReg, RegisterClass, use, type VReg } from "../vcode.js";
import type { LoweringState } from "./lowering-state.js";

/** What calls need to know of an instruction set. Stack areas: outgoing at this function's calls, incoming from its caller. */
export interface CallRules<L extends LoweringState> {
  layout(signature: Signature): SignatureLayout;
  /** Where a function's instance is passed. */
  readonly instanceRegister: PReg;
  /** Rows without operands of their own: what defines the arguments of a function, what returns. */
  readonly arguments: number;
  readonly ret: number;
  /** Stores a value as a whole slot: an i32 with zeros above it, so that what copies slots finds no remains there. */
  storeOutgoing(c: L, value: number, offset: number): void;
  storeIncoming(c: L, value: number, offset: number): void;
  loadOutgoing(c: L, to: VReg, type: Type, offset: number): void;
  loadIncoming(c: L, to: VReg, type: Type, offset: number): void;
  /** Whether an incoming integer may be loaded into its spill slot instead of being moved there. */
  readonly reloadsIntegers: boolean;
}

export const fixedUse = (register: PReg): number => use(Constraint.fixed, register);
const fixedDef = (register: PReg): number => def(Constraint.fixed, register);

export class CallLowering<L extends LoweringState> {
  // Registers of a call's arguments and their places, until the instruction is there to take them.
  private count = 0;
  private readonly vregs: VReg[] = [];
  private readonly words: number[] = [];
  /** Rows of a call's results that somebody wants, by number; -1 the others. */
  private readonly resultRows: number[] = [];

  constructor(private readonly rules: CallRules<L>) {}

  /** Gathers the register arguments of call `v` and stores the others: pool values from `first` on. */
  prepare(c: L, v: number, signature: Signature, first: number): void {
    const layout = this.rules.layout(signature);
    const { pool } = c.func;
    c.code.outgoingBytes = Math.max(c.code.outgoingBytes, layout.stackBytes);
    this.count = 0;
    for (let k = 0; k < signature.params.length; k++) {
      const place = layout.params[k]!;
      const value = pool[first + k]!;
      if (isStackPlace(place)) this.rules.storeOutgoing(c, value, stackOffset(place));
      else this.add(argument(c, value), fixedUse(place));
    }
    this.add(argument(c, c.a0[v]!), fixedUse(this.rules.instanceRegister));
  }

  /** One more operand of the call that is being prepared. */
  add(v: VReg, word: number): void {
    this.vregs[this.count] = v;
    this.words[this.count++] = word;
  }

  /** Emits call `v`, prepared before. */
  emit(c: L, v: number, opcode: number, imm0: number, imm1: number, signature: Signature): void {
    c.emit(opcode, imm0, imm1, 0, InstructionFlag.safepoint);
    this.findResults(c, v, signature);
    this.addResults(c, signature);
    this.addArguments(c);
    this.loadStackResults(c, signature);
  }

  /**
   * The function's parameters: those in registers are defined by one instruction, those on the stack are loads. These
   * may be made again at any time, since nothing else is ever stored there.
   */
  parameters(c: L): void {
    const { rules } = this;
    const params = c.func.params[0]!;
    const { signature } = c.options;
    const layout = rules.layout(signature);
    c.emit(rules.arguments);
    if (params.length > 0 && c.vregOf[params[0]!] !== -1)
      c.arg(c.defined(params[0]!), fixedDef(rules.instanceRegister));
    for (let k = 1; k < params.length; k++) {
      const place = layout.params[k - 1]!;
      if (!isStackPlace(place) && c.vregOf[params[k]!] !== -1) c.arg(c.defined(params[k]!), fixedDef(place));
    }
    for (let k = 1; k < params.length; k++) {
      const place = layout.params[k - 1]!;
      const param = params[k]!;
      if (!isStackPlace(place) || c.vregOf[param] === -1) continue;
      const register = c.defined(param);
      const type = c.type[param]! as Type;
      if (rules.reloadsIntegers || classOf(type) !== RegisterClass.int)
        c.code.vregRematerializable[register] = 1;
      rules.loadIncoming(c, register, type, stackOffset(place));
    }
  }

  /** The return `v`. */
  return(c: L, v: number): void {
    const { signature } = c.options;
    const layout = this.rules.layout(signature);
    const { pool } = c.func;
    const first = c.a1[v]!;
    this.count = 0;
    for (let n = 0; n < signature.results.length; n++) {
      const place = layout.results[n]!;
      const value = pool[first + n]!;
      if (isStackPlace(place)) this.rules.storeIncoming(c, value, stackOffset(place));
      else this.add(argument(c, value), fixedUse(place));
    }
    c.emit(this.rules.ret, 0, 0, 0, InstructionFlag.terminator);
    this.addArguments(c);
  }

  private addArguments(c: L): void {
    for (let k = 0; k < this.count; k++) c.arg(this.vregs[k]!, this.words[k]!);
  }

  /** Finds the rows of the results of call `v`: the row itself and the `proj` rows after it. */
  private findResults(c: L, v: number, signature: Signature): void {
    const { resultRows } = this;
    resultRows.length = 0;
    for (let n = 0; n < signature.results.length; n++) resultRows.push(-1);
    if (c.vregOf[v] !== -1) resultRows[0] = v;
    for (let row = c.func.next[v]!; row !== -1 && c.op[row] === Op.proj; row = c.func.next[row]!) {
      if (c.vregOf[row] !== -1) resultRows[c.lo[row]!] = row;
    }
  }

  /** Results in registers, as definitions; must come before the uses. */
  private addResults(c: L, signature: Signature): void {
    const { results } = this.rules.layout(signature);
    for (let n = 0; n < results.length; n++) {
      const place = results[n]!;
      if (isStackPlace(place)) continue;
      const row = this.resultRows[n]!;
      if (row !== -1) c.arg(c.defined(row), fixedDef(place));
    }
  }

  /** Results on the stack are loaded right after the call, before the next one overwrites them. */
  private loadStackResults(c: L, signature: Signature): void {
    const { results } = this.rules.layout(signature);
    for (let n = 0; n < results.length; n++) {
      const place = results[n]!;
      if (!isStackPlace(place)) continue;
      const row = this.resultRows[n]!;
      if (row !== -1)
        this.rules.loadOutgoing(c, c.defined(row), signature.results[n]! as Type, stackOffset(place));
    }
  }
}

/** A constant argument is made for its register. */
function argument(c: LoweringState, value: number): VReg {
  const source = c.resolve(value);
  return c.isConstant(source) ? c.ownConstant(source) : c.reg(source);
}
