"""Files that are no specs at all, and files that want to hurt the parser."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from zbatch.spec import check_spec
from zbatch.spec.diagnostics import Diagnostic, SpecError
from zbatch.spec.nodes import Document
from zbatch.spec.parsing import MAX_DEPTH, MAX_NODES, parse
from zbatch.spec.reading import Text, read_text

Write = Callable[[str | bytes], Path]


def _codes(path: Path) -> list[str]:
    start = time.process_time()
    spec, findings = check_spec(path)
    assert spec is None
    assert time.process_time() - start < 5
    return [finding.code for finding in findings]


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named, and why it cannot be read."""
    path = tmp_path / "nowhere.yaml"
    assert [str(finding) for finding in check_spec(path)[1]] == [
        f"{path}:1:1 ZB101 the file cannot be read: No such file or directory"
    ]


def test_name_is_shown_as_given_and_without_controls(tmp_path: Path) -> None:
    """A file name cannot act on the terminal that shows it."""
    told = str(check_spec(tmp_path / "a\x1b[31m\n.yaml")[1][0])
    assert "a\\x1b[31m\\n.yaml:1:1" in told


def test_path_with_nul() -> None:
    """A path that no system can open is a finding, not an error."""
    assert _codes(Path("a\0b")) == ["ZB101"]


def test_path_that_is_no_text() -> None:
    """A path that cannot be written into ledger and report is a finding, and is not sent from."""
    path = Path(os.fsdecode(b"a\xff.yaml"))
    assert _codes(path) == ["ZB101"]
    assert str(check_spec(path)[1][0]).isprintable()


def test_folder(tmp_path: Path) -> None:
    """A folder is not a spec."""
    assert _codes(tmp_path) == ["ZB102"]


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A FIFO without a writer is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    assert _codes(tmp_path / "pipe") == ["ZB102"]


def test_device_is_not_read() -> None:
    """An endless device is refused at once."""
    assert _codes(Path("/dev/zero")) == ["ZB102"]


def test_unreadable_file(write: Write) -> None:
    """A circle of links is a finding with the system's own words."""
    path = write("").with_name("loop.yaml")
    path.symlink_to(path)
    assert _codes(path) == ["ZB101"]


def test_link_to_a_spec(write: Write, head: str) -> None:
    """A link to a spec is as good as the spec."""
    path = write(head + f'accounts: ["{"a" * 32}"]\n')
    link = path.with_name("link.yaml")
    link.symlink_to(path)
    assert check_spec(link)[0] is not None


def test_33_megabytes(tmp_path: Path) -> None:
    """A file beyond 32 MB is refused without being parsed."""
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    assert _codes(path) == ["ZB104"]


@pytest.mark.parametrize("ahead", range(4))
def test_a_character_may_stand_across_two_pieces_of_a_file(tmp_path: Path, ahead: int) -> None:
    """A text is read piece by piece, and is what it is as a whole, with the digest of its bytes."""
    text = "#" * (1024 * 1024 - ahead) + "\U0001f4b6 é\n"
    (path := tmp_path / "long.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    read = read_text(path)
    assert read.text == text
    assert read.digest == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("end", [b"\xf0\x9f\x92", b"\xff#"])
def test_what_is_not_utf_8_is_told_with_its_place_in_any_piece(tmp_path: Path, end: bytes) -> None:
    """A character that breaks off at the end of a file is none either."""
    line = b"#" * 99 + b"\n"
    (path := tmp_path / "long.yaml").write_bytes(line * 20_000 + b"# " + end)
    with pytest.raises(SpecError) as told:
        read_text(path)
    (one,) = told.value.diagnostics
    assert (one.code, one.line, one.column) == ("ZB105", 20_001, 3)


def test_binary_noise(write: Write) -> None:
    """Bytes that are no text give one finding, not thousands."""
    assert _codes(write(bytes(range(1, 128)) * 4000)) == ["ZB106"]
    assert _codes(write(bytes(range(255, 0, -1)) * 4000)) == ["ZB105"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: ", "!!x [", "&a ["])
def test_f121_hundred_thousand_levels(write: Write, head: str, opening: str) -> None:
    """Depth is refused before anything recursive sees it: the C composer would crash."""
    newline = "\n" if opening[0] in "-?" else ""
    assert "ZB108" in _codes(write(f"{head}accounts: {newline}{opening * 100_000}"))


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_f121_depth_is_counted_exactly(write: Write, depth: int) -> None:
    """32 levels are read, 33 are not."""
    lists = depth - 1
    codes = _codes(write("a: " + "[" * lists + "]" * lists))
    assert ("ZB108" in codes) == (depth > MAX_DEPTH)


def test_f120_alias_bomb_of_230_bytes(write: Write) -> None:
    """A bomb of aliases does not go off: nothing is ever expanded."""
    bomb = "a: &a [" + ",".join(["x"] * 9) + "]\n"
    for previous, name in zip("abcdefg", "bcdefgh", strict=True):
        bomb += f"{name}: &{name} [{','.join([f'*{previous}'] * 9)}]\n"
    start = time.process_time()
    assert "ZB111" in _codes(write(bomb))
    assert time.process_time() - start < 1


def test_too_many_values(write: Write, head: str) -> None:
    """A text of nothing but values is left before it fills the memory."""
    text = head + "exclude: [" + "a," * (MAX_NODES + 10) + "]\n"
    spec, findings = check_spec(write(text))
    assert spec is None
    assert [finding.code for finding in findings] == ["ZB115"]


def test_many_unknown_keys(write: Write, head: str) -> None:
    """Twenty thousand unknown keys take time in proportion, and come with a count."""
    keys = "".join(f"k{number}: 1\n" for number in range(20_000))
    spec, findings = check_spec(write(head + keys + f'accounts: ["{"a" * 32}"]\n'))
    assert spec is None
    assert len(findings) == 1001
    assert findings[-1].message.startswith("and 19,000 more of this kind")


def test_long_digits_do_not_become_a_number(write: Write, head: str) -> None:
    """A number of a million digits is refused as text, which costs nothing."""
    assert "ZB204" in _codes(write(f"{head}limits: {{concurrency: {'9' * 1_000_000}}}\n"))


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
def test_both_parsers_see_the_same_tree(
    loader: type[yaml.SafeLoader | yaml.CSafeLoader], head: str
) -> None:
    """Positions and texts do not depend on whether PyYAML was built with libyaml."""
    text = Text(
        "x.yaml", head + "reason: |\n  a\n  b\nä: [ü, 'ö', \"\\u00e4\", ]\n? k\n: - v\n", ""
    )
    document, problems = parse(text, loader)
    reference = parse(text)
    assert (document, problems) == reference
    assert _refusals(text, loader) == _refusals(text, yaml.CSafeLoader)


def _refusals(text: Text, loader: type[yaml.SafeLoader | yaml.CSafeLoader]) -> list[object]:
    tails = ["--- x", "\t- x", "a: &x !y *z\n", "a: " + "[" * 40, "a: {<<: b, [a]: c, d, d}\n"]
    return [_places(Text(text.file, text.text + tail, ""), loader) for tail in tails]


def _places(
    text: Text, loader: type[yaml.SafeLoader | yaml.CSafeLoader]
) -> list[tuple[int, int, str]]:
    try:
        result: tuple[Document, list[Diagnostic]] = parse(text, loader)
        findings = tuple(result[1])
    except SpecError as error:
        findings = error.diagnostics
    return [(finding.line, finding.column, finding.code) for finding in findings]
