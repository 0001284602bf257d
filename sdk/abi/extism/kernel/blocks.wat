;; Which blocks of the shared memory (memory.wat) are in use: `alloc`, `free`, `length`, `reset`.
;;
;; A block begins at a multiple of 16, which is its handle. For every such address this module's own memory has a
;; record of 8 bytes, so that a handle is looked up without a search, and a number that is no handle is recognized:
;;   0  i32  a block in use: its length in bytes; a free one: the address of the next of its class, 0 for none
;;   4  i32  how many units of 16 bytes it takes, with the highest bit if it is in use; 0 where no block begins
;; Records lie at 4096 + address / 2. Below are the first free blocks of each class (class c: 2^c units and more), which
;; hold where the bit of the class in $classes is set.
;;
;; Blocks are taken from the class lists if one is large enough, what is left of it is a free block again if it has 128
;; bytes; else from the end. Free neighbours aren't joined: a plugin's memory is reset at each call of it.
(module
  (import "memory" "reach" (func $reach (param i64) (result i32)))
  (import "memory" "freed" (func $freed (param i64)))
  (import "memory" "clear" (func $clear (param i32 i32)))
  (import "memory" "input_set" (func $input_set (param i64 i64)))
  ;; Half as large as the memory that it describes, and one page for the class lists.
  (memory 1 32769)
  ;; The end of the last block.
  (global $end (mut i32) (i32.const 64))
  (global $classes (mut i32) (i32.const 0))

  (func $record (param $block i32) (result i32)
    (i32.add (i32.const 4096) (i32.shr_u (local.get $block) (i32.const 1))))

  (func $class (param $units i32) (result i32)
    (i32.sub (i32.const 31) (i32.clz (local.get $units))))

  ;; The record of a block in use, or 0 if `p` is no handle.
  (func $find (param $p i64) (result i32)
    (local $record i32)
    (if (i32.or
          (i64.ge_u (local.get $p) (i64.extend_i32_u (global.get $end)))
          (i64.ne (i64.and (local.get $p) (i64.const 15)) (i64.const 0)))
      (then (return (i32.const 0))))
    (local.set $record (call $record (i32.wrap_i64 (local.get $p))))
    (select (local.get $record) (i32.const 0)
      (i32.lt_s (i32.load offset=4 (local.get $record)) (i32.const 0))))

  (func $length (export "length") (export "length_unsafe") (param $p i64) (result i64)
    (local $record i32)
    (local.set $record (call $find (local.get $p)))
    (if (i32.eqz (local.get $record)) (then (return (i64.const 0))))
    (i64.load32_u (local.get $record)))

  ;; Puts a free block at the head of its class.
  (func $offer (param $block i32) (param $units i32)
    (local $class i32)
    (local $head i32)
    (local $bit i32)
    (local $record i32)
    (local.set $class (call $class (local.get $units)))
    (local.set $bit (i32.shl (i32.const 1) (local.get $class)))
    (local.set $head (i32.shl (local.get $class) (i32.const 2)))
    (local.set $record (call $record (local.get $block)))
    (i32.store (local.get $record)
      (if (result i32) (i32.and (global.get $classes) (local.get $bit))
        (then (i32.load (local.get $head)))
        (else (i32.const 0))))
    (i32.store offset=4 (local.get $record) (local.get $units))
    (i32.store (local.get $head) (local.get $block))
    (global.set $classes (i32.or (global.get $classes) (local.get $bit))))

  ;; Takes the first block of a class that isn't empty.
  (func $take (param $class i32) (result i32)
    (local $head i32)
    (local $block i32)
    (local $next i32)
    (local.set $head (i32.shl (local.get $class) (i32.const 2)))
    (local.set $block (i32.load (local.get $head)))
    (local.set $next (i32.load (call $record (local.get $block))))
    (i32.store (local.get $head) (local.get $next))
    (if (i32.eqz (local.get $next))
      (then
        (global.set $classes
          (i32.xor (global.get $classes) (i32.shl (i32.const 1) (local.get $class))))))
    (local.get $block))

  ;; A free block of at least so many units, taken out of its list; 0 if there is none.
  (func $reuse (param $units i32) (result i32)
    (local $class i32)
    (local $larger i32)
    (local.set $class (call $class (local.get $units)))
    ;; In its own class the first one may do, as for a block of the size that was freed last.
    (if (i32.and (global.get $classes) (i32.shl (i32.const 1) (local.get $class)))
      (then
        (if (i32.ge_u
              (i32.load offset=4 (call $record (i32.load (i32.shl (local.get $class) (i32.const 2)))))
              (local.get $units))
          (then (return (call $take (local.get $class)))))))
    (local.set $larger
      (i32.and (global.get $classes) (i32.shl (i32.const -2) (local.get $class))))
    (if (i32.eqz (local.get $larger)) (then (return (i32.const 0))))
    (call $take (i32.ctz (local.get $larger))))

  ;; So many units behind the last block; 0 without the memory for it.
  (func $extend (param $units i32) (result i32)
    (local $block i32)
    (local $end i64)
    (local $records i64)
    (local.set $block (global.get $end))
    (local.set $end
      (i64.add
        (i64.extend_i32_u (local.get $block))
        (i64.shl (i64.extend_i32_u (local.get $units)) (i64.const 4))))
    ;; The memory's end must stay a 32-bit number.
    (if (i64.gt_u (local.get $end) (i64.const 0xffff0000)) (then (return (i32.const 0))))
    (if (i32.eqz (call $reach (local.get $end))) (then (return (i32.const 0))))
    ;; Pages that this memory lacks.
    (local.set $records
      (i64.sub
        (i64.shr_u
          (i64.add (i64.shr_u (local.get $end) (i64.const 1)) (i64.const 69631))
          (i64.const 16))
        (i64.extend_i32_u (memory.size))))
    (if (i64.gt_s (local.get $records) (i64.const 0))
      (then
        (if (i32.eq (memory.grow (i32.wrap_i64 (local.get $records))) (i32.const -1))
          (then (return (i32.const 0))))))
    (global.set $end (i32.wrap_i64 (local.get $end)))
    (i32.store offset=4 (call $record (local.get $block)) (local.get $units))
    (local.get $block))

  (func $alloc (export "alloc") (param $length i64) (result i64)
    (local $units i32)
    (local $block i32)
    (local $record i32)
    (local $rest i32)
    (if (i64.gt_u (i64.sub (local.get $length) (i64.const 1)) (i64.const 0xfffeffff))
      (then (return (i64.const 0))))
    (local.set $units
      (i32.wrap_i64 (i64.shr_u (i64.add (local.get $length) (i64.const 15)) (i64.const 4))))
    (local.set $block (call $reuse (local.get $units)))
    (if (i32.eqz (local.get $block))
      (then
        (local.set $block (call $extend (local.get $units)))
        (if (i32.eqz (local.get $block)) (then (return (i64.const 0))))))
    (local.set $record (call $record (local.get $block)))
    (local.set $rest (i32.sub (i32.load offset=4 (local.get $record)) (local.get $units)))
    (if (i32.ge_u (local.get $rest) (i32.const 8))
      (then
        (call $offer
          (i32.add (local.get $block) (i32.shl (local.get $units) (i32.const 4)))
          (local.get $rest)))
      (else (local.set $units (i32.add (local.get $units) (local.get $rest)))))
    (i64.store32 (local.get $record) (local.get $length))
    (i32.store offset=4 (local.get $record) (i32.or (local.get $units) (i32.const 0x80000000)))
    (i64.extend_i32_u (local.get $block)))

  ;; What is no handle is left alone.
  (func (export "free") (param $p i64)
    (local $record i32)
    (local.set $record (call $find (local.get $p)))
    (if (i32.eqz (local.get $record)) (then (return)))
    (call $offer
      (i32.wrap_i64 (local.get $p))
      (i32.and (i32.load offset=4 (local.get $record)) (i32.const 0x7fffffff)))
    (call $freed (local.get $p)))

  ;; From now on there are no blocks. Gives the end of the last one.
  (func $forget (result i32)
    (local $block i32)
    (local $record i32)
    (local $units i32)
    (local $end i32)
    (local.set $end (global.get $end))
    (local.set $block (i32.const 64))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $block) (local.get $end)))
        (local.set $record (call $record (local.get $block)))
        (local.set $units (i32.and (i32.load offset=4 (local.get $record)) (i32.const 0x7fffffff)))
        (i64.store (local.get $record) (i64.const 0))
        (local.set $block (i32.add (local.get $block) (i32.shl (local.get $units) (i32.const 4))))
        (br $next)))
    (global.set $end (i32.const 64))
    (global.set $classes (i32.const 0))
    (local.get $end))

  ;; No blocks, no input, no output, no error; all bytes are zero.
  (func (export "reset")
    (call $clear (i32.const 0) (call $forget)))

  ;; For the host: resets, and makes a block that is the input; its handle, 0 if there is no memory for it. The host
  ;; writes the whole input before anything else happens, so these bytes aren't zeroed first.
  (func (export "begin") (param $length i32) (result i32)
    (local $end i32)
    (local $block i64)
    (local.set $end (call $forget))
    (call $clear (i32.const 0) (i32.const 64))
    (local.set $block (call $alloc (i64.extend_i32_u (local.get $length))))
    (if (i64.eqz (local.get $block))
      (then
        (call $clear (i32.const 64) (local.get $end))
        (return (i32.const 0))))
    (call $input_set (local.get $block) (i64.extend_i32_u (local.get $length)))
    (call $clear
      (i32.add (i32.wrap_i64 (local.get $block)) (local.get $length))
      (local.get $end))
    (i32.wrap_i64 (local.get $block))))
