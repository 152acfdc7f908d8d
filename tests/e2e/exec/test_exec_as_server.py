"""cgisrv exec does as the server does: the same requests to both."""

from __future__ import annotations

import base64

import pytest

from support.exec_command import LIMITED, configure, seen, verdict
from support.programs import ENVIRONMENT, PLAIN, environment_of

# What the environment does not say of how a program runs.
CIRCUMSTANCES = PLAIN + r"""
pwd; umask; ulimit -a; ls -l /proc/self/fd | grep -o '[0-2] -> .*' | sed 's/[0-9]*\]//'
grep -E '^(Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Uid|Gid|Groups|Seccomp:)' /proc/self/status
ps -o tty= -p $$; test $(ps -o pgid= -p $$) = $$ && echo its own group
echo "$0 $#"
"""
OF_THE_CONNECTION = {"REMOTE_PORT", "SERVER_PORT", "REQUEST_ID", "UNIQUE_ID"}
REQUESTS = [
    ("GET", "", [], b""),
    ("GET", "/a%20b/%C3%A9?x=1&y=%20", [("Cookie", "a=b"), ("Cookie", "c=d")], b""),
    ("POST", "?q", [("Content-Type", "text/plain")], b"hello"),
    ("PUT", "", [], b"hello"),
    ("DELETE", "/it", [("X_Y", "dropped"), ("Proxy", "no"), ("Authorization", "Basic x")], b""),
    ("HEAD", "", [("Accept", "text/html"), ("User-Agent", "me")], b""),
]


def value_of(value: dict, key: str) -> bytes:
    return value[key].encode() if key in value else base64.b64decode(value[key + "_base64"])


@pytest.mark.parametrize("by", ["directory", "configuration"])
@pytest.mark.parametrize("method, rest, headers, body", REQUESTS)
def test_environment_and_response_are_the_servers(execute, start, site, tmp_path, by, method, rest,
                                                  headers, body):
    script = site.c_program("cgi-bin/p", ENVIRONMENT)
    config = configure(LIMITED + 'env = { COLOUR = "blue" }\n', site, tmp_path)
    server = start(site) if by == "directory" else start(config=config.read_text())
    theirs = server.request(method, "/cgi-bin/p" + rest, headers, body)
    fields = [("Host", "localhost"), *headers]
    result = execute(script, "/cgi-bin/p" + rest, "--json", "-X", method,
                     *(x for name, text in fields for x in ("-H", f"{name}: {text}")),
                     *(["-c", config] if by == "configuration" else []), body=body)
    value = seen(result)
    ours = value["programs"][0]["environment"]
    without_ids = {n: v for n, v in ours.items() if n not in OF_THE_CONNECTION}
    assert value["response"]["status"] == theirs.status == 200
    if method != "HEAD":
        printed = {n: v.encode("latin-1").decode() for n, v in environment_of(theirs).items()}
        assert without_ids == {n: v for n, v in printed.items() if n not in OF_THE_CONNECTION}
        assert set(ours) == set(printed)
        shown = value_of(value["response"], "body").decode().split("\0")[:-1]
        assert dict(item.split("=", 1) for item in shown) == ours
    names = [(n, v) for n, v in map(tuple, value["response"]["headers"]) if n != "Date"]
    assert names == theirs.without("Date")


def test_circumstances_are_the_servers(execute, server, site):
    script = site.program("cgi-bin/p", CIRCUMSTANCES)
    theirs = server.get("/cgi-bin/p")
    assert theirs.status == 200 and "its own group" in theirs.text
    value = seen(execute(script, "--json"))
    assert value["response"]["body"] == theirs.text


@pytest.mark.parametrize("location", ["/q.cgi?x", "/page.html"])
def test_local_redirect_is_followed_as_the_server_does(execute, server, site, location):
    site.program("q.cgi", PLAIN + 'echo "$QUERY_STRING $REDIRECT_URL"\n')
    site.file("page.html", "a page")
    script = site.prints("p.cgi", f"Location: {location}\n\n")
    value = seen(execute(script, "--json"))
    assert value["response"]["body"] == server.get("/p.cgi").text
    assert value["programs"][0]["file"] == str(script)
    assert len(value["programs"]) == (2 if "q.cgi" in location else 1)
    assert execute(script, "--raw").stdout.decode() == f"Location: {location}\n\n"


def test_nph_program_writes_its_own_response(execute, site):
    script = site.prints("nph-p.cgi", b"HTTP/1.1 299 Fine\r\nX-A: b\r\n\r\nbody")
    value = seen(execute(script, "--json"))
    assert value["response"]["status"] == 299 and value["response"]["body"] == "body"
    result = execute(site.prints("nph-p.cgi", b"no head at all"))
    assert verdict(result) == "bad: what came is no HTTP response"
