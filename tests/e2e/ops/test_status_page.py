"""The status page in a real browser, while the server is at work, when it has failed, and gone."""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from support.accessibility import faults
from support.browser import only, prefer, resize, wait_for
from support.programs import PLAIN
from support.server import Server, finish
from support.site import Site

# Names that would do something if they were taken for markup.
HOSTILE = "<img src=x onerror=alert(1)>.cgi"
HOSTILE_QUERY = "?<script>alert(2)</script>&q=%22%3E%3Cb%3E"


def status_page(server: Server) -> str:
    match = re.search(r"status page at (http://\S+)", server.stdout.read_text())
    assert match, server.stdout.read_text()
    return match[1]


class Load:
    """Asks for targets in turn, until it is stopped."""

    def __init__(self, server: Server, targets: list[str], pause: float = 0.03):
        self.server, self.targets, self.pause = server, targets, pause
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.ending.is_set():
            for target in self.targets:
                self.server.get(target)
                self.ending.wait(self.pause)

    def stop(self) -> None:
        self.ending.set()
        self.thread.join()


@pytest.fixture(scope="module")
def busy(request, chromium, tmp_path_factory, compile_c) -> Iterator[str]:
    """The status page of a server under load: quick, slow and failing programs."""
    site = Site(tmp_path_factory.mktemp("busy") / "site", compile_c)
    site.program("quick.cgi", PLAIN)
    site.program("slow.cgi", PLAIN + "sleep 0.2\n")
    site.program("failing.cgi", "#!/bin/sh\necho 'no orders today' >&2\nexit 3\n")
    site.program(HOSTILE, "#!/bin/sh\nexit 1\n")
    server = Server([str(site.root), "-l", "127.0.0.1:0", "-w", "2", "--admin", "127.0.0.1:0"],
                    Path(tempfile.mkdtemp(prefix="cgisrv-test-")))
    hostile = "/" + HOSTILE.replace("<", "%3C").replace(">", "%3E").replace(" ", "%20")
    load = Load(server, ["/quick.cgi", "/slow.cgi", "/quick.cgi", "/failing.cgi",
                         hostile + HOSTILE_QUERY.replace("<", "%3C").replace(">", "%3E")])
    yield status_page(server)
    load.stop()
    finish(server, request.node)


def opened(browser, page: str) -> None:
    browser.get(page)
    wait_for(browser, lambda: only(browser, "#state").text == "serving")


