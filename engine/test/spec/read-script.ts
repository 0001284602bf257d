/**
 * Reads s-expressions: the outer syntax of specification test scripts.
 *
 * In: a script's bytes. Out: its top-level lists. Strings become their bytes (`\n`, `\22`, `\u{1f600}`),
 * since modules are written as strings and names need not be UTF-8; comments `;; ...` and `(; ... ;)`,
 * which nest, are dropped. Iterative: nesting costs no JavaScript stack.
 */

export interface SList {
  readonly items: SNode[];
  /** line of the opening parenthesis, from 1 */
  readonly line: number;
}

/** An atom is a string, a string literal is its bytes. */
export type SNode = string | Uint8Array | SList;

export function isList(node: SNode | undefined): node is SList {
  return typeof node === "object" && !(node instanceof Uint8Array);
}

const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;

const simpleEscapes: { readonly [char: number]: number } = {
  110: 0x0a, // n
  114: 0x0d, // r
  116: 0x09, // t
  34: 0x22,
  39: 0x27,
  92: 0x5c,
};

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

class ScriptReader {
  private position = 0;
  private line = 1;
  private readonly scratch: Uint8Array;

  constructor(
    private readonly source: Uint8Array,
    private readonly file: string,
  ) {
    this.scratch = new Uint8Array(source.length);
  }

  read(): SList[] {
    const top: SNode[] = [];
    const open: SList[] = [];
    let items = top;
    while (this.position < this.source.length) {
      const byte = this.source[this.position] as number;
      if (byte === OPEN && this.source[this.position + 1] === SEMICOLON) {
        this.skipBlockComment();
      } else if (byte === OPEN) {
        const list: SList = { items: [], line: this.line };
        items.push(list);
        open.push(list);
        items = list.items;
        this.position++;
      } else if (byte === CLOSE) {
        if (open.pop() === undefined) this.fail("unexpected )");
        items = open[open.length - 1]?.items ?? top;
        this.position++;
      } else if (byte === QUOTE) {
        items.push(this.string());
      } else if (byte === SEMICOLON) {
        while (this.position < this.source.length && this.source[this.position] !== NEWLINE) this.position++;
      } else if (byte <= 0x20) {
        if (byte === NEWLINE) this.line++;
        this.position++;
      } else {
        items.push(this.atom());
      }
    }
    if (open.length > 0) this.fail(`the list of line ${open[open.length - 1]?.line} is not closed`);
    return top.map((node) => (isList(node) ? node : this.fail("only lists may stand at top level")));
  }

  private fail(message: string): never {
    throw new SyntaxError(`${this.file}:${this.line}: ${message}`);
  }

  private skipBlockComment(): void {
    let depth = 0;
    do {
      if (this.position >= this.source.length) this.fail("comment is not closed");
      const byte = this.source[this.position] as number;
      const next = this.source[this.position + 1];
      if (byte === OPEN && next === SEMICOLON) {
        depth++;
        this.position += 2;
      } else if (byte === SEMICOLON && next === CLOSE) {
        depth--;
        this.position += 2;
      } else {
        if (byte === NEWLINE) this.line++;
        this.position++;
      }
    } while (depth > 0);
  }

  private atom(): string {
    const start = this.position;
    while (this.position < this.source.length) {
      const byte = this.source[this.position] as number;
      if (byte <= 0x20 || byte === OPEN || byte === CLOSE || byte === QUOTE || byte === SEMICOLON) break;
      this.position++;
    }
    return Buffer.from(this.source.buffer, this.source.byteOffset + start, this.position - start).toString();
  }

  private string(): Uint8Array {
    let length = 0;
    for (this.position++; ; this.position++) {
      const byte = this.source[this.position];
      if (byte === undefined || byte === NEWLINE) this.fail("string is not closed");
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) length = this.escape(length);
      else this.scratch[length++] = byte;
    }
    this.position++;
    return this.scratch.slice(0, length);
  }

  /** At a backslash; leaves the position at the escape's last byte. */
  private escape(length: number): number {
    const first = this.source[++this.position] ?? 0;
    const simple = simpleEscapes[first];
    if (simple !== undefined) {
      this.scratch[length] = simple;
      return length + 1;
    }
    if (first === 0x75) {
      const close = this.source.indexOf(0x7d, this.position);
      const digits = Buffer.from(this.source.subarray(this.position + 2, close))
        .toString()
        .replace(/_/g, "");
      const encoded = Buffer.from(String.fromCodePoint(Number.parseInt(digits, 16)));
      this.scratch.set(encoded, length);
      this.position = close;
      return length + encoded.length;
    }
    const value = hexDigit(first) * 16 + hexDigit(this.source[++this.position] ?? 0);
    if (value < 0) this.fail("unknown escape");
    this.scratch[length] = value;
    return length + 1;
  }
}

/** The commands of a script. Throws `SyntaxError` with `file:line`. */
export function readScript(source: Uint8Array, file: string): SList[] {
  return new ScriptReader(source, file).read();
}
