"""An HTTP/2 client, over python3-h2, that keeps the rules and fails the test when the server breaks
one. Its answers are those of support/client.py, so that a test need not know which protocol it is."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

from support import client
from support.client import Headers, Response

# The end of [server]: HTTP/2 by prior knowledge, beside HTTP/1.1.
CLEAR = "[[listen]]\naddress = '127.0.0.1:0'\nhttp2 = true\n"


class Protocol(H2Connection):
    DEFAULT_MAX_HEADER_LIST_SIZE = 1 << 20  # of an answer; python3-h2 would take 64 KiB


@dataclass
class Stream:
    response: Response | None = None
    interim: list[Response] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    reset: int | None = None  # with this code, by the server
    over: bool = False


class Connection:
    """Many requests at a time over one connection, which is open already."""

    def __init__(self, wire: client.Connection, settings: dict[SettingCodes, int] | None = None):
        self.wire = wire
        self.streams: dict[int, Stream] = {}
        self.goaway: events.ConnectionTerminated | None = None
        self.h2 = Protocol(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings(settings)
        self.flush()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.wire.close()

    def flush(self) -> None:
        self.wire.send_as_far_as_taken(self.h2.data_to_send())

    # Sending.

    def begin(self, method: str, target: str, headers: Headers = (), host: str | None = "localhost",
              end: bool = True) -> int:
        """The head of a request; returns its stream."""
        number = self.h2.get_next_available_stream_id()
        scheme = "https" if isinstance(self.wire.socket, ssl.SSLSocket) else "http"
        fields = [(":method", method), (":scheme", scheme), (":path", target)]
        fields += [(":authority", host)] if host is not None else []
        self.h2.send_headers(number, [*fields, *((n.lower(), v) for n, v in headers)], end_stream=end)
        self.streams[number] = Stream()
        self.flush()
        return number

    def send(self, number: int, body: bytes, end: bool = True) -> bool:
        """As the windows allow. False when the stream was over before it had taken everything."""
        stream = self.streams[number]
        left = memoryview(body)
        while left and not stream.over:
            size = min(len(left), self.h2.local_flow_control_window(number),
                       self.h2.max_outbound_frame_size)
            if size > 0:
                self.h2.send_data(number, bytes(left[:size]))
                left = left[size:]
                self.flush()
            elif not self.receive():
                return False
        if end and not stream.over:
            self.h2.end_stream(number)
            self.flush()
        return not left

    def cancel(self, number: int) -> None:
        self.h2.reset_stream(number)
        self.streams[number].over = True
        self.flush()

    def request(self, method: str, target: str, headers: Headers = (), body: bytes = b"",
                host: str | None = "localhost") -> Response:
        """Sends a request (content-length is added to a body) and reads its response."""
        headers = list(headers)
        if body and "content-length" not in {name.lower() for name, _ in headers}:
            headers.append(("content-length", str(len(body))))
        number = self.begin(method, target, headers, host, end=not body)
        if body:
            self.send(number, body)
        return self.response(number)

    # Receiving.

    def receive(self) -> bool:
        """What has come, at least one piece; False at the end of the connection."""
        data = self.wire.read_some()
        if not data:
            for stream in self.streams.values():
                stream.over = True
            return False
        for event in self.h2.receive_data(data):
            self._take(event)
        self.flush()
        return True

    def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            if not self.receive():
                raise client.Closed(f"closed; GOAWAY: {self.goaway}")

    def head(self, number: int) -> Response:
        """The head of its answer."""
        stream = self.streams[number]
        while stream.response is None and not stream.over and self.receive():
            pass
        if stream.response is None:
            raise client.Closed(f"no answer; reset: {stream.reset}, GOAWAY: {self.goaway}")
        return stream.response

    def response(self, number: int) -> Response:
        """Its answer, as far as it came."""
        answer, stream = self.head(number), self.streams[number]
        while not stream.over and self.receive():
            pass
        answer.body = bytes(stream.body)
        return answer

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.ConnectionTerminated):
            self.goaway = event
            return
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            return
        if isinstance(event, events.InformationalResponseReceived):
            stream.interim.append(response_of(event.headers))
        elif isinstance(event, events.ResponseReceived):
            stream.response = response_of(event.headers)
            stream.response.interim = stream.interim
        elif isinstance(event, events.TrailersReceived):
            assert stream.response
            stream.response.trailers = list(event.headers)
        elif isinstance(event, events.DataReceived):
            stream.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, events.StreamEnded):
            assert stream.response
            stream.response.complete = stream.over = True
        elif isinstance(event, events.StreamReset):
            stream.reset, stream.over = event.error_code, True


def response_of(fields: list[tuple[str, str]]) -> Response:
    status = next(int(value) for name, value in fields if name == ":status")
    return Response("HTTP/2", status, "", [f for f in fields if not f[0].startswith(":")], b"")


def trusting_anyone() -> ssl.SSLContext:
    """For a certificate that the server has made itself."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
