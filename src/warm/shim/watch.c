/* getenv, watched until the fork point: what a program reads there is answered once for all its
 * requests, so it must not depend on one of them. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"
#include "warm/variables.h"

static char first_asked[64];

static char* watched(char* value, const char* name) {
  if (value == NULL && shim.phase == PHASE_LOADING && first_asked[0] == '\0' &&
      cgisrv_warm_is_of_request(name))
    strncpy(first_asked, name, sizeof first_asked - 1);
  return value;
}

const char* asked_for(void) {
  return first_asked[0] != '\0' ? first_asked : NULL;
}

EXPORTED char* getenv(const char* name) {
  static char* (*real)(const char*);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "getenv");
  boot();
  return watched(real(name), name);
}

EXPORTED char* secure_getenv(const char* name) {
  static char* (*real)(const char*);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "secure_getenv");
  boot();
  return watched(real(name), name);
}
