"""Debian's own programs at a prefix, as they are: what they do with their address and their query.

Needs the packages mimetex, squid, squid-cgi and a browser.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from support.binary import slowness
from support.browser import only, status, wait_for
from support.clauses import clause
from support.waiting import until

MIMETEX = "/usr/lib/cgi-bin/mimetex.cgi"
CACHEMGR = "/usr/lib/cgi-bin/cachemgr.cgi"
SQUID = """
http_port 127.0.0.1:{port}
pid_filename none
cache_log {folder}/cache.log
access_log none
coredump_dir {folder}
pinger_enable off
visible_hostname localhost
shutdown_lifetime 0 seconds
http_access allow localhost
"""
# A browser keeps its connections for minutes, and no test may leave one open.
LIMITS = """
[limits]
keepalive_timeout = "1s"
header_timeout = "2s"
"""


def settle(server) -> None:
    assert until(lambda: not server.leaked_descriptors(), 30 * slowness(), 0.1)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def squid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a proxy, on this machine alone."""
    folder = tmp_path_factory.mktemp("squid")
    for directory in (folder, folder.parent, folder.parent.parent):
        directory.chmod(0o755)
    folder.chmod(0o777)  # started by root, it goes on as another user
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "squid.conf").write_text(SQUID.format(port=port, folder=folder))
    with subprocess.Popen(["squid", "-N", "-f", folder / "squid.conf"], cwd=folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=(folder / "stderr").open("wb")) as process:
        try:
            until(lambda: process.poll() is not None or answers(port), 30 * slowness(), 0.1)
            assert process.poll() is None, (folder / "stderr").read_text()
            yield port
        finally:
            process.terminate()
            try:
                process.wait(20 * slowness())
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.mark.fault("4")
@clause("rfc3875-4.1.7-query-string")
def test_mimetex_gets_the_formula_that_a_page_has(start, site, browser):
    """A browser leaves backslashes and braces of a query as they are."""
    formula = r"x=\frac{-b\pm\sqrt{b^2-4ac}}{2a}"
    site.file("page.html", f'<!doctype html><img src="/mimetex?{formula}" alt="formula">')
    server = start(config=f"""
{LIMITS}
[[site]]
root = "{site.root}"
[[site.location]]
match = "/mimetex/"
cgi = "{MIMETEX}"
""")
    browser.get(f"http://127.0.0.1:{server.port}/page.html")
    picture = only(browser, "img")
    wait_for(browser, lambda: picture.get_property("complete"))
    width, height = picture.get_property("naturalWidth"), picture.get_property("naturalHeight")
    direct = subprocess.run([MIMETEX], env={"QUERY_STRING": formula}, capture_output=True,
                            check=True).stdout
    gif = direct[direct.index(b"GIF8"):]
    assert (width, height) == (int.from_bytes(gif[6:8], "little"),
                               int.from_bytes(gif[8:10], "little"))
    assert width > height > 10
    # As it was sent, and as the log writes it.
    server.wait_log(r'"GET /mimetex\?x=\\x5cfrac\{-b\\x5cpm')
    settle(server)


@pytest.mark.fault("3")
@clause("rfc3875-4.1.13-script-name")
def test_cachemgr_at_a_prefix_is_used_by_its_forms_and_links(start, site, tmp_path, squid, browser):
    """Its form posts to SCRIPT_NAME, and every page links to it."""
    program = Path(CACHEMGR)
    folder = tmp_path / "cachemgr"
    folder.mkdir()
    (folder / "cachemgr.cgi").write_bytes(program.read_bytes())
    (folder / "cachemgr.cgi").chmod(0o755)
    (folder / "cachemgr.conf").write_text("127.0.0.1:*\n")  # the servers that it may ask
    server = start(config=f"""
{LIMITS}
[[site]]
root = "{site.root}"
[[site.location]]
match = "/cachemgr/"
cgi = "{folder}/cachemgr.cgi"
""")
    for address in ("/cachemgr", "/cachemgr/"):
        browser.get(f"http://127.0.0.1:{server.port}{address}")
        form = only(browser, "form")
        assert form.get_property("action").endswith("/cachemgr")
        for name, value in (("host", "127.0.0.1"), ("port", str(squid))):
            field = only(browser, f"input[name={name}]")
            field.clear()
            field.send_keys(value)
        only(browser, "input[type=submit]").click()
        wait_for(browser, lambda: "menu" in browser.title)
        assert status(browser) == 200
    link = next(link for link in browser.find_elements(By.TAG_NAME, "a")
                if "operation=info" in link.get_attribute("href"))
    link.click()
    wait_for(browser, lambda: "info" in browser.title)
    assert "Squid Object Cache: Version" in browser.page_source
    server.wait_log(r'"POST /cachemgr HTTP/1\.1" 200')
    settle(server)
