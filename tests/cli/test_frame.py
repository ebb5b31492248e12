"""The outermost frame: every way to go wrong has a sentence, an exit code, and no secret."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from collections.abc import Callable
from typing import NoReturn

import aiohttp
import click
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from zbatch.cli import main
from zbatch.cli.frame import guarded
from zbatch.errors import (
    CannotStart,
    Interrupted,
    LedgerFailure,
    NothingSelected,
    Refused,
    ReportFailure,
    ZbatchError,
)

CANARY = "c4n4ry-s3cr3t"


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def action() -> NoReturn:
        raise error

    return action


class _Special(Refused):
    """A refusal of a kind of its own."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("no"), 2),
        (_Special("no"), 2),
        (click.UsageError("no"), 2),
        (NothingSelected("no"), 5),
        (CannotStart("no"), 6),
        (Interrupted("no", 15), 143),
        (LedgerFailure("no"), 3),
        (ReportFailure("no"), 3),
        (ZbatchError("no"), 70),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (ValueError("no"), 70),
        (ExceptionGroup("no", [ValueError("no")]), 70),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    """Who must act decides the exit code, and something is said each time."""
    err = io.StringIO()
    assert guarded(raising(error), err) == code
    assert err.getvalue().strip()
    assert "Traceback" not in err.getvalue()


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "lines"), [(io.StringIO(), 1), (_Terminal(), 2)])
def test_a_terminal_gets_an_error_that_is_broken_between_words(
    stream: io.StringIO, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word is cut at the edge of the window; a log has one line for each error."""
    monkeypatch.setenv("COLUMNS", "40")
    refused = Refused("--tenant foo: tenants.yaml has no such tenant; known: emulator")
    assert guarded(raising(refused), stream) == 2
    told = stream.getvalue().splitlines()
    assert len(told) == lines
    assert " ".join(line.strip() for line in told) == f"zbatch: {refused}"


def test_f143_bug_says_what_to_do_and_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is told in one line that holds neither the message nor any local."""
    monkeypatch.delenv("ZBATCH_DEBUG", raising=False)
    err = io.StringIO()
    guarded(raising(KeyError(CANARY)), err)
    assert err.getvalue().count("\n") == 1
    assert "KeyError at test_frame.py:" in err.getvalue()
    assert "report" in err.getvalue()
    assert CANARY not in err.getvalue()


def an_http_error() -> aiohttp.ClientResponseError:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {CANARY}"}))
    request = aiohttp.RequestInfo(URL("https://example.com"), "POST", headers, URL("https://e.com"))
    return aiohttp.ClientResponseError(request, (), status=400, message=CANARY)


def test_f143_debugging_shows_places_and_still_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ZBATCH_DEBUG=1 the whole chain is told by class and place, its values never."""
    monkeypatch.setenv("ZBATCH_DEBUG", "1")

    def action() -> NoReturn:
        try:
            raise an_http_error()
        except aiohttp.ClientError as error:
            raise ExceptionGroup(CANARY, [ValueError(CANARY)]) from error

    assert CANARY in repr(an_http_error())
    err = io.StringIO()
    guarded(action, err)
    told = err.getvalue()
    assert CANARY not in told
    for name in ("aiohttp.client_exceptions.ClientResponseError", "builtins.ValueError", "led to"):
        assert name in told
    assert f"{__file__}:" in told


def test_f144_foreign_text_in_an_error_is_neutralised() -> None:
    """What a terminal would obey, and a megabyte of it, ends as one short line."""
    err = io.StringIO()
    guarded(raising(Refused("\x1b]8;;http://evil\x07click\x1b]8;;\x07\r\u202e" + "x" * 2**20)), err)
    told = err.getvalue()
    assert told.rstrip("\n").isprintable()
    assert len(told) < 3000


def test_what_is_not_needed_is_not_loaded() -> None:
    """The frame itself reads no specs and makes no calls: help starts without what does."""
    needless = "{'yaml', 'jsonschema', 'zbatch.model.spec', 'zbatch.model.calls'}"
    code = f"import sys, zbatch.cli; sys.exit(bool({needless} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ctrl_c_while_the_command_is_loaded_is_told_like_any_other() -> None:
    """The first moments are spent on imports: no traceback comes of them, but 130."""
    code = (
        "import sys, zbatch.cli\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'zbatch.cli.frame': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.exit(zbatch.cli.main(['--version']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"zbatch: interrupted\n")


def test_the_collector_passes_over_what_is_loaded_and_goes_on() -> None:
    """A process of its own never looks through its modules for garbage; it does so for the rest."""
    code = (
        "import gc, sys, zbatch.cli; sys.argv = ['zbatch', 'schema', 'spec']; zbatch.cli.main(); "
        "sys.exit(not gc.isenabled() or 'zbatch.cli.schema' not in sys.modules"
        " or any(one is vars(sys.modules['zbatch.cli.schema']) for one in gc.get_objects()))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_the_collector_of_another_program_is_left_alone() -> None:
    """Called from within another program, the command changes nothing for its objects."""
    before = gc.get_freeze_count()
    assert main(["--version"]) == 0
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, before)


def test_several_findings_stay_on_lines_of_their_own() -> None:
    """Diagnostics begin at the start of a line, where editors look for them."""
    err = io.StringIO()
    guarded(raising(Refused("a.yaml:1:1 ZB101 x\na.yaml:2:1 ZB101 y")), err)
    assert err.getvalue() == "a.yaml:1:1 ZB101 x\na.yaml:2:1 ZB101 y\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"],
        ["run"],
        ["run", "a", "b"],
        ["run", "--rate", "10/fortnight", "a"],
        ["run", "--concurrency", "0", "a"],
        ["run", "--concurrency", "41", "a"],
        ["run", "--progress", "loud", "a"],
        ["schema", "nonsense"],
        ["validate"],
        ["plan", "missing.yaml"],
        ["reconcile", "missing.yaml"],
        ["reconcile", "a", "b"],
        ["reconcile", "--reason", "x"],
        ["run", "missing.yaml"],
        ["validate", "missing.yaml"],
        ["--nonsense"],
    ],
)
def test_wrong_use_is_exit_2(argv: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Wrong use is refused on standard error, and standard output stays empty."""
    assert main(argv) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "argv", [["-h"], ["--help"], ["--version"], ["run", "-h"], ["validate", "--help"]]
)
def test_help_is_a_product(argv: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Help and version go to standard output with exit 0."""
    assert main(argv) == 0
    out, err = capfd.readouterr()
    assert out
    assert err == ""
