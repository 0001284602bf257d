/**
 * The instruction table of arm64: one row per machine instruction form, read by lowering (operand words), the encoder
 * (instruction word, fields), the printer and the encoding test. Nothing else describes an instruction.
 *
 * A row is the instruction word with zeros in its fields, as in the Arm Architecture Reference Manual (DDI 0487, C6.2
 * and C7.2), its assembly text with the fields' letters, its operands, and what its immediate means.
 *
 * Names: mnemonic, operand size where there are several, `_`, form. Operands of every form: definitions first, then
 * register uses, then (rows with an address) the address operands base and index, as far as present.
 *
 *   rr    binary:          def; use a; use b                        d = a op b
 *   ri                     def; use a                  imm2         d = a op imm
 *   rs                     def; use a; use b           imm2         d = a op (b shifted: `shiftedBy`)
 *   rx                     def; use a; use b           imm2         d = a op (low bits of b extended: `extendedBy`)
 *   r     unary:           def; use                                 d = op s
 *   rr/ri/rs/rx of cmp, cmn, tst: the same without the definition
 *
 * A register of 32 bits that is written gets zeros above: an i32 in a register has its upper half zero.
 *
 * Immediates of an instruction: imm2 as the row's kind in immediates.ts says (imm0 the upper half of 64-bit masks);
 * with an address imm0 is the displacement and imm1 the address word (see `address`).
 *
 * Flags: written by adds, subs, ands, bics, cmp, cmn, tst, ccmp, ccmn and fcmp only. Everything else keeps them, moves
 * of the allocation and constants included.
 */
import { def, earlyDef, use } from "../../machine/vcode.js";
import { Extend, immediates } from "./immediates.js";
import { type Extra, form, forms, pseudo, type Row, RowFlag, reg, row, rows } from "./instruction-row.js";
import { vectorRows } from "./vector-instructions.js";

export {
  bitField,
  Condition,
  conditionalCompare,
  conditionNames,
  Extend,
  extendedBy,
  floatImmediate,
  isAddImmediate,
  isLogicalImmediate,
  Shift,
  shiftedBy,
} from "./immediates.js";
export { type Feature, type Form, type Row, RowFlag } from "./instruction-row.js";

/** InstructionFlag of this ISA: a load or store of linear memory that the fault handler may turn into a trap. */
export const mayFault = 8;

// ---------------------------------------------------------------- addresses

/** Where an address starts when not in a base register. */
export const AddressBase = {
  none: 0,
  /** The context register. */
  context: 1,
  /** The outgoing stack area: sp + displacement. */
  outgoing: 2,
  /** The incoming stack area: address of the first incoming stack argument + displacement. */
  incoming: 3,
  /** Reserved frame slot; the displacement is its number. */
  slot: 4,
  /** Constant pool entry; the displacement is its index (see Arm64VCode). Only of rows with a literal form. */
  constant: 5,
} as const;
export type AddressBase = (typeof AddressBase)[keyof typeof AddressBase];

/** How an index register is read. */
export const IndexExtend = { uxtx: 0, uxtw: 1, sxtw: 2 } as const;
export type IndexExtend = (typeof IndexExtend)[keyof typeof IndexExtend];

export const addressHasBase = 4;
export const addressHasIndex = 8;
export const addressIsScaled = 16;
export const addressSpecialShift = 5;
/** The option field of each IndexExtend. */
export const indexOptions: readonly number[] = [Extend.uxtx, Extend.uxtw, Extend.sxtw];

/**
 * The address word, imm1. With an index there is no displacement; without, it is any number: what the instruction can't
 * hold (see `isOffset`) costs instructions and x16.
 * @param scaled the index is multiplied with the bytes accessed
 * @example address(true, true, IndexExtend.uxtw, true) // of ldr64: [base, index, uxtw #3]
 */
export function address(
  hasBase: boolean,
  hasIndex = false,
  extend: IndexExtend = IndexExtend.uxtx,
  scaled = false,
  special: AddressBase = AddressBase.none,
): number {
  return (
    extend |
    (hasBase ? addressHasBase : 0) |
    (hasIndex ? addressHasIndex : 0) |
    (scaled ? addressIsScaled : 0) |
    (special << addressSpecialShift)
  );
}
/** The address word of a special base without registers. */
export const specialAddress = (special: AddressBase): number => special << addressSpecialShift;

/** Whether a load or store of `bytes` bytes can hold a displacement: 12 bits times its size, or 9 signed bits. */
export function isOffset(displacement: number, bytes: number): boolean {
  if (displacement >= -256 && displacement <= 255) return true;
  return displacement >= 0 && displacement <= 4095 * bytes && displacement % bytes === 0;
}

// ---------------------------------------------------------------- families

const { writesFlags, readsFlags, call, copy, terminator } = RowFlag;
type Width = 32 | 64;
type Rows<Names extends string> = Record<Names, number>;

const sizeBit = (width: Width): number => (width === 64 ? 0x80000000 : 0);
const letter = (width: Width): "w" | "x" => (width === 64 ? "x" : "w");

