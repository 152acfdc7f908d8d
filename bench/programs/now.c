// The time, and the query that came with the request: what a small CGI program does.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(void) {
  char body[64];
  const char* query = getenv("QUERY_STRING");
  const time_t now = time(NULL);
  strftime(body, sizeof body, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  printf("Content-Type: text/plain\n\n%s %.100s\n", body, query ? query : "");
  return 0;
}
