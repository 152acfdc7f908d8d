"""The demo site and the server's own pages in a real browser, as a newcomer sees them.

Needs chromium, chromium-driver and python3-selenium, and the site that the build assembles beside
the binary.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from support.binary import BINARY
from support.browser import WAIT_SECONDS, only, prefer, resize, status, wait_for
from support.configuration import cgi_site

SITE = BINARY.parent / "site"

# What the links of the index answer, where it is not 200.
FAILING_LINKS = {"cgi-bin/broken.cgi": 502, "cgi-bin/now-headerless.cgi": 502, "no-such-page": 404}


@contextmanager
def served(folder: Path, log: Path, *arguments: str) -> Iterator[list[str]]:
    """The addresses of a server of that folder: of the site, and of the status page with --admin."""
    with log.open("wb") as stderr, subprocess.Popen(
            [BINARY, folder, "-l", "127.0.0.1:0", *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=stderr, text=True) as server:
        try:
            urls = []
            for start in ["serving .*", "status page"][:1 + len(arguments) // 2]:
                readable, _, _ = select.select([server.stdout], [], [], WAIT_SECONDS)
                line = server.stdout.readline() if readable or urls else ""
                match = re.fullmatch(rf"cgisrv: {start} at (http://127\.0\.0\.1:\d+/\S*)\n", line)
                assert match, f"{line!r}, and on standard error: {log.read_text()}"
                urls.append(match[1])
            yield urls
        finally:
            server.terminate()
            try:
                server.wait(WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that serves the demo site."""
    with served(SITE, tmp_path_factory.mktemp("demo") / "log") as (url,):
        yield url


def answer(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=WAIT_SECONDS) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


# The index.


def test_index_loads_without_console_messages(browser, demo):
    browser.get(demo)
    assert "cgisrv" in only(browser, "h1").text
    assert browser.get_log("browser") == []


def test_every_link_of_the_index_answers_as_it_should(browser, demo):
    browser.get(demo)
    links = {link.get_attribute("href") for link in browser.find_elements(By.TAG_NAME, "a")}
    assert len(links) > 15
    assert all(link.startswith(demo) for link in links)
    expected = {link: FAILING_LINKS.get(link.removeprefix(demo), 200) for link in links}
    assert {link: answer(link) for link in links} == expected


@pytest.mark.parametrize("page", ["", "source/", "upload.html", "clock.html", "no-such-page",
                                  "cgi-bin/now.cgi", "cgi-bin/env.cgi", "cgi-bin/form.cgi",
                                  "cgi-bin/broken.cgi", "cgi-bin/hello-sh.cgi"])
def test_page_fits_a_phone_and_follows_the_readers_colours(browser, demo, page):
    resize(browser, 360)
    backgrounds = []
    for scheme in ("light", "dark"):
        prefer(browser, color_scheme=scheme)
        browser.get(demo + page)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        backgrounds.append(only(browser, "body").value_of_css_property("background-color"))
    assert backgrounds[0] != backgrounds[1]


# The programs.


def test_now_is_a_green_underlined_heading(browser, demo):
    browser.get(demo + "cgi-bin/now.cgi")
    heading = only(browser, "h1")
    assert re.fullmatch(r"当前服务器时间:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", heading.text)
    style = "return getComputedStyle(arguments[0])"
    assert browser.execute_script(f"{style}.color", heading) == "rgb(0, 128, 0)"
    assert browser.execute_script(f"{style}.textDecorationLine", heading) == "underline"


@pytest.mark.parametrize("language", ["sh", "Python", "Perl"])
def test_hello_shows_who_asks(browser, demo, language):
    browser.get(f"{demo}cgi-bin/hello-{language.lower()}.cgi")
    assert only(browser, "h1").text == f"Hello from {language}"
    assert only(browser, "q").text == browser.execute_script("return navigator.userAgent")


