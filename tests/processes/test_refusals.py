"""Specs that are refused by the command as people start it: every bad example, and worse.

Exit 2, file, line and column, no traceback; nothing reaches for the network; 2 s of CPU, 200 MB.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.disclosure import files_in, found_in
from support.processes import CANARY, Client, Parent, environment

EXAMPLES = Path(__file__).parents[1] / "examples" / "invalid"
PLACE = re.compile(r"^\S+:\d+:\d+: error: \S.* \[ZB\d{3}\]$", re.MULTILINE)
MOST = 200 * 1024  # KiB
UNIT = 1024 if sys.platform == "darwin" else 1
HEAD = "version: 1\nname: nov\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"
REAL = HEAD.replace("emulator", "real") + f"accounts: ['{'a' * 32}']\n"

Refused = Callable[..., Client]


def examples(*beginnings: str) -> list[str]:
    """Name the bad examples that begin so."""
    found = {path.stem for path in EXAMPLES.glob("*.yaml") if path.stem.startswith(beginnings)}
    assert all(any(stem.startswith(one) for stem in found) for one in beginnings)
    return sorted(found)


@pytest.fixture
def started(tmp_path: Path, warm: Parent) -> Callable[[], Client]:
    """Give a function that runs `spec.yaml` and waits."""

    def start() -> Client:
        settings = {"cwd": str(tmp_path), "env": environment(), "watched": True}
        client = warm.start(
            ["run", "spec.yaml"], settings, tmp_path.with_name(f"{tmp_path.name}-said")
        )
        client.wait()
        return client

    return start


@pytest.fixture
def refused(started: Callable[[], Client], tmp_path: Path) -> Refused:
    """Give a function that runs a spec, and holds that it is refused as it should be.

    It takes the name of an example, the text of a spec, or what makes a file at a path.
    """

    def refuse(spec: str | Callable[[Path], object]) -> Client:
        _write(tmp_path / "spec.yaml", spec)
        client = started()
        assert (client.code, client.out.read_bytes()) == (2, b""), client.said
        assert PLACE.search(client.said), client.said
        assert "Traceback" not in client.said
        assert "network: " not in client.said
        assert client.seconds < 2
        assert client.peak // UNIT < MOST
        assert not (tmp_path / ".zbatch").exists()
        return client

    return refuse


def _write(path: Path, spec: str | Callable[[Path], object]) -> None:
    if callable(spec):
        spec(path)
    elif spec.startswith("tenants-"):
        path.write_text(REAL)
        shutil.copy(EXAMPLES / f"{spec}.yaml", path.with_name("tenants.yaml"))
    elif "\n" in spec:
        path.write_text(spec)
    else:
        shutil.copy(EXAMPLES / f"{spec}.yaml", path)


def test_the_network_is_watched(started: Callable[[], Client], tmp_path: Path) -> None:
    """What is looked for in every refusal is seen in a run that is not refused."""
    (tmp_path / "spec.yaml").write_text(REAL.replace("real", "emulator"))
    client = started()
    assert client.code == 0
    assert "network: socket.connect" in client.said


@pytest.mark.parametrize("name", examples("duplicate-key"))
def test_f117_a_key_twice(name: str, refused: Refused) -> None:
    """F117, L15: at any depth, quoted or not."""
    assert "ZB110" in refused(name).said


@pytest.mark.parametrize("name", examples("id-retyped", "charges-yes", "concurrency-octal"))
def test_f118_text_is_never_retyped(name: str, refused: Refused) -> None:
    """F118, L16: what other tools read as number, time or boolean is text, and refused as text."""
    refused(name)


@pytest.mark.parametrize("name", examples("date-", "dates-"))
def test_f119_a_date_is_a_day_of_the_calendar_written_one_way(name: str, refused: Refused) -> None:
    """F119: no guess at other ways, no error of a library at days that do not exist."""
    refused(name)


@pytest.mark.parametrize("day", ["0000-00-00", "2026-02-30", "2025-02-29", "2026-13-01"])
def test_f119_a_day_that_does_not_exist(day: str, refused: Refused) -> None:
    """F119: the day is named as it was written."""
    said = refused(REAL.replace("2026-11-30", day)).said
    assert day in said


@pytest.mark.parametrize("name", examples("alias-", "anchor-", "undefined-alias", "merge-key"))
def test_f120_nothing_stands_for_something_else(name: str, refused: Refused) -> None:
    """F120: neither bombs nor circles nor harmless aliases."""
    refused(name)


def test_f120_a_bomb_of_aliases_does_not_go_off(refused: Refused) -> None:
    """F120: nine levels of nine each, in 300 bytes, cost nothing."""
    bomb = "a: &a [" + ",".join(["x"] * 9) + "]\n"
    for previous, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{','.join([f'*{previous}'] * 9)}]\n"
    assert refused(bomb).seconds < 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_f121_a_hundred_thousand_levels(opening: str, refused: Refused) -> None:
    """F121: depth is seen before anything that recurses, which would end the process."""
    start = "\n" if opening[0] in "-?" else ""
    refused(f"{HEAD}accounts: {start}{opening * 100_000}\n")


@pytest.mark.parametrize("name", examples("deep-"))
def test_f121_one_level_too_many(name: str, refused: Refused) -> None:
    """F121: the limit is exact."""
    refused(name)


@pytest.mark.parametrize("name", examples("tag-"))
def test_f122_no_tag_means_anything(name: str, refused: Refused) -> None:
    """F122: objects, variables, binary data and sets are refused alike."""
    refused(name)


ODD = examples(
    "tab-", "mark-", "utf-16", "latin-1", "nul", "escape", "zero-width", "bidi", "lone-carriage"
)


@pytest.mark.parametrize("name", ODD)
def test_f123_characters_that_nobody_sees(name: str, refused: Refused) -> None:
    """F123: other encodings, controls and invisible characters; none of them is shown as it is."""
    said = refused(name).said
    assert all(character.isprintable() for character in said.replace("\n", ""))


@pytest.mark.parametrize("name", examples("empty", "comment-only", "scalar", "list", "two-doc"))
def test_f124_a_text_that_is_no_spec(name: str, refused: Refused) -> None:
    """F124: empty, a comment, another shape, two documents."""
    refused(name)


def _too_long(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(33 * 1024 * 1024)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_too_long, _endless, os.mkfifo, Path.mkdir])
def test_f124_a_file_that_is_no_spec(make: Callable[[Path], object], refused: Refused) -> None:
    """F124: too long, endless, a pipe that nobody fills, a folder: none of them is waited for."""
    refused(make)


@pytest.mark.parametrize("name", examples("unknown-"))
def test_f125_a_field_that_is_not_known(name: str, refused: Refused) -> None:
    """F125: at the top and at every level below it."""
    refused(name)


@pytest.mark.parametrize("name", examples("concurrency-", "objects-per-call", "max-attempts"))
def test_f126_a_number_is_a_number_within_its_bounds(name: str, refused: Refused) -> None:
    """F126: zero, negative, too large, infinite, not a number at all, a boolean, a text."""
    refused(name)


@pytest.mark.parametrize("name", examples("id-"))
def test_f127_an_id_is_32_hexadecimal_characters(name: str, refused: Refused) -> None:
    """F127: no line end, no other digits, no quote that a question to the tenant could break at."""
    refused(name)


@pytest.mark.parametrize("name", examples("duplicate-case", "duplicate-exact", "duplicate-forms"))
def test_f128_one_item_twice(name: str, refused: Refused) -> None:
    """F128, D13: exactly so, in capitals, as a text and as a map."""
    assert "twice" in refused(name).said


@pytest.mark.parametrize("name", examples("duplicate-own", "duplicate-in", "duplicate-revision"))
def test_f128_one_item_twice_by_its_dates(name: str, refused: Refused) -> None:
    """F128: an account's own dates, the dates of the spec, a revision."""
    assert "twice" in refused(name).said


