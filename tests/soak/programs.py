"""What the soak's server serves: programs that do well, are slow, fail, and behave badly."""

from __future__ import annotations

from support.programs import CAT, PLAIN
from support.site import Site

BLOCK = bytes(range(256)) * 256  # 64 KiB; large downloads repeat it
PAGE = b"".join(b"line %06d of a static page\n" % n for n in range(4000))

C_HELLO = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) { printf("Content-Type: text/plain\n\nc %s", getenv("QUERY_STRING")); }
"""

# As many blocks as the query says.
C_LARGE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
  static unsigned char block[65536];
  for (int i = 0; i < 65536; i++) block[i] = i;
  printf("Content-Type: application/octet-stream\n\n");
  fflush(stdout);
  for (int n = atoi(getenv("QUERY_STRING")); n > 0; n--)
    for (int done = 0; done < 65536;) {
      int wrote = write(1, block + done, 65536 - done);
      if (wrote <= 0) return 1;
      done += wrote;
    }
}
"""

C_CRASH = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  if (getenv("QUERY_STRING")[0] == 'h') printf("Content-Type: text/plain\n\nsome of it");
  fflush(stdout);
  abort();
}
"""

PERL = r"""#!/usr/bin/perl
print "Content-Type: text/plain\n\nperl $ENV{QUERY_STRING}";
"""

PYTHON = r"""#!/usr/bin/python3
import os
print("Content-Type: text/plain\n\npython " + os.environ["QUERY_STRING"], end="")
"""

SCRIPTS = {
    "good/sh.cgi": PLAIN + "printf 'sh %s' \"$QUERY_STRING\"\n",
    "good/perl.cgi": PERL,
    "good/python.cgi": PYTHON,
    "good/cat.cgi": CAT,
    "good/sum.cgi": PLAIN + "exec sha256sum\n",
    "good/path.cgi": PLAIN + "printf %s \"$PATH_INFO\"\n",
    "good/ticks.cgi": PLAIN + "for i in 1 2 3 4 5 6; do echo $i; sleep 0.25; done\n",
    "good/redirect.cgi": "#!/bin/sh\nprintf 'Location: /good/c.cgi?%s\\n\\n' \"$QUERY_STRING\"\n",
    "good/deaf.cgi": PLAIN + "printf deaf\n",
    "bad/exit.cgi": "#!/bin/sh\necho it went wrong >&2\nexit 3\n",
    "bad/headerless.cgi": "#!/bin/sh\necho no header here\n",
    "bad/nothing.cgi": "#!/bin/sh\n",
    "bad/hang.cgi": "#!/bin/sh\nsleep 60\n",
    "bad/stubborn.cgi": "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n",
    "bad/stderr.cgi": PLAIN + "head -c 1000000 /dev/zero | tr '\\0' x >&2\nprintf flooded\n",
    "bad/background.cgi": PLAIN + "sleep 2 &\nprintf background\n",
    "bad/daemon.cgi": PLAIN + "setsid sleep 2 >/dev/null 2>&1 &\nprintf daemon\n",
    "bad/forks.cgi": PLAIN + "for i in 1 2 3 4 5 6 7 8; do (sleep 0.2) & done\nprintf forks\n",
    "bad/missing.cgi": "#!/no/such/interpreter\n",
}


def make_site(site: Site) -> None:
    site.file("page.txt", PAGE)
    site.c_program("good/c.cgi", C_HELLO)
    site.c_program("good/large.cgi", C_LARGE)
    site.c_program("bad/crash.cgi", C_CRASH)
    for name, text in SCRIPTS.items():
        site.program(name, text)


CONFIGURATION = """
[server]
workers = {workers}
worker_connections = {connections}
{user}
[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "127.0.0.1:0"
tls = true
[limits]
header_timeout = "3s"
body_timeout = "3s"
send_timeout = "5s"
keepalive_timeout = "5s"
body_size = "100m"
[cgi]
header_timeout = "4s"
idle_timeout = "4s"
timeout = "20s"
grace = "500ms"
[[site]]
root = "{root}"
{certificate}
[[site.location]]
match = "*.cgi"
cgi = true
"""
