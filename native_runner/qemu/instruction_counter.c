/* Counts the instructions that the guest runs between two marks.
 *
 * A plugin of QEMU's user mode, plugin API 1 (QEMU 4.2 to 8). The runner marks each inference with
 * prctl(0x504d4d4b, 0) before and prctl(0x504d4d4b, 1) after it. A line of the file named by the
 * argument `out` is the count of one inference. The declarations are those of the API that are used
 * here, so that no header of QEMU is needed.
 *
 *   gcc -O2 -shared -fPIC -o instruction_counter.so instruction_counter.c
 *   qemu-aarch64 -cpu cortex-a76 -plugin ./instruction_counter.so,out=counts.txt ...
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
typedef struct {
  const char *target_name;
  struct {
    int min, cur;
  } version;
  bool system_emulation;
  int smp_vcpus, max_vcpus;
} qemu_info_t;

enum { ADD_U64 = 0 };
enum { SYS_PRCTL_AARCH64 = 167, MARK = 0x504d4d4b };

typedef void (*translate_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*syscall_callback)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                 uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*exit_callback)(qemu_plugin_id_t, void *);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translate_callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_callback);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_callback, void *);

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int qemu_plugin_version = 1;

static uint64_t total, at_start;
static FILE *out;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &total, qemu_plugin_tb_n_insns(block));
}

static void called(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2,
                   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)vcpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != SYS_PRCTL_AARCH64 || a1 != MARK) return;
  if (a2 == 0) {
    at_start = total;
  } else {
    fprintf(out, "%" PRIu64 "\n", total - at_start);
    fflush(out);
  }
}

static void ended(qemu_plugin_id_t id, void *unused) {
  (void)id, (void)unused;
  fclose(out);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count,
                                 char **arguments) {
  (void)info;
  for (int i = 0; i < count; ++i)
    if (strncmp(arguments[i], "out=", 4) == 0) out = fopen(arguments[i] + 4, "w");
  if (!out) {
    fprintf(stderr, "instruction_counter: give out=FILE, one that can be written\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