/** add, sub and those that write the flags; all second operands. */
function addition<N extends string, W extends Width>(name: N, op: number, width: W, flags = 0) {
  const r = letter(width);
  const at = (base: number): number => sizeBit(width) | op | base;
  const text = `${name} ${r}d, ${r}n`;
  const base = `${name}${width}`;
  return {
    [`${base}_rr`]: row(`${base}_rr`, `${text}, ${r}m`, at(0x0b000000), forms.binary, { flags }),
    [`${base}_rs`]: row(`${base}_rs`, `${text}, ${r}m, #i`, at(0x0b000000), forms.binary, {
      immediate: immediates[`shift${width}`],
      flags,
    }),
    [`${base}_rx`]: row(`${base}_rx`, `${text}, wm, #i`, at(0x0b200000), forms.binary, {
      immediate: immediates.extend,
      flags,
    }),
    [`${base}_ri`]: row(`${base}_ri`, `${text}, #i`, at(0x11000000), forms.unary, {
      immediate: immediates.add,
      flags,
    }),
  } as Rows<`${N}${W}_${"rr" | "rs" | "rx" | "ri"}`>;
}

/** cmp, cmn: additions whose sum goes to the zero register. */
function comparison<N extends string, W extends Width>(name: N, op: number, width: W) {
  const r = letter(width);
  const at = (base: number): number => sizeBit(width) | op | base | 31;
  const text = `${name} ${r}n`;
  const base = `${name}${width}`;
  const flags = writesFlags;
  return {
    [`${base}_rr`]: row(`${base}_rr`, `${text}, ${r}m`, at(0x0b000000), forms.compare, { flags }),
    [`${base}_rs`]: row(`${base}_rs`, `${text}, ${r}m, #i`, at(0x0b000000), forms.compare, {
      immediate: immediates[`shift${width}`],
      flags,
    }),
    [`${base}_rx`]: row(`${base}_rx`, `${text}, wm, #i`, at(0x0b200000), forms.compare, {
      immediate: immediates.extend,
      flags,
    }),
    [`${base}_ri`]: row(`${base}_ri`, `${text}, #i`, at(0x11000000), forms.use, {
      immediate: immediates.add,
      flags,
    }),
  } as Rows<`${N}${W}_${"rr" | "rs" | "rx" | "ri"}`>;
}

/** and, orr, eor, ands: registers and masks. */
function logical<N extends string, W extends Width>(name: N, op: number, width: W, flags = 0) {
  const r = letter(width);
  const base = `${name}${width}`;
  return {
    ...logicalRegister(name, op, width, flags),
    [`${base}_ri`]: row(
      `${base}_ri`,
      `${name} ${r}d, ${r}n, #i`,
      sizeBit(width) | op | 0x12000000,
      forms.unary,
      {
        immediate: immediates[`logical${width}`],
        flags,
      },
    ),
  } as Rows<`${N}${W}_${"rr" | "rs" | "ri"}`>;
}

/** Those above, and bic, orn, eon, bics. */
function logicalRegister<N extends string, W extends Width>(name: N, op: number, width: W, flags = 0) {
  const r = letter(width);
  const text = `${name} ${r}d, ${r}n, ${r}m`;
  const word = sizeBit(width) | op | 0x0a000000;
  const base = `${name}${width}`;
  return {
    [`${base}_rr`]: row(`${base}_rr`, text, word, forms.binary, { flags }),
    [`${base}_rs`]: row(`${base}_rs`, `${text}, #i`, word, forms.binary, {
      immediate: immediates[`rotate${width}`],
      flags,
    }),
  } as Rows<`${N}${W}_${"rr" | "rs"}`>;
}

function test<W extends Width>(width: W) {
  const r = letter(width);
  const base = `tst${width}`;
  const word = sizeBit(width) | 0x6a00001f;
  const flags = writesFlags;
  return {
    [`${base}_rr`]: row(`${base}_rr`, `tst ${r}n, ${r}m`, word, forms.compare, { flags }),
    [`${base}_rs`]: row(`${base}_rs`, `tst ${r}n, ${r}m, #i`, word, forms.compare, {
      immediate: immediates[`rotate${width}`],
      flags,
    }),
    [`${base}_ri`]: row(`${base}_ri`, `tst ${r}n, #i`, sizeBit(width) | 0x7200001f, forms.use, {
      immediate: immediates[`logical${width}`],
      flags,
    }),
  } as Rows<`tst${W}_${"rr" | "rs" | "ri"}`>;
}

/** neg, mvn: additions to, and disjunctions with, the zero register. */
function fromZero<N extends string, W extends Width>(name: N, word: number, width: W) {
  const r = letter(width);
  const base = `${name}${width}`;
  const kind = name === "mvn" ? (`rotate${width}` as const) : (`shift${width}` as const);
  return {
    [`${base}_r`]: row(`${base}_r`, `${name} ${r}d, ${r}m`, sizeBit(width) | word, forms.unaryM),
    [`${base}_rs`]: row(`${base}_rs`, `${name} ${r}d, ${r}m, #i`, sizeBit(width) | word, forms.unaryM, {
      immediate: immediates[kind],
    }),
  } as Rows<`${N}${W}_${"r" | "rs"}`>;
}

