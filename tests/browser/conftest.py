"""A real browser without a window, and pages to open in it: `make test-browser` installs both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from support import told
from support.browsing import log_of
from support.npm import node_modules_of, tool
from zbatch.app.state import State
from zbatch.model import Outcome
from zbatch.report.lines import Line
from zbatch.report.page import page
from zbatch.report.since import Change

HERE = Path(__file__).parent
CHANGES = (Change(Outcome.UNKNOWN, Outcome.INVOICED, 7, ("2c9", "A00991201"), (told.RUN,)),)


@dataclass(frozen=True)
class Call:
    """A send as the ledger tells it."""

    started_at: datetime
    finished_at: datetime | None
    http_status: int | None = 200


def calls(lines: Sequence[Line]) -> list[Call]:
    """Give each line a call, and two of them an answer 429 that held all others up."""
    made = [
        Call(line.started_at, line.finished_at, line.http_status)
        for line in lines
        if line.started_at
    ]
    if len(made) > 20:
        last = max(call.finished_at for call in made if call.finished_at)
        made.append(Call(last, last + timedelta(milliseconds=80), 429))
        made.append(Call(last + timedelta(seconds=4), last + timedelta(seconds=5)))
    return made


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Need what `package.json` names."""
    return node_modules_of(HERE, "browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    """Start one browser for all tests; it looks for no driver of its own in the network."""
    options = webdriver.ChromeOptions()
    options.binary_location = tool("chromium")
    quiet = ("--headless=new", "--disable-gpu", "--disable-background-networking", "--no-first-run")
    for argument in (*quiet, "--window-size=1280,900"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # it has none for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(tool("chromedriver")))
    driver.set_script_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()


Opener = Callable[..., webdriver.Chrome]


@pytest.fixture
def opened(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Opener]:
    """Give a function that opens the page of a run in a window of a width, light or dark.

    Afterwards the browser must not have complained, nor asked for anything but the page.
    """

    def show(
        lines: Sequence[Line], width: int = 1280, *, dark: bool = False, **fields: Any
    ) -> webdriver.Chrome:
        head = told.head_of(told.keep(State(tmp_path), lines, **fields))
        path = tmp_path / "page.html"
        settled = CHANGES if lines else ()
        pieces = page(head, lambda: iter(lines), calls(lines), told.beside(lines, settled))
        path.write_text("".join(pieces), "utf-8")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(path.as_uri())
        return browser

    for kind in ("browser", "performance"):
        log_of(browser, kind)
    yield show
    assert log_of(browser, "browser") == []
    asked = [str(entry["message"]) for entry in log_of(browser, "performance")]
    sent = [one for one in asked if "Network.requestWillBeSent" in one]
    assert sent
    assert all(f'"url":"{(tmp_path / "page.html").as_uri()}"' in one for one in sent)
