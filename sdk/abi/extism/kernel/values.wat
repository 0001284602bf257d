;; Settings and variables: bytes by name, which plugins read and write as `config_get`, `var_get` and `var_set`.
;;
;; They are in a memory of their own, which no plugin can reach and which stays when an instance of the plugin is
;; replaced: nothing of them is kept in this module's globals. Names and values come as handles of the kernel's blocks
;; (blocks.wat), and values leave as new blocks; 0 is an empty name, and no value.
;;
;; The memory, little-endian:
;;   0     i32  end of the last entry       4  i32  bytes of entries that are dead
;;   8     i64  bytes that all variables count for      16  i64  bytes that they may count for
;;   64    i32  for each of 1024 buckets of hashes: its first entry, 0 for none
;;   4160       entries, one after the other:
;;     0  i32  the next entry of its bucket, 0 for none     4  i32  bytes of the entry, a multiple of 8
;;     8  i32  its kind: 0 dead, 1 a setting, 2 a variable
;;     12 i32  bytes of the name     16 i32  bytes of the value     20 i32  hash of kind and name
;;     24      the name, zeros up to a multiple of 8, the value
;;
;; An entry that needs more bytes dies, and a new one is appended. Where half of the memory is dead, the living move
;; together: so each byte that is written moves once on the average, and there is never much more memory than twice
;; what lives.
;;
;; The host begins with 4160 at 0 and the bound at 16, and adds settings by `reserve`.
;; Source: Extism's runtime, `config_get`, `var_get`, `var_set`.
(module
  (import "kernel" "alloc" (func $alloc (param i64) (result i64)))
  (import "kernel" "length" (func $block_length (param i64) (result i64)))
  (import "kernel" "load_u64" (func $load_u64 (param i64) (result i64)))
  (import "kernel" "store_u64" (func $store_u64 (param i64 i64)))
  ;; Throws if the block isn't UTF-8; asked for names that aren't ASCII. Takes the kind and the name.
  (import "host" "require_text" (func $require_text (param i32 i64)))
  ;; These throw: for a handle that is none (kind, handle), for want of memory (bytes), for variables that can't be set
  ;; (name, bytes of the value).
  (import "host" "no_handle" (func $no_handle (param i32 i64)))
  (import "host" "no_memory" (func $no_memory (param i64)))
  (import "host" "no_room" (func $no_room (param i64 i64)))
  (import "values" "memory" (memory 1 65535))
  ;; Of the name that was looked up last.
  (global $hash (mut i32) (i32.const 0))
  (global $name_length (mut i32) (i32.const 0))

  (func $padded (param $length i32) (result i64)
    (i64.and (i64.add (i64.extend_i32_u (local.get $length)) (i64.const 7)) (i64.const -8)))

  (func $value_of (export "value_of") (param $entry i32) (result i32)
    (i32.add
      (i32.add (local.get $entry) (i32.const 24))
      (i32.wrap_i64 (call $padded (i32.load offset=12 (local.get $entry))))))

  (func $bucket (param $hash i32) (result i32)
    (i32.add
      (i32.const 64)
      (i32.shl (i32.and (local.get $hash) (i32.const 1023)) (i32.const 2))))

  ;; Up to eight bytes of a block as a number, of which `left` are there; zeros for those behind.
  (func $word (param $from i64) (param $left i64) (result i64)
    (if (i64.ge_u (local.get $left) (i64.const 8)) (then (return (call $load_u64 (local.get $from)))))
    (i64.and
      (call $load_u64 (local.get $from))
      (i64.sub
        (i64.shl (i64.const 1) (i64.shl (local.get $left) (i64.const 3)))
        (i64.const 1))))

  ;; Looks at a name: sets $hash and $name_length. Words are mixed in by a multiplication that carries them upwards.
  (func $read_name (param $kind i32) (param $name i64)
    (local $length i64)
    (local $at i64)
    (local $word i64)
    (local $all i64)
    (local $hash i64)
    (local.set $length (call $block_length (local.get $name)))
    (if (i32.ne (i64.eqz (local.get $length)) (i64.eqz (local.get $name)))
      (then (call $no_handle (local.get $kind) (local.get $name))))
    (local.set $hash (i64.extend_i32_u (local.get $kind)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $at) (local.get $length)))
        (local.set $word
          (call $word
            (i64.add (local.get $name) (local.get $at))
            (i64.sub (local.get $length) (local.get $at))))
        (local.set $all (i64.or (local.get $all) (local.get $word)))
        (local.set $hash
          (i64.mul
            (i64.xor (i64.rotl (local.get $hash) (i64.const 23)) (local.get $word))
            (i64.const 0x9e3779b97f4a7c15)))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $next)))
    (if (i64.ne (i64.and (local.get $all) (i64.const 0x8080808080808080)) (i64.const 0))
      (then (call $require_text (local.get $kind) (local.get $name))))
    (global.set $hash (i32.wrap_i64 (i64.shr_u (local.get $hash) (i64.const 32))))
    (global.set $name_length (i32.wrap_i64 (local.get $length))))

  ;; Whether an entry has the name that was read last.
  (func $has_name (param $entry i32) (param $kind i32) (param $name i64) (result i32)
    (local $at i32)
    (local $length i32)
    (local.set $length (global.get $name_length))
    (if (i32.ne (i32.load offset=20 (local.get $entry)) (global.get $hash)) (then (return (i32.const 0))))
    (if (i32.ne (i32.load offset=8 (local.get $entry)) (local.get $kind)) (then (return (i32.const 0))))
    (if (i32.ne (i32.load offset=12 (local.get $entry)) (local.get $length)) (then (return (i32.const 0))))
    (block $same
      (loop $next
        (br_if $same (i32.ge_u (local.get $at) (local.get $length)))
        (if (i64.ne
              (i64.load offset=24 (i32.add (local.get $entry) (local.get $at)))
              (call $word
                (i64.add (local.get $name) (i64.extend_i32_u (local.get $at)))
                (i64.extend_i32_u (i32.sub (local.get $length) (local.get $at)))))
          (then (return (i32.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (i32.const 1))

  ;; The entry with the name that was read last, 0 without one.
  (func $look_up (param $kind i32) (param $name i64) (result i32)
    (local $entry i32)
    (local.set $entry (i32.load (call $bucket (global.get $hash))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $entry)))
        (br_if $done (call $has_name (local.get $entry) (local.get $kind) (local.get $name)))
        (local.set $entry (i32.load (local.get $entry)))
        (br $next)))
    (local.get $entry))

  (func $find (export "find") (param $kind i32) (param $name i64) (result i32)
    (call $read_name (local.get $kind) (local.get $name))
    (call $look_up (local.get $kind) (local.get $name)))

  ;; What a variable counts for: as in Extism's runtime, 48 bytes besides its name and its value.
  (func $counted (param $name_length i32) (param $value_length i32) (result i64)
    (i64.add
      (i64.add (i64.const 48) (i64.extend_i32_u (local.get $name_length)))
      (i64.extend_i32_u (local.get $value_length))))

  (func $count (param $bytes i64)
    (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (local.get $bytes))))

  (func $counted_entry (param $entry i32) (result i64)
    (if (i32.ne (i32.load offset=8 (local.get $entry)) (i32.const 2)) (then (return (i64.const 0))))
    (call $counted (i32.load offset=12 (local.get $entry)) (i32.load offset=16 (local.get $entry))))

  ;; Takes an entry out of its bucket.
  (func $kill (param $entry i32)
    (local $link i32)
    (local.set $link (call $bucket (i32.load offset=20 (local.get $entry))))
    (block $found
      (loop $next
        (br_if $found (i32.eq (i32.load (local.get $link)) (local.get $entry)))
        (local.set $link (i32.load (local.get $link)))
        (br $next)))
    (i32.store (local.get $link) (i32.load (local.get $entry)))
    (call $count (i64.sub (i64.const 0) (call $counted_entry (local.get $entry))))
    (i32.store offset=8 (local.get $entry) (i32.const 0))
    (i32.store
      (i32.const 4)
      (i32.add (i32.load (i32.const 4)) (i32.load offset=4 (local.get $entry)))))

  (func $link (param $entry i32)
    (local $bucket i32)
    (local.set $bucket (call $bucket (i32.load offset=20 (local.get $entry))))
    (i32.store (local.get $entry) (i32.load (local.get $bucket)))
    (i32.store (local.get $bucket) (local.get $entry)))

  ;; Moves the entries that live together.
  (func $compact
    (local $from i32)
    (local $to i32)
    (local $end i32)
    (local $size i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 4096))
    (local.set $from (i32.const 4160))
    (local.set $to (i32.const 4160))
    (local.set $end (i32.load (i32.const 0)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (local.set $size (i32.load offset=4 (local.get $from)))
        (if (i32.load offset=8 (local.get $from))
          (then
            (memory.copy (local.get $to) (local.get $from) (local.get $size))
            (call $link (local.get $to))
            (local.set $to (i32.add (local.get $to) (local.get $size)))))
        (local.set $from (i32.add (local.get $from) (local.get $size)))
        (br $next)))
    (i32.store (i32.const 0) (local.get $to))
    (i32.store (i32.const 4) (i32.const 0)))

  ;; Bytes that lack for an entry of a size behind the last one.
  (func $lack (param $size i64) (result i64)
    (i64.sub
      (i64.add (i64.extend_i32_u (i32.load (i32.const 0))) (local.get $size))
      (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))))

  ;; Makes room behind the last entry; 0 if there is no memory for it. Entries may move.
  (func $make_room (param $size i64) (result i32)
    (if (i64.le_s (call $lack (local.get $size)) (i64.const 0)) (then (return (i32.const 1))))
    (if (i32.ge_u
          (i32.load (i32.const 4))
          (i32.shr_u (i32.load (i32.const 0)) (i32.const 1)))
      (then
        (call $compact)
        (if (i64.le_s (call $lack (local.get $size)) (i64.const 0)) (then (return (i32.const 1))))))
    (if (i64.gt_s (call $lack (local.get $size)) (i64.const 0xffff0000)) (then (return (i32.const 0))))
    (i32.ne
      (memory.grow
        (i32.wrap_i64
          (i64.shr_u (i64.add (call $lack (local.get $size)) (i64.const 65535)) (i64.const 16))))
      (i32.const -1)))

  ;; A new entry for the name that was read last; its value's bytes are to be written. There is room for it.
  (func $append (param $kind i32) (param $name i64) (param $length i32) (param $size i32) (result i32)
    (local $entry i32)
    (local $at i32)
    (local $name_length i32)
    (local.set $entry (i32.load (i32.const 0)))
    (local.set $name_length (global.get $name_length))
    (i32.store (i32.const 0) (i32.add (local.get $entry) (local.get $size)))
    (i32.store offset=4 (local.get $entry) (local.get $size))
    (i32.store offset=8 (local.get $entry) (local.get $kind))
    (i32.store offset=12 (local.get $entry) (local.get $name_length))
    (i32.store offset=16 (local.get $entry) (local.get $length))
    (i32.store offset=20 (local.get $entry) (global.get $hash))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $name_length)))
        (i64.store offset=24 (i32.add (local.get $entry) (local.get $at))
          (call $word
            (i64.add (local.get $name) (i64.extend_i32_u (local.get $at)))
            (i64.extend_i32_u (i32.sub (local.get $name_length) (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (call $link (local.get $entry))
    (call $count (call $counted_entry (local.get $entry)))
    (local.get $entry))

  ;; Whether a variable may have a value of so many bytes.
  (func $may_have (param $entry i32) (param $length i32) (result i32)
    (i64.le_u
      (i64.add
        (i64.sub
          (i64.load (i32.const 8))
          (if (result i64) (local.get $entry)
            (then (call $counted_entry (local.get $entry)))
            (else (i64.const 0))))
        (call $counted (global.get $name_length) (local.get $length)))
      (i64.load (i32.const 16))))

  ;; Where to write an entry's value. Bytes up to a multiple of 8 behind it are zero: they are copied with it.
  (func $place (param $entry i32) (result i32)
    (local $value i32)
    (local $length i32)
    (local.set $value (call $value_of (local.get $entry)))
    (local.set $length (i32.load offset=16 (local.get $entry)))
    (if (local.get $length)
      (then
        (i64.store
          (i32.add
            (local.get $value)
            (i32.and (i32.sub (local.get $length) (i32.const 1)) (i32.const -8)))
          (i64.const 0))))
    (local.get $value))

  ;; Where to write a value of so many bytes, which the name has from now on; 0 if it can't, and nothing changes.
  (func $reserve (export "reserve") (param $kind i32) (param $name i64) (param $length i32) (result i32)
    (local $entry i32)
    (local $size i64)
    (local.set $entry (call $find (local.get $kind) (local.get $name)))
    (if (i32.eq (local.get $kind) (i32.const 2))
      (then
        (if (i32.eqz (call $may_have (local.get $entry) (local.get $length)))
          (then (return (i32.const 0))))))
    (local.set $size
      (i64.add
        (i64.add (i64.const 24) (call $padded (global.get $name_length)))
        (call $padded (local.get $length))))
    (if (local.get $entry)
      (then
        (if (i64.ge_u (i64.extend_i32_u (i32.load offset=4 (local.get $entry))) (local.get $size))
          (then
            (call $count (i64.sub (i64.const 0) (call $counted_entry (local.get $entry))))
            (i32.store offset=16 (local.get $entry) (local.get $length))
            (call $count (call $counted_entry (local.get $entry)))
            (return (call $place (local.get $entry)))))))
    (if (i32.eqz (call $make_room (local.get $size))) (then (return (i32.const 0))))
    (local.set $entry (call $look_up (local.get $kind) (local.get $name)))
    (if (local.get $entry) (then (call $kill (local.get $entry))))
    (call $place
      (call $append
        (local.get $kind) (local.get $name) (local.get $length) (i32.wrap_i64 (local.get $size)))))

  ;; Without such a variable nothing happens.
  (func $remove (export "remove") (param $name i64)
    (local $entry i32)
    (local.set $entry (call $find (i32.const 2) (local.get $name)))
    (if (local.get $entry) (then (call $kill (local.get $entry)))))

  ;; Removes all variables.
  (func (export "clear")
    (local $entry i32)
    (if (i64.eqz (i64.load (i32.const 8))) (then (return)))
    (local.set $entry (i32.const 4160))
    (loop $next
      (if (i32.eq (i32.load offset=8 (local.get $entry)) (i32.const 2))
        (then (i32.store offset=8 (local.get $entry) (i32.const 0))))
      (local.set $entry (i32.add (local.get $entry) (i32.load offset=4 (local.get $entry))))
      (br_if $next (i32.lt_u (local.get $entry) (i32.load (i32.const 0)))))
    (call $compact)
    (i64.store (i32.const 8) (i64.const 0)))

  ;; A new block with an entry's value, 0 for an empty one and without an entry.
  (func $give (param $entry i32) (result i64)
    (local $length i64)
    (local $block i64)
    (local $from i32)
    (local $to i64)
    (local $end i64)
    (if (i32.eqz (local.get $entry)) (then (return (i64.const 0))))
    (local.set $length (i64.load32_u offset=16 (local.get $entry)))
    (if (i64.eqz (local.get $length)) (then (return (i64.const 0))))
    (local.set $block (call $alloc (local.get $length)))
    (if (i64.eqz (local.get $block)) (then (call $no_memory (local.get $length))))
    (local.set $from (call $value_of (local.get $entry)))
    (local.set $to (local.get $block))
    (local.set $end (i64.add (local.get $block) (local.get $length)))
    ;; Blocks have a multiple of 16 bytes, and values one of 8.
    (loop $next
      (call $store_u64 (local.get $to) (i64.load (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (local.set $to (i64.add (local.get $to) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $to) (local.get $end))))
    (local.get $block))

  (func (export "config_get") (param $name i64) (result i64)
    (call $give (call $find (i32.const 1) (local.get $name))))

  (func (export "var_get") (param $name i64) (result i64)
    (call $give (call $find (i32.const 2) (local.get $name))))

  (func (export "var_set") (param $name i64) (param $value i64)
    (local $length i64)
    (local $to i32)
    (local $end i64)
    (if (i64.eqz (i64.load (i32.const 16)))
      (then (call $no_room (local.get $name) (i64.const 0))))
    (if (i64.eqz (local.get $value))
      (then (call $remove (local.get $name)) (return)))
    (local.set $length (call $block_length (local.get $value)))
    (if (i64.eqz (local.get $length))
      (then (call $no_handle (i32.const 0) (local.get $value))))
    (local.set $to
      (call $reserve (i32.const 2) (local.get $name) (i32.wrap_i64 (local.get $length))))
    (if (i32.eqz (local.get $to))
      (then (call $no_room (local.get $name) (local.get $length))))
    (local.set $end (i64.add (local.get $value) (local.get $length)))
    (loop $next
      (i64.store (local.get $to)
        (call $word (local.get $value) (i64.sub (local.get $end) (local.get $value))))
      (local.set $to (i32.add (local.get $to) (i32.const 8)))
      (local.set $value (i64.add (local.get $value) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $value) (local.get $end))))))