/** d = n op m. */
function binary<N extends string, W extends Width>(name: N, word: number, width: W) {
  const r = letter(width);
  const base = `${name}${width}_rr`;
  return {
    [base]: row(base, `${name} ${r}d, ${r}n, ${r}m`, sizeBit(width) | word, forms.binary),
  } as Rows<`${N}${W}_rr`>;
}

/** d = op n. */
function unary<N extends string, W extends Width>(name: N, word: number, width: W, mnemonic: string = name) {
  const r = letter(width);
  const base = `${name}${width}_r`;
  return {
    [base]: row(base, `${mnemonic} ${r}d, ${r}n`, sizeBit(width) | word, forms.unary),
  } as Rows<`${N}${W}_r`>;
}

/** madd, msub: def; use n; use m; use a: a plus or minus n * m. */
function multiplyAdd<N extends string, W extends Width>(name: N, word: number, width: W) {
  const r = letter(width);
  const base = `${name}${width}`;
  const text = `${name} ${r}d, ${r}n, ${r}m, ${r}a`;
  return { [base]: row(base, text, sizeBit(width) | word, forms.ternary) } as Rows<`${N}${W}`>;
}

/** The same of 32-bit factors and 64-bit sums. */
function multiplyAddLong<N extends string>(name: N, word: number) {
  return { [name]: row(name, `${name} xd, wn, wm, xa`, word, forms.ternary) } as Rows<N>;
}

/** Shifts by a register (modulo the width) and by imm2. */
function shifts<W extends Width>(width: W) {
  const r = letter(width);
  const most = width - 1;
  const field = width === 64 ? 0xd3400000 : 0x53000000;
  const signedField = width === 64 ? 0x93400000 : 0x13000000;
  const toTop = most << 10;
  const byConstant = (name: string, word: number, kind: "lsl" | "lsr"): number =>
    row(`${name}${width}_ri`, `${name} ${r}d, ${r}n, #i`, word, forms.unary, {
      immediate: immediates[`${kind}${width}`],
    });
  const extr = width === 64 ? 0x93c00000 : 0x13800000;
  return {
    ...binary("lsl", 0x1ac02000, width),
    ...binary("lsr", 0x1ac02400, width),
    ...binary("asr", 0x1ac02800, width),
    ...binary("ror", 0x1ac02c00, width),
    [`lsl${width}_ri`]: byConstant("lsl", field, "lsl"),
    [`lsr${width}_ri`]: byConstant("lsr", field | toTop, "lsr"),
    [`asr${width}_ri`]: byConstant("asr", signedField | toTop, "lsr"),
    // extr with the same source twice.
    [`ror${width}_ri`]: row(`ror${width}_ri`, `ror ${r}d, ${r}b, #i`, extr, form("db", [def(), reg]), {
      immediate: immediates[`extr${width}`],
    }),
    // The low bits of n:m shifted right: def; use n; use m.
    [`extr${width}_rri`]: row(`extr${width}_rri`, `extr ${r}d, ${r}n, ${r}m, #i`, extr, forms.binary, {
      immediate: immediates[`extr${width}`],
    }),
  } as Rows<`${"lsl" | "lsr" | "asr" | "ror"}${W}_${"rr" | "ri"}` | `extr${W}_rri`>;
}

/** Bit fields: imm2 = `bitField(lowest, width)`. */
function bitFields<W extends Width>(width: W) {
  const r = letter(width);
  const size = width === 64 ? 0x80400000 : 0;
  const add = (name: string, word: number, kind: "extractField" | "insertField", tied: boolean): number =>
    row(`${name}${width}`, `${name} ${r}d, ${r}n, #i`, size | word, tied ? forms.tiedUnary : forms.unary, {
      immediate: immediates[`${kind}${width}`],
    });
  return {
    [`ubfx${width}`]: add("ubfx", 0x53000000, "extractField", false),
    [`sbfx${width}`]: add("sbfx", 0x13000000, "extractField", false),
    [`ubfiz${width}`]: add("ubfiz", 0x53000000, "insertField", false),
    [`sbfiz${width}`]: add("sbfiz", 0x13000000, "insertField", false),
    // def reuse; use old; use the source of the bits.
    [`bfi${width}`]: add("bfi", 0x33000000, "insertField", true),
    [`bfxil${width}`]: add("bfxil", 0x33000000, "extractField", true),
  } as Rows<`${"ubfx" | "sbfx" | "ubfiz" | "sbfiz" | "bfi" | "bfxil"}${W}`>;
}

const onCondition: Extra = { immediate: immediates.condition, flags: readsFlags };

