/** Programs in the text format, by family, each with the calls that are compared with Node's results. */
import type { JsValue } from "./run-both.js";

export interface Program {
  readonly name: string;
  readonly text: string;
  readonly calls: readonly (readonly [name: string, ...args: JsValue[]])[];
}

const control: Program = {
  name: "control",
  text: `(module
  (type $swap (func (param i32 i64) (result i64 i32)))
  (func $fac (export "fac") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then (i64.const 1))
      (else (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1)))))))
  (func (export "fac-loop") (param i64) (result i64) (local i64)
    (local.set 1 (i64.const 1))
    (block (br_if 0 (i64.lt_s (local.get 0) (i64.const 2)))
      (loop
        (local.set 1 (i64.mul (local.get 1) (local.get 0)))
        (local.set 0 (i64.add (local.get 0) (i64.const -1)))
        (br_if 0 (i64.gt_s (local.get 0) (i64.const 1)))))
    (local.get 1))
  (func $fib (export "fib") (param i32) (result i32)
    (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
    (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
  (func (export "nested-loops") (param i32 i32) (result i32) (local i32 i32 i32)
    (loop $outer
      (local.set 3 (i32.const 0))
      (loop $inner
        (local.set 4 (i32.add (local.get 4) (i32.mul (local.get 2) (local.get 3))))
        (br_if $inner (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (local.get 1))))
      (br_if $outer (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (local.get 0))))
    (local.get 4))
  (func (export "loop-params") (param i32) (result i32)
    (local.get 0) (i32.const 0)
    (loop (param i32 i32) (result i32)
      (local.set 0) (i32.const 1) (i32.sub) (local.tee 0 (i32.add (local.get 0) (i32.const 3))) (drop)
      (local.get 0)
      (br_if 0 (i32.lt_s (local.get 0) (i32.const 40)))
      (i32.add)))
  (func (export "switch") (param i32) (result i32)
    (block (block (block (block
      (br_table 0 1 2 1 3 (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
      (return (i32.const 30)))
    (i32.const 40))
  (func (export "switch-values") (param i32) (result i32) (local i32)
    (block (result i32)
      (block (result i32)
        (local.set 1 (i32.const 5))
        (br_table 0 1 0 1 1 (i32.mul (local.get 0) (i32.const 7)) (local.get 0)))
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (i32.const 100) (i32.add))
    (local.get 1) (i32.add))
  (func (export "switch-loop") (param i32) (result i32) (local i32 i32)
    (block $out
      (loop $again
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (local.set 2 (i32.add (local.get 2) (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_table $out $again $again $out $again (local.get 0))))
    (i32.add (i32.mul (local.get 1) (i32.const 1000)) (local.get 2)))
  (func $swap (type $swap) (local.get 1) (local.get 0))
  (func (export "multi") (param i32 i64) (result i64 i32 i64 i32)
    (call $swap (local.get 0) (local.get 1))
    (local.get 0) (local.get 1)
    (block (type $swap) (br_if 1 (i64.const 9) (i32.const 8) (i64.const 7) (i32.const 6) (local.get 0))
      (drop) (drop) (drop) (drop) (call $swap)))
  (func (export "if-params") (param i32 i32) (result i32)
    (local.get 1) (local.get 0)
    (if (param i32) (result i32) (then (i32.const 3) (i32.mul)) (else (i32.const 5) (i32.sub)))
    (local.get 0)
    (if (param i32) (result i32) (then (drop) (i32.const 77))))
  (func (export "one-arm") (param i32 i32) (result i32) (local i32)
    (if (local.get 0) (then (local.set 2 (i32.const 3)) (local.set 1 (i32.const 4))))
    (if (local.get 2) (then) (else (local.set 1 (i32.add (local.get 1) (i32.const 100)))))
    (i32.add (local.get 1) (local.get 2)))
  (func (export "both-arms-leave") (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 1))) (else (return (i32.const 2))))
    (i32.const 3))
  (func (export "after-branch") (param i32) (result i32) (local i32)
    (block (result i32)
      (br 0 (i32.const 5))
      (loop (block (if (local.get 0) (then (br 3 (i32.const 1))) (else (local.set 1 (i32.const 1)) (br 1)))) (br 0))
      (i32.add) (drop) (f64.add) (drop) (select) (local.set 1) (br_table 0 0 0) (unreachable))
    (local.get 1) (i32.add))
  (func (export "unreachable-if") (param i32) (result i32)
    (if (local.get 0) (then (unreachable)))
    (local.get 0))
  (func (export "leave-three") (param i32) (result i32) (local i32)
    (block (block (block
      (local.set 1 (i32.const 1))
      (br_if 2 (i32.eq (local.get 0) (i32.const 2)))
      (local.set 1 (i32.add (local.get 1) (i32.const 10)))
      (br_if 1 (i32.eq (local.get 0) (i32.const 1)))
      (local.set 1 (i32.add (local.get 1) (i32.const 100))))
      (local.set 1 (i32.add (local.get 1) (i32.const 1000))))
      (local.set 1 (i32.add (local.get 1) (i32.const 10000))))
    (local.get 1))
  (func (export "br-if-value") (param i32) (result i32)
    (block (result i32) (i32.add (br_if 0 (i32.const 50) (local.get 0)) (i32.const 1))))
  (func (export "return-values") (param i32) (result i32 i64)
    (block (br_if 1 (i32.const 1) (i64.const 2) (local.get 0)) (drop) (drop))
    (i32.const 3) (i64.const 4))
  (func (export "br-function") (param i32) (result i32) (br 0 (i32.add (local.get 0) (i32.const 1))))
  (func (export "collatz") (param i32) (result i32) (local i32)
    (loop $top
      (if (i32.gt_u (local.get 0) (i32.const 1)) (then
        (local.set 0 (if (result i32) (i32.and (local.get 0) (i32.const 1))
          (then (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))
          (else (i32.shr_u (local.get 0) (i32.const 1)))))
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br $top))))
    (local.get 1))
  (func (export "zeros") (result i32 i64 f32 f64) (local i32 i64 f32 f64)
    (local.get 0) (local.get 1) (local.get 2) (local.get 3))
  (func (export "selects") (param i32) (result i32 i64 f32 f64)
    (select (i32.const 1) (i32.const 2) (local.get 0))
    (select (i64.const 3) (i64.const 4) (local.get 0))
    (select (result f32) (f32.const 5) (f32.const 6) (local.get 0))
    (select (f64.const 7) (f64.const 8) (local.get 0)))
  (func (export "swapped-locals") (param i32 i32 i32) (result i32) (local i32)
    (loop
      (local.set 3 (local.get 0)) (local.set 0 (local.get 1)) (local.set 1 (local.get 3))
      (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
    (i32.sub (local.get 0) (local.get 1)))
  (func (export "endless-part") (param i32) (result i32)
    (block (loop (br_if 1 (local.get 0)) (local.set 0 (i32.const 1)) (br 0)))
    (local.get 0)))`,
  calls: [
    ["fac", 20n],
    ["fac-loop", 20n],
    ["fac-loop", 0n],
    ["fib", 12],
    ["nested-loops", 5, 7],
    ["loop-params", 9],
    ...[0, 1, 2, 3, 4, 5, -1].flatMap((n): (readonly [string, number])[] => [
      ["switch", n],
      ["switch-values", n],
    ]),
    ["switch-loop", 9],
    ["switch-loop", 3],
    ["multi", 0, 5n],
    ["multi", 3, 5n],
    ["if-params", 0, 9],
    ["if-params", 1, 9],
    ["one-arm", 0, 9],
    ["one-arm", 1, 9],
    ["both-arms-leave", 0],
    ["both-arms-leave", 1],
    ["after-branch", 1],
    ["unreachable-if", 0],
    ["unreachable-if", 1],
    ["leave-three", 0],
    ["leave-three", 1],
    ["leave-three", 2],
    ["br-if-value", 0],
    ["br-if-value", 1],
    ["return-values", 0],
    ["return-values", 1],
    ["br-function", 41],
    ["collatz", 27],
    ["zeros"],
    ["selects", 0],
    ["selects", 1],
    ["swapped-locals", 7, 3, 5],
    ["swapped-locals", 7, 3, 4],
    ["endless-part", 0],
  ],
};

