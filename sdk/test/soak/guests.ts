/**
 * The plugins of the soak. Each call has a number of its own, which the guest hands to the host when it begins and when it
 * is about to return, and makes its result of: so the host knows what ran, how often, and how far.
 */
import { assemble } from "../../../engine/test/runtime/assemble.js";

/** What `ok`, `park` and `nest` return for a call's number. */
export const resultOf = (id: number): number => (Math.imul(id, 31) + 7) | 0;

const imports = `(import "soak" "begin" (func $begin (param i32)))
  (import "soak" "end" (func $end (param i32)))
  (import "soak" "wait" (func $wait (param i32) (result i32)))
  (import "soak" "nest" (func $nest (param i32) (result i32)))`;

const result = `(func $result (param i32) (result i32)
    (i32.add (i32.mul (local.get 0) (i32.const 31)) (i32.const 7)))`;

const exports = `(func $busy (param i32)
    (block $none (br_if $none (i32.eqz (local.get 0)))
      (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "ok") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id)) (call $busy (local.get $n)) (call $end (local.get $id))
    (call $result (local.get $id)))
  (func (export "park") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id))
    (if (i32.ne (call $wait (local.get $id)) (local.get $id)) (then (unreachable)))
    (call $busy (local.get $n))
    (if (i32.ne (call $wait (local.get $id)) (local.get $id)) (then (unreachable)))
    (call $end (local.get $id))
    (call $result (local.get $id)))
  (func (export "nest") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id))
    (if (i32.ne (call $nest (local.get $id)) (local.get $id)) (then (unreachable)))
    (call $busy (local.get $n)) (call $end (local.get $id))
    (call $result (local.get $id)))
  (func (export "trap") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id)) (call $busy (local.get $n)) (unreachable))
  (func (export "spin") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id)) (loop $l (br $l)) (unreachable))
  (func $over (param i32) (result i32) (i32.add (call $over (local.get 0)) (i32.const 1)))
  (func (export "overflow") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id)) (call $over (local.get $id)))
  (func (export "fill") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id))
    ;; Beyond what is allocated for others, whose calls this one may be beside.
    (memory.fill (i32.const 65536) (local.get $n) (i32.const 3000000))
    (memory.copy (i32.const 131072) (i32.const 65536) (i32.const 3000000))
    (call $end (local.get $id)) (call $result (local.get $id)))
  (func (export "grow") (param $id i32) (param $n i32) (result i32)
    (call $begin (local.get $id))
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (call $end (local.get $id)) (call $result (local.get $id)))
  (func (export "echo") (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))`;

const allocator = `(global $top (mut i32) (i32.const 4096))
  (func (export "backplane_alloc") (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $top) (i32.const 60000)) (then (global.set $top (i32.const 4096))))
    (local.get $at))
  (func (export "backplane_free") (param i32 i32))`;

/** A counter whose state snapshots carry and reloads hand over. */
const counter = `(global $count (mut i32) (i32.const 0))
  (func (export "bump") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
  (func (export "backplane_save") (result i64)
    (i32.store (i32.const 64) (global.get $count)) (i64.const 0x400000040))
  (func (export "backplane_restore") (param i32 i32) (global.set $count (i32.load (local.get 0))))`;

/** `ok` and the others, in a memory of 64 pages that may grow by 16. */
export const worker = assemble(`(module ${imports} (memory (export "memory") 64 80)
  ${result} ${exports} ${allocator})`);

export const keeper = assemble(`(module (memory (export "memory") 1) ${allocator} ${counter})`);

/** What the linked ones import. It finds out if two are in it at a time. */
export const base = assemble(`(module (global $inside (mut i32) (i32.const 0))
  (func (export "step") (param $id i32) (result i32) (local $n i32)
    (if (global.get $inside) (then (return (i32.const -1))))
    (global.set $inside (i32.const 1))
    (local.set $n (i32.const 2000))
    (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (global.set $inside (i32.const 0))
    (i32.add (i32.mul (local.get $id) (i32.const 31)) (i32.const 7))))`);

export const linked = assemble(`(module ${imports}
  (import "base" "step" (func $result (param i32) (result i32)))
  (memory (export "memory") 64 80) ${exports} ${allocator})`);