/** Choices by condition imm2: def; use n when true; use m, changed by some, when false. */
function select<W extends Width>(width: W) {
  const r = letter(width);
  const add = (name: string, word: number): number =>
    row(
      `${name}${width}`,
      `${name} ${r}d, ${r}n, ${r}m, #i`,
      sizeBit(width) | word,
      forms.binary,
      onCondition,
    );
  const set = (name: string, word: number): number =>
    row(`${name}${width}`, `${name} ${r}d, #i`, sizeBit(width) | word, forms.def, {
      immediate: immediates.oppositeCondition,
      flags: readsFlags,
    });
  return {
    [`csel${width}`]: add("csel", 0x1a800000),
    [`csinc${width}`]: add("csinc", 0x1a800400),
    [`csinv${width}`]: add("csinv", 0x5a800000),
    [`csneg${width}`]: add("csneg", 0x5a800400),
    // Zero when false: def; use.
    [`csel${width}_rz`]: row(
      `csel${width}_rz`,
      `csel ${r}d, ${r}n, ${r}zr, #i`,
      sizeBit(width) | 0x1a9f0000,
      forms.unary,
      onCondition,
    ),
    // 1 and -1 when true, else 0: def.
    [`cset${width}`]: set("cset", 0x1a9f07e0),
    [`csetm${width}`]: set("csetm", 0x5a9f03e0),
  } as Rows<`${"csel" | "csinc" | "csinv" | "csneg" | "cset" | "csetm"}${W}` | `csel${W}_rz`>;
}

/** Comparisons on condition, see `conditionalCompare`. */
function conditionalCompares<N extends string, W extends Width>(name: N, word: number, width: W) {
  const r = letter(width);
  const base = `${name}${width}`;
  const flags = readsFlags | writesFlags;
  return {
    [`${base}_rr`]: row(`${base}_rr`, `${name} ${r}n, ${r}m, #i`, sizeBit(width) | word, forms.compare, {
      immediate: immediates.compareOn,
      flags,
    }),
    [`${base}_ri`]: row(`${base}_ri`, `${name} ${r}n, #i`, sizeBit(width) | word | 0x800, forms.use, {
      immediate: immediates.compareOnValue,
      flags,
    }),
  } as Rows<`${N}${W}_${"rr" | "ri"}`>;
}

/** movz, movn: def; movk: def reuse; use. imm2 = halfword | its number << 16. */
function moveWide<W extends Width>(width: W) {
  const r = letter(width);
  const add = (name: string, word: number): number =>
    row(
      `${name}${width}`,
      `${name} ${r}d, #i`,
      sizeBit(width) | word,
      name === "movk" ? forms.tied : forms.def,
      {
        immediate: immediates[`halfword${width}`],
      },
    );
  return {
    [`movz${width}`]: add("movz", 0x52800000),
    [`movn${width}`]: add("movn", 0x12800000),
    [`movk${width}`]: add("movk", 0x72800000),
  } as Rows<`${"movz" | "movn" | "movk"}${W}`>;
}

function load<N extends string>(name: N, mnemonic: string, register: string, word: number, access: number) {
  return { [name]: row(name, `${mnemonic} ${register}d, [m]`, word, forms.load, { access }) } as Rows<N>;
}
function store<N extends string>(name: N, mnemonic: string, register: string, word: number, access: number) {
  return { [name]: row(name, `${mnemonic} ${register}d, [m]`, word, forms.store, { access }) } as Rows<N>;
}
/** Stores of zero: no register operand. */
function storeZero<N extends string>(
  name: N,
  mnemonic: string,
  register: string,
  word: number,
  access: number,
) {
  return {
    [name]: row(name, `${mnemonic} ${register}zr, [m]`, word | 31, forms.storeZero, { access }),
  } as Rows<N>;
}

const loadPair = form("dan", [def(), def(), reg]);
const storePair = form("dan", [reg, reg, reg]);

/** Two registers at n + imm2, a multiple of their size. */
function pair<S extends string>(suffix: S, r: string, word: number, kind: "pair32" | "pair64" | "pair128") {
  const immediate = immediates[kind];
  return {
    [`stp${suffix}`]: row(`stp${suffix}`, `stp ${r}d, ${r}a, [xn, #i]`, word, storePair, { immediate }),
    [`ldp${suffix}`]: row(`ldp${suffix}`, `ldp ${r}d, ${r}a, [xn, #i]`, word | 0x00400000, loadPair, {
      immediate,
    }),
  } as Rows<`${"stp" | "ldp"}${S}`>;
}

type FloatSize = "s" | "d";
const floatBit = (size: FloatSize): number => (size === "d" ? 0x00400000 : 0);

function floatBinary<N extends string, S extends FloatSize>(name: N, word: number, s: S) {
  const base = `${name}_${s}`;
  return {
    [base]: row(base, `${name} ${s}d, ${s}n, ${s}m`, word | floatBit(s), forms.binary),
  } as Rows<`${N}_${S}`>;
}
function floatUnary<N extends string, S extends FloatSize>(name: N, word: number, s: S) {
  const base = `${name}_${s}`;
  return { [base]: row(base, `${name} ${s}d, ${s}n`, word | floatBit(s), forms.unary) } as Rows<`${N}_${S}`>;
}

