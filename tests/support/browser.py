"""Chromium, driven by tests. Needs chromium, chromium-driver and python3-selenium."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
                     "disable-background-networking", "disable-component-update", "disable-sync",
                     f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> webdriver.Chrome:
    """The browser on an empty page, with an empty console and an ordinary window."""
    chromium.get("about:blank")
    chromium.get_log("browser")
    resize(chromium, 1100)
    return chromium


def resize(browser: webdriver.Chrome, width: int) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": 760, "deviceScaleFactor": 1,
                             "mobile": width < 500})


def prefer(browser: webdriver.Chrome, **features: str) -> None:
    """What the reader has set: prefer(browser, color_scheme="dark")."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": f"prefers-{name.replace('_', '-')}", "value": value}
                     for name, value in features.items()]})


def status(browser: webdriver.Chrome) -> int:
    return browser.execute_script(
        "return performance.getEntriesByType('navigation')[0].responseStatus")


def only(browser: webdriver.Chrome, selector: str) -> WebElement:
    elements = browser.find_elements(By.CSS_SELECTOR, selector)
    assert len(elements) == 1, f"{selector}: {len(elements)} in {browser.page_source}"
    return elements[0]


def wait_for(browser: webdriver.Chrome, condition: Callable[[], object],
             seconds: float = WAIT_SECONDS) -> None:
    WebDriverWait(browser, seconds, poll_frequency=0.05).until(lambda _: condition())
