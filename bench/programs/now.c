// The time, and the query that came with the request: what a small CGI program does.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(void) {
  char body[256];
  const char* query = getenv("QUERY_STRING");
  const time_t now = time(NULL);
  size_t size = strftime(body, sizeof body, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  size += (size_t)snprintf(body + size, sizeof body - size, " %.100s\n", query ? query : "");
  printf("Content-Type: text/plain\nContent-Length: %zu\n\n%s", size, body);
  return 0;
}