/** Scalar floats. */
function floats<S extends FloatSize>(s: S) {
  const flags = writesFlags;
  return {
    ...floatBinary("fmul", 0x1e200800, s),
    ...floatBinary("fdiv", 0x1e201800, s),
    ...floatBinary("fadd", 0x1e202800, s),
    ...floatBinary("fsub", 0x1e203800, s),
    // A NaN operand gives a quiet NaN; -0 is less than +0.
    ...floatBinary("fmax", 0x1e204800, s),
    ...floatBinary("fmin", 0x1e205800, s),
    // A quiet NaN operand gives the other one.
    ...floatBinary("fmaxnm", 0x1e206800, s),
    ...floatBinary("fminnm", 0x1e207800, s),
    ...floatBinary("fnmul", 0x1e208800, s),
    ...floatUnary("fabs", 0x1e20c000, s),
    ...floatUnary("fneg", 0x1e214000, s),
    ...floatUnary("fsqrt", 0x1e21c000, s),
    // To the nearest, ties to even; up; down; toward zero.
    ...floatUnary("frintn", 0x1e244000, s),
    ...floatUnary("frintp", 0x1e24c000, s),
    ...floatUnary("frintm", 0x1e254000, s),
    ...floatUnary("frintz", 0x1e25c000, s),
    // imm2 = 8 bits, see `floatImmediate`. Rematerializable.
    [`fmov_${s}_imm`]: row(`fmov_${s}_imm`, `fmov ${s}d, #i`, 0x1e201000 | floatBit(s), forms.def, {
      immediate: immediates.float,
    }),
    [`fcmp_${s}`]: row(`fcmp_${s}`, `fcmp ${s}n, ${s}m`, 0x1e202000 | floatBit(s), forms.compare, { flags }),
    [`fcmpz_${s}`]: row(`fcmpz_${s}`, `fcmp ${s}n, #0.0`, 0x1e202008 | floatBit(s), forms.use, { flags }),
    // def; use when imm2 holds; use otherwise.
    [`fcsel_${s}`]: row(
      `fcsel_${s}`,
      `fcsel ${s}d, ${s}n, ${s}m, #i`,
      0x1e200c00 | floatBit(s),
      forms.binary,
      onCondition,
    ),
    ...floatConvert(s, 32),
    ...floatConvert(s, 64),
  } as ReturnType<typeof floatBinary<"fmul" | "fdiv" | "fadd" | "fsub" | "fmax" | "fmin", S>> &
    ReturnType<typeof floatBinary<"fmaxnm" | "fminnm" | "fnmul", S>> &
    ReturnType<typeof floatUnary<"fabs" | "fneg" | "fsqrt" | "frintn" | "frintp" | "frintm" | "frintz", S>> &
    Rows<`fmov_${S}_imm` | `fcmp_${S}` | `fcmpz_${S}` | `fcsel_${S}`> &
    ReturnType<typeof floatConvert<S, 32>> &
    ReturnType<typeof floatConvert<S, 64>>;
}

/** From and to integers; out of range gives the nearest integer, NaN zero. */
function floatConvert<S extends FloatSize, W extends Width>(s: S, width: W) {
  const r = letter(width);
  const size = sizeBit(width) | floatBit(s);
  const from = (name: string, word: number): number =>
    row(`${name}_${s}${width}`, `${name} ${s}d, ${r}n`, size | word, forms.unary);
  const to = (name: string, word: number): number =>
    row(`${name}${width}_${s}`, `${name} ${r}d, ${s}n`, size | word, forms.unary);
  return {
    [`scvtf_${s}${width}`]: from("scvtf", 0x1e220000),
    [`ucvtf_${s}${width}`]: from("ucvtf", 0x1e230000),
    [`fcvtzs${width}_${s}`]: to("fcvtzs", 0x1e380000),
    [`fcvtzu${width}_${s}`]: to("fcvtzu", 0x1e390000),
  } as Rows<`${"scvtf" | "ucvtf"}_${S}${W}` | `${"fcvtzs" | "fcvtzu"}${W}_${S}`>;
}

/** Integers: all that exists in both widths. */
function integers<W extends Width>(width: W) {
  return {
    ...addition("add", 0x00000000, width),
    ...addition("adds", 0x20000000, width, writesFlags),
    ...addition("sub", 0x40000000, width),
    ...addition("subs", 0x60000000, width, writesFlags),
    ...comparison("cmn", 0x20000000, width),
    ...comparison("cmp", 0x60000000, width),
    ...fromZero("neg", 0x4b0003e0, width),
    ...fromZero("mvn", 0x2a2003e0, width),
    ...logical("and", 0x00000000, width),
    ...logical("orr", 0x20000000, width),
    ...logical("eor", 0x40000000, width),
    ...logical("ands", 0x60000000, width, writesFlags),
    ...test(width),
    // The second source inverted.
    ...logicalRegister("bic", 0x00200000, width),
    ...logicalRegister("orn", 0x20200000, width),
    ...logicalRegister("eon", 0x40200000, width),
    ...logicalRegister("bics", 0x60200000, width, writesFlags),
    ...multiplyAdd("madd", 0x1b000000, width),
    ...multiplyAdd("msub", 0x1b008000, width),
    ...binary("mul", 0x1b007c00, width),
    ...binary("mneg", 0x1b00fc00, width),
    // Division by zero gives 0, the overflowing quotient itself.
    ...binary("udiv", 0x1ac00800, width),
    ...binary("sdiv", 0x1ac00c00, width),
    ...shifts(width),
    ...bitFields(width),
    ...unary("rbit", 0x5ac00000, width),
    ...unary("rev16_", 0x5ac00400, width, "rev16"),
    ...unary("clz", 0x5ac01000, width),
    ...unary("cls", 0x5ac01400, width),
    ...select(width),
    ...conditionalCompares("ccmn", 0x3a400000, width),
    ...conditionalCompares("ccmp", 0x7a400000, width),
    ...moveWide(width),
  };
}

