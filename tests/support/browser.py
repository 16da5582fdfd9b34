"""Pages in headless Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from selenium.webdriver.remote.webelement import WebElement

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000")
PATIENCE = 20.0


class Browser:
    """One page at a time, looked at as a person does."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self._folder = folder

    def show(self, page: str) -> None:
        """Open a page from a file of its own."""
        path = self._folder / f"{time.monotonic_ns()}.html"
        path.write_text(page, "utf-8")
        self.open(path)

    def open(self, path: Path, fragment: str = "") -> None:
        self.driver.get("about:blank")
        self.errors()
        self.driver.get(path.as_uri() + fragment)

    def errors(self) -> list[str]:
        """What the console said since the last call: errors and blocked things."""
        return [each["message"] for each in self.driver.get_log("browser")]

    def js(self, code: str, *arguments: object) -> Any:
        return self.driver.execute_script(code, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        return self.until(lambda: next(iter(self.all(selector)), None), selector)

    def text(self, selector: str = "body") -> str:
        return str(self.until(lambda: [self.one(selector).text], selector)[0])

    def button(self, text: str) -> WebElement:
        return self.until(lambda: next((each for each in self.all("button") if text in each.text), None), text)

    def until(self, look: Callable[[], Any], what: str) -> Any:
        """What ``look`` finds, once it does."""
        end = time.monotonic() + PATIENCE
        while not (found := _now(look)):
            if time.monotonic() > end:
                pytest.fail(
                    f"never seen: {what}; the page says:\n{self.driver.find_element('css selector', 'body').text}"
                )
            time.sleep(0.02)
        return found


def _now(look: Callable[[], Any]) -> Any:
    """What is found; nothing while the page puts other elements in the place of those that were looked at."""
    try:
        return look()
    except StaleElementReferenceException:
        return None


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A headless one; the test is skipped where there is none."""
    binary, driver = next(filter(None, map(which, _NAMES)), None), which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs Chromium and its driver on the PATH: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = binary
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(running, folder)
    finally:
        running.quit()
