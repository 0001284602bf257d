// Standard streams: what to do is the first argument. Exit codes tell how it went.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char buffer[65536];

/** Copies input to output. */
static int copy(void) {
  for (;;) {
    ssize_t length = read(0, buffer, sizeof buffer);
    if (length == 0) return 0;
    if (length < 0) return fprintf(stderr, "read: %s\n", strerror(errno)), 2;
    for (ssize_t done = 0; done < length;) {
      ssize_t count = write(1, buffer + done, length - done);
      if (count < 0) return fprintf(stderr, "write: %s\n", strerror(errno)), 3;
      done += count;
    }
  }
}

/** Writes a number of lines. */
static int lines(long count) {
  for (long i = 0; i < count; i++) {
    if (printf("line %ld\n", i) < 0) return fprintf(stderr, "printf: %s\n", strerror(errno)), 4;
  }
  return fflush(stdout) == 0 ? 0 : 4;
}

/** Waits for input for some milliseconds. */
static int wait_for_input(int milliseconds) {
  struct pollfd polled = {.fd = 0, .events = POLLIN};
  int count = poll(&polled, 1, milliseconds);
  printf("%d\n", count);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  long number = argc > 2 ? atol(argv[2]) : 0;
  if (strcmp(what, "copy") == 0) return copy();
  if (strcmp(what, "lines") == 0) return lines(number);
  if (strcmp(what, "poll") == 0) return wait_for_input((int)number);
  if (strcmp(what, "exit") == 0) exit((int)number);
  if (strcmp(what, "abort") == 0) abort();
  if (strcmp(what, "sleep") == 0) return usleep((useconds_t)number * 1000);
  if (strcmp(what, "env") == 0) {
    for (int i = 2; i < argc; i++) printf("%s=%s\n", argv[i], getenv(argv[i]) ? getenv(argv[i]) : "(none)");
    return 0;
  }
  for (int i = 0; i < argc; i++) printf("[%s]", argv[i]);
  printf("\n");
  return 0;
}
