/* For callgrind, preloaded into the server.
 *
 * clone(2), as the server calls it to start a program, gives the child a copy of memory and
 * descriptors instead of the shared ones, which valgrind does not follow. The parent waits for the
 * execution, as after vfork, and executes the same instructions as ever, but for some dozen.
 *
 * stat(2) of a file named "count" tells callgrind to write down what it has counted. */
#define _GNU_SOURCE
#include <fcntl.h>
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
