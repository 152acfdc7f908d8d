/* How the shim gets control at the fork point. */
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

pid_t real_fork(void) {
  static pid_t (*real)(void);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "fork");
  return real();
}

ssize_t real_write(int fd, const void* bytes, size_t size) {
  return syscall(SYS_write, fd, bytes, size);
}

/* Only returns in children. */
static void become_zygote(void) {
  state_facts();
  judge();
  serve();
}

/* An interpreter's bootstrap writes on the slate, then calls this. */
EXPORTED pid_t fork(void) {
  boot();
  if (shim.phase != PHASE_LOADING) return real_fork();
  if (shim.native) refuse("It starts another process while it loads.");
  become_zygote();
  return 0;
}

typedef int main_function(int, char**, char**);
typedef int start_function(main_function*, int, char**, void (*)(void), void (*)(void),
                           void (*)(void), void*);

/* A native program gets here after its libraries are initialised, before any code of its own. This
 * has no version, so it overrides those of all versions of glibc. */
EXPORTED int __libc_start_main(main_function* main, int argc, char** argv, void (*init)(void),
                               void (*fini)(void), void (*rtld_fini)(void), void* stack_end) {
  start_function* real;
  *(void**)&real = dlsym(RTLD_NEXT, "__libc_start_main");
  if (shim.phase == PHASE_LOADING && shim.native) {
    become_zygote();
    argc = shim.argc;
    argv = shim.argv;
  }
  return real(main, argc, argv, init, fini, rtld_fini, stack_end);
}
