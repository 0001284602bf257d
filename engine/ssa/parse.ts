/**
 * Text -> SSA function: reads what `print.ts` writes (the grammar is shown there), so that a test can start in
 * the middle of the pipeline. Blocks and values keep their numbers; values and blocks may be used before they
 * are defined. A comment runs from `;` to the end of the line. The result isn't verified.
 */
import { builtins } from "../runtime/layout.js";
import { type Block, SsaFunction, type Value } from "./function.js";
import { Op, opArity, opIsList, opNames, opRows, Type, trapNames, typeNames } from "./ops.js";
import { aliasNames } from "./print.js";
import { shapeNames } from "./shapes.js";

/** The text isn't SSA; `line` counts from 1. */
export class SsaSyntaxError extends Error {
  override readonly name = "SsaSyntaxError";
  constructor(
    detail: string,
    readonly line: number,
  ) {
    super(`line ${line}: ${detail}`);
  }
}

interface PendingTarget {
  readonly block: number;
  readonly args: readonly number[];
}

const opByName = new Map(opNames.map((name, i) => [name, i]));
const tokenPattern =
  /\s+|;.*|"(?:[^"\\]|\\.)*"|->|<<|[+-]?\d[\w.+-]*|-inf\b|nan:0x[0-9a-f]+|@0x[0-9a-f]+|[a-zA-Z_]\w*|[$#]\d+|[(){}:,=]/y;

class Parser {
  private tokens: string[] = [];
  private at = 0;
  private line = 0;
  private func!: SsaFunction;
  private block = -1;
  private readonly lines: string[];

  constructor(text: string) {
    this.lines = text.split("\n");
  }

  parse(): SsaFunction {
    const highest = Math.max(0, ...this.numbersAfter("v"));
    this.nextLine();
    this.header(highest);
    while (this.nextLine()) {
      if (this.peek() === "}") return this.func;
      if (this.peek() === "slots") this.slots();
      else if (/^b\d+$/.test(this.peek())) this.blockHeader();
      else this.row();
      if (this.at < this.tokens.length) this.fail(`unexpected "${this.peek()}"`);
    }
    return this.fail("the function has no closing brace");
  }

  // ------------------------------------------------------------ tokens

  private *numbersAfter(letter: string): Generator<number> {
    const pattern = new RegExp(`\\b${letter}(\\d+)\\b`, "g");
    let highest = 0;
    for (const line of this.lines) {
      for (const match of line.replace(/;.*/, "").matchAll(pattern))
        highest = Math.max(highest, Number(match[1]));
    }
    yield highest;
  }

  private fail(detail: string): never {
    throw new SsaSyntaxError(detail, this.line);
  }

  /** Goes to the next line that has tokens. */
  private nextLine(): boolean {
    while (this.line < this.lines.length) {
      const text = this.lines[this.line++]!;
      this.tokens = [];
      this.at = 0;
      tokenPattern.lastIndex = 0;
      while (tokenPattern.lastIndex < text.length) {
        const from = tokenPattern.lastIndex;
        const match = tokenPattern.exec(text);
        if (match === null) this.fail(`unexpected character "${text[from]}"`);
        if (/^[^\s;]/.test(match[0])) this.tokens.push(match[0]);
      }
      if (this.tokens.length > 0) return true;
    }
    return false;
  }

  private peek(ahead = 0): string {
    return this.tokens[this.at + ahead] ?? "";
  }
  private take(): string {
    const token = this.tokens[this.at++];
    return token ?? this.fail("unexpected end of line");
  }
  private accept(token: string): boolean {
    if (this.peek() !== token) return false;
    this.at++;
    return true;
  }
  private expect(token: string): void {
    const got = this.take();
    if (got !== token) this.fail(`expected "${token}", got "${got}"`);
  }
  private numbered(prefix: string, what: string): number {
    const token = this.take();
    if (!token.startsWith(prefix) || !/^\d+$/.test(token.slice(prefix.length))) {
      this.fail(`expected ${what} (${prefix}N), got "${token}"`);
    }
    return Number(token.slice(prefix.length));
  }
  private integer(): number {
    const token = this.take();
    if (!/^[+-]?\d+$/.test(token)) this.fail(`expected a whole number, got "${token}"`);
    return Number(token);
  }
  private named<T extends string>(list: readonly T[], what: string): number {
    const token = this.take();
    const i = list.indexOf(token as T);
    return i < 0 ? this.fail(`unknown ${what} "${token}"`) : i;
  }
  private type(): Type {
    return this.named(typeNames, "type") as Type;
  }

