// Computes for 50 ms, or, asked for `sleep`, sleeps for 200 ms: a program that changes its ways.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(void) {
  const char* query = getenv("QUERY_STRING");
  if (query && strcmp(query, "sleep") == 0) {
    const struct timespec fifth = {.tv_nsec = 200 * 1000 * 1000};
    nanosleep(&fifth, NULL);
  } else {
    while (clock() < CLOCKS_PER_SEC / 20) {
    }
  }
  puts("Content-Type: text/plain\n\ndone");
  return 0;
}
