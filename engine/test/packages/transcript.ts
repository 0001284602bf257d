// The transcript of a scenario: what a scenario script did with a package, as lines that must be the same on any
// engine. Enters: values that the scenario reports. Leaves: one JSON array on stdout when `finish` is called.
// Everything reported must be deterministic: no clocks, no random numbers, no addresses.

import { createHash } from "node:crypto";

// biome-ignore lint/suspicious/noExplicitAny: the packages under test are driven without their types
export type Loose = any;

/** The hex SHA-256 of bytes or text, by OpenSSL, which runs on neither WebAssembly engine. */
export function digest(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Bytes that look random and are the same each time (xorshift32 from `seed`). */
export function pseudoRandomBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = seed | 0 || 1;
  for (let i = 0; i < length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x >>> 11;
  }
  return bytes;
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return `bytes ${value.length} ${digest(value)}`;
  if (value === undefined) return "undefined";
  return value;
}

/** Collects what a scenario observes, in order. */
export class Transcript {
  private readonly lines: [string, unknown][] = [];

  /** Notes one observation. Byte arrays become their length and digest. */
  note(name: string, value: unknown): void {
    this.lines.push([
      name,
      JSON.parse(JSON.stringify(value, (_key, inner) => plain(inner)) ?? '"undefined"'),
    ]);
  }

  /** Notes what `action` throws: the error's class and text. Not throwing is an observation too. */
  noteThrown(name: string, action: () => unknown): void {
    try {
      this.note(name, { returned: action() });
    } catch (error) {
      const thrown = error as Error;
      this.note(name, { thrown: thrown?.constructor?.name ?? String(error), message: thrown?.message });
    }
  }

  /** Writes the transcript to stdout. */
  finish(): void {
    process.stdout.write(`${JSON.stringify(this.lines)}\n`);
  }
}