/** Register operands at an address in a register: exclusives and LSE's atomics; see B2.3 (ordering) in the manual. */
function atomics() {
  const lse: Extra = { feature: "atomics" };
  const loadAt = form("dn", [def(), reg]);
  const storeAt = form("dn", [reg, reg]);
  const exclusive = form("mdn", [earlyDef(), reg, reg]);
  return {
    ldar32: row("ldar32", "ldar wd, [xn]", 0x88dffc00, loadAt),
    ldar64: row("ldar64", "ldar xd, [xn]", 0xc8dffc00, loadAt),
    stlr32: row("stlr32", "stlr wd, [xn]", 0x889ffc00, storeAt),
    stlr64: row("stlr64", "stlr xd, [xn]", 0xc89ffc00, storeAt),
    ldaxr32: row("ldaxr32", "ldaxr wd, [xn]", 0x885ffc00, loadAt),
    ldaxr64: row("ldaxr64", "ldaxr xd, [xn]", 0xc85ffc00, loadAt),
    /** def 0 when it was stored, else 1; use value; use address. */
    stlxr32: row("stlxr32", "stlxr wm, wd, [xn]", 0x8800fc00, exclusive),
    stlxr64: row("stlxr64", "stlxr wm, xd, [xn]", 0xc800fc00, exclusive),
    /** def reuse; use expected, replaced by what was there; use new; use address. */
    casal32: row(
      "casal32",
      "casal wm, wd, [xn]",
      0x88e0fc00,
      form("m-dn", [forms.tied.words[0]!, reg, reg, reg]),
      lse,
    ),
    casal64: row(
      "casal64",
      "casal xm, xd, [xn]",
      0xc8e0fc00,
      form("m-dn", [forms.tied.words[0]!, reg, reg, reg]),
      lse,
    ),
    /** def what was there; use value; use address. */
    swpal64: row("swpal64", "swpal xm, xd, [xn]", 0xf8e08000, form("dmn", [def(), reg, reg]), lse),
    ldaddal32: row("ldaddal32", "ldaddal wm, wd, [xn]", 0xb8e00000, form("dmn", [def(), reg, reg]), lse),
    ldaddal64: row("ldaddal64", "ldaddal xm, xd, [xn]", 0xf8e00000, form("dmn", [def(), reg, reg]), lse),
  };
}

/** For routines of the engine's own; lowering has no use for them. */
function system() {
  const useT = form("d", [reg]);
  return {
    nop: row("nop", "nop", 0xd503201f, forms.none),
    br: row("br", "br xn", 0xd61f0000, forms.use),
    blr: row("blr", "blr xn", 0xd63f0000, forms.use),
    ret_r: row("ret_r", "ret xn", 0xd65f0000, forms.use),
    svc: row("svc", "svc #i", 0xd4000001, forms.none, { immediate: immediates.code }),
    brk: row("brk", "brk #i", 0xd4200000, forms.none, { immediate: immediates.code }),
    dmb_ish: row("dmb_ish", "dmb ish", 0xd5033bbf, forms.none),
    dsb_ish: row("dsb_ish", "dsb ish", 0xd5033b9f, forms.none),
    isb: row("isb", "isb", 0xd5033fdf, forms.none),
    dc_cvau: row("dc_cvau", "dc cvau, xd", 0xd50b7b20, useT),
    ic_ivau: row("ic_ivau", "ic ivau, xd", 0xd50b7520, useT),
    mrs_ctr_el0: row("mrs_ctr_el0", "mrs xd, ctr_el0", 0xd53b0020, forms.def),
    mrs_nzcv: row("mrs_nzcv", "mrs xd, nzcv", 0xd53b4200, forms.def),
    msr_nzcv: row("msr_nzcv", "msr nzcv, xd", 0xd51b4200, useT),
    /** Addresses relative to the instruction itself; the encoder fills in the distance. */
    adr: row("adr", "adr xd, .", 0x10000000, forms.def),
    adrp: row("adrp", "adrp xd, .", 0x90000000, forms.def),
    stp64_pre: row("stp64_pre", "stp xd, xa, [xn, #i]!", 0xa9800000, storePair, {
      immediate: immediates.pair64,
    }),
    ldp64_post: row("ldp64_post", "ldp xd, xa, [xn], #i", 0xa8c00000, loadPair, {
      immediate: immediates.pair64,
    }),
    stp_d_pre: row("stp_d_pre", "stp dd, da, [xn, #i]!", 0x6d800000, storePair, {
      immediate: immediates.pair64,
    }),
    ldp_d_post: row("ldp_d_post", "ldp dd, da, [xn], #i", 0x6cc00000, loadPair, {
      immediate: immediates.pair64,
    }),
    str64_pre: row("str64_pre", "str xd, [xn, #i]!", 0xf8000c00, form("dn", [reg, reg]), {
      immediate: immediates.offset9,
    }),
    ldr64_post: row("ldr64_post", "ldr xd, [xn], #i", 0xf8400400, form("dn", [def(), reg]), {
      immediate: immediates.offset9,
    }),
  };
}