def test_environment_shows_the_address_escaped(browser, demo):
    browser.get(demo + "cgi-bin/env.cgi/more/path?a=<b>&c=1")
    rows = {row.find_element(By.TAG_NAME, "th").text: row.find_element(By.TAG_NAME, "td").text
            for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr")}
    assert rows["SCRIPT_NAME"] == "/cgi-bin/env.cgi"
    assert rows["PATH_INFO"] == "/more/path"
    assert rows["QUERY_STRING"] == "a=%3Cb%3E&c=1"
    assert rows["REQUEST_METHOD"] == "GET"


def test_form_posts_utf8(browser, demo):
    browser.get(demo + "cgi-bin/form.cgi")
    only(browser, "#name").send_keys("王小明 <b>")
    only(browser, "#message").send_keys("Grüße & 50 % “quotes” + plus")
    only(browser, "button").click()
    wait_for(browser, lambda: browser.find_elements(By.ID, "who"))
    assert only(browser, "#who").text == "王小明 <b>"
    assert only(browser, "#said").text == "Grüße & 50 % “quotes” + plus"


def test_upload_reaches_the_end_and_is_hashed(browser, demo, tmp_path):
    data = os.urandom(3_000_000)
    file = tmp_path / "upload.bin"
    file.write_bytes(data)
    browser.get(demo + "upload.html")
    only(browser, "#file").send_keys(str(file))
    only(browser, "button").click()
    wait_for(browser, lambda: only(browser, "#result").is_displayed())
    assert only(browser, "#progress").get_attribute("value") == "100"
    assert only(browser, "#state").text == "100 % sent"
    assert re.sub(r"\D", "", only(browser, "#bytes").text) == str(len(data))
    assert only(browser, "#sha256").text == hashlib.sha256(data).hexdigest()


def test_clock_ticks(browser, demo):
    browser.get(demo + "clock.html")
    seen: set[str] = set()

    def ticked_twice() -> bool:
        seen.update(re.findall(r"^\d\d:\d\d:\d\d$", only(browser, "#time").text))
        return len(seen) >= 3

    wait_for(browser, ticked_twice)
    assert only(browser, "#state").text == "Connected."


# The pages that the server makes itself.


def test_failure_page_shows_why(browser, demo):
    browser.get(demo + "cgi-bin/broken.cgi")
    assert status(browser) == 502
    assert only(browser, "p.lead").text
    page = only(browser, "main").text
    assert "/cgi-bin/broken.cgi" in page
    assert "exit status 3" in page
    output = only(browser, "pre").text
    assert "the orders cannot be read" in output
    assert "FileNotFoundError: [Errno 2]" in output
    assert only(browser, "footer code").text


def test_failure_page_names_the_option_for_headerless_programs(browser, demo):
    browser.get(demo + "cgi-bin/now-headerless.cgi")
    assert status(browser) == 502
    assert re.search(r"\bheaderless\b(?!\.cgi)", only(browser, "p.lead").text)


def test_missing_page_says_what_to_do(browser, demo):
    browser.get(demo + "no-such-page")
    assert status(browser) == 404
    assert only(browser, "h1").text == "There is nothing at this address."
    assert only(browser, "p.lead").text
    assert only(browser, "footer code").text


# The whole of the last line, of the text that an element holds, against the element's own box.
LAST_LINE = """
const box = document.querySelector(arguments[0]);
const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
let last = null;
while (texts.nextNode()) if (texts.currentNode.data.trim()) last = texts.currentNode;
const end = last.data.trimEnd().length;
const line = document.createRange();
line.setStart(last, end - 1);
line.setEnd(last, end);
const at = line.getBoundingClientRect(), edge = box.getBoundingClientRect();
return {overflows: box.scrollHeight > box.clientHeight, above: edge.top - at.top,
        below: at.bottom - edge.bottom};
"""


@pytest.mark.fault("2o")
def test_failure_page_shows_the_end_of_standard_error_on_a_phone(browser, site, tmp_path):
    site.program("fails.cgi", "#!/bin/sh\ni=0\nwhile [ $i -lt 90 ]; do i=$((i + 1)); "
                 "echo line $i >&2; done\necho the cause >&2\nexit 3\n")
    with served(site.root, tmp_path / "log") as (url,):
        for width in (360, 1200):
            resize(browser, width)
            browser.get(url + "fails.cgi")
            assert only(browser, "pre").text.endswith("the cause")
            seen = browser.execute_script(LAST_LINE, "pre")
            assert seen["overflows"] and seen["above"] <= 0 and seen["below"] <= 0, seen


@pytest.mark.fault("2o")
def test_a_status_tells_by_its_colour_whose_fault_it_is(browser, demo):
    for scheme in ("light", "dark"):
        prefer(browser, color_scheme=scheme)
        colours = set()
        for page in ("", "no-such-page", "cgi-bin/broken.cgi"):
            browser.get(demo + page)
            colours.add(only(browser, ".status").value_of_css_property("color"))
        assert len(colours) == 3, colours


LEFT_EDGE = "return document.querySelector('h1').getBoundingClientRect().left"


@pytest.mark.fault("2o")
@pytest.mark.parametrize("width", [360, 1200, 1900])
def test_pages_have_their_left_edge_in_common(browser, tmp_path, width):
    resize(browser, width)
    edges = {}
    with served(SITE, tmp_path / "log", "--admin", "127.0.0.1:0") as (demo, status_page):
        for page in (demo, demo + "upload.html", demo + "source/", demo + "no-such-page",
                     demo + "cgi-bin/broken.cgi", status_page):
            browser.get(page)
            edges[page] = round(browser.execute_script(LEFT_EDGE))
    assert len(set(edges.values())) == 1, edges


@pytest.mark.fault("2o")
def test_listing_keeps_its_columns_and_tells_programs_from_files(browser, site, tmp_path):
    site.file("short/a.txt", "a")
    site.file("long/" + "a-name-of-some-length" * 4 + ".txt", "a")
    site.program("long/run.cgi", "#!/bin/sh\n")
    site.program("long/no-program.txt", "#!/bin/sh\n")
    with served(site.root, tmp_path / "log") as (url,):
        for width in (360, 1200):
            resize(browser, width)
            columns = []
            for folder in ("short", "long"):
                browser.get(f"{url}{folder}/")
                columns.append(browser.execute_script(
                    "return [...document.querySelectorAll('thead th')].map("
                    "each => Math.round(each.getBoundingClientRect().left))"))
                assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert columns[0] == columns[1]
        marked = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "tbody th")
                  if row.text.endswith(" program")]
    assert marked == ["run.cgi program"]