@pytest.mark.parametrize(
    "written", [" {}", "{} ", "\u200b{}", "{}\u00a0", "\ufeff{}", "e\u0301{}", "\u00e9{}"]
)
def test_f128_blanks_seen_or_unseen_make_no_second_account(written: str, refused: Refused) -> None:
    """F128, D13: blanks and composed characters make no ID, so that no account has two."""
    account = "a" * 32
    refused(f'{HEAD}accounts: ["{account}", "{written.format(account)}"]\n')


def test_f129_fifty_thousand_accounts_twice(refused: Refused) -> None:
    """F129: duplicates are found in linear time."""
    rows = "".join(f'  - {{id: "{number:032x}"}}\n' for number in [*range(25_000)] * 2)
    said = refused(f"{HEAD}accounts:\n{rows}").said
    assert "twice" in said
    assert len(PLACE.findall(said)) == 11
    assert "\n25,000 errors, 0 warnings in 1 file\n" in said


@pytest.mark.parametrize("name", examples("tenants-book-"))
def test_f130_a_file_of_the_project_alone(name: str, refused: Refused) -> None:
    """F130: no way out by dots, absolute paths, the home folder or an address."""
    refused(name)


def test_f130_a_link_leads_out_of_the_project(
    started: Callable[[], Client], tmp_path: Path
) -> None:
    """F130: it is where a link leads that counts; nothing is read there, and nothing sent."""
    outside = tmp_path.with_name(f"{tmp_path.name}-outside.csv")
    outside.write_text("account_id,status,charges,invoices,latency,note\n")
    (tmp_path / "book.csv").symlink_to(outside)
    (tmp_path / "spec.yaml").write_text(REAL.replace("real", "emulator"))
    (tmp_path / "tenants.yaml").write_text("version: 1\nemulator: {accounts: book.csv}\n")
    client = started()
    assert client.code == 2
    assert PLACE.search(client.said)
    assert "network: " not in client.said


