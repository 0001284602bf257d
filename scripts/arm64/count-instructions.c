/*
 * A plugin of QEMU that counts the instructions that all threads of a program execute, in the first 8 bytes of a file, which
 * the program itself may read while it runs:
 *
 *     cc -O2 -shared -fPIC -fvisibility=hidden -o count.so count-instructions.c
 *     qemu-aarch64 -plugin ./count.so,counter=FILE ...
 *
 * Debian has QEMU's plugin interface in its emulators, but not the header; so what is used of it (version 1, QEMU 4.2 to 8.2)
 * is declared here, after https://www.qemu.org/docs/master/devel/tcg-plugins.html.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };

typedef void (*translate_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*execute_callback)(unsigned int cpu, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translate_callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, execute_callback, int flags, void *data);

EXPORT int qemu_plugin_version = 1;

static uint64_t *counter;

static void executed(unsigned int cpu, void *instructions) {
  (void)cpu;
  __atomic_fetch_add(counter, (uintptr_t)instructions, __ATOMIC_RELAXED);
}

/* A block of translated code is executed as a whole, but for faults. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  void *instructions = (void *)(uintptr_t)qemu_plugin_tb_n_insns(block);
  qemu_plugin_register_vcpu_tb_exec_cb(block, executed, QEMU_PLUGIN_CB_NO_REGS, instructions);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
  static const char option[] = "counter=";
  (void)info;
  if (argc != 1 || strncmp(argv[0], option, sizeof option - 1) != 0) return -1;
  int file = open(argv[0] + sizeof option - 1, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || ftruncate(file, sizeof *counter) != 0) return -1;
  counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (counter == MAP_FAILED) return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