def test_listing_sorts_both_ways(browser, demo):
    browser.get(demo + "source/")

    def sizes() -> list[int]:
        cells = browser.find_elements(By.CSS_SELECTOR, "tbody td.number")
        return [int(cell.get_attribute("title").removesuffix(" bytes")) for cell in cells]

    def direction(column: str) -> str | None:
        return only(browser, f"thead th.{column}").get_attribute("aria-sort")

    names = [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "tbody th")]
    assert "now.c.txt" in names and names == sorted(names)
    assert direction("name") == "ascending"
    for expected in ("ascending", "descending"):
        only(browser, "thead th.number a").click()
        wait_for(browser, lambda: direction("number") == expected)
        assert sizes() == sorted(sizes(), reverse=expected == "descending")
        assert len(sizes()) == len(names)


# What is compressed on its way.


def test_a_compressed_page_is_what_it_was(browser, start, site):
    words = "a line that repeats itself " * 500
    site.program("page.cgi", f"#!/bin/sh\nprintf 'Content-Type: text/html\\n\\n'\necho '<!doctype html><title>x</title><p>{words}'\n")
    server = start(config=cgi_site(site.root, site="compress = true", limits="keepalive_requests = 1"))
    browser.get(f"http://127.0.0.1:{server.address[1]}/page.cgi")
    assert only(browser, "p").text == words.strip()
    sent, shown = browser.execute_script("const page = performance.getEntriesByType('navigation')[0];"
                                         "return [page.encodedBodySize, page.decodedBodySize];")
    assert 0 < sent < shown / 10
