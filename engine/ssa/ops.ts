/**
 * The op table of the SSA middle: one row per op. Printer, parser, verifier, GVN, DCE, folding and every
 * lowering read these rows; nothing else describes an op.
 *
 * Types are the machine's view of Wasm's: a funcref and every address is `ptr` (64 bits, not traced), an
 * externref is `ref` (a 64-bit handle that stack maps report). An `i32` in a register always has its upper
 * 32 bits zero: each lowering must define i32 values with instructions that guarantee it, since addresses
 * are formed from them without a further extension.
 */

/** Type of an SSA value. `none` is the type of an op without a result. */
export const Type = { none: 0, i32: 1, i64: 2, f32: 3, f64: 4, v128: 5, ref: 6, ptr: 7 } as const;
export type Type = (typeof Type)[keyof typeof Type];
export const typeNames = ["none", "i32", "i64", "f32", "f64", "v128", "ref", "ptr"] as const;

/** Row flags. An op with none of `effect`, `trap`, `read`, `terminator` is pure: same inputs, same value. */
export const OpFlag = {
  /** Writes memory, calls, or otherwise must stay, in order with other effects. */
  effect: 1,
  /** May trap: can't be removed when unused, nor moved above an effect. */
  trap: 2,
  /** Reads mutable state: its value may change across an `effect`. */
  read: 4,
  /** Ends its block. */
  terminator: 8,
  /** `a op b` equals `b op a`. */
  commutative: 16,
  /** Is a call: clobbers registers, reads and writes everything, is a safepoint. */
  call: 32,
} as const;

/**
 * How a row uses its columns:
 * - `fixed`: `arity` operands in a0, a1, a2.
 * - `list`: `arity` operands (0 or 1) in a0; more in the pool at a1, count a2.
 * - `param`: a block parameter; no operands; lo = its index.
 */
export type OperandShape = "fixed" | "list" | "param";

/** What the immediates lo and hi hold. */
export type ImmediateShape =
  | "none"
  | "const" // lo/hi: the bits of the constant (f32 in lo; i32 sign-extended into nothing: hi = 0); v128: see below
  | "offset" // lo: unsigned 32-bit byte offset added to the address without wrapping at 32 bits
  | "field" // lo: signed byte displacement; hi: alias class (AliasClass)
  | "function" // lo: function index in the module; hi: signature (type index in the module)
  | "signature" // hi: signature (type index in the module)
  | "builtin" // lo: Builtin number
  | "trap" // lo: TrapKind
  | "slot" // lo: number of a stack slot
  | "index" // lo: result number of a multi-result instruction
  | "edges" // lo: first edge; hi: count of edges
  | "check" // lo: offset + access width, unsigned 32-bit lo, hi: upper bits (0 or 1)
  | "shape" // hi: Shape of the lanes
  | "lane" // hi: Shape; lo: lane number
  | "lanes" // lo: number of 16 lane numbers (one a byte) in the function's `vectors`
  | "symbol"; // lo: a number that means something at link time (signature type index)

interface Row {
  readonly name: string;
  readonly shape: OperandShape;
  readonly arity: number;
  readonly immediate: ImmediateShape;
  readonly flags: number;
  /** Result type where it is always the same; else null: the type column says. */
  readonly result: Type | null;
}

const rows: Row[] = [];
function row(
  name: string,
  arity: number,
  flags = 0,
  result: Type | null = null,
  immediate: ImmediateShape = "none",
  shape: OperandShape = "fixed",
): number {
  rows.push({ name, shape, arity, immediate, flags, result });
  return rows.length - 1;
}
const { effect, trap, read, terminator, commutative, call } = OpFlag;
const { none, i32, v128, ptr } = Type;

