"""What many streams at a time have needed is given back afterwards."""

import pytest

from support.configuration import cgi_site
from support.frames import Conversation, Kind, request
from support.http2 import CLEAR
from support.processes import status_field
from support.waiting import until

STREAMS = 100
ROUNDS = 3  # the allocator learns from blocks that were freed: the first time it gives back all
MOST = 24 << 10  # KiB more than before: what is in use, and what may stay unused


def resident(pid: int) -> int:
    return int(status_field(pid, "VmRSS").split()[0])


@pytest.mark.plain(only="sanitizers keep what was freed")
@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_memory_of_responses_that_are_held_is_given_back(start, site, coding):
    """Each has begun, its client takes no more of it, and it has an encoder."""
    site.program("random.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
                               "exec head -c 1000000 /dev/urandom\n")
    server = start(config=cgi_site(site.root, site="compress = true", limits=f"max_streams = {STREAMS}",
                                   server=f'workers = 1\nmax_running = 1000\nheartbeat_timeout = "1s"\n{CLEAR}'))
    [worker] = server.workers()
    before = resident(worker)
    for _ in range(ROUNDS):
        there = Conversation(server.connect())
        there.send(*[request(path="/random.cgi", stream=2 * number + 1, more=[("accept-encoding", coding)])
                     for number in range(STREAMS)])
        answered = 0
        while answered < STREAMS:
            answered += there.read().type == Kind.HEADERS
        there.wire.close()
    assert until(lambda: resident(worker) < before + MOST), (before, resident(worker))
