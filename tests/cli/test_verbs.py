"""The verbs on a real project, from the command line to the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from zbatch.app.runs import ELSEWHERE
from zbatch.cli import main
from zbatch.cli.group import VERBS, zbatch
from zbatch.model import Outcome
from zbatch.spec.schema import schema_text

ROOT = Path(__file__).parents[2]
ACKNOWLEDGED = (
    "--accept", "--reason", "--retry-failed", "--retry-nothing", "--confirm",
    "--confirm-new-ledger", "--plan-digest",
)  # fmt: skip
# those of validate and plan take other values
OF_ITS_OWN = {("report", "--format"): "report_", ("report", "--out"): "report_"}
CANARY = "c4n4ry-s3cr3t"
ID = "2c93808457d787030157e0306be53a"


@dataclass(frozen=True)
class Told:
    """How a command ended, and all that it said."""

    code: int
    text: str


SecretRun = Callable[[str, str, str], Told]


@pytest.fixture
def secret_run(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[SecretRun]:
    """Run a spec with the canary as secret against an emulator that knows another one."""
    words = [str(Path(sys.executable).with_name("zbatch")), "emulator", "--port", "0"]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()

        def run(host: str, account: str, debug: str) -> Told:
            monkeypatch.setenv("ZUORA_CLIENT_ID", "emulator")
            monkeypatch.setenv("ZUORA_CLIENT_SECRET", CANARY)
            monkeypatch.setenv("ZBATCH_DEBUG", debug)
            base = host.format(base_url=base_url)
            (project / "tenants.yaml").write_text(
                f'version: 1\ntenants: {{away: {{base_url: "{base}"}}}}\n'
            )
            spec = write_spec(project, f'tenant: away\naccounts: ["{account}"]\n')
            code = main(["run", spec])
            captured = capfd.readouterr()
            return Told(code, captured.out + captured.err)

        yield run
        server.terminate()


def write_spec(project: Path, text: str) -> str:
    path = project / "specs" / "mine.yaml"
    path.write_text(
        f"version: 1\nname: mine\ndates: [{{target_date: 2026-11-30}}]\n{text}", "utf-8"
    )
    return "specs/mine.yaml"


def quick_spec(project: Path, *accounts: str) -> str:
    """Write a spec of the sample accounts with these ends, whose calls wait for no rate."""
    listed = ", ".join(f'"{ID}{end}"' for end in accounts)
    limits = "limits: {rate: 50000/min}"
    return write_spec(project, f"tenant: emulator\n{limits}\naccounts: [{listed}]\n")


def record_of(events: str) -> dict[str, Any]:
    """Give the run record in the last event that a run has printed."""
    record: dict[str, Any] = json.loads(events.splitlines()[-1])["record"]
    return record


def test_validate_clean(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Files and folders are taken; clean files leave standard output empty."""
    assert main(["validate", "specs", "tenants.yaml"]) == 0
    out, err = capfd.readouterr()
    assert (out, err) == ("", "0 errors, 0 warnings in 3 files\n")