/** Op numbers by name. Operand types are those of the result unless noted. */
export const Op = {
  // -- structure
  nop: row("nop", 0, 0, none),
  /** A block parameter. */
  param: row("param", 0, 0, null, "index", "param"),
  /** A v128 is four words, so lo is its number in the function's `vectors`; 0 is all zeros, as for other types. */
  const: row("const", 0, 0, null, "const"),
  /** Result lo (from 1) of the multi-result call a0; stands directly after it. Result 0 is the call itself. */
  proj: row("proj", 1, effect, null, "index"),
  /** The execution context's address (a pinned register). */
  ctx: row("ctx", 0, 0, ptr),

  // -- integer arithmetic, i32 or i64 (ptr takes part in add, and, shl)
  add: row("add", 2, commutative),
  sub: row("sub", 2),
  mul: row("mul", 2, commutative),
  sdiv: row("sdiv", 2, trap),
  udiv: row("udiv", 2, trap),
  srem: row("srem", 2, trap),
  urem: row("urem", 2, trap),
  and: row("and", 2, commutative),
  or: row("or", 2, commutative),
  xor: row("xor", 2, commutative),
  /** Shift and rotate counts have the type of the shifted value and are taken modulo its width. */
  shl: row("shl", 2),
  sshr: row("sshr", 2),
  ushr: row("ushr", 2),
  rotl: row("rotl", 2),
  rotr: row("rotr", 2),
  clz: row("clz", 1),
  ctz: row("ctz", 1),
  popcnt: row("popcnt", 1),
  /** Sign extension of the low 8, 16, 32 bits within the type (i32 or i64). */
  sext8: row("sext8", 1),
  sext16: row("sext16", 1),
  sext32: row("sext32", 1),

  // -- integer comparison: operands of one type (i32, i64, ptr, ref), result i32 0 or 1
  eqz: row("eqz", 1, 0, i32),
  eq: row("eq", 2, commutative, i32),
  ne: row("ne", 2, commutative, i32),
  slt: row("slt", 2, 0, i32),
  sle: row("sle", 2, 0, i32),
  sgt: row("sgt", 2, 0, i32),
  sge: row("sge", 2, 0, i32),
  ult: row("ult", 2, 0, i32),
  ule: row("ule", 2, 0, i32),
  ugt: row("ugt", 2, 0, i32),
  uge: row("uge", 2, 0, i32),

  // -- floating point, f32 or f64
  fadd: row("fadd", 2, commutative),
  fsub: row("fsub", 2),
  fmul: row("fmul", 2, commutative),
  fdiv: row("fdiv", 2),
  /** Wasm's min and max: NaN if either is NaN, -0 < +0. */
  fmin: row("fmin", 2),
  fmax: row("fmax", 2),
  fcopysign: row("fcopysign", 2),
  fabs: row("fabs", 1),
  fneg: row("fneg", 1),
  fsqrt: row("fsqrt", 1),
  fceil: row("fceil", 1),
  ffloor: row("ffloor", 1),
  ftrunc: row("ftrunc", 1),
  fnearest: row("fnearest", 1),
  feq: row("feq", 2, commutative, i32),
  fne: row("fne", 2, commutative, i32),
  flt: row("flt", 2, 0, i32),
  fle: row("fle", 2, 0, i32),
  fgt: row("fgt", 2, 0, i32),
  fge: row("fge", 2, 0, i32),

  // -- conversions: the operand's type and the result's decide
  wrap: row("wrap", 1, 0, i32), // i64 -> i32
  sext: row("sext", 1), // i32 -> i64
  zext: row("zext", 1), // i32 -> i64 or ptr
  /** Float to int, trapping (invalid conversion, overflow). */
  ftosi: row("ftosi", 1, trap),
  ftoui: row("ftoui", 1, trap),
  /** Float to int, saturating. */
  ftosisat: row("ftosisat", 1),
  ftouisat: row("ftouisat", 1),
  sitof: row("sitof", 1),
  uitof: row("uitof", 1),
  promote: row("promote", 1), // f32 -> f64
  demote: row("demote", 1), // f64 -> f32
  /** Same bits, other type: i32/f32, i64/f64, ref or ptr/i64. */
  bitcast: row("bitcast", 1),
  /** select(condition: i32, ifNonZero, ifZero). */
  select: row("select", 3),

  // -- vectors: operands and result v128 unless noted, lanes as the Shape says. The order matters where lowering
  //    tests ranges.
  /** a0 (i32 for lanes of up to 32 bits) in every lane. */
  vsplat: row("vsplat", 1, 0, v128, "shape"),
  /** a0 (f32, f64) in the lowest lane, zeros above. */
  vscalar: row("vscalar", 1, 0, v128),
  /** The value of a lane; an 8- or 16-bit one sign- or zero-extended. Other lanes are `vextractu`. */
  vextracts: row("vextracts", 1, 0, null, "lane"),
  vextractu: row("vextractu", 1, 0, null, "lane"),
  /** a0 with a lane replaced by a1. */
  vreplace: row("vreplace", 2, 0, v128, "lane"),
  /** Bytes of a0 (0 to 15) and a1 (16 to 31), chosen by constants. */
  vshuffle: row("vshuffle", 2, 0, v128, "lanes"),
  /** Bytes of a0, chosen by those of a1; 0 where they are 16 or more. */
  vswizzle: row("vswizzle", 2, 0, v128),
  vand: row("vand", 2, commutative, v128),
  vor: row("vor", 2, commutative, v128),
  vxor: row("vxor", 2, commutative, v128),
  /** a0 & ~a1. */
  vandnot: row("vandnot", 2, 0, v128),
  vnot: row("vnot", 1, 0, v128),
  /** Bits of a0 where a2 has ones, of a1 elsewhere. */
  vbitselect: row("vbitselect", 3, 0, v128),
  /** Of integers and floats. */
  vadd: row("vadd", 2, commutative, v128, "shape"),
  vsub: row("vsub", 2, 0, v128, "shape"),
  vmul: row("vmul", 2, commutative, v128, "shape"),
  vdiv: row("vdiv", 2, 0, v128, "shape"),
  /** Wasm's float min and max, as `fmin` and `fmax`. */
  vmin: row("vmin", 2, 0, v128, "shape"),
  vmax: row("vmax", 2, 0, v128, "shape"),
  /** a1 < a0 ? a1 : a0, and a0 < a1 ? a1 : a0. */
  vpmin: row("vpmin", 2, 0, v128, "shape"),
  vpmax: row("vpmax", 2, 0, v128, "shape"),
  vaddsats: row("vaddsats", 2, commutative, v128, "shape"),
  vaddsatu: row("vaddsatu", 2, commutative, v128, "shape"),
  vsubsats: row("vsubsats", 2, 0, v128, "shape"),
  vsubsatu: row("vsubsatu", 2, 0, v128, "shape"),
  vmins: row("vmins", 2, commutative, v128, "shape"),
  vminu: row("vminu", 2, commutative, v128, "shape"),
  vmaxs: row("vmaxs", 2, commutative, v128, "shape"),
  vmaxu: row("vmaxu", 2, commutative, v128, "shape"),
  /** (a0 + a1 + 1) >> 1 without overflow. */
  vavgru: row("vavgru", 2, commutative, v128, "shape"),
  /** (a0 * a1 + 0x4000) >> 15, saturated. */
  vq15mulrsats: row("vq15mulrsats", 2, commutative, v128, "shape"),
  /** Comparisons: all ones or zeros in each lane; vgt and vge are signed or of floats. Less is greater, exchanged. */
  veq: row("veq", 2, commutative, v128, "shape"),
  vne: row("vne", 2, commutative, v128, "shape"),
  vgt: row("vgt", 2, 0, v128, "shape"),
  vgtu: row("vgtu", 2, 0, v128, "shape"),
  vge: row("vge", 2, 0, v128, "shape"),
  vgeu: row("vgeu", 2, 0, v128, "shape"),
  /** Of integers and floats. */
  vabs: row("vabs", 1, 0, v128, "shape"),
  vneg: row("vneg", 1, 0, v128, "shape"),
  vsqrt: row("vsqrt", 1, 0, v128, "shape"),
  vceil: row("vceil", 1, 0, v128, "shape"),
  vfloor: row("vfloor", 1, 0, v128, "shape"),
  vtrunc: row("vtrunc", 1, 0, v128, "shape"),
  vnearest: row("vnearest", 1, 0, v128, "shape"),
  vpopcnt: row("vpopcnt", 1, 0, v128, "shape"),
  /** All lanes by a1 (i32), taken modulo the lanes' width. */
  vshl: row("vshl", 2, 0, v128, "shape"),
  vshrs: row("vshrs", 2, 0, v128, "shape"),
  vshru: row("vshru", 2, 0, v128, "shape"),
  /** 1 if any bit is set; if no lane is zero; the lanes' sign bits. */
  vanytrue: row("vanytrue", 1, 0, i32),
  valltrue: row("valltrue", 1, 0, i32, "shape"),
  vbitmask: row("vbitmask", 1, 0, i32, "shape"),
  // From here on the shape is the result's, which differs from the operands'.
  /** Both operands' lanes (signed) in half the width, saturated to signed or unsigned. */
  vnarrows: row("vnarrows", 2, 0, v128, "shape"),
  vnarrowu: row("vnarrowu", 2, 0, v128, "shape"),
  /** The lower or upper half of the lanes in twice the width. */
  vextlows: row("vextlows", 1, 0, v128, "shape"),
  vextlowu: row("vextlowu", 1, 0, v128, "shape"),
  vexthighs: row("vexthighs", 1, 0, v128, "shape"),
  vexthighu: row("vexthighu", 1, 0, v128, "shape"),
  /** Sums of neighbours in twice the width. */
  vextadds: row("vextadds", 1, 0, v128, "shape"),
  vextaddu: row("vextaddu", 1, 0, v128, "shape"),
  /** Products of the lower or upper half of the lanes in twice the width. */
  vextmullows: row("vextmullows", 2, commutative, v128, "shape"),
  vextmullowu: row("vextmullowu", 2, commutative, v128, "shape"),
  vextmulhighs: row("vextmulhighs", 2, commutative, v128, "shape"),
  vextmulhighu: row("vextmulhighu", 2, commutative, v128, "shape"),
  /** Sums of the products of neighbours: i32x4 of signed i16x8. */
  vdots: row("vdots", 2, commutative, v128, "shape"),
  /** i32x4 to f32x4, or its lower half to f64x2. */
  vsitof: row("vsitof", 1, 0, v128, "shape"),
  vuitof: row("vuitof", 1, 0, v128, "shape"),
  /** Saturating, to i32x4 from the shape: f32x4, or f64x2 with zeros in the upper half. */
  vftosisat: row("vftosisat", 1, 0, v128, "shape"),
  vftouisat: row("vftouisat", 1, 0, v128, "shape"),
  /** f64x2 to f32x4, zeros in the upper half; the lower half of f32x4 to f64x2. */
  vdemote: row("vdemote", 1, 0, v128),
  vpromote: row("vpromote", 1, 0, v128),

  // -- linear memory: a0 = base (ptr), a1 = index (i32, zero-extended), lo = offset; address = base+index+offset.
  //    `load` and `store` move the whole type; the others a part. May fault at a recorded access site when the
  //    function is compiled for guard pages; otherwise a `check` stands before.
  load: row("load", 2, read | trap, null, "offset"),
  load8u: row("load8u", 2, read | trap, null, "offset"),
  load8s: row("load8s", 2, read | trap, null, "offset"),
  load16u: row("load16u", 2, read | trap, null, "offset"),
  load16s: row("load16s", 2, read | trap, null, "offset"),
  load32u: row("load32u", 2, read | trap, null, "offset"), // i64 only
  load32s: row("load32s", 2, read | trap, null, "offset"), // i64 only
  store: row("store", 3, effect | trap, none, "offset"), // a2 = value
  store8: row("store8", 3, effect | trap, none, "offset"),
  store16: row("store16", 3, effect | trap, none, "offset"),
  store32: row("store32", 3, effect | trap, none, "offset"), // i64 value
  /** Bounds check: trap out of bounds unless a0 (i32 index) + lo/hi <= a1 (i64 byte length). */
  check: row("check", 2, trap, none, "check"),

  // -- the engine's own records: a0 = address (ptr), lo = displacement, hi = alias class. Never fault.
  peek: row("peek", 1, read, null, "field"),
  /** 32 bits, zero-extended into the result type (i32, i64 or ptr). */
  peek32: row("peek32", 1, read, null, "field"),
  poke: row("poke", 2, effect, none, "field"), // a1 = value
  /** a0 + lo as an address. */
  offset: row("offset", 1, 0, ptr, "field"),
  /** a0 (ptr) + (a1 (i32) << lo): the address of a table's element. */
  element: row("element", 2, 0, ptr, "const"),

  // -- locals kept in the frame (functions too large for SSA names)
  slotload: row("slotload", 0, read, null, "slot"),
  slotstore: row("slotstore", 1, effect, none, "slot"),

  // -- traps and checks
  /** Trap of kind lo if a0 (i32) is not zero. */
  trapif: row("trapif", 1, trap | effect, none, "trap"),
  /** The canonical number of a signature (i32): known at link time; lo = type index in the module. */
  signature: row("signature", 0, 0, i32, "symbol"),
  /** The interrupt word's check, at loop headers where compiled in. */
  interrupt: row("interrupt", 0, effect | read | call, none),

  // -- calls: a0 = the callee's instance (ptr), arguments in the pool. Result 0 is the row's value.
  call: row("call", 1, effect | trap | read | call, null, "function", "list"),
  /** First pool argument is the code address (ptr), then the arguments. */
  callptr: row("callptr", 1, effect | trap | read | call, null, "signature", "list"),
  /** A runtime routine; a0 = this function's instance. */
  builtin: row("builtin", 1, effect | trap | read | call, null, "builtin", "list"),

  // -- terminators
  jump: row("jump", 0, terminator | effect, none, "edges"),
  /** a0 (i32) not zero: first edge, else the second. */
  brif: row("brif", 1, terminator | effect, none, "edges"),
  /** a0 (i32, unsigned) selects an edge; the last is the default. */
  brtable: row("brtable", 1, terminator | effect, none, "edges"),
  return: row("return", 0, terminator | effect, none, "none", "list"),
  trap: row("trap", 0, terminator | effect | trap, none, "trap"),
} as const;
export type Op = number;

