// A tour of files and folders through wasi-libc. Prints each step and what came of it, so that runs on different
// implementations can be compared. The folder to work in is the first argument.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[4096];
static const char *root;

static const char *in(const char *name) {
  snprintf(path, sizeof path, "%s/%s", root, name);
  return path;
}

static void report(const char *step, int result) {
  printf("%s: %s\n", step, result < 0 ? strerror(errno) : "ok");
}

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void list(const char *name) {
  DIR *folder = opendir(in(name));
  if (folder == NULL) {
    report("opendir", -1);
    return;
  }
  char *names[512];
  int count = 0;
  for (struct dirent *entry; count < 512 && (entry = readdir(folder)) != NULL;) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) names[count++] = strdup(entry->d_name);
  }
  closedir(folder);
  qsort(names, count, sizeof *names, compare);
  printf("%d in %s:", count, name);
  for (int i = 0; i < count && i < 8; i++) printf(" %s", names[i]);
  printf("\n");
}

static void status(const char *name) {
  struct stat st;
  if (lstat(in(name), &st) < 0) {
    printf("%s: %s\n", name, strerror(errno));
    return;
  }
  const char *type = S_ISDIR(st.st_mode) ? "folder" : S_ISREG(st.st_mode) ? "file" : S_ISLNK(st.st_mode) ? "link" : "?";
  printf("%s: %s", name, type);
  if (S_ISREG(st.st_mode)) printf(", %lld bytes, %d links", (long long)st.st_size, (int)st.st_nlink);
  printf("\n");
}

static void show(const char *name) {
  FILE *file = fopen(in(name), "r");
  if (file == NULL) {
    report(name, -1);
    return;
  }
  char text[256];
  size_t length = fread(text, 1, sizeof text - 1, file);
  text[length] = 0;
  printf("%s holds \"%s\"\n", name, text);
  fclose(file);
}

static void streams(void) {
  FILE *file = fopen(in("a.txt"), "w");
  report("fopen w", file == NULL ? -1 : 0);
  if (file == NULL) return;
  fprintf(file, "%s %d", "hello", 42);
  fclose(file);
  file = fopen(in("a.txt"), "a+");
  fputs("!", file);
  fseek(file, 6, SEEK_SET);
  char rest[16] = {0};
  fgets(rest, sizeof rest, file);
  printf("after seek: \"%s\", at %ld\n", rest, ftell(file));
  fclose(file);
  show("a.txt");
  file = fopen(in("a.txt"), "r+");
  fseek(file, -2, SEEK_END);
  fputs("??", file);
  printf("seek before the start: %s\n", fseek(file, -100, SEEK_CUR) < 0 ? strerror(errno) : "ok");
  fclose(file);
  show("a.txt");
}

static void descriptors(void) {
  int fd = open(in("b.bin"), O_RDWR | O_CREAT | O_EXCL, 0644);
  report("open", fd);
  report("open again", open(in("b.bin"), O_RDWR | O_CREAT | O_EXCL, 0644));
  report("pwrite", (int)pwrite(fd, "xyz", 3, 5));
  char bytes[8];
  printf("pread %d", (int)pread(fd, bytes, 8, 0));
  for (int i = 0; i < 8; i++) printf(" %d", bytes[i]);
  printf("\n");
  report("ftruncate", ftruncate(fd, 4));
  status("b.bin");
  report("fsync", fsync(fd));
  report("close", close(fd));
  report("close again", close(fd));
  fd = open(in("b.bin"), O_RDONLY);
  report("write to what was opened for reading", (int)write(fd, "x", 1));
  close(fd);
}

static void folders(void) {
  report("mkdir", mkdir(in("sub"), 0755));
  report("mkdir again", mkdir(in("sub"), 0755));
  char from[4096];
  strcpy(from, in("a.txt"));
  report("rename", rename(from, in("sub/c.txt")));
  status("a.txt");
  status("sub/c.txt");
  strcpy(from, in("sub/c.txt"));
  report("link", link(from, in("sub/d.txt")));
  status("sub/d.txt");
  report("symlink", symlink("sub/c.txt", in("l")));
  status("l");
  show("l");
  char target[64] = {0};
  report("readlink", (int)readlink(in("l"), target, sizeof target));
  printf("target: %s\n", target);
  list("sub");
  report("rmdir of what isn't empty", rmdir(in("sub")));
  report("rmdir of a file", rmdir(in("sub/c.txt")));
  report("unlink of a folder", unlink(in("sub")) < 0 ? 0 : -1);
  report("open of nothing", open(in("none"), O_RDONLY));
  report("open through a file", open(in("b.bin/x"), O_RDONLY));
  report("open of a folder to write", open(in("sub"), O_WRONLY));
  report("open of a link", open(in("l"), O_RDONLY | O_NOFOLLOW) < 0 ? 0 : -1);
}

static void many(void) {
  report("mkdir", mkdir(in("many"), 0755));
  for (int i = 0; i < 300; i++) {
    char name[64];
    snprintf(name, sizeof name, "many/file-with-a-long-name-%03d", i);
    int fd = open(in(name), O_WRONLY | O_CREAT, 0644);
    if (fd < 0) report(name, fd);
    close(fd);
  }
  list("many");
  for (int i = 0; i < 300; i++) {
    char name[64];
    snprintf(name, sizeof name, "many/file-with-a-long-name-%03d", i);
    if (unlink(in(name)) < 0) report(name, -1);
  }
  report("rmdir", rmdir(in("many")));
}

int main(int argc, char **argv) {
  root = argc > 1 ? argv[1] : ".";
  streams();
  descriptors();
  folders();
  many();
  unlink(in("l"));
  unlink(in("sub/c.txt"));
  unlink(in("sub/d.txt"));
  unlink(in("b.bin"));
  report("rmdir", rmdir(in("sub")));
  list(".");
  return 0;
}
