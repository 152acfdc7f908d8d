/* For callgrind, preloaded into the server.
 *
 * clone(2), as the server calls it to start a program, gives the child a copy of memory and
 * descriptors instead of the shared ones, which valgrind does not follow. The parent waits for the
 * execution, as after vfork, and executes the same instructions as ever, but for some dozen.
 *
 * stat(2) of a file named "count" tells callgrind to write down what it has counted.
 *
 * openat2(2), which valgrind 3.19 does not know, is done as openat(2): no file there is a link. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

int stat(const char* restrict path, struct stat* restrict found) {
  const char* slash = strrchr(path, '/');
  if (slash != NULL && strcmp(slash, "/count") == 0) CALLGRIND_DUMP_STATS;
  return fstatat(AT_FDCWD, path, found, 0);
}

long syscall(long number, ...) {
  static long (*next)(long, ...);
  va_list rest;
  long arguments[6];
  va_start(rest, number);
  for (int i = 0; i < 6; ++i) arguments[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_openat2) {
    const struct open_how* how = (const struct open_how*)arguments[2];
    return openat((int)arguments[0], (const char*)arguments[1], (int)how->flags, (mode_t)how->mode);
  }
  if (next == NULL) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}

int clone(int (*run)(void*), void* stack, int flags, void* argument, ...) {
  (void)stack;
  va_list rest;
  va_start(rest, argument);
  (void)va_arg(rest, pid_t*);
  (void)va_arg(rest, void*);
  pid_t* const child = va_arg(rest, pid_t*);
  va_end(rest);
  int ends[2];
  char byte;
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  const int copies = SIGCHLD | (flags & CLONE_CHILD_SETTID);
  const long pid = syscall(SYS_clone, copies, NULL, NULL, child, NULL);
  if (pid == 0) {
    close(ends[0]);
    _exit(run(argument));
  }
  close(ends[1]);
  if (pid > 0) (void)!read(ends[0], &byte, 1);
  close(ends[0]);
  return (int)pid;
}
