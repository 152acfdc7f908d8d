"""What cgisrv promises on the wire and to programs, clause by clause.

Each clause is one line here and is proven by the tests that are marked with it:

    @clause("rfc9112-5.1-space-before-colon")
    def test_...

A key names its source: "rfc9112-5.1-..." is RFC 9112 section 5.1. The order is that of the page,
docs/conformance.md, which is made from this file and a run of the tests: see tests/conformance.
"""

from __future__ import annotations

import re

import pytest

from support import clauses_http2

GROUPS: dict[str, dict[str, str]] = {
    "HTTP/1.1: the request's head": {
        "rfc9112-2.2-line-ends":
            "A bare CR or LF anywhere in a head is refused: 400 and close.",
        "rfc9112-2.2-leading-crlf": "Empty lines before a request line are ignored.",
        "rfc9112-2.2-space-before-first-field":
            "White space between the request line and the first field is refused.",
        "rfc9112-2.3-version":
            "A version that is not HTTP/digit.digit, or none at all (HTTP/0.9), is refused.",
        "rfc9110-2.5-versions":
            "A higher minor version than 1.1 is treated as 1.1.",
        "rfc9110-15.6.6-major-version": "Another major version than 1 is answered with 505.",
        "rfc9112-3-request-line":
            "Method, target and version stand apart by exactly one space; a method is a token.",
        "rfc9112-3-8000-bytes": "Request lines of 8000 bytes are supported.",
        "rfc9110-15.5.15-long-target": "A target past the limit is answered with 414.",
        "rfc6585-5-large-head": "A head past the limit, or of too many fields, is 431.",
        "rfc9112-3.2-target-forms":
            "A target is in origin, absolute, authority (CONNECT) or asterisk (OPTIONS) form.",
        "rfc9112-3.2-target-characters":
            "White space, control bytes and fragments in a target are refused, as are backslashes in "
            "its path; bytes from 0x80, and what browsers leave in a query, are taken as they are.",
        "rfc9112-3.2-host":
            "A 1.1 request without Host, with several, or with an invalid one is refused.",
        "rfc9112-3.2.2-absolute-form": "Absolute form is accepted, and its host overrides Host.",
        "rfc9112-5-field-lines": "A field line is a token, a colon and a value; else 400.",
        "rfc9112-5.1-space-before-colon": "White space between a name and its colon is refused.",
        "rfc9112-5.2-obs-fold": "A field that goes on in the next line is refused.",
        "rfc9110-5.5-field-values":
            "NUL, CR, LF and other control bytes in a value are refused; white space around it is "
            "not part of it.",
        "rfc9110-7.6.1-connection": "Connection is a list of tokens; anything else is refused.",
    },
    "HTTP/1.1: the request's body": {
        "rfc9112-6.3-length":
            "A Content-Length that is no number, signed, hex, overflowing, empty, a list or "
            "repeated (equal ones too) is refused.",
        "rfc9112-6.3-coding-and-length":
            "Transfer-Encoding together with Content-Length is refused (the RFC allows to read it "
            "as chunked).",
        "rfc9112-6.3-chunked-last":
            "Transfer-Encoding whose last coding is not chunked is refused.",
        "rfc9112-6.1-unknown-coding": "A transfer coding that is not understood is 501.",
        "rfc9112-6.1-coding-in-1.0": "Transfer-Encoding in an HTTP/1.0 request is refused.",
        "rfc9112-7.1-chunked": "Chunked bodies are decoded, however they are cut and split.",
        "rfc9112-7.1-chunk-size":
            "A chunk size that overflows or is no hex number is refused, as is any line end in the "
            "framing that is not CRLF.",
        "rfc9112-7.1.1-extensions":
            "Unknown chunk extensions are ignored, but limited in what they may cost.",
        "rfc9112-7.1.2-trailers":
            "Trailers are read, limited, and never merged into the head's fields.",
        "rfc9112-6-any-method": "Framing does not depend on the method.",
        "rfc9112-8-body-cut-short":
            "A body that ends early is never taken for a whole one: the program is ended and sees "
            "no end of file.",
        "rfc9110-15.5.14-large-body":
            "A body past the limit is 413: before it is sent where its length is known.",
        "rfc9112-11.2-smuggling":
            "Ambiguous framing (CL.TE, TE.CL, TE.TE, CL.0, 0.CL, chunk tricks) gets one refusal "
            "and a close; never does a second request come out of a body.",
        "rfc9112-11.2-second-opinions":
            "What llhttp or Boost.Beast refuses reaches a program only where an RFC asks for it: "
            "see differences.md.",
    },
    "HTTP/1.1: responses and connections": {
        "rfc9112-6.1-no-coding-for-1.0":
            "Transfer-Encoding is never sent to a 1.0 client, nor on 1xx or 204.",
        "rfc9112-6.2-one-framing": "Transfer-Encoding and Content-Length are never sent together.",
        "rfc9112-6.3-no-body":
            "A response to HEAD, a 204 and a 304 end at the blank line, whatever a program prints.",
        "rfc9112-9.3-persistence":
            "1.1 connections persist by default; 1.0 ones when asked and the length is known.",
        "rfc9112-9.3.2-pipelining":
            "Pipelined requests are answered in their order, however long each takes.",
        "rfc9112-9.5-deadlines":
            "A head, a body and an idle connection have deadlines: 408 or a silent close.",
        "rfc9112-9.6-close":
            "`Connection: close` is honoured and announced; nothing is processed after it.",
        "rfc9112-9.6-lingering-close":
            "A client that is still sending can read the refusal; the wait for it has an end.",
        "rfc9112-9.6-half-close":
            "A client that has shut its sending side gets its whole answer, however slow, once it "
            "has taken a first part within half_close_timeout.",
        "rfc9110-6.6.1-date": "Every final response has one Date, an IMF-fixdate.",
    },
    **clauses_http2.GROUPS,
    "HTTP semantics: methods and expectations": {
        "rfc9110-9.1-unknown-method": "Of a file, an unknown method is 501; methods are case-sensitive.",
        "rfc9110-15.5.6-allow": "A known method that the resource does not have is 405 with Allow.",
        "rfc9110-9.3.2-head": "HEAD is GET without the body, for files, programs and errors.",
        "rfc9110-9.3.6-connect": "CONNECT is refused.",
        "rfc9110-9.3.7-options": "OPTIONS `*` is 200 or 204.",
        "rfc9110-9.3.8-trace": "TRACE is 405, and echoes nothing.",
        "rfc9110-10.1.1-continue":
            "100 is sent to a 1.1 client that expects it, has a body, and has not sent it yet.",
        "rfc9110-10.1.1-final-status-instead":
            "What will be refused is refused without 100, and the connection closed.",
        "rfc9110-10.1.1-ignored-in-1.0": "An expectation of an HTTP/1.0 request is ignored.",
        "rfc9110-10.1.1-other-expectations": "Any other expectation is 417.",
        "rfc9110-7.4-misdirected": "An https target on a connection without TLS is 421.",
        "rfc9110-7.8-upgrade": "Upgrade is ignored: the protocol stays what it is.",
    },
    "HTTP semantics: validators, conditions, ranges": {
        "rfc9110-8.8.2-last-modified": "Last-Modified is never later than Date.",
        "rfc9110-8.8.3-etag":
            "A file's ETag is strong, changes with it, and is weak while it may still change.",
        "rfc9110-5.6.7-dates": "All three date formats are read; IMF-fixdate is written.",
        "rfc9110-13.1.1-if-match": "If-Match compares strongly: 412.",
        "rfc9110-13.1.2-if-none-match":
            "If-None-Match compares weakly, `*` matches whatever is there: 304 for GET and HEAD.",
        "rfc9110-13.1.3-if-modified-since":
            "If-Modified-Since: 304 where the file is not newer; ignored when it is no date.",
        "conditions-future-dates":
            "A date in the future is ignored: its clock is wrong, and what has changed since would "
            "be missed (Apache does the same).",
        "rfc9110-13.1.4-if-unmodified-since": "If-Unmodified-Since: 412; ignored when invalid.",
        "rfc9110-13.1.5-if-range":
            "If-Range compares strongly, dates exactly; else the whole file is sent.",
        "rfc9110-13.2.1-only-for-success":
            "Conditions are ignored where the answer without them is no success.",
        "rfc9110-13.2.2-order": "Conditions are evaluated in the RFC's order.",
        "rfc9110-15.4.5-not-modified":
            "A 304 of a file has Date, ETag and Last-Modified, and no other metadata; a program's "
            "is passed on.",
        "rfc9110-14.2-range": "Ranges are for GET alone; unknown units and nonsense are ignored.",
        "rfc9110-14.1.2-byte-ranges":
            "A suffix longer than the file is the whole file; a last byte past the end is the end.",
        "rfc9110-15.5.17-unsatisfiable": "A range past the end is 416 with `bytes */length`.",
        "rfc9110-14.6-multipart": "Several ranges are sent as multipart/byteranges.",
        "rfc9110-15.3.7.2-order":
            "Their parts come in the order in which they were asked for, up to 200 of them.",
        "rfc9110-14.2-many-ranges":
            "Many or overlapping ranges are coalesced or refused; memory is flat at 1 000.",
        "rfc9110-15.4.2-directory":
            "A directory without its slash is 301, on this host; 308 for a method that a program "
            "which is its index takes.",
        "rfc9110-12.5.5-vary": "What is negotiated by a field names it in Vary.",
        "rfc9110-13.1-programs-conditions":
            "A program's own 206, 304, validators and conditions pass through untouched.",
    },
    "HTTP semantics: content codings": {
        "rfc9110-12.5.3-accept-encoding":
            "With `compress`, the client's weights choose the coding, and the server among equals; "
            "none that it refuses, and none if it names none or does not say.",
        "rfc9110-8.4-left-alone":
            "What has a coding, is a part, may not be transformed, or does not pay, is left alone.",
        "rfc9110-12.5.5-vary-encoding":
            "Whatever another client may get compressed has Accept-Encoding in Vary, once.",
        "rfc9110-8.8.3-encoded-etag":
            "What is compressed on its way has a weak ETag, a file that is compressed already a "
            "strong one of its own; their 304s too.",
        "rfc9110-14.2-encoded-ranges":
            "Ranges and If-Match are about the file as it is, or as it is compressed already: never "
            "about what is compressed on its way.",
        "codings-beside":
            "A file beside it that is compressed already is sent instead, if it is not older.",
        "codings-streams": "What a program prints can be decoded as soon as it has printed it.",
    },
    "Paths": {
        "rfc3986-2.1-escapes": "A broken escape, or an escaped NUL, is refused.",
        "rfc3986-5.2.4-dot-segments":
            "Nothing in a URL climbs out of its root: dot segments, encoded once, twice or badly, "
            "backslashes, parameters, overlong UTF-8: 400 or 404.",
        "paths-dotfiles": "Dotfiles, and what lies in dotted folders, are not served.",
        "rfc8615-3-well-known": "`/.well-known/` is served all the same.",
        "paths-links-followed": "Symbolic links are followed by default, out of the root too.",
        "paths-links-never": "`symlinks = \"never\"`: a path with a link below the root is 403.",
        "paths-links-owner":
            "`symlinks = \"owner\"`: a link is followed where its owner owns what it leads to.",
        "paths-checked-is-sent":
            "What was checked is what is sent or run: swapping a file for a link gains nothing.",
        "paths-cgi-false":
            "Below a prefix with `cgi = false` nothing is run, whatever its ending.",
        "paths-sites-in-common":
            "No site sends the source of what another one runs, but where `cgi = false` asks for "
            "it.",
        "paths-special-files": "Devices, pipes and broken links are not served.",
        "rfc3875-4.1.5-split":
            "The split into SCRIPT_NAME and PATH_INFO is exact: with %0a, %2f, and 10 kB of it.",
    },
    "CGI: meta-variables": {
        "rfc3875-4.1.1-identity":
            "AUTH_TYPE and REMOTE_USER are set only when the server itself authenticated.",
        "rfc3875-4.1.2-content-length":
            "CONTENT_LENGTH is set exactly when there is a body of known length, counted after "
            "de-chunking.",
        "rfc3875-4.1.3-content-type": "CONTENT_TYPE is set exactly when the field was sent.",
        "rfc3875-4.1.4-gateway-interface": "GATEWAY_INTERFACE is CGI/1.1.",
        "rfc3875-4.1.5-path-info": "PATH_INFO is decoded once, and set only when there is one.",
        "rfc3875-4.1.6-path-translated": "PATH_TRANSLATED is set only with PATH_INFO.",
        "rfc3875-4.1.7-query-string": "QUERY_STRING is raw, and empty when there is none.",
        "rfc3875-4.1.8-remote-addr": "REMOTE_ADDR is always set.",
        "rfc3875-4.1.12-request-method": "REQUEST_METHOD is the method as it was sent.",
        "rfc3875-4.1.13-script-name": "SCRIPT_NAME is the URL path that leads to the program.",
        "rfc3875-4.1.14-server-name": "SERVER_NAME is the host asked for, else the address.",
        "rfc3875-4.1.15-server-port": "SERVER_PORT is always set, also when Host names no port.",
        "rfc3875-4.1.16-server-protocol": "SERVER_PROTOCOL is the version of the request.",
        "rfc3875-4.1.17-server-software": "SERVER_SOFTWARE is set.",
        "rfc3875-4.1.18-fields":
            "Other fields become HTTP_*; equal names are merged by `, `, cookies by `; `.",
        "rfc3875-4.1.18-no-collisions":
            "A name that would collide after mapping (X_Forwarded-For) is dropped.",
        "rfc3875-4.1.18-withheld":
            "Authorization is withheld unless configured, as are the connection's own fields.",
        "cve2016-5385-httpoxy": "`Proxy:` never becomes HTTP_PROXY.",
        "rfc3875-9-no-spoofing":
            "No field, query or configured variable sets or replaces a computed one, LD_PRELOAD, "
            "PATH or REDIRECT_*; of the server's own environment nothing is passed on.",
        "cgi-de-facto-variables":
            "REQUEST_URI, DOCUMENT_ROOT, SCRIPT_FILENAME, REMOTE_PORT, REQUEST_SCHEME, SERVER_ADDR "
            "and REQUEST_ID are set as programs expect.",
    },
    "CGI: input": {
        "rfc3875-4.2-exact-length": "A program reads exactly CONTENT_LENGTH bytes, then the end.",
        "rfc3875-4.2-no-body": "Without a body its input ends at once.",
        "rfc3875-4.2-chunked":
            "A chunked body is spooled so that its length is known, or streamed without one, as "
            "configured.",
        "rfc3875-4.4-no-command-line": "The query never becomes a command line.",
        "rfc3875-7.2-working-directory": "The working directory is the program's own.",
    },
    "CGI: output": {
        "rfc3875-6.2-line-ends": "Header lines end in LF or CRLF.",
        "rfc3875-6.2-one-field": "There is a header, with at least one field, or it is 502.",
        "rfc3875-6.3-syntax":
            "White space around a name, names that are no tokens and folded lines are 502.",
        "rfc3875-6.3-control-bytes": "CR, NUL and control bytes in a header are 502.",
        "rfc3875-6.3-duplicates": "Status, Location or Content-Type twice is 502.",
        "rfc3875-6.3-limit": "A header past its limit is 502.",
        "rfc3875-6.3-logged": "The offending line is in the log, escaped.",
        "rfc3875-6.3.3-status":
            "Status defaults to 200, and is passed on with its reason; a malformed one is 502.",
        "rfc3875-6.2.2-local-redirect":
            "A local Location alone is answered with that resource, by GET, through routing and "
            "access rules again, at most ten deep.",
        "rfc3875-6.2.2-never-elsewhere":
            "A redirect never makes the server connect anywhere, nor read what is no path of the "
            "site; a program's source is never sent.",
        "rfc3875-6.2.3-client-redirect": "An absolute Location alone is 302.",
        "rfc3875-6.2.4-redirect-with-document": "Location with Status and body is kept.",
        "rfc3875-6.3.5-extensions": "X-CGI-* fields are stripped, other fields are kept in order.",
        "rfc9110-7.6.1-hop-by-hop":
            "Hop-by-hop fields and Transfer-Encoding from a program are never forwarded.",
        "rfc9110-8.6-program-length":
            "A program's right Content-Length is kept; a malformed or repeated one is 502.",
        "rfc9110-8.6-program-writes-less": "It writes less: the client sees a response cut short.",
        "rfc9110-8.6-program-writes-more": "It writes more: cut at the length.",
        "rfc3875-5-nph": "The output of an nph- program is passed on unmodified, then closed.",
    },
    "TLS": {
        "rfc9325-3.1-versions":
            "TLS 1.2 and 1.3 are spoken; earlier versions are refused by an alert.",
        "rfc9325-3.5-renegotiation": "Nobody renegotiates, not by TLS 1.2 either.",
        "rfc9325-4.1-ciphers":
            "Only ciphers with forward secrecy and authentication are spoken (the RFC recommends "
            "them); all others are refused by an alert.",
        "rfc9325-3.3-compression": "There is no compression by TLS.",
        "rfc8446-2.3-early-data": "No early data is offered, so that nothing is replayed.",
        "rfc8446-4.6.1-resumption":
            "A session is resumed by a ticket, with whichever worker, for the names of the site that "
            "it was begun for; for another one the handshake is a full one.",
        "rfc8446-6.1-close":
            "Both sides' ends are told: a response without a length that was cut, and a body that "
            "was, is told from a whole one.",
        "rfc8446-4.4.2.4-client-certificate":
            "A client's certificate that is missing or cannot be verified does not end the "
            "handshake; the request that needs one is answered with 403.",
        "rfc8446-4.4.3-client-verified":
            "Programs are told of a client's name only if its certificate was verified for that site, "
            "whatever fields, sessions or names it sends.",
        "rfc6066-3-server-name":
            "The certificate is that of the host which the client names; a host of no site is shown "
            "the first one, as is who names none.",
        "rfc7301-3.2-protocol":
            "The protocol is one that the client offers; who offers none of ours is refused by an "
            "alert.",
        "rfc9110-15.5.20-other-certificate":
            "A request for a site with another certificate than the connection's, or with other "
            "certificates of clients, is 421.",
        "rfc9110-4.2.2-cleartext":
            "A request in the clear at an address that speaks TLS is 400, and is not carried out.",
        "rfc8555-8.3-challenge":
            "A certificate is fetched and renewed by an authority that asks in the clear, though the "
            "site sends all else to https.",
    },
    "CGI: failures": {
        "rfc9110-15.5.5-missing": "A missing program is 404.",
        "rfc9110-15.5.4-not-executable":
            "One that is not executable is 403, with the reason in the log, never its source.",
        "rfc9110-15.6.3-bad-gateway":
            "One that cannot be started, dies before its header, or prints a malformed one is 502.",
        "rfc9110-15.6.4-no-place": "No place for a program is 503 with Retry-After.",
        "rfc9110-15.6.5-gateway-timeout": "A header that is too late is 504.",
        "rfc9112-8-response-cut-short":
            "One that dies after its header: no last chunk, and the connection is closed.",
        "failures-precise-log":
            "CRLF in the shebang, no shebang, a missing interpreter, a noexec mount, setuid, "
            "writable by everyone: each has its own sentence in the log.",
        "failures-exit-status": "An exit status after a full response is logged, no more.",
    },
    "Programs": {
        "programs-duplex":
            "A program that ignores 10 MB of input is answered; one that writes 10 MB before it "
            "reads does not block.",
        "programs-stderr": "1 MB of standard error before the header neither blocks nor floods.",
        "programs-client-leaves":
            "When the client goes, the whole process group is gone within a second.",
        "programs-client-leaves-finish":
            "With `on_disconnect = \"finish\"` it runs on to its end within its limits, unless its "
            "input is not whole.",
        "programs-grandchild":
            "A background child that holds the output does not keep the response.",
        "programs-nothing-left":
            "After 10 000 requests: no zombie, no leaked descriptor, no temporary file.",
        "programs-clean-start":
            "A program starts with descriptors 0, 1, 2, default signals, an empty mask, the "
            "server's umask, a process group of its own, and no capability when the server serves as a user.",
        "programs-limits": "Resource limits and time limits end what runs, prints or sleeps on.",
        "programs-fork-forever": "One that forks without end is ended with all its children.",
        "programs-exec": "One that execs another program is that program.",
        "programs-memory":
            "A gigabyte through a program and a slow client cost the server no memory.",
    },
    "The server under fault": {
        "faults-worker-killed":
            "kill -9 of a worker under load: only its own requests fail, its programs are gone, "
            "and another serves within 100 ms.",
        "faults-master-killed":
            "kill -9 of the master: all is gone within a second, and the port is free.",
        "faults-reload-upgrade":
            "Across reloads, upgrades and failures of both: no request fails, a wrong configuration "
            "and a program that does not come up change nothing, and somebody always serves.",
        "faults-worker-stopped":
            "A worker that hangs is replaced; what it served is cut, and its programs are gone.",
        "faults-killed-program":
            "A program that is killed at any stage of its exchange is told from one that answered.",
        "faults-system-calls":
            "Every call that can fail (memory, processes, pipes, descriptors, disk), failing at the "
            "first, second, … time or for a while: 503 or 500, no crash, no spin, full recovery.",
        "faults-full-disk":
            "A full disk for spooled bodies or logs stops neither the server nor other requests.",
        "faults-clock": "A clock that jumps changes no deadline.",
        "faults-body-rate":
            "Clients that send or read more slowly than a minimum rate are let go in the end; slow "
            "but steady ones are served.",
        "faults-slow-heads": "1 000 slow heads: a new request is answered within a second.",
        "faults-slow-bodies": "1 000 slow bodies: a new request is answered within a second.",
        "faults-slow-readers": "1 000 slow readers: a new request is answered within a second.",
        "faults-resets":
            "Resets at every byte of an exchange, ten thousand of them: nothing stays counted.",
        "faults-fuzz":
            "Every parser, and whole connections, are fuzzed with sanitizers; the tests replay "
            "their corpora.",
        "faults-half-closed": "Connections half-closed at every byte of an exchange are let go.",
    },
}