def test_validate_names_every_problem(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Problems of all files go to standard output, each with its line, and the exit code is 1."""
    write_spec(project, "tenant: nowhere\naccounts: [x]\nsurplus: 1\n")
    (project / "specs" / "other.yml").write_text("version: 1\n")
    assert main(["validate", "."]) == 1
    out, err = capfd.readouterr()
    lines = [line for line in out.splitlines() if not line.startswith("  ")]
    assert len(lines) > 3
    assert all(line.startswith(("specs/mine.yaml:", "specs/other.yml:")) for line in lines)
    assert "\n  6 | surplus: ***\n    | ^^^^^^^\n" in out
    assert err.endswith(" in 5 files\n")


def test_validate_finds_an_unknown_tenant(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A spec that is sound in itself may still name a tenant that nobody knows."""
    spec = write_spec(project, f'tenant: nowhere\naccounts: ["{ID}01"]\n')
    assert main(["validate", spec]) == 1
    assert "nowhere" in capfd.readouterr().out


def test_validate_warns_without_failing(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A warning is told and counted, and is no error."""
    spec = write_spec(project, f"tenant: emulator\naccounts: [{'1' * 32}]\n")
    assert main(["validate", spec]) == 0
    out, err = capfd.readouterr()
    assert "ZB901" in out
    assert err == "0 errors, 1 warning in 1 file\n"


def test_a_period_stands_in_for_an_absent_one(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every verb that reads a spec takes the period; none contradicts the spec's own."""
    spec = write_spec(project, f'tenant: emulator\naccounts: ["{ID}01"]\ntimezone: Asia/Tokyo\n')
    path = project / spec
    path.write_text(path.read_text().replace("2026-11-30", "end_of_month"))
    assert main(["validate", spec]) == 1
    assert "ZB330" in capfd.readouterr().out
    assert main(["validate", spec, "--period", "2024-02"]) == 0
    assert main(["plan", spec, "--period", "2024-02"]) == 0
    out = capfd.readouterr().out
    assert "2024-02-29" in out
    assert "period    2024-02, Asia/Tokyo\n" in out
    assert main(["run", spec, "--period", "2024-13"]) == 2
    assert "written YYYY-MM" in capfd.readouterr().err
    path.write_text(path.read_text() + "period: 2026-11\n")
    assert main(["run", spec, "--dry-run", "--period", "2024-02"]) == 2
    assert "ZB335" in capfd.readouterr().err


def test_validate_of_a_folder_without_yaml(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A folder that holds nothing to check is a mistake, not a success."""
    (project / "empty" / ".hidden").mkdir(parents=True)
    (project / "empty" / ".hidden" / "a.yaml").touch()
    assert main(["validate", "empty"]) == 2
    assert "empty" in capfd.readouterr().err


def test_plan_and_dry_run_are_the_same_bytes(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`run --dry-run` prints what `plan` prints, and neither leaves a trace."""
    told = []
    for verb in (["plan"], ["run", "--dry-run"], ["run", "-n"]):
        for rest in ([], ["--json"], ["--concurrency", "2", "--rate", "1/s"]):
            assert main([*verb, "specs/month-end.yaml", *rest]) == 0
            told.append(capfd.readouterr())
    assert told[:3] == told[3:6] == told[6:9]
    assert all(captured.err == "" for captured in told)
    assert not (project / ".zbatch").exists()


def test_plan_json_holds_the_items(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The JSON of a plan names the items in order, with dates and places."""
    assert main(["plan", "specs/month-end.yaml", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["items_planned"] == document["calls_planned"] == 10
    assert document["items"][0]["account_id"] == f"{ID}01"
    assert document["items"][0]["source"]["file"] == "specs/month-end.yaml"


@pytest.mark.parametrize("rate", ["0/s", "5", "20/d", "1.5/s", "9" * 400 + "/s", "\u0663/s"])
def test_a_rate_has_one_spelling(
    rate: str, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no rate in a spec is none on the command line: exit 2, and how to write one."""
    assert main(["plan", "specs/month-end.yaml", "--rate", rate]) == 2
    assert "a rate is written 20/s, 600/min or 5000/h" in capfd.readouterr().err


@pytest.mark.parametrize("flag", [["--concurrency", "11"], ["--rate", "601/min"]])
def test_flags_only_tighten(
    flag: list[str], project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A flag that would press harder than the reviewed spec is refused by name."""
    for verb in ("plan", "run"):
        assert main([verb, "specs/month-end.yaml", *flag]) == 2
        assert flag[0] in capfd.readouterr().err
    assert not (project / ".zbatch").exists()


def test_options_come_from_the_environment(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ZBATCH_RATE means --rate, and the command line wins over it."""
    monkeypatch.setenv("ZBATCH_RATE", "2/s")
    monkeypatch.setenv("ZBATCH_JSON", "1")
    main(["plan", "specs/month-end.yaml"])
    assert json.loads(capfd.readouterr().out)["limits"]["rate"] == "2/s"
    main(["plan", "specs/month-end.yaml", "--rate", "3/s"])
    assert json.loads(capfd.readouterr().out)["limits"]["rate"] == "3/s"


def test_run_twice_converges(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first run bills, the second sends nothing and says which run did."""
    assert main(["run", "specs/month-end.yaml", "--json"]) == 0
    out, err = capfd.readouterr()
    first = record_of(out)
    assert first["outcomes"] == {o.value: 0 for o in Outcome} | {
        "invoiced": 8,
        "nothing_to_bill": 2,
    }
    assert err.splitlines()[-1].endswith("(exit 0)")
    assert main(["run", "specs/month-end.yaml", "--json", "-q"]) == 0
    out, err = capfd.readouterr()
    assert record_of(out)["calls_sent"] == 0
    assert f"all 10 items are settled (earlier by run {first['run_id']})" in err
    report = project / ".zbatch" / "runs" / first["run_id"] / "report.jsonl"
    assert len(report.read_bytes().splitlines()) == 10


def test_run_with_failures(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Failures end with exit 1, each message with its accounts."""
    assert main(["run", "specs/with-failures.yaml"]) == 1
    err = capfd.readouterr().err
    assert "3 × INVALID_VALUE" in err
    assert f"{ID}0a" in err
    validator = Draft202012Validator(json.loads(schema_text("report")))
    (report,) = (project / ".zbatch" / "runs").glob("*/report.jsonl")
    lines = [json.loads(line) for line in report.read_bytes().split(b"\n")[:-1]]
    assert sorted(line["outcome"] for line in lines) == ["failed"] * 3 + ["invoiced"] * 2
    for line in lines:
        validator.validate(line)
    assert err.splitlines()[-1].endswith("(exit 1)")


def test_run_refuses_a_report_that_exists(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An existing --report is exit 2, its content is kept, and nothing is sent."""
    (project / "mine.jsonl").write_text("precious")
    assert main(["run", "specs/month-end.yaml", "--report", "mine.jsonl"]) == 2
    assert "exists" in capfd.readouterr().err
    assert (project / "mine.jsonl").read_text() == "precious"
    assert main(["report", "latest"]) == 5
    assert "no run is known" in capfd.readouterr().err
    assert main(["run", "specs/month-end.yaml", "--report", "other.jsonl", "--json"]) == 0
    assert record_of(capfd.readouterr().out)["calls_sent"] == 10
    assert len((project / "other.jsonl").read_bytes().splitlines()) == 10


def test_run_with_a_state_folder_in_the_way(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A state folder that cannot be one is exit 6."""
    assert main(["run", "specs/month-end.yaml", "--state-dir", "tenants.yaml"]) == 6
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize(
    ("host", "accounts", "code"),
    [
        ("{base_url}", "x", 2),  # the spec is wrong
        ("http://example.com", f"{ID}01", 2),  # plain http
        ("{base_url}", f"{ID}01", 6),  # the secret is not the emulator's
    ],
)
def test_f142_secrets_stay_inside(
    host: str, accounts: str, code: int, debug: str, project: Path, secret_run: SecretRun
) -> None:
    """A refused spec or tenant, and a secret that is refused, bring it to no output or file."""
    told = secret_run(host, accounts, debug)
    assert told.code == code
    assert told.text
    assert CANARY not in told.text
    assert "Traceback" not in told.text
    for path in (project / ".zbatch").rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()


def calls_of(capfd: pytest.CaptureFixture[str], code: int, *flags: str) -> int:
    """Run the quick spec and say how many calls left."""
    assert main(["run", "specs/mine.yaml", "--json", *flags]) == code
    sent = record_of(capfd.readouterr().out)["calls_sent"]
    assert isinstance(sent, int)
    return sent


def test_outcomes_are_tried_again_on_demand(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Failed items stay so until --retry-failed, nothing to bill until --retry-nothing."""
    quick_spec(project, "01", "08", "0a")
    told = [calls_of(capfd, 1, *flags) for flags in ([], [], ["--retry-failed"])]
    assert told == [3, 0, 1]
    assert main(["run", "specs/mine.yaml", "--json", "--retry-nothing"]) == 1
    out, err = capfd.readouterr()
    assert record_of(out)["calls_sent"] == 1
    assert "  nothing to bill as of 20" in err
    assert err.splitlines()[-1].startswith(
        "next: mend the causes above, then zbatch run specs/mine"
    )


@pytest.mark.parametrize(
    "flags", [[], ["--retry-failed"], ["--retry-nothing"], ["--retry-nothing", "--retry-failed"]]
)
def test_a_dry_run_shows_what_is_tried_again(
    flags: list[str], project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same flags as of the run, and so the same calls."""
    quick_spec(project, "01", "08", "0a")
    assert calls_of(capfd, 1) == 3
    assert main(["run", "specs/mine.yaml", "-n", "--json", *flags]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["ledger"]["to_send"] == document["calls_expected"] == len(flags)
    assert calls_of(capfd, 1, *flags) == len(flags)


@pytest.mark.parametrize("flag", ["--retry-nothing", "--retry-failed"])
def test_what_was_to_be_tried_again_is_so_by_the_next_step(
    flag: str, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who goes on as told after a stop bills what was left of it too, and is not told of 0."""
    retry = {"--retry-nothing": ("08", "09"), "--retry-failed": ("0a", "0b")}[flag]
    spec = project / quick_spec(project, *retry)
    main(["run", "specs/mine.yaml"])
    spec.write_text(f"{spec.read_text('utf-8')}\nstages: [1, rest]\n", "utf-8")
    capfd.readouterr()
    assert main(["run", "specs/mine.yaml", flag]) == 4
    said = " ".join(capfd.readouterr().err.split())
    assert f"then zbatch run specs/mine.yaml {flag} goes on with the next one" in said


@pytest.mark.parametrize("words", [["specs/mine.yaml"], ["--tenant", "emulator"], []])
def test_reconcile_without_doubt(
    words: list[str], project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """After a clean run nothing is in doubt: nothing is asked, and the exit code is 0."""
    main(["run", quick_spec(project, "01")])
    capfd.readouterr()
    assert main(["reconcile", *words, "--json", "--report", "mine.jsonl"]) == 0
    out, err = capfd.readouterr()
    assert record_of(out)["planned"] == 0
    assert "nothing is in doubt" in err
    assert (project / "mine.jsonl").read_bytes() == b""


def test_status_of_runs(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by name, or all of them; on standard output, since that is what was asked for."""
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["status"]) == 0
    assert capfd.readouterr() == ("", f"no run is known in .zbatch; {ELSEWHERE}\n")
    assert main(["run", quick_spec(project, "01")]) == 0
    capfd.readouterr()
    for named in ("latest", "specs/mine.yaml", str(project / "specs" / "mine.yaml")):
        assert main(["status", named]) == 0
        out, err = capfd.readouterr()
        assert err == ""
        assert "emulator · mine · run " in out
        assert "exit 0, everything settled\n  1/1  100%\n" in out
    assert main(["status", "nonsense"]) == 5
    assert "no run 'nonsense' is known" in capfd.readouterr().err
    for number in range(20):
        (project / ".zbatch" / "runs" / f"2020{number:02}01T000000Z-aaaa").mkdir()
    assert main(["status"]) == 0
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 20
    assert err == "… and 1 older run: --json lists all\n"
    assert main(["status", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    Draft202012Validator(json.loads(schema_text("status"))).validate(told)
    assert [run["state"] for run in told["runs"]] == ["ended", *["gone"] * 20]


def test_status_tells_programs_which_run_has_gone_on(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of one that was killed, alone and in the list; of any other nobody asks."""
    validator = Draft202012Validator(json.loads(schema_text("status")))

    def told(*named: str) -> Any:
        assert main(["status", *named, "--json"]) == 0
        document = json.loads(capfd.readouterr().out)
        validator.validate(document)
        return document

    spec = quick_spec(project, "01")
    assert main(["run", spec]) == 0
    (first,) = (project / ".zbatch" / "runs").iterdir()
    record = json.loads((first / "run.json").read_bytes())
    record |= {"finished_at": None, "exit_code": None}
    (first / "run.json").write_text(json.dumps(record))
    for sign in (first / "live.json", project / ".zbatch" / "emulator" / "lock"):
        sign.unlink()
    capfd.readouterr()
    assert (told(first.name)["state"], told(first.name)["gone_on_by"]) == ("gone", None)
    assert main(["run", spec]) == 0
    assert main(["run", spec]) == 0
    capfd.readouterr()
    newest, between, killed = told()["runs"]
    assert killed == told(first.name)
    assert killed["gone_on_by"] == newest["run_id"]
    assert [one["gone_on_by"] for one in (newest, between)] == [None, None]
    assert main(["status", first.name]) == 0
    assert f"next: zbatch status {newest['run_id']} " in capfd.readouterr().out


def test_the_record_keeps_what_was_given(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """So the same command again can be told of a run that was killed."""
    flags = ["--tenant", "emulator", "--rate", "5/s", "--concurrency", "2", "--retry-nothing"]
    assert main(["run", quick_spec(project, "01"), *flags, "--json"]) == 0
    assert record_of(capfd.readouterr().out)["given"] == {
        "tenant": "emulator",
        "period": None,
        "concurrency": 2,
        "rate": "5/s",
        "retry_failed": False,
        "retry_nothing": True,
        "document": None,
        "project": "..",
    }
    assert main(["reconcile", "--tenant", "emulator", "--json"]) == 0
    assert record_of(capfd.readouterr().out)["given"]["tenant"] == "emulator"


def test_a_frozen_plan_is_a_run_of_its_spec_from_anywhere(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Report and status by the spec are of that run, and of no older one."""
    spec = quick_spec(project, "01")
    assert main(["run", spec]) == 0
    for folder in ("plans", "elsewhere"):
        (project / folder).mkdir()
    assert main(["plan", spec, "--out", "plans/frozen.json"]) == 0
    monkeypatch.chdir(project / "elsewhere")
    capfd.readouterr()
    assert main(["run", "../plans/frozen.json", "--json"]) == 0
    record = record_of(capfd.readouterr().out)
    newest = record["run_id"]
    assert record["given"]["document"] == "plans/frozen.json"
    monkeypatch.chdir(project)
    for verb in ("report", "status"):
        assert main([verb, spec]) == 0
        assert newest in capfd.readouterr().out.splitlines()[0]


def test_reconcile_without_a_ledger(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where there is no ledger and no spec nobody can say what is meant."""
    assert main(["reconcile"]) == 2
    assert "no ledger" in capfd.readouterr().err
    assert not (project / ".zbatch").exists()


def test_only_an_item_in_doubt_is_decided(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A decision on an item that is settled matches nothing."""
    main(["run", quick_spec(project, "01")])
    decision = f"{ID}01:2026-11-30={'a' * 32}"
    assert main(["reconcile", "--accept", decision, "--reason", "seen in the tenant"]) == 5
    assert "not in doubt" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["spec", "tenants", "faults", "report", "run"])
def test_schema_prints_the_file(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The schema is printed byte for byte."""
    assert main(["schema", kind]) == 0
    assert capfd.readouterr().out == (ROOT / "schemas" / f"{kind}.schema.json").read_text("utf-8")


@pytest.mark.parametrize("verb", list(VERBS))
def test_help_opens_with_a_sentence_and_two_examples(
    verb: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each verb's help says what it is for, then shows two ways to call it."""
    assert main([verb, "--help"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith(f"Usage: zbatch {verb}")
    assert lines[2].strip() == VERBS[verb]
    assert lines[4].strip() == "Examples:"
    assert all(line.startswith(f"    zbatch {verb}") for line in lines[5:7])


@pytest.mark.parametrize("verb", list(VERBS))
def test_ordinary_options_have_a_variable(verb: str) -> None:
    """Every option says its ZBATCH_ variable; what a person acknowledges has none.

    One variable means the same to each verb: it names the verb where the values are others.
    """
    command = zbatch.get_command(click.Context(zbatch), verb)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            long = next(name for name in parameter.opts if name.startswith("--"))
            of = OF_ITS_OWN.get((verb, long), "")
            variable = "ZBATCH_" + (of + long[2:]).upper().replace("-", "_")
            acknowledged = long in ACKNOWLEDGED
            assert parameter.envvar == (None if acknowledged else variable)
            assert parameter.show_envvar is not acknowledged


@pytest.mark.parametrize("variable", ["ZBATCH_CONFIRM", "ZBATCH_CONFIRM_NEW_LEDGER"])
def test_a_protected_tenant_is_confirmed_by_a_flag_alone(
    variable: str,
    project: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a terminal the flag is named and the exit code is 2; no variable stands in for it."""
    (project / "tenants.yaml").write_text(
        "version: 1\ntenants: {production: {base_url: 'http://127.0.0.1:9', protected: true}}\n"
    )
    spec = write_spec(project, f'tenant: production\naccounts: ["{ID}01"]\n')
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv(variable, "production")
    assert main(["run", spec]) == 2
    assert "repeat its name with --confirm production" in capfd.readouterr().err
    assert main(["run", spec, "--confirm", "prod"]) == 2
    assert "--confirm prod: the tenant is production" in capfd.readouterr().err
    monkeypatch.setenv("CI", "true")
    assert main(["run", spec, "--confirm", "production"]) == 2
    assert "--confirm-new-ledger production" in capfd.readouterr().err
    assert not (project / ".zbatch").exists()
    assert main(["plan", spec]) == main(["run", spec, "--dry-run"]) == 0
