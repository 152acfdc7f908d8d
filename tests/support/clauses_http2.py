"""What cgisrv promises of HTTP/2: groups of support/clauses.py."""

GROUPS: dict[str, dict[str, str]] = {
    "HTTP/2: connections and frames": {
        "rfc9113-3.2-alpn":
            "Over TLS it is chosen by ALPN, where the client offers it; else HTTP/1.1 is spoken.",
        "rfc9113-3.3-prior-knowledge":
            "In the clear, with `http2 = true`, a connection that begins with the preface speaks it, "
            "any other HTTP/1.1; there is no upgrade.",
        "rfc9113-3.4-preface":
            "Both sides begin with SETTINGS; a client that does not is closed with PROTOCOL_ERROR.",
        "rfc9113-4.1-undefined-bits":
            "Flags that a kind of frame does not have, and reserved bits, are ignored.",
        "rfc9113-4.2-frame-size":
            "A frame past 16384 bytes, or of a size that its kind cannot have, is FRAME_SIZE_ERROR.",
        "rfc9113-4.3-field-blocks": "A field block that cannot be decoded is COMPRESSION_ERROR.",
        "rfc7541-2.3.3-index": "An index past both tables is COMPRESSION_ERROR.",
        "rfc7541-4.2-table-size":
            "The table may be made smaller, at the beginning of a block, and never larger than was "
            "allowed.",
        "rfc7541-5.2-huffman":
            "Strings may be Huffman codes; an end of string in them, or padding of a byte, is "
            "COMPRESSION_ERROR.",
        "rfc9113-5.1-idle": "What belongs to a stream that was not begun is PROTOCOL_ERROR.",
        "rfc9113-5.1-closed":
            "What a client sends for a stream that it has ended itself is STREAM_CLOSED.",
        "rfc9113-5.1.1-identifiers":
            "Streams have odd numbers that rise: any other is PROTOCOL_ERROR.",
        "rfc9113-5.1.2-concurrency":
            "A stream past the announced limit is refused, and may be tried again; a place is given "
            "back when its request is over.",
        "rfc9113-5.3-priority": "PRIORITY, and priorities within HEADERS, are read and ignored.",
        "rfc9113-5.4.1-connection-error":
            "An error of the connection is told by GOAWAY with its code, and then it is closed.",
        "rfc9113-5.5-extensions":
            "Frames, settings and error codes that are unknown are ignored, but within a field block.",
        "rfc9113-6-stream-zero":
            "A frame of a stream that names none, or one of the connection that names a stream, is "
            "PROTOCOL_ERROR.",
        "rfc9113-6.1-padding":
            "Padding is taken off, and counts for flow control; as long as the frame, it is "
            "PROTOCOL_ERROR.",
        "rfc9113-6.4-reset": "A client that resets a stream has its program ended, and nothing else.",
        "rfc9113-6.5-settings": "A setting out of its range ends the connection with its code.",
        "rfc9113-6.5.3-acknowledgement":
            "SETTINGS are taken in their order, and acknowledged once they are in force.",
        "rfc9113-6.6-push": "Nothing is pushed; PUSH_PROMISE of a client is PROTOCOL_ERROR.",
        "rfc9113-6.7-ping": "PING is answered with the same content; an answer is not.",
        "rfc9113-6.8-goaway":
            "GOAWAY names the last stream that was begun; those up to it are answered, whoever sent it.",
        "rfc9113-6.9-window-update":
            "An increment of 0 is PROTOCOL_ERROR, a window past 2^31-1 FLOW_CONTROL_ERROR: of the "
            "stream, or of the connection.",
        "rfc9113-6.9.1-flow-control":
            "Never is more sent than the client's windows allow, of a stream and of the connection, to "
            "the byte; a client that sends more than ours is FLOW_CONTROL_ERROR.",
        "rfc9113-6.9.2-initial-window":
            "A new initial window changes the windows of streams that are there, below 0 too; one that "
            "makes such a window too large is FLOW_CONTROL_ERROR of the connection.",
        "rfc9113-6.10-continuation":
            "CONTINUATION goes on with a field block, of the same stream, and nothing comes between.",
    },
    "HTTP/2: requests": {
        "rfc9113-8.1-trailers":
            "Trailers end a request, have no pseudo-field, and never reach a program.",
        "rfc9113-8.1-early-answer":
            "A whole answer before the end of a request is followed by a reset with NO_ERROR.",
        "rfc9113-8.1.1-content-length":
            "DATA that is not as long as content-length says is PROTOCOL_ERROR, and no program takes it "
            "for a whole body.",
        "rfc9113-8.1.1-malformed":
            "A malformed request is reset or answered with 400, runs nothing, and leaves the connection.",
        "rfc9113-8.2-lower-case": "Field names are in lower case: other ones are malformed.",
        "rfc9113-8.2.1-characters":
            "A name that is no token, and a value with NUL, CR or LF, are malformed.",
        "rfc9113-8.2.2-connection-fields":
            "Connection, Proxy-Connection, Keep-Alive, Transfer-Encoding and Upgrade, and TE with "
            "anything but trailers, are malformed; none is ever sent.",
        "rfc9113-8.2.3-cookies": "Cookies in several fields are one for a program, joined by `; `.",
        "rfc9113-8.3-pseudo-fields":
            "Pseudo-fields come first, once each, and only those of a request; else it is malformed.",
        "rfc9113-8.3.1-authority":
            "`:authority` is the host: it agrees with Host where both are there, and has no user; one of "
            "them is there.",
        "rfc9113-8.3.1-path": "`:path` is never empty, and begins with `/`, but `*` of OPTIONS.",
        "rfc9113-8.3.1-scheme":
            "`:scheme` says how the connection is: the other one of http and https is 421, any other "
            "malformed.",
        "rfc9113-8.5-connect": "CONNECT is refused, and extended CONNECT not offered (RFC 8441).",
        "rfc9113-9.1.1-reuse":
            "On a connection for one host, another that its certificate does not name is 421.",
        "rfc9113-10.3-one-request":
            "Nothing that a field of HTTP/2 can carry becomes another field, request or variable.",
        "http2-environment":
            "A program cannot tell the protocols apart but by SERVER_PROTOCOL, which is HTTP/2.0.",
        "http2-same-everywhere":
            "What can be configured for a location works the same over HTTP/1.1 and HTTP/2.",
    },
    "HTTP/2: answers": {
        "rfc9113-8.2-answers": "Field names of answers are in lower case, whatever a program prints.",
        "rfc9113-8.1-no-content": "An answer to HEAD, a 204 and a 304 have no DATA.",
        "rfc9113-8.1-interim": "100 is sent to a client that expects it; 101 never is.",
        "rfc9113-8.1-cut-short":
            "An answer that is not whole is reset, and never ended as a whole one is.",
        "http2-interleaved": "Requests are answered as they become ready, not in their order.",
        "http2-clients":
            "curl, nghttp, git, wget and Chromium are served, over HTTP/2 where they speak it.",
    },
    "HTTP/2: floods": {
        "cve2023-44487-rapid-reset":
            "Requests that are reset at once start no more programs than a client may have, and end the "
            "connection with ENHANCE_YOUR_CALM.",
        "cve2025-8671-made-you-reset": "Neither do those that make the server reset them.",
        "cve2024-27316-continuation":
            "A field block without end costs no memory, and the connection.",
        "cve2016-6581-header-bombs":
            "What a block expands to is limited: it is refused, and memory stays flat.",
        "cve2019-9512-ping": "A flood of PING ends the connection with ENHANCE_YOUR_CALM.",
        "cve2019-9515-settings": "So does one of SETTINGS.",
        "cve2019-9518-empty-frames": "So does one of empty frames.",
        "cve2019-9513-priority": "So does one of PRIORITY, or it costs nothing.",
        "cve2019-9517-windows":
            "A client that reads nothing, or a byte at a time, is let go in the end, and its programs "
            "with it.",
    },
}
