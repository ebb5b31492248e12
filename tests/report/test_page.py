"""The page: one file that needs nothing else, and in which foreign text is text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from support import told
from zbatch.app.state import State
from zbatch.model import Outcome
from zbatch.report.lines import Line
from zbatch.report.page import page
from zbatch.report.page_data import inert_json, per_second

LINES = [told.line(number, outcome) for number, outcome in enumerate(Outcome, 1)]


class Reader(HTMLParser):
    """Gathers every attribute, and what scripts and styles hold."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.held: list[tuple[str, dict[str, str | None], str]] = []
        self.text = ""
        self._inside: tuple[str, dict[str, str | None]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._inside = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.held.append((*self._inside, data))
        else:
            self.text += data


def page_of(folder: Path, lines: Sequence[Line], **fields: Any) -> str:
    head = told.head_of(told.keep(State(folder), lines, **fields))
    return "".join(page(head, lambda: iter(lines), (), told.beside(lines)))


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


def data(reader: Reader, name: str) -> Any:
    (found,) = [held for _, attrs, held in reader.held if attrs.get("id") == name]
    return json.loads(found)


def test_the_policy_allows_these_very_bytes_and_nothing_else(tmp_path: Path) -> None:
    """Nothing is fetched; a script or style that is not the page's own is not run."""
    reader = read(page_of(tmp_path, LINES))
    (policy,) = [v for _, n, v in reader.attributes if n == "content" and "default-src" in str(v)]
    own = [(tag, held) for tag, attrs, held in reader.held if "type" not in attrs]
    assert [tag for tag, _ in own] == ["style", "script"]
    for tag, held in own:
        digest = base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy)
        assert "\r" not in held
    assert "default-src 'none'" in str(policy)
    assert "unsafe" not in str(policy)
    assert str(policy).count("sha256") == 2


def test_nothing_points_outside(tmp_path: Path) -> None:
    """No src, no href, no style attribute, no handler, no import."""
    text = page_of(tmp_path, [*LINES, *told.hostile_lines()])
    names = {name for _, name, _ in read(text).attributes}
    assert not names & {"src", "href", "style", "action", "srcset", "data", "poster", "ping"}
    assert not {name for name in names if name.startswith("on")}
    assert "@import" not in text
    assert "url(" not in text


def test_the_page_tells_the_run_without_its_script(tmp_path: Path) -> None:
    """Totals, causes with meaning and mender, and provenance are plain HTML."""
    text = " ".join(read(page_of(tmp_path, LINES)).text.split())
    for said in (
        "An outcome is unknown: reconcile it, and bill nothing by hand.",
        "What 6 planned items came to",
        "It was sent, and no answer was recorded.",
        "whoever runs zbatch, by the tenant's own dataRun the spec again; where the message",
        "accounts/emea.csv, 1180 rows",
        "d" * 40 + ", as committed",
        "concurrency 10, rate 600/min, objects per call 1, timeout 150s",
        "took 2 min 39 s",
    ):
        assert said in text


def test_every_item_is_in_the_data(tmp_path: Path) -> None:
    """A row an item, in the order of the report."""
    found = data(read(page_of(tmp_path, LINES)), "rows")
    assert [row[0] for row in found["rows"]] == [line.account_id for line in LINES]
    assert [row[5] for row in found["rows"]] == list(range(6))
    assert found["words"][found["rows"][3][7]] == "INVALID_VALUE"


def test_the_page_says_what_was_billed(tmp_path: Path) -> None:
    """Totals by currency in plain HTML with what they leave out; each item's ready to show."""
    lines = [
        told.shown(1, told.detail(1, "2000.05"), told.detail(2, "500.05")),
        told.shown(2, told.detail(3, "1.00", currency="EUR", appended=True)),
        told.line(4),
    ]
    reader = read(page_of(tmp_path, lines))
    text = " ".join(reader.text.split())
    assert "invoicedEUR11.00 invoicedUSD22,500.10 invoicednot told1?" in text
    assert "Of 1 invoice no currency is told, and none is added to another." in text
    assert "Of 1 invoice no amount is known here" in text
    assert "1 invoice was an open draft before" in text
    found = data(reader, "rows")
    assert [row[19] for row in found["rows"]] == ["2500.10 USD", "1.00 EUR", "?"]
    first = found["rows"][0][20][0]
    assert first[:2] == ["8a" + "0" * 29 + "1", "INV00000001"]
    assert first[3:5] == ["2000.05", "2000.05"]
    assert found["words"][first[2]] == "Draft"


def test_without_an_invoice_the_page_has_no_totals(tmp_path: Path) -> None:
    """An empty table says nothing."""
    lines = [told.line(1, Outcome.FAILED)]
    assert "What the invoices come to" not in page_of(tmp_path, lines)