def rows(browser, table: str) -> list[list[str]]:
    """The text of each row but the details."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0] + ' tbody > tr:first-child')]"
        ".map(row => [...row.children].map(cell => cell.textContent))", f"#{table}")


def column(browser, name: str) -> list[str]:
    heads = [head.text.split()[0] for head in browser.find_elements(
        By.CSS_SELECTOR, "#programs thead th")]
    return [row[heads.index(name)] for row in rows(browser, "programs")]


def number(browser, term: str) -> str:
    return browser.execute_script(
        "return [...document.querySelectorAll('#numbers > div')]"
        ".find(tile => tile.querySelector('dt').textContent === arguments[0])"
        ".querySelector('strong').textContent", term)


def inked(browser) -> list[int]:
    """How many pixels of each plot have the colour of its lines."""
    return browser.execute_script("""
        return [...document.querySelectorAll('canvas')].map(canvas => {
          const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const accent = getComputedStyle(document.documentElement).getPropertyValue('--accent');
          const [r, g, b] = accent.match(/[0-9a-f]{2}/g).map(part => parseInt(part, 16));
          let count = 0;
          for (let i = 0; i < data.length; i += 4)
            count += data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] > 200;
          return count;
        })""")


# While it works.


def test_numbers_and_tables_fill_under_load(browser, busy):
    opened(browser, busy)
    wait_for(browser, lambda: len(rows(browser, "programs")) == 4)
    wait_for(browser, lambda: float(number(browser, "Requests per second")) > 0)
    wait_for(browser, lambda: re.fullmatch(r"[1-9][\d.]* %", number(browser, "Failed")))
    assert re.fullmatch(r"[\d.]+ (µs|ms|s)", number(browser, "Median time"))
    assert len(rows(browser, "workers")) == 2
    assert {row[1] for row in rows(browser, "workers")} == {"running"}
    assert any("slow.cgi" in row[0] for row in rows(browser, "slowest"))


def test_figures_move_by_themselves(browser, busy):
    opened(browser, busy)
    requests = only(browser, "#totals div:first-child dd")
    before = requests.text
    wait_for(browser, lambda: requests.text != before)


@pytest.mark.time_limit(150)
def test_plots_have_content(browser, busy):
    """A quarter of an hour is as wide as a plot: what has been so far may be some pixels."""
    opened(browser, busy)
    wait_for(browser, lambda: all(count > 20 for count in inked(browser)), 100)
    assert len(inked(browser)) == 3


def test_arrow_keys_tell_what_is_plotted(browser, busy):
    opened(browser, busy)
    wait_for(browser, lambda: "at most" in only(browser, "#requests-per-second-summary").text)
    browser.find_elements(By.TAG_NAME, "canvas")[0].send_keys(Keys.ARROW_LEFT)
    assert re.fullmatch(r"\d\d:\d\d:\d\d, Requests per second: failed [\d.]+, answered [\d.]+",
                        only(browser, "#announcement").get_attribute("textContent"))


def test_programs_are_sorted_with_the_keyboard(browser, busy):
    opened(browser, busy)
    wait_for(browser, lambda: len(rows(browser, "programs")) == 4)
    heads = browser.find_elements(By.CSS_SELECTOR, "#programs thead button")
    heads[0].send_keys(Keys.ENTER)
    assert only(browser, "#programs [aria-sort]").get_attribute("aria-sort") == "ascending"
    names = column(browser, "Program")
    assert names == sorted(names, key=str.lower) and len(names) == 4
    heads[0].send_keys(Keys.SPACE)
    assert only(browser, "#programs [aria-sort]").get_attribute("aria-sort") == "descending"
    assert column(browser, "Program") == names[::-1]
    # It stays over updates.
    time.sleep(2.5)
    assert column(browser, "Program") == names[::-1]


def test_details_open_on_demand_and_stay_open(browser, busy):
    opened(browser, busy)
    wait_for(browser, lambda: "failing.cgi" in column(browser, "Program"))
    button = next(button for button in browser.find_elements(By.CSS_SELECTOR, "#programs th button")
                  if button.text == "failing.cgi")
    detail = button.find_element(By.XPATH, "ancestor::tbody/tr[2]")
    assert not detail.is_displayed()
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    asked = detail.find_element(By.XPATH, ".//dt[.='Requests so far']/../dd")
    before = asked.text
    wait_for(browser, lambda: asked.text != before)
    assert detail.is_displayed()
    assert re.search(r"\d+ exit status", detail.text)


def test_failures_have_their_diagnosis(browser, busy):
    opened(browser, busy)
    wait_for(browser, lambda: "failing.cgi" in only(browser, "#failures").text)
    entry = next(entry for entry in browser.find_elements(By.CSS_SELECTOR, "#failures > li")
                 if "failing.cgi" in entry.text)
    assert entry.find_element(By.TAG_NAME, "strong").text == "502"
    assert "exit" in entry.find_element(By.CSS_SELECTOR, ".diagnosis").text.lower()
    entry.find_element(By.TAG_NAME, "summary").click()
    request = entry.find_element(By.CSS_SELECTOR, "details li")
    assert "/failing.cgi" in request.text
    assert re.search(r"[0-9a-f]{8}", request.find_element(By.TAG_NAME, "code").text)
    assert "failing.cgi failed" in only(browser, "#attention").text


def test_hostile_names_are_text(browser, busy):
    opened(browser, busy)
    wait_for(browser, lambda: HOSTILE in column(browser, "Program"))
    wait_for(browser, lambda: HOSTILE in only(browser, "#failures").text)
    assert browser.find_elements(By.CSS_SELECTOR, "main img, main script, main b b") == []
    assert browser.get_log("browser") == []


def test_nothing_but_its_own_files_is_needed(browser, busy):
    opened(browser, busy)
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)")
    origin = busy.removesuffix("status")
    assert len(loaded) > 5 and all(name.startswith(origin) for name in loaded)
    policy = browser.execute_script(
        "return fetch('status').then(page => page.headers.get('Content-Security-Policy'))")
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert browser.get_log("browser") == []
    browser.get(origin)
    assert browser.current_url == busy


# For every reader.


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 360])
def test_page_fits_and_can_be_read(browser, busy, width, scheme):
    resize(browser, width)
    prefer(browser, color_scheme=scheme)
    opened(browser, busy)
    wait_for(browser, lambda: rows(browser, "programs") and rows(browser, "slowest"))
    for button in browser.find_elements(By.CSS_SELECTOR, "#programs th button, #failures summary"):
        browser.execute_script("arguments[0].click()", button)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert faults(browser) == []


def test_plots_follow_the_readers_colours(browser, busy):
    prefer(browser, color_scheme="light")
    opened(browser, busy)
    wait_for(browser, lambda: all(count > 20 for count in inked(browser)))
    prefer(browser, color_scheme="dark")
    wait_for(browser, lambda: all(count > 20 for count in inked(browser)))


def test_nothing_moves_for_who_prefers_that(browser, busy):
    opened(browser, busy)
    moving = "return document.getAnimations().length"
    prefer(browser, reduced_motion="no-preference")
    assert browser.execute_script(moving) > 0
    prefer(browser, reduced_motion="reduce")
    assert browser.execute_script(moving) == 0


def asked(browser) -> int:
    """How often the page has asked the server."""
    return browser.execute_script(
        "return performance.getEntriesByType('resource')"
        ".filter(entry => entry.name.endsWith('/status.json')).length")


def test_nobody_is_asked_while_it_is_paused(browser, busy):
    opened(browser, busy)
    button = only(browser, "#pause")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "true"
    before = asked(browser)
    time.sleep(3)
    assert asked(browser) == before
    button.click()
    wait_for(browser, lambda: asked(browser) > before)


def test_it_asks_less_often_while_nobody_looks(browser, busy):
    opened(browser, busy)
    page = browser.current_window_handle
    before = asked(browser)
    browser.switch_to.new_window("tab")
    time.sleep(5)
    browser.close()
    browser.switch_to.window(page)
    assert asked(browser) <= before + 2
    wait_for(browser, lambda: asked(browser) > before + 2)


# When there is nothing to see, and when something is wrong.


def test_beginning_reads_well(browser, site, start):
    opened(browser, status_page(start(site, "--admin", "127.0.0.1:0")))
    page = only(browser, "main").text
    for sentence in ("All is well.", "No program has been asked for since the server was started.",
                     "None since the server was started.", "No request in the last 15 minutes."):
        assert sentence in page
    assert number(browser, "Median time") == "–"
    assert not re.search(r"NaN|undefined|null|Infinity", page)
    assert faults(browser) == []


@pytest.mark.kills_worker
def test_worker_that_died_is_told(browser, site, start):
    server = start(site, "--admin", "127.0.0.1:0")
    opened(browser, status_page(server))
    victim = server.workers()[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(browser, lambda: "Workers died once" in only(browser, "#attention").text)
    assert "1" in [row[5] for row in rows(browser, "workers")]
    assert browser.title.startswith("! ")


@pytest.mark.fault("2j")
def test_error_after_an_answer_is_told(browser, site, start):
    site.program("dies.cgi", f"{PLAIN}echo half\nexit 1\n")
    server = start(site, "--admin", "127.0.0.1:0")
    opened(browser, status_page(server))

    def is_told() -> bool:
        assert server.get("/dies.cgi").status == 200
        return "dies.cgi answered, and then ended with an error" in only(browser, "#attention").text

    wait_for(browser, is_told, 40)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_server_that_is_gone_is_told_and_found_again(browser, site, start):
    address = f"127.0.0.1:{free_port()}"
    server = start(site, "--admin", address)
    opened(browser, status_page(server))
    silence = only(browser, "#silence")
    assert not silence.is_displayed()
    assert server.stop() == []
    wait_for(browser, silence.is_displayed)
    assert re.search(r"has not answered since \d\d:\d\d:\d\d", silence.text)
    assert only(browser, "#state").text == "not answering"
    start(site, "--admin", address)
    wait_for(browser, lambda: not silence.is_displayed())
    assert only(browser, "#state").text == "serving"
