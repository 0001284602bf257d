/**
 * An interpreter of SSA for tests, written apart from the engine's own folding: values are bits in BigInts. Two
 * functions are equal if they give the same outcome, which includes what they wrote and called.
 *
 * The world: an instance record of 256 bytes at `instanceAddress`; linear memory of 4 KiB at `memoryAddress`.
 * A call or builtin logs its arguments, writes the record's global cell 192 from them, and answers a hash.
 */
import { type Block, entryBlock, type SsaFunction, type Value } from "../../ssa/function.js";
import { Op, opNames, Type, trapNames } from "../../ssa/ops.js";

export const instanceAddress = 0x1000n;
export const memoryAddress = 0x100000n;
const recordSize = 256;
const memorySize = 0x1000;

export interface Outcome {
  /** Bits of the results, or the trap's name. */
  readonly end: string;
  readonly calls: readonly string[];
  readonly record: string;
  readonly memory: string;
}

class Trap extends Error {}

const bytes = new DataView(new ArrayBuffer(16));
const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;
const bitsOf = (type: number): number => (type === Type.i32 || type === Type.f32 ? 32 : 64);

function toFloat(type: number, bits: bigint): number {
  bytes.setBigUint64(0, bits, true);
  return type === Type.f32 ? bytes.getFloat32(0, true) : bytes.getFloat64(0, true);
}

function fromFloat(type: number, x: number): bigint {
  if (Number.isNaN(x)) return type === Type.f32 ? 0x7fc00000n : 0x7ff8000000000000n;
  bytes.setBigUint64(0, 0n, true);
  if (type === Type.f32) bytes.setFloat32(0, x, true);
  else bytes.setFloat64(0, x, true);
  return bytes.getBigUint64(0, true);
}

export class Interpreter {
  private readonly values: bigint[] = [];
  private readonly slots: bigint[] = [];
  private readonly record = new Uint8Array(recordSize);
  private readonly memory = new Uint8Array(memorySize);
  private readonly calls: string[] = [];
  private steps = 0;

  constructor(
    private readonly func: SsaFunction,
    private readonly limit = 100_000,
  ) {
    const view = new DataView(this.record.buffer);
    view.setBigUint64(16, memoryAddress, true);
    view.setBigUint64(24, BigInt(memorySize), true);
    for (let i = 64; i < recordSize; i++) this.record[i] = (i * 37) & 0xff;
    for (let i = 0; i < memorySize; i++) this.memory[i] = (i * 7 + (i >> 8)) & 0xff;
  }

  /** @param args bits of the arguments after the instance */
  run(args: readonly bigint[]): Outcome {
    let end: string;
    try {
      end = this.blocks(args);
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      end = error.message;
    }
    return { end, calls: this.calls, record: hash(this.record), memory: hash(this.memory) };
  }

  private blocks(args: readonly bigint[]): string {
    const { func, values } = this;
    const params = func.params[entryBlock]!;
    params.forEach((p, i) => {
      values[p] = i === 0 ? instanceAddress : (args[i - 1] ?? 0n) & mask(bitsOf(func.type[p]!));
    });
    let b: number = entryBlock;
    for (;;) {
      for (let v = func.firstRow[b]!; ; v = func.next[v]!) {
        if (v === -1) throw new Error(`b${b} has no terminator`);
        if (++this.steps > this.limit) return "step limit";
        const op = func.op[v]!;
        if (op === Op.return) {
          const results: string[] = [];
          for (let i = 0; i < func.operandCount(v as Value); i++)
            results.push(this.get(func.operand(v as Value, i)).toString(16));
          return `returned ${results.join(" ")}`;
        }
        if (op === Op.trap) throw new Trap(trapNames[func.lo[v]!]);
        if (op === Op.jump || op === Op.brif || op === Op.brtable) {
          b = this.follow(b as Block, op, v);
          break;
        }
        const result = this.row(v as Value, op);
        if (func.type[v] !== Type.none) values[v] = result;
      }
    }
  }

  private get(v: number): bigint {
    const value = this.values[v];
    if (value === undefined) throw new Error(`v${v} is read before it is computed`);
    return value;
  }