export const opRows: readonly Row[] = rows;
export const opNames: readonly string[] = rows.map((r) => r.name);
export const opFlags: Uint8Array = Uint8Array.from(rows, (r) => r.flags);
export const opArity: Uint8Array = Uint8Array.from(rows, (r) => r.arity);
/** 1 where the row's further operands are in the pool. */
export const opIsList: Uint8Array = Uint8Array.from(rows, (r) => (r.shape === "list" ? 1 : 0));

/**
 * What a peek or poke may touch. A poke, call or builtin of another class doesn't change what a peek of this
 * class reads.
 */
export const AliasClass = {
  /** Never changes while the instance lives: peeks are pure (memory base with guard pages, import slots). */
  invariant: 0,
  /** Changes only in calls and builtins (memory length and base, table length and elements pointer). */
  record: 1,
  /** Wasm globals: cells may be shared between instances. */
  global: 2,
  /** Table elements. */
  table: 3,
  /** Words that other threads or the runtime change at will. */
  volatile: 4,
} as const;
export type AliasClass = (typeof AliasClass)[keyof typeof AliasClass];

/** Trap kinds; the runtime maps each to a message. Stable numbers: they are stored in compiled code. */
export const TrapKind = {
  unreachable: 0,
  memoryOutOfBounds: 1,
  tableOutOfBounds: 2,
  indirectCallToNull: 3,
  signatureMismatch: 4,
  integerDivideByZero: 5,
  integerOverflow: 6,
  invalidConversion: 7,
  undefinedElement: 8,
  stackOverflow: 9,
  interrupt: 10,
  /** The out-of-bounds trap of bulk table operations and segments. */
  elementSegmentOutOfBounds: 11,
  /** A float beyond the integer type's range; NaN is invalidConversion. */
  conversionOverflow: 12,
  /** The budget of instructions is used up. */
  outOfFuel: 13,
} as const;
export type TrapKind = (typeof TrapKind)[keyof typeof TrapKind];
export const trapNames = Object.keys(TrapKind) as readonly (keyof typeof TrapKind)[];
