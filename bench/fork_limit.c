/* The bare fork loop, preloaded into a program that is linked dynamically: where its main() would
 * begin it forks, lets the child run it, reads its output to the end and reaps it. No warm start
 * can be faster with the same program. bench_limit says by the environment:
 *
 *   BENCH_SECONDS    how long
 *   BENCH_COUNTER    the descriptor of a file where the number of runs goes, as a long, and
 *   BENCH_OFFSET     where in it */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef int start_main(int (*)(int, char**, char**), int, char**, void (*)(void), void (*)(void),
                       void (*)(void), void*);

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* True in the child, whose output is the pipe. */
static bool run_once(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) _exit(71);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    return true;
  }
  close(ends[1]);
  char output[4096];
  ssize_t bytes = 0;
  for (ssize_t n = 0; (n = read(ends[0], output, sizeof output)) > 0;)
    bytes += n;
  close(ends[0]);
  int status = -1;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || bytes == 0) _exit(1);
  return false;
}

int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void* stack_end) {
  start_main* const real = __extension__(start_main*) dlsym(RTLD_NEXT, "__libc_start_main");
  const double end = now() + atof(getenv("BENCH_SECONDS"));
  const int counter = atoi(getenv("BENCH_COUNTER"));
  const off_t offset = atol(getenv("BENCH_OFFSET"));
  long runs = 0;
  for (; now() < end; ++runs)
    if (run_once()) return real(main, argc, argv, init, fini, rtld_fini, stack_end);
  _exit(pwrite(counter, &runs, sizeof runs, offset) == sizeof runs ? 0 : 74);
}