CLAUSES = {key: text for group in GROUPS.values() for key, text in group.items()}


def clause(*keys: str) -> pytest.MarkDecorator:
    """Marks a test as proof of these clauses."""
    for key in keys:
        if key not in CLAUSES:
            raise KeyError(f"{key} is no clause of clauses.py")
    return pytest.mark.clause(*keys)


def cases(groups: dict[str, dict[str, bytes | str]], name: str = "data") -> pytest.MarkDecorator:
    """Parametrizes a test by tables of cases, {clause: {case: value}}."""
    return pytest.mark.parametrize(name, [
        pytest.param(value, id=f"{key}: {case}", marks=clause(key))
        for key, table in groups.items() for case, value in table.items()])


def source(key: str) -> str:
    """"RFC 9112 §5.1" of "rfc9112-5.1-space-before-colon"; empty where no document asks for it."""
    if match := re.match(r"rfc(\d+)-([\d.]+)-", key):
        return f"RFC {match[1]} §{match[2]}"
    if match := re.match(r"cve(\d+)-(\d+)-", key):
        return f"CVE-{match[1]}-{match[2]}"
    return ""


def clauses_of(item: pytest.Item) -> list[str]:
    found = [key for marker in item.iter_markers("clause") for key in marker.args]
    return sorted(set(found), key=list(CLAUSES).index)
