/* Which variables belong to one request. For C and C++. */
#ifndef CGISRV_WARM_VARIABLES_H
#define CGISRV_WARM_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The variables of a request, RFC 3875 section 4.1 and servers' additions. Some of these may be the
 * same for all requests of a program; then its boot has them. src/warm/perl and src/warm/python
 * know the same names. */
static inline bool cgisrv_warm_is_of_request(const char* name) {
  static const char* const names[] = {
      "AUTH_TYPE",      "CONTENT_LENGTH",  "CONTENT_TYPE",     "CONTEXT_DOCUMENT_ROOT",
      "CONTEXT_PREFIX", "DOCUMENT_ROOT",   "DOCUMENT_URI",     "FCGI_ROLE",
      "GIT_PROTOCOL",   "HTTPS",           "PATH_INFO",        "PATH_TRANSLATED",
      "QUERY_STRING",   "SCRIPT_FILENAME", "SCRIPT_NAME",      "SCRIPT_URI",
      "SCRIPT_URL",     "SERVER_ADDR",     "SERVER_ADMIN",     "SERVER_NAME",
      "SERVER_PORT",    "SERVER_PROTOCOL", "SERVER_SIGNATURE", "SSL_CIPHER",
      "SSL_PROTOCOL",   "SSL_TLS_SNI",     "UNIQUE_ID"};
  static const char* const prefixes[] = {"HTTP_", "REDIRECT_", "REMOTE_", "REQUEST_",
                                         "SSL_CLIENT_"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (strcmp(name, names[i]) == 0) return true;
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; ++i)
    if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
  return false;
}

#endif
