"""The same programs by a server that starts them warm and by one that does not.

Both are asked the same, the one that starts them cold before and after; what those two answers
differ in, such as the time, is all that may differ. The access log says that each was warm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.client import Connection, Response
from support.waiting import until
from support.warm import LOG, Warm

TRIES = 3
MASKED_MAX = 0.1  # of the words, as times are: so much may differ between two cold runs
LISTEN = '[[listen]]\naddress = "unix:{socket}"\n'


@dataclass
class Asked:
    """A request that is made of both."""

    target: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    has: bytes = b""  # in each answer, so that it is no page that says what went wrong


def words(answer: Response) -> list[bytes]:
    """All of it but its date."""
    fields = [f"{n}: {v}" for n, v in answer.without("Date")]
    whole = f"{answer.status} {answer.reason} {fields}".encode() + answer.body
    return re.split(rb"(\W)", whole)


class Twins:
    """`configuration` makes the text of one from "cold" or "warm", without its log and listener.
    Sockets have no port that the programs could tell."""

    def __init__(self, start, folder: Path, configuration: Callable[[str], str]):
        def serve(how: str) -> Warm:
            log, socket = folder / f"{how}.log", folder / f"{how}.socket"
            server = start(config=LOG.format(log=log) + LISTEN.format(socket=socket)
                           + configuration(how))
            server.address_override = str(socket)
            return Warm(server, log)

        self.cold, self.warm = serve("cold"), serve("warm")

    def assert_same(self, *asked: Asked, reset=lambda: None) -> None:
        """`reset`: undoes what the program keeps between requests."""
        self.warm.boot(asked[0].target)
        for _ in range(TRIES):
            before, warm, after = self.take_turns(asked, reset)
            if [len(words(one)) for one in before] == [len(words(one)) for one in after]:
                break  # else time itself added a word: what is between has nothing to be held against
        for one, first, answer, second in zip(asked, before, warm, after, strict=True):
            assert_asked(one, first)
            assert_between(first, answer, second)

    def take_turns(self, asked: tuple[Asked, ...],
                   reset: Callable[[], None]) -> tuple[list[Response], ...]:
        """The answers of cold, warm and cold starts."""
        reset()
        before = self.answers(self.cold, asked)
        reset()
        since = len(self.warm.lines())
        warm = self.answers(self.warm, asked)
        assert until(lambda: len(self.warm.lines()) == since + len(asked))
        for line in self.warm.lines()[since:]:
            assert line[2:4] == ["warm", "-"], line
        reset()
        return before, warm, self.answers(self.cold, asked)

    @staticmethod
    def answers(served: Warm, asked: tuple[Asked, ...]) -> list[Response]:
        found = []
        with Connection(served.server.address) as connection:  # one, kept alive
            for one in asked:
                method = "POST" if one.body else "GET"
                found.append(connection.request(method, one.target, one.headers, one.body))
                assert found[-1].complete, one
        return found


def assert_asked(one: Asked, answer: Response) -> None:
    assert answer.status == one.status and one.has in answer.body, f"{one.target}: {answer}"


def assert_between(first: Response, answer: Response, second: Response) -> None:
    one, other, two = words(first), words(answer), words(second)
    assert len(one) == len(two), "two plain runs differ in more than words"
    assert len(other) == len(one), \
        f"{first.head}\n{first.text}\nwarm:\n{answer.head}\n{answer.text}"
    masked = [n for n in range(len(one)) if one[n] != two[n]]
    assert len(masked) <= max(20, MASKED_MAX * len(one)), [(one[n], two[n]) for n in masked]
    differ = [(one[n], other[n]) for n in range(len(one)) if one[n] == two[n] != other[n]]
    assert not differ, f"plain, and warm: {differ}"
