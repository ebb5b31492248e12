"""`zbatch doctor` from the command line: a line for each thing, the exit code, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.disclosure import found_in
from support.runs import away
from zbatch.cli import main

CANARY = "c4n4ry/s3cr3t+of=the~client"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a tenants file that names no tenant, and work in it."""
    (tmp_path / "tenants.yaml").write_text("version: 1\ntenants: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_line_for_each_thing(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Mark, name and sentence on standard output, and at the end the exit code."""
    assert main(["doctor", "--tenant", "emulator"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    *lines, last = out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "note"}
    assert last == "0 problems of tenant emulator   (exit 0)"


def test_as_json(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same, one object for each thing."""
    assert main(["doctor", "--tenant", "emulator", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["version"], told["exit_code"], told["problems"]) == (1, 0, 0)
    assert {"check": "token", "result": "ok", "found": "given for these credentials"}.items() <= (
        next(check for check in told["checks"] if check["check"] == "token").items()
    )


def test_what_is_wrong(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused secret is a problem with a way out, exit 1, and is shown in no spelling."""
    monkeypatch.setenv("ZUORA_CLIENT_ID", "emulator")
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", CANARY)
    monkeypatch.setenv("ZBATCH_DEBUG", "1")
    with away(project / "tenant") as tenant:
        text = f"version: 1\ntenants: {{real: {{base_url: '{tenant.url}'}}}}\n"
        (project / "tenants.yaml").write_text(text)
        for words in ([], ["--json"]):
            assert main(["doctor", "--tenant", "real", *words]) == 1
            out, err = capfd.readouterr()
            assert found_in({"out": out.encode(), "err": err.encode()}, [CANARY]) == []
            assert "check what stands in the environment variable ZUORA_CLIENT_ID" in out
    assert main(["doctor", "--tenant", "real"]) == 6
    out = capfd.readouterr().out
    assert "PROBLEM  connection" in out
    assert out.endswith("1 problem of tenant real, which could not be asked   (exit 6)\n")


def test_usage(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a tenant, or with one that nobody knows, nothing is looked at."""
    for words, told in ((), "name the tenant"), (("--tenant", "nobody"), "--tenant nobody: "):
        assert main(["doctor", *words]) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith(f"zbatch: {told}")
        assert "known: emulator" in err
