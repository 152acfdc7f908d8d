"""CGI programs that many tests use."""

from __future__ import annotations

from support.client import Response

# Every variable of the environment, each ended with NUL.
ENVIRONMENT = r"""
#include <stdio.h>
extern char** environ;
int main(void) {
  fputs("Content-Type: application/octet-stream\n\n", stdout);
  for (char** e = environ; *e; e++) fwrite(*e, 1, __builtin_strlen(*e) + 1, stdout);
}
"""

# The process id of the worker that started it.
WORKER = r"""
#include <stdio.h>
#include <unistd.h>
int main(void) { printf("Content-Type: text/plain\nContent-Length: 8\n\n%8d", (int)getppid()); }
"""

# The beginning of a shell script that prints plain text.
PLAIN = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"

# Its input.
CAT = "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nexec cat\n"


def environment_of(response: Response) -> dict[str, str]:
    assert response.status == 200, response
    items = [item.decode("latin-1") for item in response.body.split(b"\0")[:-1]]
    names = [item.split("=", 1)[0] for item in items]
    assert len(names) == len(set(names)), f"a variable is there twice: {sorted(names)}"
    return dict(item.split("=", 1) for item in items)
