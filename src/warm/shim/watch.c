/* getenv, watched until the fork point: what a program asks there is answered for all its requests
 * at once, so it must not be about one of them. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static char first_asked[64];

/* What a request brings with it, RFC 3875 section 4.1 and what servers add. Some of these may be
 * the same for all requests of a program; then its boot has them, and they are found. */
static bool is_of_request(const char* name) {
  static const char* const names[] = {
      "AUTH_TYPE",      "CONTENT_LENGTH", "CONTENT_TYPE",    "GIT_PROTOCOL", "HTTPS",
      "PATH_INFO",      "QUERY_STRING",   "PATH_TRANSLATED", "SCRIPT_NAME",  "SCRIPT_URI",
      "SCRIPT_URL",     "SERVER_ADDR",    "SERVER_NAME",     "SERVER_PORT",  "SERVER_PROTOCOL",
      "REQUEST_METHOD", "UNIQUE_ID"};
  static const char* const prefixes[] = {"HTTP_", "REDIRECT_", "REMOTE_", "REQUEST_"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (strcmp(name, names[i]) == 0) return true;
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; ++i)
    if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
  return false;
}

static char* watched(char* value, const char* name) {
  if (value == NULL && shim.phase == PHASE_LOADING && first_asked[0] == '\0' && is_of_request(name))
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
