/* From a fork to a program that may begin: the work of exec for a cold start, and the server's
 * between its fork and its exec (process/spawn.cc). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

struct child {
  const struct request* request;
  struct parts parts;
  int reply;
};

static int pidfd; /* of ourselves */
static int error; /* errno of a step before there was a request */

__attribute__((noreturn)) static void fail(const struct child* child, enum cgisrv_warm_step step,
                                           int why) {
  send_failed(child->reply, child->request->head.header.id, step, why, true);
  _exit(0);
}

static void enter_directory(const struct child* child) {
  if (shim.has_moved) return;
  const int directory = optional_descriptor(child->request, CGISRV_WARM_WITH_DIRECTORY);
  if ((directory >= 0 ? fchdir(directory) : chdir(child->parts.directory)) != 0)
    fail(child, CGISRV_WARM_STEP_DIRECTORY, errno);
}

static void take_arguments(const struct child* child) {
  const uint32_t count = child->request->head.argument_count;
  const char* argument = child->parts.arguments;
  shim.argv = calloc(count + 1, sizeof *shim.argv);
  for (uint32_t i = 0; i < count && shim.argv != NULL; ++i, argument += strlen(argument) + 1)
    if ((shim.argv[i] = strdup(argument)) == NULL) fail(child, CGISRV_WARM_STEP_MEMORY, ENOMEM);
  if (shim.argv == NULL ||
      !build_environment(child->parts.variables, child->request->head.variable_count))
    fail(child, CGISRV_WARM_STEP_MEMORY, ENOMEM);
  shim.argc = (int)count;
  const char* slash = strrchr(shim.argv[0], '/');
  prctl(PR_SET_NAME, slash != NULL ? slash + 1 : shim.argv[0]);
}

static void take_descriptors(const struct child* child) {
  const int* fd = child->request->fd;
  if (!shim.native) error = fill_slate();
  for (int i = 0; i < 3 && error == 0; ++i)
    if (dup2(fd[CGISRV_WARM_STDIN + i], i) < 0) error = errno;
  if (error != 0) fail(child, CGISRV_WARM_STEP_DESCRIPTORS, error);
}

static void take_limits(const struct child* child) {
  setrlimit(RLIMIT_NOFILE, &shim.descriptors);
  const struct cgisrv_warm_limit* limit = child->parts.limits;
  for (uint32_t i = 0; i < child->request->head.limit_count; ++i, ++limit) {
    const struct rlimit value = {limit->soft, limit->hard};
    if (setrlimit((int)limit->resource, &value) != 0) fail(child, CGISRV_WARM_STEP_LIMITS, errno);
  }
}

/* From here on the request is ours alone, and something of the program may have happened. */
static void claim(const struct child* child) {
  uint64_t one;
  if (read(child->request->fd[CGISRV_WARM_CLAIM], &one, sizeof one) != sizeof one) _exit(0);
}

static void announce(const struct child* child) {
  const struct cgisrv_warm_begun begun = {
      {CGISRV_WARM_MAGIC, CGISRV_WARM_BEGUN, child->request->head.header.id}, getpid(), 0};
  if (send_packet(child->reply, &begun, sizeof begun, pidfd, true) != 0) _exit(0);
}

static void say_prologue(void) {
  const char* bytes = shim.prologue;
  while (shim.prologue_bytes > 0) {
    const ssize_t written = real_write(2, bytes, shim.prologue_bytes);
    if (written <= 0) return; /* a program started cold would not care either */
    bytes += written;
    shim.prologue_bytes -= (size_t)written;
  }
}

void prepare_child(void) {
  setpgid(0, 0);
  pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
  error = pidfd < 0 ? errno : renew_descriptors();
}

void become(const struct request* request, int reply) {
  struct child child = {.request = request, .reply = reply};
  if (error != 0) fail(&child, CGISRV_WARM_STEP_DESCRIPTORS, error);
  const int cgroup = optional_descriptor(request, CGISRV_WARM_WITH_CGROUP);
  if (cgroup >= 0 && real_write(cgroup, "0", 1) != 1) fail(&child, CGISRV_WARM_STEP_CGROUP, errno);
  if (!unpack(request, &child.parts)) fail(&child, CGISRV_WARM_STEP_MESSAGE, EBADMSG);
  enter_directory(&child);
  take_arguments(&child);
  take_descriptors(&child);
  take_limits(&child);
  forget_packed(request, &child.parts);
  claim(&child);
  announce(&child);
  close_others();
  prctl(PR_SET_DUMPABLE, 1); /* only now: a tracer would have had the zygote's memory */
  say_prologue();
  if (shim.child_action.sa_handler != SIG_DFL) sigaction(SIGCHLD, &shim.child_action, NULL);
  shim.phase = PHASE_CHILD;
  sigprocmask(SIG_SETMASK, &shim.mask, NULL);
}