  private follow(b: Block, op: Op, t: number): number {
    const { func } = this;
    let k = 0;
    if (op === Op.brif) k = this.get(func.a0[t]!) !== 0n ? 0 : 1;
    else if (op === Op.brtable) k = Math.min(Number(this.get(func.a0[t]!)), func.hi[t]! - 1);
    const e = func.successorEdge(b, k);
    const target = func.edgeTarget[e]!;
    const args: bigint[] = [];
    for (let i = 0; i < func.edgeArgsCount[e]!; i++) args.push(this.get(func.edgeArg(e, i)));
    func.params[target]!.forEach((p, i) => {
      this.values[p] = args[i]!;
    });
    return target;
  }

  private row(v: Value, op: Op): bigint {
    const { func } = this;
    if (op === Op.const) return this.constant(v);
    if (op >= Op.add && op <= Op.sext32) return this.integer(v, op);
    if (op >= Op.eqz && op <= Op.uge) return this.compare(v, op);
    if (op >= Op.fadd && op <= Op.fge) return this.float(v, op);
    if (op >= Op.wrap && op <= Op.bitcast) return this.convert(v, op);
    if (op === Op.select) return this.get(func.a0[v]!) !== 0n ? this.get(func.a1[v]!) : this.get(func.a2[v]!);
    return this.effects(v, op);
  }

  private constant(v: Value): bigint {
    const { func } = this;
    const lo = BigInt(func.lo[v]! >>> 0);
    return bitsOf(func.type[v]!) === 32 ? lo : lo | (BigInt(func.hi[v]! >>> 0) << 32n);
  }

  private integer(v: Value, op: Op): bigint {
    const { func } = this;
    const bits = bitsOf(func.type[v]!);
    const a = this.get(func.a0[v]!);
    const b = func.a1[v] === 0 ? 0n : this.get(func.a1[v]!);
    const sa = BigInt.asIntN(bits, a);
    const sb = BigInt.asIntN(bits, b);
    const count = b % BigInt(bits);
    const text = a.toString(2).padStart(bits, "0");
    const zeroDivide = (): bigint => {
      throw new Trap("integerDivideByZero");
    };
    const compute = (): bigint => {
      switch (opNames[op]) {
        case "add":
          return a + b;
        case "sub":
          return a - b;
        case "mul":
          return a * b;
        case "sdiv":
          if (b !== 0n && sb === -1n && sa === -(1n << BigInt(bits - 1))) throw new Trap("integerOverflow");
          return b === 0n ? zeroDivide() : sa / sb;
        case "udiv":
          return b === 0n ? zeroDivide() : a / b;
        case "srem":
          return b === 0n ? zeroDivide() : sa % sb;
        case "urem":
          return b === 0n ? zeroDivide() : a % b;
        case "and":
          return a & b;
        case "or":
          return a | b;
        case "xor":
          return a ^ b;
        case "shl":
          return a << count;
        case "sshr":
          return sa >> count;
        case "ushr":
          return a >> count;
        case "rotl":
          return (a << count) | (a >> (BigInt(bits) - count));
        case "rotr":
          return (a >> count) | (a << (BigInt(bits) - count));
        case "clz":
          return BigInt(text.indexOf("1") < 0 ? bits : text.indexOf("1"));
        case "ctz":
          return BigInt(text.lastIndexOf("1") < 0 ? bits : bits - 1 - text.lastIndexOf("1"));
        case "popcnt":
          return BigInt(text.replaceAll("0", "").length);
        case "sext8":
          return BigInt.asIntN(8, a);
        case "sext16":
          return BigInt.asIntN(16, a);
        case "sext32":
          return BigInt.asIntN(32, a);
        default:
          throw new Error(`the interpreter has no ${opNames[op]}`);
      }
    };
    return compute() & mask(bits);
  }

  private compare(v: Value, op: Op): bigint {
    const { func } = this;
    const bits = bitsOf(func.type[func.a0[v]!]!);
    const a = this.get(func.a0[v]!);
    const b = op === Op.eqz ? 0n : this.get(func.a1[v]!);
    const sa = BigInt.asIntN(bits, a);
    const sb = BigInt.asIntN(bits, b);
    const name = opNames[op]!;
    const holds: Record<string, boolean> = {
      eqz: a === 0n,
      eq: a === b,
      ne: a !== b,
      slt: sa < sb,
      sle: sa <= sb,
      sgt: sa > sb,
      sge: sa >= sb,
      ult: a < b,
      ule: a <= b,
      ugt: a > b,
      uge: a >= b,
    };
    return holds[name] ? 1n : 0n;
  }

