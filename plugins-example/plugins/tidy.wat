;; tidy: run(text) -> text, without white space at its ends.
;;
;; Memory: text comes in memory of backplane_alloc and is the plugin's; a result is the host's until it calls
;; backplane_free. The result lies inside the text that came in, so one piece of memory passes through and back.
(module $tidy
  (memory (export "memory") 1)

  ;; An arena: memory is handed out from the bottom up, and is free again when nothing of it is in use.
  (global $bottom i32 (i32.const 1024))
  (global $top (mut i32) (i32.const 1024))
  (global $used (mut i32) (i32.const 0))

  (func (export "backplane_alloc") (param $size i32) (result i32)
    (local $pointer i32)
    (local $missing i32)
    (local.set $pointer (global.get $top))
    ;; Does it end beyond the memory? Then grow by the pages that are missing, or give 0.
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (i32.add (local.get $pointer) (local.get $size)) (i32.const 65535)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1))
          (then (return (i32.const 0))))))
    (global.set $top (i32.add (local.get $pointer) (local.get $size)))
    (global.set $used (i32.add (global.get $used) (i32.const 1)))
    (local.get $pointer))

  (func (export "backplane_free") (param $pointer i32) (param $size i32)
    (global.set $used (i32.sub (global.get $used) (i32.const 1)))
    (if (i32.eqz (global.get $used))
      (then (global.set $top (global.get $bottom)))))

  ;; Space, tab, line feed, carriage return.
  (func $isSpace (param $at i32) (result i32)
    (local $byte i32)
    (local.set $byte (i32.load8_u (local.get $at)))
    (i32.or
      (i32.eq (local.get $byte) (i32.const 32))
      (i32.le_u (i32.sub (local.get $byte) (i32.const 9)) (i32.const 4))))

  (func (export "run") (param $start i32) (param $length i32) (result i64)
    (local $end i32)
    (local.set $end (i32.add (local.get $start) (local.get $length)))
    (block $found
      (loop $next
        (br_if $found (i32.eq (local.get $start) (local.get $end)))
        (br_if $found (i32.eqz (call $isSpace (local.get $start))))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (br $next)))
    (block $found
      (loop $next
        (br_if $found (i32.eq (local.get $start) (local.get $end)))
        (br_if $found (i32.eqz (call $isSpace (i32.sub (local.get $end) (i32.const 1)))))
        (local.set $end (i32.sub (local.get $end) (i32.const 1)))
        (br $next)))
    ;; Pointer in the low half, length in the high half.
    (i64.or
      (i64.extend_i32_u (local.get $start))
      (i64.shl (i64.extend_i32_u (i32.sub (local.get $end) (local.get $start))) (i64.const 32)))))