def test_hostile_text_is_text(tmp_path: Path) -> None:
    """No element, no end of a script, nothing invisible, also from the record."""
    evil = told.HOSTILE[0]
    lines = [*told.hostile_lines(), told.hostile_invoice(evil)]
    spec = {"name": evil, "file": evil, "path": None, "digest": evil, "period": evil}
    text = page_of(
        tmp_path,
        lines,
        spec={**spec, "files": [{"path": evil, "digest": evil, "rows": evil}, evil]},
        tenant={"name": evil, "host": evil, "entity_id": evil},
        stop=evil,
        git={"commit": evil, "as_committed": False},
        versions={evil: evil},
        limits={evil: evil},
        approved_digest=evil,
    )
    reader = read(text)
    tags = {tag for tag, _, _ in reader.attributes}
    assert "img" not in tags
    assert len(re.findall("<script", text)) == len(re.findall("</script", text)) == 3
    assert all(char.isprintable() or char == "\n" for char in text)
    assert len(data(reader, "rows")["rows"]) == len(lines)


def test_an_empty_run_and_an_unfinished_one_have_a_page(tmp_path: Path) -> None:
    """A run without items is over; one without an end says what is missing."""
    assert "What 0 planned items came to" in page_of(tmp_path, [], git=None, limits=None)
    text = page_of(tmp_path, LINES[:1], finished_at=None, exit_code=None, outcomes=None, planned=9)
    assert "<b>8 items have no outcome here:</b>" in text
    assert "not over" in text


def test_a_run_of_the_ledger_beside_it_has_pictures(tmp_path: Path) -> None:
    """Each picture says in words what it shows."""
    text = read(page_of(tmp_path, LINES)).text
    assert "5 items came to an outcome here." in text
    assert "Calls per second" not in text  # of this run no send is known


@pytest.mark.parametrize(
    ("rate", "known"),
    [("20/s", 20.0), ("600/min", 10.0), ("7200/h", 2.0), (None, None), ("x/s", None), ("7", None)],
)
def test_a_rate_is_read_as_the_record_writes_it(rate: object, known: float | None) -> None:
    """What is no rate draws no limit."""
    assert per_second(rate) == known


def test_json_in_a_page_is_inert() -> None:
    """It is the same value, and holds nothing that HTML knows."""
    text = inert_json(list(told.HOSTILE))
    assert not set("<>&\u2028\u2029\0") & set(text)
    assert json.loads(text) == list(told.HOSTILE)


def test_what_an_earlier_run_has_settled_is_told(tmp_path: Path) -> None:
    """Nobody is to wonder why so much was done in so little time."""
    before = told.START - timedelta(days=1)
    lines = [*LINES, told.line(20, started_at=before, finished_at=before)]
    said = "1 of them were settled by an earlier run"
    assert said in page_of(tmp_path / "older", lines)
    assert said in page_of(tmp_path / "newer", LINES, settled_earlier=1)


@pytest.mark.parametrize("record", [{"verb": "reconcile"}, {"settled_earlier": 0}])
def test_what_was_sent_before_is_not_settled_before(
    tmp_path: Path, record: dict[str, object]
) -> None:
    """What was in doubt has its last answer of then, whoever settles it now."""
    before = told.START - timedelta(days=1)
    line = told.line(20, started_at=before, finished_at=before)
    assert "by an earlier run" not in page_of(tmp_path, [line], **record)


@pytest.mark.parametrize(
    ("code", "outcome", "tone"),
    [
        (0, Outcome.INVOICED, "good"),
        (1, Outcome.FAILED, "look"),
        (4, Outcome.INVOICED, "look"),
        (130, Outcome.NOT_ATTEMPTED, "look"),
        (3, Outcome.INVOICED, "doubt"),
        (3, Outcome.UNKNOWN, "doubt"),
        (70, Outcome.INVOICED, "doubt"),
        (None, Outcome.INVOICED, "look"),
    ],
)
def test_the_page_looks_as_grave_as_the_run_was(
    tmp_path: Path, code: int | None, outcome: Outcome, tone: str
) -> None:
    """Also where what is in doubt is not of this run's items."""
    assert f'<header class="{tone}">' in page_of(tmp_path, [told.line(1, outcome)], exit_code=code)


def test_what_a_run_has_seen_of_its_invoices_is_no_good_news(tmp_path: Path) -> None:
    """All is settled, and an invoice is there twice: the page says so, and is not green."""
    text = page_of(tmp_path, [told.line()], read_back=told.SEEN)
    assert '<header class="look">' in text
    assert f"To be looked at: {told.SEEN_SAID}" in text
