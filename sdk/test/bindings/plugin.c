#define BACKPLANE_EXPORTS
#define BACKPLANE_ARENA
#include "bindings.h"

static char *append(char *to, const char *from, bp_u32 size) {
  for (bp_u32 i = 0; i < size; i++) *to++ = from[i];
  return to;
}

backplane_data Crossing_greet(backplane_data name, backplane_data language) {
  backplane_data greeting = app_greeting(language);
  if (greeting.bytes == 0) {
    greeting = backplane_new(1);
    greeting.bytes[0] = '?';
  }
  backplane_data result = backplane_new(greeting.size + name.size + 3);
  char *to = append(result.bytes, greeting.bytes, greeting.size);
  to = append(append(append(to, ", ", 2), name.bytes, name.size), "!", 1);
  backplane_drop(greeting);
  backplane_drop(name);
  backplane_drop(language);
  return result;
}

backplane_data Crossing_maybe(backplane_data text, _Bool yes) {
  if (yes) return text;
  backplane_drop(text);
  return BACKPLANE_NULL;
}

backplane_data Crossing_reverse(backplane_data bytes) {
  if (bytes.bytes == 0) return bytes;
  backplane_data error, reversed = app_reversed(bytes, &error);
  if (error.bytes != 0) __builtin_trap();
  backplane_drop(bytes);
  return reversed;
}

bp_u64 Crossing_add(bp_i8 a, bp_u8 b, bp_u64 c) {
  /* What the application's function gives is 3 + -3. */
  return (bp_u64)((bp_i64)a + b + (bp_i64)c + app_delete(BACKPLANE_NULL, BACKPLANE_NULL, 1, 3, -3));
}

_Bool Crossing_even(bp_i32 n) { return app_is_even(n); }

backplane_data Crossing_save(backplane_data text) {
  backplane_data error;
  app_save(text, &error);
  backplane_drop(text);
  if (error.bytes != 0) return error;
  backplane_data done = backplane_new(5);
  append(done.bytes, "saved", 5);
  return done;
}

backplane_data Crossing_echo(backplane_data json) {
  backplane_data same = app_same(json);
  if (app_same(BACKPLANE_NULL).bytes != 0) __builtin_trap();
  backplane_drop(json);
  return same;
}