  // ------------------------------------------------------------ structure

  private header(highest: number): void {
    this.expect("func");
    const index = this.integer();
    const name = JSON.parse(this.take()) as string;
    const results: Type[] = [];
    if (this.accept("->")) {
      do results.push(this.type());
      while (this.accept(","));
    }
    this.expect("{");
    this.func = new SsaFunction(name, index, results, highest + 64);
    for (let v = 1; v <= highest; v++) this.func.newRow(Op.nop, Type.none, 0, 0, 0, 0, 0, -1);
  }

  private slots(): void {
    this.expect("slots");
    do this.func.slotTypes.push(this.type());
    while (this.accept(","));
  }

  /** Makes sure that a block of this number exists. */
  private blockNumber(b: number): number {
    while (this.func.blockCount <= b) this.func.newBlock();
    return b;
  }

  private blockHeader(): void {
    const func = this.func;
    this.block = this.blockNumber(this.numbered("b", "a block"));
    if (func.firstRow[this.block] !== -1) this.fail(`b${this.block} is defined twice`);
    if (this.accept("(")) {
      do {
        const v = this.definition();
        this.expect(":");
        func.op[v] = Op.param;
        func.type[v] = this.type();
        func.blockOf[v] = this.block;
        func.lo[v] = func.params[this.block]!.length;
        func.params[this.block]!.push(v);
      } while (this.accept(","));
      this.expect(")");
    }
    this.expect(":");
  }

  private definition(): Value {
    const v = this.numbered("v", "a value");
    if (v === 0 || this.func.op[v] !== Op.nop) this.fail(`v${v} is defined twice`);
    return v as Value;
  }

  private value(): number {
    return this.numbered("v", "a value");
  }

  private values(): number[] {
    const list: number[] = [];
    do list.push(this.value());
    while (this.accept(","));
    return list;
  }

  // ------------------------------------------------------------ rows

  private row(): void {
    const func = this.func;
    if (this.block < 0) this.fail("a row outside of a block");
    let v: Value;
    if (/^v\d+$/.test(this.peek())) {
      v = this.definition();
      this.expect(":");
      func.type[v] = this.type();
      this.expect("=");
    } else {
      v = func.newRow(Op.nop, Type.none, 0, 0, 0, 0, 0, -1);
    }
    const name = this.take();
    const op = opByName.get(name);
    if (op === undefined) this.fail(`unknown op "${name}"`);
    func.op[v] = op;
    this.operands(v, op);
    this.link(v);
    this.immediate(v, op);
    if (this.peek().startsWith("@")) func.source[v] = Number.parseInt(this.take().slice(3), 16);
  }

  private link(v: Value): void {
    const func = this.func;
    const last = func.lastRow[this.block]!;
    func.blockOf[v] = this.block;
    func.previous[v] = last;
    func.next[v] = -1;
    if (last === -1) func.firstRow[this.block] = v;
    else func.next[last] = v;
    func.lastRow[this.block] = v;
  }

  private operands(v: Value, op: Op): void {
    const func = this.func;
    const arity = opArity[op]!;
    for (let i = 0; i < arity; i++) {
      if (i > 0) this.expect(",");
      const value = this.value();
      if (i === 0) func.a0[v] = value;
      else if (i === 1) func.a1[v] = value;
      else func.a2[v] = value;
    }
    if (!opIsList[op]) return;
    let list: number[] = [];
    if (arity > 0) {
      this.expect("(");
      if (this.peek() !== ")") list = this.values();
      this.expect(")");
    } else if (/^v\d+$/.test(this.peek())) list = this.values();
    func.a1[v] = func.addList(list);
    func.a2[v] = list.length;
  }