const memory: Program = {
  name: "memory",
  text: `(module
  (memory 1 3)
  (data (i32.const 8) "hello, memory")
  (data $passive "passive bytes")
  (func (export "sieve") (param i32) (result i32) (local i32 i32 i32)
    (local.set 1 (i32.const 2))
    (loop $candidates
      (if (i32.eqz (i32.load8_u offset=1000 (local.get 1))) (then
        (local.set 3 (i32.add (local.get 3) (i32.const 1)))
        (local.set 2 (i32.mul (local.get 1) (local.get 1)))
        (block $done (loop $mark
          (br_if $done (i32.ge_u (local.get 2) (local.get 0)))
          (i32.store8 offset=1000 (local.get 2) (i32.const 1))
          (local.set 2 (i32.add (local.get 2) (local.get 1)))
          (br $mark)))))
      (br_if $candidates (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
    (local.get 3))
  (func (export "hash") (result i32) (local i32 i32)
    (local.set 1 (i32.const 5381))
    (loop
      (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 33)) (i32.load8_s offset=8 (local.get 0))))
      (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 13))))
    (local.get 1))
  (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "get-far") (param i32) (result i32) (nop) (i32.load offset=0xfffffffc (local.get 0)))
  (func (export "set-far") (param i32) (nop) (i32.store offset=0xfffffffd (local.get 0) (i32.const 1)))
  (func (export "get-beyond-maximum") (param i32) (result i32) (local i32)
    (local.set 1 (i32.load8_u offset=196608 (local.get 0)))
    (block (br_if 0 (local.get 1)) (return (i32.const 9)))
    (local.get 1))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "grow-and-use") (result i32)
    (i32.store (i32.const 65532) (i32.const 5))
    (drop (memory.grow (i32.const 1)))
    (i32.store (i32.const 65536) (i32.const 6))
    (i32.add (i32.load (i32.const 65532)) (i32.load (i32.const 65536))))
  (func (export "fill") (param i32 i32 i32) (nop) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (nop) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (nop) (memory.init $passive (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (data.drop $passive))
  (func (export "sum") (result i64) (local i32 i64)
    (loop
      (local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 31)) (i64.load16_u (local.get 0))))
      (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 3))) (i32.const 2000))))
    (local.get 1)))`,
  calls: [
    ["hash"],
    ["sieve", 500],
    ["sum"],
    ["get", 65532],
    ["get", 65533],
    ["get", -1],
    ["get-far", 0],
    ["get-far", 4],
    ["set-far", 0],
    ["get-beyond-maximum", 0],
    ["fill", 100, 0xab, 50],
    ["fill", 65536, 1, 0],
    ["fill", 65536, 1, 1],
    ["fill", 65537, 1, 0],
    ["fill", 1, 1, -1],
    ["copy", 120, 8, 13],
    ["copy", 9, 8, 13],
    ["copy", 65530, 8, 13],
    ["copy", 8, 65530, 13],
    ["copy", -1, 65530, 13],
    ["init", 300, 2, 5],
    ["init", 300, 2, 50],
    ["init", 65535, 2, 5],
    ["drop"],
    ["init", 300, 0, 0],
    ["init", 300, 0, 1],
    ["sum"],
    ["size"],
    ["grow-and-use"],
    ["size"],
    ["grow", 1],
    ["grow", 1],
    ["get", 65536 * 3 - 4],
    ["get", 65536 * 3],
    ["get-beyond-maximum", 0],
  ],
};