@pytest.mark.parametrize("name", examples("tenants-url-"))
def test_f131_a_base_url_is_a_scheme_a_host_and_a_port(name: str, refused: Refused) -> None:
    """F131: whatever could lead elsewhere, or hide where it leads."""
    assert "tenants.yaml:" in refused(name).said


@pytest.mark.parametrize("where", ["", "limits: {rate: 600/min}\n"])
def test_f131_a_spec_names_no_host(where: str, refused: Refused) -> None:
    """F131: credentials go to the host that the tenant names, and no spec names one."""
    refused(f"{REAL}{where}base_url: https://elsewhere.example\n")


@pytest.mark.parametrize(
    "line",
    [
        "client_secret: '{}'",
        "credentials: {{client_id: me, client_secret: '{}'}}",
        "name: {{secret: '{}'}}",
        "accounts: [{{id: 'x', client_secret: '{}'}}]",
        "limits: {{token: '{}'}}",
    ],
)
def test_f141_a_secret_in_a_spec(line: str, refused: Refused, tmp_path: Path) -> None:
    """F141, F143: there is no place for it, and the refusal does not repeat it."""
    key = line.partition(":")[0]
    head = "".join(row for row in REAL.splitlines(True) if not row.startswith(f"{key}:"))
    client = refused(f"{head}{line.format(CANARY)}\n")
    assert found_in(files_in(client.err.parent), [CANARY]) == []


@pytest.mark.parametrize("name", examples("tenants-secret", "id-long-secret"))
def test_f141_a_secret_in_the_tenants_file(name: str, refused: Refused) -> None:
    """F141: only the names of variables stand there."""
    said = refused(name).said
    assert "hunter2" not in said
    assert "s3cr3t" not in said