  private immediate(v: Value, op: Op): void {
    const func = this.func;
    switch (opRows[op]!.immediate) {
      case "none":
        break;
      case "const":
        if (op === Op.const) this.constant(v);
        else {
          this.expect("<<");
          func.lo[v] = this.integer();
        }
        break;
      case "offset":
        if (this.peek().startsWith("+")) func.lo[v] = this.integer() | 0;
        break;
      case "check": {
        const bytes = this.integer();
        func.lo[v] = bytes | 0;
        func.hi[v] = Math.floor(bytes / 2 ** 32);
        break;
      }
      case "field":
        func.lo[v] = this.integer();
        if (op !== Op.offset) func.hi[v] = this.named(aliasNames, "alias class");
        break;
      case "function":
        func.lo[v] = this.numbered("f", "a function index");
        func.hi[v] = this.numbered("s", "a signature");
        break;
      case "signature":
        func.hi[v] = this.numbered("s", "a signature");
        break;
      case "symbol":
        func.lo[v] = this.numbered("s", "a signature");
        break;
      case "builtin":
        func.lo[v] = this.named(
          builtins.map((b) => b.name),
          "builtin",
        );
        break;
      case "trap":
        func.lo[v] = this.named(trapNames, "trap kind");
        break;
      case "slot":
        func.lo[v] = this.numbered("$", "a slot");
        break;
      case "index":
        func.lo[v] = this.numbered("#", "an index");
        break;
      case "shape":
        func.hi[v] = this.named(shapeNames, "shape");
        break;
      case "lane":
        func.hi[v] = this.named(shapeNames, "shape");
        func.lo[v] = this.integer();
        break;
      case "lanes":
        func.lo[v] = this.vector();
        break;
      case "edges":
        this.edges(v, op);
        break;
    }
  }

  private edges(v: Value, op: Op): void {
    const func = this.func;
    const targets: PendingTarget[] = [];
    if (op !== Op.jump) this.expect(",");
    do {
      const block = this.blockNumber(this.numbered("b", "a block"));
      let args: number[] = [];
      if (this.accept("(")) {
        args = this.values();
        this.expect(")");
      }
      targets.push({ block, args });
    } while (this.accept(","));
    func.lo[v] = func.edgeCount;
    func.hi[v] = targets.length;
    for (const target of targets) func.addEdge(this.block as Block, target.block as Block, target.args);
  }

  /** 16 bytes as a number; its number in the function. */
  private vector(): number {
    const text = this.take();
    if (!/^0x[0-9a-f]{1,32}$/.test(text)) this.fail(`"${text}" is no vector`);
    const bits = BigInt(text);
    const word = (n: number): number => Number(BigInt.asIntN(32, bits >> BigInt(32 * n)));
    return this.func.vectorNumber(word(0), word(1), word(2), word(3));
  }

  private constant(v: Value): void {
    const func = this.func;
    if (func.type[v] === Type.v128) {
      func.lo[v] = this.vector();
      return;
    }
    const text = this.take();
    const bits = new DataView(new ArrayBuffer(8));
    const type = func.type[v];
    try {
      if (type === Type.f32 || type === Type.f64) {
        if (text.startsWith("nan:")) bits.setBigUint64(0, BigInt(text.slice(4)), true);
        else if (type === Type.f32) bits.setFloat32(0, floatOf(text), true);
        else bits.setFloat64(0, floatOf(text), true);
      } else bits.setBigInt64(0, BigInt.asIntN(type === Type.i32 ? 32 : 64, BigInt(text)), true);
    } catch {
      this.fail(`"${text}" is no constant of type ${typeNames[type!]}`);
    }
    func.lo[v] = bits.getInt32(0, true);
    func.hi[v] = type === Type.i32 || type === Type.f32 ? 0 : bits.getInt32(4, true);
  }
}

function floatOf(text: string): number {
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  const x = Number(text);
  if (Number.isNaN(x)) throw new SyntaxError(text);
  return x;
}

/**
 * Reads one function.
 * @throws SsaSyntaxError
 */
export function parseFunction(text: string): SsaFunction {
  return new Parser(text).parse();
}