const calls: Program = {
  name: "calls",
  text: `(module
  (type $unary (func (param i32) (result i32)))
  (type $pair (func (param i32) (result i32 i64)))
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (import "env" "mixed" (func $mixed (param i32 i64 f32 f64) (result f64)))
  (import "env" "both" (func $both (param i32) (result i32 i64)))
  (import "env" "nothing" (func $nothing))
  (table 8 funcref)
  (table $refs 4 12 externref)
  (elem (i32.const 0) $increment $twice $pair $even)
  (elem $later func $odd $increment)
  (global $count (mut i32) (i32.const 3))
  (global $wide (mut i64) (i64.const -5))
  (global $single (mut f32) (f32.const 1.5))
  (global $double (mut f64) (f64.const -0.0))
  (global $constant i32 (i32.const 1234))
  (global $function (mut funcref) (ref.func $increment))
  (global $host (mut externref) (ref.null extern))
  (func $increment (type $unary) (i32.add (local.get 0) (i32.const 1)))
  (func $pair (type $pair) (local.get 0) (i64.extend_i32_s (local.get 0)))
  (func $even (export "even") (type $unary)
    (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
  (func $odd (type $unary)
    (if (result i32) (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
  (func (export "host") (param i32) (result i32) (call $nothing) (i32.add (call $twice (local.get 0)) (local.get 0)))
  (func (export "mixed") (result f64) (call $mixed (i32.const 1) (i64.const 2) (f32.const 3.5) (f64.const 4.25)))
  (func (export "both") (param i32) (result i64 i32) (local i64)
    (call $both (local.get 0)) (local.set 1) (local.set 0) (local.get 1) (local.get 0))
  (func (export "indirect") (param i32 i32) (result i32) (call_indirect (type $unary) (local.get 1) (local.get 0)))
  (func (export "indirect-pair") (param i32) (result i64)
    (call_indirect (type $pair) (i32.const 8) (local.get 0)) (i64.extend_i32_u (i32.const 1)) (i64.add)
    (local.set 0 (i32.const 0)) (return))
  (func (export "globals") (param i32) (result i32 i64 f32 f64)
    (global.set $count (i32.add (global.get $count) (local.get 0)))
    (global.set $wide (i64.mul (global.get $wide) (i64.const 3)))
    (global.set $single (f32.neg (global.get $single)))
    (global.set $double (f64.sub (global.get $double) (f64.const 1)))
    (i32.add (global.get $count) (global.get $constant))
    (global.get $wide) (global.get $single) (global.get $double))
  (func (export "null-global") (result i32 i32)
    (ref.is_null (global.get $host)) (ref.is_null (global.get $function)))
  (func (export "set-null") (global.set $function (ref.null func)))
  (func (export "table-null") (param i32) (result i32) (ref.is_null (table.get 0 (local.get 0))))
  (func (export "table-set") (param i32) (table.set 0 (local.get 0) (ref.func $odd)))
  (func (export "table-sizes") (result i32 i32) (table.size 0) (table.size $refs))
  (func (export "table-grow") (param i32) (result i32) (table.grow $refs (ref.null extern) (local.get 0)))
  (func (export "keep") (param i32 externref) (result i32)
    (table.set $refs (local.get 0) (local.get 1))
    (global.set $host (table.get $refs (local.get 0)))
    (ref.is_null (table.get $refs (local.get 0))))
  (func (export "kept") (param i32) (result externref) (table.get $refs (local.get 0)))
  (func (export "fill") (param i32 externref i32) (nop) (table.fill $refs (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (nop) (table.copy 0 0 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (nop) (table.init 0 $later (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (elem.drop $later))
  (func (export "ref-locals") (param externref i32) (result externref) (local externref funcref)
    (if (local.get 1) (then (local.set 2 (local.get 0)) (local.set 3 (ref.func $odd))))
    (if (ref.is_null (local.get 3)) (then (return (ref.null extern))))
    (select (result externref) (local.get 2) (local.get 0) (local.get 1))))`,
  calls: [
    ["even", 10],
    ["even", 7],
    ["host", 21],
    ["mixed"],
    ["both", 6],
    ...[0, 1, 2, 3, 4, 7, 8, -1].map((n): readonly [string, number, number] => ["indirect", n, 40]),
    ["indirect-pair", 2],
    ["indirect-pair", 0],
    ["globals", 5],
    ["globals", -8],
    ["null-global"],
    ["set-null"],
    ["null-global"],
    ["table-null", 0],
    ["table-null", 5],
    ["table-null", 8],
    ["table-set", 5],
    ["table-set", 9],
    ["table-null", 5],
    ["indirect", 5, 9],
    ["table-sizes"],
    ["table-grow", 3],
    ["table-grow", 100],
    ["table-sizes"],
    ["keep", 2, 77],
    ["keep", 3, null],
    ["keep", 7, 1],
    ["kept", 2],
    ["kept", 3],
    ["fill", 4, 99, 3],
    ["fill", 5, 99, 3],
    ["kept", 6],
    ["copy", 6, 0, 2],
    ["indirect", 6, 1],
    ["copy", 7, 0, 2],
    ["init", 4, 0, 2],
    ["indirect", 4, 3],
    ["init", 4, 1, 2],
    ["drop"],
    ["init", 4, 0, 1],
    ["ref-locals", 55, 1],
    ["ref-locals", 55, 0],
  ],
};

export const programs: readonly Program[] = [control, memory, calls];
