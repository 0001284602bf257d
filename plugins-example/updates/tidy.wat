;; tidy, its second version: run(text) -> text, without white space at its ends, and with one space for several.
;; Memory as in the first version (plugins/tidy.wat). The text is rewritten where it lies: it only gets shorter.
(module $tidy
  (memory (export "memory") 1)
  (global $bottom i32 (i32.const 1024))
  (global $top (mut i32) (i32.const 1024))
  (global $used (mut i32) (i32.const 0))

  (func (export "backplane_alloc") (param $size i32) (result i32)
    (local $pointer i32)
    (local $missing i32)
    (local.set $pointer (global.get $top))
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

  ;; Space and tab are one kind of white space, line feed and carriage return another.
  (func $isBlank (param $byte i32) (result i32)
    (i32.or (i32.eq (local.get $byte) (i32.const 32)) (i32.eq (local.get $byte) (i32.const 9))))
  (func $isSpace (param $byte i32) (result i32)
    (i32.or
      (call $isBlank (local.get $byte))
      (i32.or (i32.eq (local.get $byte) (i32.const 10)) (i32.eq (local.get $byte) (i32.const 13)))))

  (func (export "run") (param $start i32) (param $length i32) (result i64)
    (local $from i32)
    (local $to i32)
    (local $end i32)
    (local $byte i32)
    (local.set $from (local.get $start))
    (local.set $to (local.get $start))
    (local.set $end (i32.add (local.get $start) (local.get $length)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $from) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        ;; White space at the very beginning, and a blank after a blank, are left out.
        (if (call $isSpace (local.get $byte))
          (then
            (br_if $next (i32.eq (local.get $to) (local.get $start)))
            (br_if $next
              (i32.and
                (call $isBlank (local.get $byte))
                (call $isBlank (i32.load8_u (i32.sub (local.get $to) (i32.const 1))))))))
        (i32.store8 (local.get $to) (local.get $byte))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $next)))
    (block $found
      (loop $next
        (br_if $found (i32.eq (local.get $to) (local.get $start)))
        (br_if $found (i32.eqz (call $isSpace (i32.load8_u (i32.sub (local.get $to) (i32.const 1))))))
        (local.set $to (i32.sub (local.get $to) (i32.const 1)))
        (br $next)))
    (i64.or
      (i64.extend_i32_u (local.get $start))
      (i64.shl (i64.extend_i32_u (i32.sub (local.get $to) (local.get $start))) (i64.const 32)))))
