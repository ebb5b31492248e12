"""Account files as a spec names them: inside the project, read once, part of the plan."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.engine import TENANT
from zbatch.model import AccountFile, Source
from zbatch.spec import account_files as opening
from zbatch.spec import check_spec, csv_rows, load_spec, make_plan
from zbatch.spec.csv_rows import AccountRows
from zbatch.spec.reading import open_regular

Write = Callable[[str | bytes], Path]
ONE, TWO, THREE = (f"{n:032x}" for n in (1, 2, 3))


def _listed(write: Write, head: str, content: str | bytes, more: str = "") -> Path:
    path = write(f"{head}accounts:\n  - {{file: emea.csv{more}}}\n")
    data = content if isinstance(content, bytes) else content.encode()
    (path.parent / "emea.csv").write_bytes(data)
    return path


def test_rows_of_a_file_stand_where_the_spec_names_it(write: Write, head: str) -> None:
    """Each item's source is the line of the CSV, and its dates and reason are those given."""
    text = f"account_id,target_date,invoice_date\n{TWO},,\n{THREE},2026-11-15,2026-12-01\n"
    path = _listed(write, head, text, ", reason: moved out")
    path.write_text(path.read_text() + f'  - "{ONE}"\n')
    spec = load_spec(path)
    told = [
        (
            i.identity.account_id,
            str(i.identity.target_date),
            str(i.invoice_date),
            i.source,
            i.reason,
        )
        for i in make_plan(spec, TENANT).items
    ]
    csv = str(path.parent / "emea.csv")
    assert told == [
        (TWO, "2026-11-30", "2026-11-30", Source(csv, 2, 1), "moved out"),
        (THREE, "2026-11-15", "2026-12-01", Source(csv, 3, 1), "moved out"),
        (ONE, "2026-11-30", "2026-11-30", Source(str(path), 7, 5), None),
    ]
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert spec.files == (AccountFile("emea.csv", digest, 2),)


def test_dates_of_the_entry_hold_where_a_row_has_none(write: Write, head: str) -> None:
    """A row's own dates come first, then those beside `file`, then the spec's."""
    text = f"account_id,target_date\n{ONE},2026-11-02\n{TWO},\n"
    entry = ", reason: early, dates: [{target_date: end_of_month-1d}]"
    path = _listed(write, head + "period: 2024-02\n", text, entry)
    items = make_plan(load_spec(path), TENANT).items
    assert [str(item.identity.target_date) for item in items] == ["2026-11-02", "2024-02-28"]


def test_a_files_digest_is_part_of_the_plan(write: Write, head: str) -> None:
    """Another file that lists the same is another plan: what was reviewed is what is billed."""
    digests = set()
    for text in (f"account_id\n{ONE}\n", f"account_id,name\n{ONE},x\n", f"account_id\r\n{ONE}\r\n"):
        digests.add(make_plan(load_spec(_listed(write, head, text)), TENANT).digest)
    digests.add(make_plan(load_spec(write(f'{head}accounts: ["{ONE}"]\n')), TENANT).digest)
    assert len(digests) == 4


