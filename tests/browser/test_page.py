"""The report's page in a browser: it works, by keyboard too, at any size, and obeys nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.common.print_page_options import PrintOptions

from support import told
from support.browsing import log_of
from zbatch.model import Outcome

Opener = Callable[..., Chrome]
LINES = [
    *(told.line(number) for number in range(1, 101)),
    *(told.line(200 + number, outcome) for number, outcome in enumerate(Outcome)),
    told.shown(250, told.detail(1), told.detail(2, tax_status="Error", tax_message="No engine")),
    told.line(300, Outcome.FAILED, account_number="A00991201", reason="early termination"),
]
PICTURES = ("throughput", "flight", "latency", "outcomes")


def rows(browser: Chrome) -> list[list[str]]:
    """Give the text of the rows that are shown."""
    script = (
        "return [...document.querySelectorAll('#body tr:not(.more)')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    found: list[list[str]] = browser.execute_script(script)
    return found


def shown(browser: Chrome) -> str:
    return browser.find_element(By.ID, "shown").text


def search(browser: Chrome, text: str) -> None:
    """Type into the search field, and await what it finds."""
    field = browser.find_element(By.ID, "search")
    field.clear()
    field.send_keys(text)
    time.sleep(0.4)  # it waits for the end of the typing


def drawn(browser: Chrome, name: str) -> int:
    """Count the points of a picture that are not blank."""
    script = """
    const canvas = document.querySelector(`#${arguments[0]} canvas`);
    if (!canvas) return 0;
    const points = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let count = 0;
    for (let at = 3; at < points.length; at += 4) count += points[at] > 0;
    return count;
    """
    return int(browser.execute_script(script, name))


def choose(browser: Chrome, name: str, value: str) -> None:
    """Choose from a list as a person does, by its words."""
    browser.find_element(
        By.XPATH, f"//select[@id='{name}']/option[starts-with(., '{value}')]"
    ).click()


def test_a_run_is_shown_with_pictures_and_items(opened: Opener) -> None:
    """Four pictures are drawn, the items are there by pages, and their details on demand."""
    browser = opened(LINES)
    assert all(drawn(browser, name) > 500 for name in PICTURES)
    assert shown(browser) == "1–50 of 108"
    browser.find_element(By.ID, "last").click()
    assert shown(browser) == "101–108 of 108"
    last = rows(browser)[-1]
    assert last[1:6] == ["A00991201", "2026-11-30", "failed", "", ""]
    assert last[6] == "INVALID_VALUE"
    browser.find_elements(By.CSS_SELECTOR, ".open")[-1].click()
    details = browser.find_element(By.CSS_SELECTOR, ".more").text
    assert "early termination" in details
    assert "specs/month-end.yaml:310" in details
    assert told.line(300).account_id in details


def test_items_are_searched_filtered_and_sorted(opened: Opener) -> None:
    """All words must be found; the outcome narrows further; a second click turns the order."""
    browser = opened(LINES)
    search(browser, "INVALID_value early")
    assert [row[1] for row in rows(browser)] == ["A00991201"]
    assert shown(browser) == "1–1 of 1 found among 108"
    search(browser, "nobody has this")
    assert (rows(browser), shown(browser)) == ([], "no item found among 108")
    search(browser, "")
    choose(browser, "outcome", "failed (2)")
    assert {row[3] for row in rows(browser)} == {"failed"}
    choose(browser, "outcome", "all")
    choose(browser, "size", "500")
    for turned in (False, True):
        browser.find_element(By.CSS_SELECTOR, "[data-sort=took]").click()
        took = [row[7] for row in rows(browser) if row[7]]
        inner = [float(t.split()[0]) * (1 if t.endswith("ms") else 1000) for t in took]
        assert inner == sorted(inner, reverse=turned)
    heads = browser.find_elements(By.CSS_SELECTOR, "th[aria-sort]:not([aria-sort=none])")
    assert [head.get_attribute("aria-sort") for head in heads] == ["descending"]


def test_an_item_shows_its_amount_and_all_its_invoices(opened: Opener) -> None:
    """In its row number and amount, ordered as figures; opened, each invoice with its tax."""
    lines = [
        told.shown(1, told.detail(1, "900.00"), told.detail(2, "1100.50")),
        told.shown(
            2, told.detail(3, "-5.00", currency="EUR", tax_status="Error", tax_message="No engine")
        ),
        told.shown(3, told.detail(4, "10.00", appended=True)),
        told.line(9),
        told.line(5, Outcome.FAILED),
    ]
    browser = opened(lines)
    assert browser.find_element(By.CSS_SELECTOR, ".money tbody").text.splitlines() == [
        "invoiced EUR 1 -5.00",
        "invoiced USD 3 2,010.50",
        "invoiced not told 1 ?",
    ]
    assert [row[4:6] for row in rows(browser)] == [
        ["INV00000001 +1", "2000.50 USD"],
        ["INV00000003", "-5.00 EUR"],
        ["INV00000004", "10.00 USD"],
        [told.line(9).invoice_id, "?"],
        ["", ""],
    ]
    rising = ["?", "", "-5.00 EUR", "10.00 USD", "2000.50 USD"]
    browser.find_element(By.CSS_SELECTOR, "[data-sort=amount]").click()
    assert [row[5] for row in rows(browser)] == rising
    browser.find_element(By.CSS_SELECTOR, "[data-sort=amount]").click()
    assert [row[5] for row in rows(browser)][:3] == rising[:1:-1]
    search(browser, "INV00000002 2000.50 usd")
    assert [row[4] for row in rows(browser)] == ["INV00000001 +1"]
    search(browser, "eur")
    browser.find_element(By.CSS_SELECTOR, ".open").click()
    told_of = browser.find_element(By.CSS_SELECTOR, ".more").text
    said = "INV00000003 · Draft · -5.00 EUR · balance -5.00 EUR · tax Error · No engine"
    assert f"{said} · 8a{3:030x}" in told_of


def test_an_empty_run_is_shown(opened: Opener) -> None:
    """No picture, no cause, no item, and no mistake."""
    browser = opened([])
    assert shown(browser) == "no item"
    assert browser.find_elements(By.CSS_SELECTOR, "figure, .causes") == []


def test_a_hundred_thousand_items_are_worked_without_a_wait(opened: Opener) -> None:
    """Opened within ten seconds, and each step within two, on two busy cores."""
    lines = list(told.many(100_000))
    began = time.monotonic()
    browser = opened(lines)
    assert shown(browser) == "1–50 of 100,000"
    assert time.monotonic() - began < 60  # most of it is to write the page
    timed = """
    const done = arguments[arguments.length - 1], began = performance.now();
    (new Function(arguments[0]))();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began), 0));
    """.replace("(new Function(arguments[0]))();", "{step}")
    steps = {
        "sort": "document.querySelector('[data-sort=account]').click();",
        "turn": "document.querySelector('[data-sort=account]').click();",
        "filter": "const s = document.getElementById('outcome'); s.value = '3';"
        " s.dispatchEvent(new Event('change'));",
        "all": "const s = document.getElementById('outcome'); s.value = '';"
        " s.dispatchEvent(new Event('change'));",
        "last": "document.getElementById('last').click();",
    }
    took = {
        name: float(browser.execute_async_script(timed.replace("{step}", step)))
        for name, step in steps.items()
    }
    assert max(took.values()) < 2000, took
    assert shown(browser) == "99,951–100,000 of 100,000"
    began = time.monotonic()
    search(browser, "00000001869f")
    while not shown(browser).startswith("1–1 of 1 "):
        assert time.monotonic() - began < 5
        time.sleep(0.05)
    loaded = browser.execute_script(
        "const [page] = performance.getEntriesByType('navigation'); return page.loadEventEnd"
    )
    assert loaded < 10_000


def test_f145_hostile_words_are_words(opened: Opener) -> None:
    """They are shown as they are, and nothing of them is run or loaded."""
    lines = [*told.hostile_lines(), told.hostile_invoice(told.HOSTILE[1])]
    browser = opened(lines)
    for button in browser.find_elements(By.CSS_SELECTOR, ".open"):
        assert button.is_displayed()
    browser.execute_script("document.querySelectorAll('.open').forEach(one => one.click())")
    text = browser.find_element(By.ID, "body").text
    assert "</script><script>alert(1)</script>" in text
    assert "<!-- <script> ]]> &amp; &#0;" in text
    ours = "a:not([href='#since'])"  # leads down the page
    assert browser.find_elements(By.CSS_SELECTOR, f"img, iframe, {ours}, #body script") == []
    assert not any(char in text for char in "\u202e\u200b\u2028\0\x1b")


def test_the_policy_runs_no_other_script(opened: Opener, browser: Chrome) -> None:
    """Whatever got into the page would not be run, nor fetch anything."""
    opened(LINES[:3])
    browser.execute_script(
        "const one = document.createElement('script'); one.textContent = 'window.taken = 1';"
        "document.body.append(one); const style = document.createElement('style');"
        "style.textContent = 'body { display: none }'; document.body.append(style);"
    )
    assert browser.execute_script("return window.taken") is None
    assert browser.execute_script("return getComputedStyle(document.body).display") == "block"
    assert len(log_of(browser, "browser")) == 2  # both refusals, which the test has seen to


def test_everything_is_reached_by_keyboard(opened: Opener) -> None:
    """From search to outcome to order to details to the next page, with a visible focus."""
    browser = opened(LINES)
    body = browser.find_element(By.TAG_NAME, "body")
    passed: list[str] = []

    def focused() -> Any:
        return browser.switch_to.active_element

    def go(wanted: Callable[[Any], bool]) -> Any:
        for _ in range(120):
            focused().send_keys(Keys.TAB)
            here = focused()
            outline = here.value_of_css_property("outline-style")
            passed.append(outline)
            if wanted(here):
                return here
        raise AssertionError("never reached")

    body.click()
    go(lambda one: one.get_attribute("id") == "search").send_keys("2c9")
    go(lambda one: one.get_attribute("id") == "outcome").send_keys("invo")
    go(lambda one: one.get_attribute("data-sort") == "invoice").send_keys(Keys.ENTER)
    details = go(lambda one: one.get_attribute("class") == "open")
    details.send_keys(Keys.ENTER)
    assert focused().get_attribute("aria-expanded") == "true"
    focused().send_keys(Keys.SPACE)
    assert focused().get_attribute("aria-expanded") == "false"
    go(lambda one: one.get_attribute("id") == "on").send_keys(Keys.ENTER)
    assert shown(browser).startswith("51–")
    assert set(passed) == {"solid"}


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)]
)
def test_nothing_serious_is_found_by_axe(
    opened: Opener, node_modules: Path, width: int, dark: bool
) -> None:
    """Contrast, names, roles and order, with details open, wide and narrow, light and dark."""
    browser = opened(LINES, width, dark=dark)
    browser.find_element(By.CSS_SELECTOR, ".open").click()
    axe = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run(document).then(done)"
    )
    grave = [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width


def test_it_is_printed_on_white(opened: Opener) -> None:
    """Also where the screen is dark; buttons are not printed."""
    browser = opened(LINES, dark=True)
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [scheme]})
    style = "return getComputedStyle(document.body)"
    assert browser.execute_script(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    assert browser.execute_script(f"{style}.color") == "rgb(0, 0, 0)"
    assert not browser.find_element(By.ID, "on").is_displayed()
    assert len(browser.print_page(PrintOptions())) > 10_000


def test_the_charts_are_those_that_their_authors_publish(node_modules: Path) -> None:
    """Byte by byte, with their licence: npm has held them against the lock's hash."""
    assets = Path(__file__).parents[2] / "runner" / "zbatch" / "report" / "assets"
    names = {
        "uPlot.iife.min.js": "dist/uPlot.iife.min.js",
        "uPlot.min.css": "dist/uPlot.min.css",
        "uPlot.LICENSE.txt": "LICENSE",
    }
    for ours, theirs in names.items():
        assert (assets / ours).read_bytes() == (node_modules / "uplot" / theirs).read_bytes()
