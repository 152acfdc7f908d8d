/* How the shim gets control at the fork point. */
#include <dlfcn.h>
#include <unistd.h>

#include "shim.h"

pid_t real_fork(void) {
  static pid_t (*real)(void);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "fork");
  return real();
}

/* An interpreter's bootstrap writes on the slate, then calls fork: it returns in children only. */
EXPORTED pid_t fork(void) {
  if (shim.phase != PHASE_LOADING || shim.native) return real_fork();
  state_facts();
  judge();
  serve();
  return 0;
}