def test_f132_a_file_is_read_once(write: Write, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed is what is billed, although the file is another one a moment later."""
    text = f"account_id\n{ONE}\n{TWO}\n"
    path = _listed(write, head, text)
    opened = []

    def open_once(real: Path, shown: str) -> object:
        opened.append(real)
        return open_regular(real, shown)

    class Changing(AccountRows):
        """Rows of a file that somebody replaces once it is open."""

        def __init__(self, *given: object, dated: bool) -> None:
            super().__init__(*given, dated=dated)  # type: ignore[arg-type]  # as they were given
            (path.parent / "emea.csv").unlink()
            (path.parent / "emea.csv").write_text(f"account_id\n{THREE}\n")

    monkeypatch.setattr(opening, "open_regular", open_once)
    monkeypatch.setattr(csv_rows, "AccountRows", Changing)
    spec = load_spec(path)
    assert [account.account_id for account in spec.accounts] == [ONE, TWO]
    assert spec.files[0].digest == hashlib.sha256(text.encode()).hexdigest()
    assert len(opened) == 1


def test_f130_a_link_out_of_the_project_is_refused(write: Write, head: str, tmp_path: Path) -> None:
    """A symbolic link counts as what it leads to: inside it is read, outside it is refused."""
    path = write(f"{head}accounts:\n  - {{file: lists/emea.csv}}\n")
    project = path.parent / "project"
    (project / "lists").mkdir(parents=True)
    path = path.rename(project / "spec.yaml")
    (project / "tenants.yaml").write_text(
        'version: 1\ntenants:\n  t: {base_url: "http://127.0.0.1:1"}\n'
    )
    outside, link = tmp_path / "secret.csv", project / "lists/emea.csv"
    outside.write_text(f"account_id\n{ONE}\n")
    link.symlink_to(outside)
    spec, (finding,) = check_spec(path)
    assert spec is None
    assert (finding.code, finding.line, finding.column) == ("ZB305", 6, 12)
    link.unlink()
    outside.rename(project / "real.csv")
    link.symlink_to("../real.csv")
    assert len(load_spec(path).accounts) == 1
    link.unlink()
    link.symlink_to("emea.csv")  # to itself
    assert [f.code for f in check_spec(path)[1]] == ["ZB306"]
    link.unlink()
    os.mkfifo(link)
    assert [f.code for f in check_spec(path)[1]] == ["ZB306"]


def test_a_linked_spec_reads_the_files_beside_where_it_really_is(
    write: Write, head: str, tmp_path: Path
) -> None:
    """Files are relative to the spec itself, not to a link that leads to it, and told so."""
    path = _listed(write, head, f"account_id\n{ONE}\n")
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere/link.yaml"
    link.symlink_to(path)
    (account,) = load_spec(link).accounts
    assert account.source.file == str(path.parent / "emea.csv")


def test_many_wrong_rows_and_duplicates_come_with_a_count(write: Write, head: str) -> None:
    """A file of nonsense, and one that lists everybody twice, say so some times and then count."""
    rows = "".join(f"{n:032x}\n" for n in range(5000))
    findings = check_spec(_listed(write, head, "account_id\n" + rows + rows))[1]
    assert [finding.code for finding in findings] == ["ZB302"] * 1001
    assert findings[-1].message.startswith("and 4,000 more of this kind from here on")
    findings = check_spec(_listed(write, head, "account_id\n" + "x\n" * 5000))[1]
    assert sum(finding.count for finding in findings) == 5000
    assert len(findings) < 1100


_WORDS = [
    "account_id", "account_number", "target_date", "invoice_date", ",", ";", "\t", '"', '""', "\n",
    "\r\n", "\r", ONE, ONE.upper(), "A001", "2026-11-30", "2026-02-30", "31/01/2026", "46053",
    "4.02892E+31", "=1+1", "\x00", "\ufeff", "\u202e", "é", " ", "'",
]  # fmt: skip
_noise = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100),
    st.lists(st.sampled_from(_WORDS), max_size=40).map("".join),
    st.lists(st.sampled_from(_WORDS), max_size=40).map(
        lambda words: "account_id\n" + "".join(words)
    ),
)


@settings(max_examples=300, deadline=None)
@given(_noise)
def test_noise_in_a_file_gives_accounts_or_findings(noise: str | bytes) -> None:
    """No account file makes the loader raise, and each finding has a place and a fit message."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(
            "version: 1\nname: nov\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"
            "accounts: [{file: noise.csv}]\nexclude: [{file: noise.csv, reason: x}]\n"
        )
        data = noise if isinstance(noise, bytes) else noise.encode("utf-8", "surrogatepass")
        (path.parent / "noise.csv").write_bytes(data)
        spec, findings = check_spec(path)
        assert (spec is None) == any(not finding.warning for finding in findings)
        for finding in findings:
            assert finding.line >= 1
            assert finding.column >= 1
            assert finding.message.isprintable()


@pytest.mark.parametrize("head_line", [b"", b"account_id\n"])
def test_ten_megabytes_of_noise_are_told_in_time(write: Write, head: str, head_line: bytes) -> None:
    """A big file of nothing sensible, binary or lines, is refused within two seconds of CPU."""
    chance = random.Random(5)
    lines = (bytes(chance.choices(b'abc,;"\t0123', k=12)) + b"\n" for _ in range(20_000))
    for data in (chance.randbytes(10_000_000), b"".join(lines) * 38):
        path = _listed(write, head, head_line + data)
        start = time.process_time()
        spec, findings = check_spec(path)
        assert time.process_time() - start < 4  # 2 s on a desk; more are allowed on a busy machine
        assert spec is None
        assert findings
