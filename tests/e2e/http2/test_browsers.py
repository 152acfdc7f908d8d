"""The demo site in Chromium and in Firefox, by HTTP/2."""

from __future__ import annotations

import json
import re

import pytest

from support.binary import BINARY
from support.browser import only, wait_for
from support.clauses import clause
from support.configuration import directory_site
from support.tls import site_keys
from support.waiting import until

PROTOCOLS = """return [...performance.getEntriesByType('navigation'),
    ...performance.getEntriesByType('resource')].map(each => [each.name, each.nextHopProtocol])"""

UPLOAD = """new Promise((done, failed) => {
    const form = new FormData();
    form.append("file", new Blob([new Uint8Array(3000000)]), "zeros");
    const told = new Set(), request = new XMLHttpRequest();
    request.upload.onprogress = event => told.add(event.loaded);
    request.onload = () => done([request.status, told.size, request.responseText]);
    request.onerror = () => failed(new Error("the upload failed"));
    request.open("POST", "cgi-bin/upload.cgi");
    request.send(form);
})"""


@pytest.fixture
def demo(start, authority):
    """The demo site over TLS; connections are not kept for long, or they would count as left open."""
    config = directory_site(BINARY.parent / "site").replace(
        "[[site]]", "[[site]]\n" + site_keys(authority.sign("demo", "localhost")), 1)
    return start(config='[limits]\nkeepalive_timeout = "1s"\n'
                 f'[[listen]]\naddress = "127.0.0.1:0"\ntls = true\n{config}')


@clause("http2-clients")
def test_chromium(browser, demo):
    """Pages, and a program that prints a line each second: events, over HTTP/2."""
    browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})
    url = f"https://localhost:{demo.port}/"
    browser.get(url)
    assert "cgisrv" in only(browser, "h1").text
    assert {each for _, each in browser.execute_script(PROTOCOLS)} == {"h2"}
    browser.get(url + "clock.html")
    seen: set[str] = set()

    def ticked_twice() -> bool:
        seen.update(re.findall(r"^\d\d:\d\d:\d\d$", only(browser, "#time").text))
        return len(seen) >= 3

    wait_for(browser, ticked_twice)
    assert demo.programs()
    browser.execute_script("events.close()")
    assert until(lambda: not demo.programs())
    browser.get(url + "cgi-bin/env.cgi")
    assert "HTTP/2.0" in only(browser, "main").text
    assert [each for each in browser.get_log("browser") if each["level"] == "SEVERE"] == []


def test_firefox(firefox, demo):
    """Pages, events, an upload that tells how far it is."""
    url = f"https://localhost:{demo.port}/"
    firefox.navigate(url)
    assert "cgisrv" in firefox.evaluate("document.querySelector('h1').textContent")
    assert firefox.evaluate("[...performance.getEntriesByType('navigation'),"
                            "...performance.getEntriesByType('resource')]"
                            ".filter(each => each.nextHopProtocol != 'h2')") == []
    status, told, page = firefox.evaluate(UPLOAD)
    assert (status, json.loads(page)["bytes"] > 3_000_000) == (200, True), page
    assert told > 1
    firefox.navigate(url + "clock.html")
    seen = set()

    def ticked_twice() -> bool:
        seen.add(firefox.evaluate("document.querySelector('#time').textContent"))
        return len(seen) >= 3

    assert until(ticked_twice, 60)
    assert demo.programs()
    firefox.evaluate("events.close()")
    assert until(lambda: not demo.programs())
    firefox.navigate(url + "cgi-bin/env.cgi")
    assert "HTTP/2.0" in firefox.evaluate("document.querySelector('main').textContent")
