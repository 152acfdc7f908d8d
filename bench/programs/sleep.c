// Answers at once, and sleeps until it is ended: a stream of events between two events.
#include <stdio.h>
#include <unistd.h>

int main(void) {
  printf("Content-Type: text/plain\n\nasleep\n");
  fflush(stdout);
  for (;;)
    pause();
}
