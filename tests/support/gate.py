"""Programs that say that they run, and wait until they are let on. So which of them run at a time,
where, and since when, is known and not guessed."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# NODE and GATE are in its environment; its query is its name.
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
  struct sockaddr_un gate = {.sun_family = AF_UNIX};
  strncpy(gate.sun_path, getenv("GATE"), sizeof gate.sun_path - 1);
  const int s = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(s, (struct sockaddr*)&gate, sizeof gate) != 0) return 1;
  dprintf(s, "%s %s %d %d\n", getenv("NODE"), getenv("QUERY_STRING"), (int)getppid(), (int)getpid());
  char word;
  if (read(s, &word, 1) != 1) return 1;
  printf("Content-Type: text/plain\n\n%s %s\n", getenv("NODE"), getenv("QUERY_STRING"));
}
"""


@dataclass(frozen=True)
class Held:
    node: str
    name: str
    worker: int
    program: int


def _words_of(peer: socket.socket) -> list[str]:
    """None, if it has ended; or was ended before it read that it was let on."""
    with contextlib.suppress(ConnectionResetError):
        return peer.recv(500).decode().split()
    return []


class Gate:
    def __init__(self, path: Path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o777)
        self.listener.listen(1024)
        self._lock = threading.Lock()
        self._sockets: dict[Held, socket.socket] = {}
        self._most: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._serve, name="gate", daemon=True)
        self._thread.start()

    def held(self, node: str = "") -> list[Held]:
        """Those that run, in the order in which they came."""
        with self._lock:
            return [each for each in self._sockets if node in ("", each.node)]

    def names(self, node: str = "") -> list[str]:
        return [each.name for each in self.held(node)]

    def most(self) -> Counter[str]:
        """How many have run at a time at each node, at most."""
        with self._lock:
            return Counter(self._most)

    def let_on(self, *which: Held) -> None:
        with self._lock:
            for each in which:
                with contextlib.suppress(KeyError, OSError):  # it has ended meanwhile
                    self._sockets[each].send(b"!")

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self.listener.close()
        for each in self._sockets.values():
            each.close()

    def _serve(self) -> None:
        ready = selectors.DefaultSelector()
        ready.register(self.listener, selectors.EVENT_READ)
        while True:
            came = []
            for key, _ in ready.select():
                peer = key.fileobj
                assert isinstance(peer, socket.socket)
                if peer is self.listener:
                    try:
                        ready.register(peer.accept()[0], selectors.EVENT_READ)
                    except OSError:
                        return ready.close()
                elif words := _words_of(peer):
                    came.append((Held(words[0], words[1], int(words[2]), int(words[3])), peer))
                else:
                    ready.unregister(peer)
                    self._leave(peer)
            # Whoever came in the place of one that has ended was later, and is counted later.
            for held, peer in came:
                self._enter(held, peer)

    def _enter(self, held: Held, peer: socket.socket) -> None:
        with self._lock:
            self._sockets[held] = peer
            count = sum(each.node == held.node for each in self._sockets)
            self._most[held.node] = max(self._most[held.node], count)

    def _leave(self, peer: socket.socket) -> None:
        with self._lock:
            self._sockets = {held: each for held, each in self._sockets.items() if each is not peer}
        peer.close()
