// Sleeps for 100 ms, as a program does that asks a database, then answers as now.c does.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(void) {
  const struct timespec tenth = {.tv_nsec = 100 * 1000 * 1000};
  nanosleep(&tenth, NULL);
  char body[64];
  const char* query = getenv("QUERY_STRING");
  const time_t now = time(NULL);
  strftime(body, sizeof body, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  printf("Content-Type: text/plain\n\n%s %.100s\n", body, query ? query : "");
  return 0;
}