/**
 * Row numbers by name.
 *
 * Beside the regular rows there are pseudo rows, each a short fixed sequence; their operands stand with them.
 */
export const Arm64 = {
  // -- pseudo: structure
  /** Emits nothing; its definitions are the function's arguments (fixed registers). First instruction of the entry. */
  arguments: pseudo("arguments"),
  /** Terminator: jump to successors[0]. */
  jmp: pseudo("jmp", [], terminator),
  /** Terminator: imm2 = condition; successors[0] when true, [1] otherwise. */
  jcc: pseudo("jcc", [], terminator | readsFlags),
  /** Terminators: use; successors[0] when it is zero (cbz) or not (cbnz), [1] otherwise. */
  cbz32: pseudo("cbz32", [use()], terminator),
  cbz64: pseudo("cbz64", [use()], terminator),
  cbnz32: pseudo("cbnz32", [use()], terminator),
  cbnz64: pseudo("cbnz64", [use()], terminator),
  /** Terminators: use; imm2 = number of a bit; successors[0] when that is zero (tbz) or not (tbnz), [1] otherwise. */
  tbz: pseudo("tbz", [use()], terminator),
  tbnz: pseudo("tbnz", [use()], terminator),
  /**
   * Terminator: early def scratch; def scratch; use index (i32). successors[index], or the last successor when the
   * index isn't below the number of the others. Writes the flags.
   */
  jmp_table: pseudo("jmp_table", [earlyDef(), def(), use()], terminator | writesFlags),
  /** Terminator: restores sp and returns; uses are the results (fixed registers). */
  ret: pseudo("ret", [], terminator),
  /** imm2 = condition, imm0 = TrapKind: trap when true. A safepoint where stack maps are wanted. */
  trapif: pseudo("trapif", [], readsFlags),
  /** use; imm0 = TrapKind: trap when it is zero, or not. */
  trapif_cbz32: pseudo("trapif_cbz32", [use()]),
  trapif_cbz64: pseudo("trapif_cbz64", [use()]),
  trapif_cbnz32: pseudo("trapif_cbnz32", [use()]),
  trapif_cbnz64: pseudo("trapif_cbnz64", [use()]),
  /** use; imm2 = number of a bit, imm0 = TrapKind: trap when the bit is zero, or not. */
  trapif_tbz: pseudo("trapif_tbz", [use()]),
  trapif_tbnz: pseudo("trapif_tbnz", [use()]),
  /** Terminator: imm0 = TrapKind. */
  trap: pseudo("trap", [], terminator),
  /** Tests the context's interrupt word; calls the interrupt stub out of line (all registers and the flags stay). */
  interrupt: pseudo("interrupt", []),

  // -- calls: defs are results, uses arguments (all fixed registers), clobbers everything else
  /** imm0 = function index in the module: through its call slot. */
  call_slot: pseudo("call_slot", [], call | writesFlags),
  /** The code address is in calleeRegister: one of the uses. */
  call_reg: pseudo("call_reg", [], call | writesFlags),
  /** imm0 = offset in the context of the word that holds the address (builtins). */
  call_ctx: pseudo("call_ctx", [], call | writesFlags),

  // -- pseudo: values. All rematerializable.
  /** def = +0.0 (or a zero vector). */
  fzero: pseudo("fzero", [def()]),
  /** def; imm2 (32 bits, zero-extended), in the fewest instructions. */
  mov32_ri: pseudo("mov32_ri", [def()]),
  /** def; imm2 = low, imm0 = high word, in the fewest instructions. */
  mov64_ri: pseudo("mov64_ri", [def()]),
  /** def; imm0 = type index: its canonical signature number. */
  mov32_signature: pseudo("mov32_signature", [def()]),
  /** def; use; imm2 (32 bits, unsigned) added: one or two additions, or by way of x16. Keeps the flags. */
  add64_const: pseudo("add64_const", [def(), use()]),
  /** def = address (special base, or base and displacement). */
  lea64: row("lea64", "", 0, forms.load, { access: 0, flags: RowFlag.pseudo }),

  // -- moves. Copies may be flagged InstructionFlag.move.
  mov32_rr: row("mov32_rr", "mov wd, wm", 0x2a0003e0, forms.unaryM, { flags: copy }),
  mov64_rr: row("mov64_rr", "mov xd, xm", 0xaa0003e0, forms.unaryM, { flags: copy }),
  /** Copy of a whole float register; also copies f32 and f64. */
  mov_q: row("mov_q", "mov vd.16b, vb.16b", 0x4ea01c00, form("db", [def(), reg]), { flags: copy }),

  /** A vector of zeros: what `fzero` becomes. */
  fzero_q: row("fzero_q", "movi vd.2d, #0", 0x6f00e400, forms.def),

  // -- loads and stores
  ...load("ldrb", "ldrb", "w", 0x39400000, 0),
  ...load("ldrsb32", "ldrsb", "w", 0x39c00000, 0),
  ...load("ldrsb64", "ldrsb", "x", 0x39800000, 0),
  ...load("ldrh", "ldrh", "w", 0x79400000, 1),
  ...load("ldrsh32", "ldrsh", "w", 0x79c00000, 1),
  ...load("ldrsh64", "ldrsh", "x", 0x79800000, 1),
  ...load("ldr32", "ldr", "w", 0xb9400000, 2),
  ...load("ldrsw", "ldrsw", "x", 0xb9800000, 2),
  ...load("ldr64", "ldr", "x", 0xf9400000, 3),
  ...load("ldr_b", "ldr", "b", 0x3d400000, 0),
  ...load("ldr_h", "ldr", "h", 0x7d400000, 1),
  ...load("ldr_s", "ldr", "s", 0xbd400000, 2),
  ...load("ldr_d", "ldr", "d", 0xfd400000, 3),
  ...load("ldr_q", "ldr", "q", 0x3dc00000, 4),
  ...store("strb", "strb", "w", 0x39000000, 0),
  ...store("strh", "strh", "w", 0x79000000, 1),
  ...store("str32", "str", "w", 0xb9000000, 2),
  ...store("str64", "str", "x", 0xf9000000, 3),
  ...store("str_b", "str", "b", 0x3d000000, 0),
  ...store("str_h", "str", "h", 0x7d000000, 1),
  ...store("str_s", "str", "s", 0xbd000000, 2),
  ...store("str_d", "str", "d", 0xfd000000, 3),
  ...store("str_q", "str", "q", 0x3d800000, 4),
  ...storeZero("strb_z", "strb", "w", 0x39000000, 0),
  ...storeZero("strh_z", "strh", "w", 0x79000000, 1),
  ...storeZero("str32_z", "str", "w", 0xb9000000, 2),
  ...storeZero("str64_z", "str", "x", 0xf9000000, 3),
  ...pair("32", "w", 0x29000000, "pair32"),
  ...pair("64", "x", 0xa9000000, "pair64"),
  ...pair("_s", "s", 0x2d000000, "pair32"),
  ...pair("_d", "d", 0x6d000000, "pair64"),
  ...pair("_q", "q", 0xad000000, "pair128"),

  // -- integers
  ...integers(32),
  ...integers(64),
  ...multiplyAddLong("smaddl", 0x9b200000),
  ...multiplyAddLong("smsubl", 0x9b208000),
  ...multiplyAddLong("umaddl", 0x9ba00000),
  ...multiplyAddLong("umsubl", 0x9ba08000),
  /** 64-bit product of 32-bit factors: def; use; use. */
  smull: row("smull", "smull xd, wn, wm", 0x9b207c00, forms.binary),
  umull: row("umull", "umull xd, wn, wm", 0x9ba07c00, forms.binary),
  /** Upper half of the 128-bit product. */
  smulh: row("smulh", "smulh xd, xn, xm", 0x9b407c00, forms.binary),
  umulh: row("umulh", "umulh xd, xn, xm", 0x9bc07c00, forms.binary),
  /** Sign and zero extension: def; use. */
  sxtb32: row("sxtb32", "sxtb wd, wn", 0x13001c00, forms.unary),
  sxtb64: row("sxtb64", "sxtb xd, wn", 0x93401c00, forms.unary),
  sxth32: row("sxth32", "sxth wd, wn", 0x13003c00, forms.unary),
  sxth64: row("sxth64", "sxth xd, wn", 0x93403c00, forms.unary),
  sxtw: row("sxtw", "sxtw xd, wn", 0x93407c00, forms.unary),
  uxtb: row("uxtb", "uxtb wd, wn", 0x53001c00, forms.unary),
  uxth: row("uxth", "uxth wd, wn", 0x53003c00, forms.unary),
  rev32: row("rev32", "rev wd, wn", 0x5ac00800, forms.unary),
  rev64: row("rev64", "rev xd, xn", 0xdac00c00, forms.unary),

  // -- scalar floats
  ...floats("s"),
  ...floats("d"),
  fcvt_ds: row("fcvt_ds", "fcvt dd, sn", 0x1e22c000, forms.unary),
  fcvt_sd: row("fcvt_sd", "fcvt sd, dn", 0x1e624000, forms.unary),
  /** Between register files, bits as they are: to-from. */
  fmov_ws: row("fmov_ws", "fmov wd, sn", 0x1e260000, forms.unary),
  fmov_sw: row("fmov_sw", "fmov sd, wn", 0x1e270000, forms.unary),
  fmov_xd: row("fmov_xd", "fmov xd, dn", 0x9e660000, forms.unary),
  fmov_dx: row("fmov_dx", "fmov dd, xn", 0x9e670000, forms.unary),

  ...atomics(),
  ...system(),
  ...vectorRows(),
} as const;
export type Arm64Name = keyof typeof Arm64;

export const instructionRows: readonly Row[] = rows;
export const instructionNames: readonly string[] = rows.map((r) => r.name);
/** RowFlag bits by row. */
export const instructionFlags: Uint8Array = Uint8Array.from(rows, (r) => r.flags);
/** Operand words of a row, without the address operands (whose word is `use()`). */
export const operandWords: readonly (readonly number[])[] = rows.map((r) => r.form.words);