  private float(v: Value, op: Op): bigint {
    const { func } = this;
    const type = func.type[func.a0[v]!]!;
    const bits = bitsOf(type);
    const sign = 1n << BigInt(bits - 1);
    const aBits = this.get(func.a0[v]!);
    const bBits = func.a1[v] === 0 ? 0n : this.get(func.a1[v]!);
    const a = toFloat(type, aBits);
    const b = toFloat(type, bBits);
    const one = (holds: boolean): bigint => (holds ? 1n : 0n);
    switch (opNames[op]) {
      case "fneg":
        return aBits ^ sign;
      case "fabs":
        return aBits & ~sign;
      case "fcopysign":
        return (aBits & ~sign) | (bBits & sign);
      case "feq":
        return one(a === b);
      case "fne":
        return one(a !== b);
      case "flt":
        return one(a < b);
      case "fle":
        return one(a <= b);
      case "fgt":
        return one(a > b);
      case "fge":
        return one(a >= b);
    }
    const results: Record<string, number> = {
      fadd: a + b,
      fsub: a - b,
      fmul: a * b,
      fdiv: a / b,
      fmin: Math.min(a, b),
      fmax: Math.max(a, b),
      fsqrt: Math.sqrt(a),
      fceil: Math.ceil(a),
      ffloor: Math.floor(a),
      ftrunc: Math.trunc(a),
      fnearest:
        Math.abs(a) >= 2 ** 52
          ? a
          : a < 0 || Object.is(a, -0)
            ? -(-a + 2 ** 52 - 2 ** 52)
            : a + 2 ** 52 - 2 ** 52,
    };
    return fromFloat(type, results[opNames[op]!]!);
  }

  private convert(v: Value, op: Op): bigint {
    const { func } = this;
    const from = func.type[func.a0[v]!]!;
    const to = func.type[v]!;
    const a = this.get(func.a0[v]!);
    switch (opNames[op]) {
      case "wrap":
        return a & mask(32);
      case "zext":
      case "bitcast":
        return a;
      case "sext":
        return BigInt.asIntN(32, a) & mask(64);
      case "promote":
      case "demote":
        return fromFloat(to, toFloat(from, a));
      case "sitof":
        return fromFloat(to, roundInteger(to, BigInt.asIntN(bitsOf(from), a)));
      case "uitof":
        return fromFloat(to, roundInteger(to, a));
    }
    return this.toInteger(op, toFloat(from, a), bitsOf(to));
  }

  private toInteger(op: Op, x: number, bits: number): bigint {
    const name = opNames[op]!;
    const isSigned = name.startsWith("ftos");
    const saturates = name.endsWith("sat");
    if (Number.isNaN(x)) {
      if (saturates) return 0n;
      throw new Trap("invalidConversion");
    }
    const least = isSigned ? -(1n << BigInt(bits - 1)) : 0n;
    const most = isSigned ? (1n << BigInt(bits - 1)) - 1n : mask(bits);
    const big = Number.isFinite(x) ? BigInt(Math.trunc(x)) : x > 0 ? most + 1n : least - 1n;
    if (big >= least && big <= most) return big & mask(bits);
    if (!saturates) throw new Trap("integerOverflow");
    return (big < least ? least : most) & mask(bits);
  }

