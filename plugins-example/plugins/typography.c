/*
 * typography: run(text) -> text, with the signs that a typesetter would take: curly quotes and apostrophes, an en dash
 * for "--", an ellipsis for "...".
 *
 * Built without a C library, and committed as typography.wasm, so that the example needs no C compiler:
 *
 *   clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -o typography.wasm typography.c
 */
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(name)))

/* An arena: memory is handed out from the bottom up, and is free again when nothing of it is in use. */
extern unsigned char __heap_base;
static u32 top;
static u32 used;

EXPORT("backplane_alloc") u32 backplane_alloc(u32 size) {
  if (used == 0) top = (u32)&__heap_base;
  u64 end = (u64)top + size;
  u64 has = (u64)__builtin_wasm_memory_size(0) << 16;
  if (end > has && __builtin_wasm_memory_grow(0, (u32)((end - has + 65535) >> 16)) == (unsigned long)-1) return 0;
  u32 pointer = top;
  top = (u32)end;
  used++;
  return pointer;
}

EXPORT("backplane_free") void backplane_free(u32 pointer, u32 size) {
  (void)pointer;
  (void)size;
  used--;
}

static unsigned char *write(unsigned char *to, const char *sign) {
  while (*sign != 0) *to++ = (unsigned char)*sign++;
  return to;
}

/* A quote opens what comes after white space, an opening bracket or the beginning. */
static int opens(const unsigned char *text, u32 at) {
  if (at == 0) return 1;
  unsigned char before = text[at - 1];
  return before <= ' ' || before == '(' || before == '[';
}

static int follows(const unsigned char *text, u32 length, u32 at, char c) {
  return at < length && text[at] == (unsigned char)c;
}

/* The text is the plugin's to free, the result is the host's. */
EXPORT("run") u64 run(const unsigned char *text, u32 length) {
  /* No sign is longer than three bytes. */
  unsigned char *result = (unsigned char *)backplane_alloc(3 * length);
  if (result == 0) __builtin_trap();
  unsigned char *to = result;
  for (u32 i = 0; i < length; i++) {
    unsigned char c = text[i];
    if (c == '"') to = write(to, opens(text, i) ? "\xe2\x80\x9c" : "\xe2\x80\x9d");
    else if (c == '\'') to = write(to, opens(text, i) ? "\xe2\x80\x98" : "\xe2\x80\x99");
    else if (c == '-' && follows(text, length, i + 1, '-')) {
      to = write(to, "\xe2\x80\x93");
      i++;
    } else if (c == '.' && follows(text, length, i + 1, '.') && follows(text, length, i + 2, '.')) {
      to = write(to, "\xe2\x80\xa6");
      i += 2;
    } else *to++ = c;
  }
  backplane_free((u32)text, length);
  return (u64)(u32)result | (u64)(to - result) << 32;
}
