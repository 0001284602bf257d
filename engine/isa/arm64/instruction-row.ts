/**
 * Forms and rows of the instruction table: what instructions.ts and vector-instructions.ts write their rows with, and
 * the list that all rows are in.
 */
import { Constraint, def, use } from "../../machine/vcode.js";
import { type ImmediateKind, immediates } from "./immediates.js";

// ---------------------------------------------------------------- forms

/**
 * The operands of a form, in order: definitions, then register uses. `fields` has one letter for each, the field of
 * the instruction word that its register goes into, as the manual names them: d (or t) bits 0 to 4, n bits 5 to 9, m
 * bits 16 to 20, a (or t2) bits 10 to 14; "-" none, the register being in the word already (the use that a
 * definition takes over).
 */
export interface Form {
  readonly words: readonly number[];
  readonly fields: string;
}

export const reg = use();
export const reused = def(Constraint.reuse, 1);

export function form(fields: string, words: readonly number[]): Form {
  return { words, fields };
}

export const forms = {
  none: form("", []),
  def: form("d", [def()]),
  unary: form("dn", [def(), reg]),
  /** The one source is in the field m, n being the zero register. */
  unaryM: form("dm", [def(), reg]),
  binary: form("dnm", [def(), reg, reg]),
  ternary: form("dnma", [def(), reg, reg, reg]),
  use: form("n", [reg]),
  compare: form("nm", [reg, reg]),
  /** Overwrites part of its definition, or accumulates into it. */
  tiedUnary: form("d-n", [reused, reg, reg]),
  tiedBinary: form("d-nm", [reused, reg, reg, reg]),
  /** Overwrites part of its definition by way of an immediate. */
  tied: form("d-", [reused, reg]),
  /** Loads and stores: the address operands (`use()`) follow. */
  load: form("d", [def()]),
  loadTied: form("d-", [reused, reg]),
  store: form("d", [reg]),
  storeZero: form("", []),
} satisfies Record<string, Form>;

// ---------------------------------------------------------------- rows

/** Optional instructions, by the names of Linux's /proc/cpuinfo. */
export type Feature = "" | "atomics";

export interface Row {
  readonly name: string;
  /**
   * Assembly text with a letter of `fields` in place of each register's number, `#i` in place of the immediate, `[m]`
   * of the address; "" for rows that encode-pseudo expands.
   */
  readonly text: string;
  /** The instruction word with zeros in its fields. Of rows with an address the form with an unsigned offset. */
  readonly encoding: number;
  readonly form: Form;
  readonly immediate: ImmediateKind;
  /** Of rows with an address: log2 of the bytes accessed. -1: no address. */
  readonly access: number;
  readonly feature: Feature;
  readonly flags: number;
}

export const RowFlag = {
  /** Writes the flags. */
  writesFlags: 1,
  /** Reads the flags. */
  readsFlags: 2,
  /** Is a call: the encoder records its return address as a site. */
  call: 4,
  /** A plain copy between registers, of which either may be a slot. */
  copy: 8,
  /** Expanded by encode-pseudo. */
  pseudo: 16,
  /** Must end a block. */
  terminator: 32,
} as const;

export interface Extra {
  immediate?: ImmediateKind;
  access?: number;
  feature?: Feature;
  flags?: number;
}

export const rows: Row[] = [];

export function row(name: string, text: string, encoding: number, f: Form, extra: Extra = {}): number {
  rows.push({
    name,
    text,
    encoding: encoding | 0,
    form: f,
    immediate: extra.immediate ?? immediates.none,
    access: extra.access ?? -1,
    feature: extra.feature ?? "",
    flags: extra.flags ?? 0,
  });
  return rows.length - 1;
}

export function pseudo(name: string, words: number[] = [], flags = 0): number {
  return row(name, "", 0, form("", words), { flags: flags | RowFlag.pseudo });
}