  private effects(v: Value, op: Op): bigint {
    const { func } = this;
    const name = opNames[op]!;
    const a = func.operandCount(v) > 0 ? this.get(func.operand(v, 0)) : 0n;
    if (name.startsWith("load")) return this.load(v, name, a);
    if (name.startsWith("store")) return this.store(v, name, a);
    switch (name) {
      case "check": {
        const extent = BigInt(func.lo[v]! >>> 0) + (BigInt(func.hi[v]!) << 32n);
        if (a + extent > this.get(func.a1[v]!)) throw new Trap("memoryOutOfBounds");
        return 0n;
      }
      case "peek":
        return readBytes(this.record, this.field(a, v), bitsOf(func.type[v]!) / 8);
      case "peek32":
        return readBytes(this.record, this.field(a, v), 4);
      case "poke": {
        const width = bitsOf(func.type[func.a1[v]!]!) / 8;
        writeBytes(this.record, this.field(a, v), width, this.get(func.a1[v]!));
        return 0n;
      }
      case "offset":
        return (a + BigInt(func.lo[v]!)) & mask(64);
      case "element":
        return (a + (this.get(func.a1[v]!) << BigInt(func.lo[v]!))) & mask(64);
      case "slotload":
        return this.slots[func.lo[v]!] ?? 0n;
      case "slotstore":
        this.slots[func.lo[v]!] = a;
        return 0n;
      case "trapif":
        if (a !== 0n) throw new Trap(trapNames[func.lo[v]!]);
        return 0n;
      case "call":
      case "builtin":
        return this.call(v);
      default:
        throw new Error(`the interpreter has no ${name}`);
    }
  }

  private field(address: bigint, v: Value): number {
    const at = Number(address - instanceAddress) + this.func.lo[v]!;
    if (at < 0 || at + 8 > recordSize) throw new Error(`v${v} leaves the record`);
    return at;
  }

  private address(v: Value, base: bigint, width: number): number {
    const { func } = this;
    const at = base + this.get(func.a1[v]!) + BigInt(func.lo[v]! >>> 0) - memoryAddress;
    if (at + BigInt(width) > BigInt(memorySize)) throw new Trap("memoryOutOfBounds");
    return Number(at);
  }

  private load(v: Value, name: string, base: bigint): bigint {
    const bits = bitsOf(this.func.type[v]!);
    const part = /\d+/.exec(name);
    const width = part === null ? bits / 8 : Number(part[0]) / 8;
    const raw = readBytes(this.memory, this.address(v, base, width), width);
    return name.endsWith("s") ? BigInt.asIntN(width * 8, raw) & mask(bits) : raw;
  }

  private store(v: Value, name: string, base: bigint): bigint {
    const { func } = this;
    const part = /\d+/.exec(name);
    const width = part === null ? bitsOf(func.type[func.a2[v]!]!) / 8 : Number(part[0]) / 8;
    writeBytes(this.memory, this.address(v, base, width), width, this.get(func.a2[v]!));
    return 0n;
  }

  private call(v: Value): bigint {
    const { func } = this;
    const args: bigint[] = [];
    for (let i = 1; i < func.operandCount(v); i++) args.push(this.get(func.operand(v, i)));
    this.calls.push(`${func.lo[v]}(${args.map((a) => a.toString(16)).join(",")})`);
    let h = 0x9e3779b97f4a7c15n;
    for (const a of args) h = ((h ^ a) * 0xff51afd7ed558ccdn + 12345n) & mask(64);
    writeBytes(this.record, 192, 8, h);
    this.memory[Number(h & 0xfffn)]! ^= 0x55;
    return h & mask(bitsOf(func.type[v] || Type.i64));
  }
}

function readBytes(memory: Uint8Array, at: number, width: number): bigint {
  let value = 0n;
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(memory[at + i]!);
  return value;
}

function writeBytes(memory: Uint8Array, at: number, width: number, value: bigint): void {
  for (let i = 0; i < width; i++) memory[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}

function hash(memory: Uint8Array): string {
  let h = 0x811c9dc5;
  for (const byte of memory) h = Math.imul(h ^ byte, 0x01000193);
  return (h >>> 0).toString(16);
}

/** An integer as a number that a float of type `to` holds, rounded once, to nearest even. */
function roundInteger(to: number, x: bigint): number {
  const bits = to === Type.f32 ? 24 : 53;
  const magnitude = x < 0n ? -x : x;
  const extra = magnitude.toString(2).length - bits;
  if (extra <= 0) return Number(x);
  const unit = 1n << BigInt(extra);
  let quotient = magnitude / unit;
  const rest = (magnitude % unit) * 2n;
  if (rest > unit || (rest === unit && quotient % 2n === 1n)) quotient += 1n;
  const rounded = Number(quotient) * 2 ** extra;
  return x < 0n ? -rounded : rounded;
}

export function interpret(func: SsaFunction, args: readonly bigint[]): Outcome {
  return new Interpreter(func).run(args);
}
