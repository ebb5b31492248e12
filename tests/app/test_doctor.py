"""A look at a tenant: each kind of fault in a line, no call sent, no secret shown."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from support.beside import beside
from support.disclosure import found_in
from support.hostile import RawServer, Script, always, reply_bytes
from support.runs import GENERATE, QUERY, Away, Project
from zbatch.app.clock import SystemClock
from zbatch.app.doctor.check import Check, Examination, Mark
from zbatch.app.doctor.clocks import check_clock
from zbatch.app.doctor.disk import (
    ROOM,
    Space,
    check_file_system,
    check_space,
    kind_of_file_system,
)
from zbatch.app.doctor.examine import DoctorOptions, check_versions, examine
from zbatch.app.doctor.folder import check_folder
from zbatch.app.doctor.limits import check_limits
from zbatch.app.state import State
from zbatch.errors import CannotStart, Refused
from zbatch.ledger.lock import locked
from zbatch.ledger.store import open_store
from zbatch.model import Ceilings
from zbatch.spec import builtin_emulator

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
GOOD = {"ZUORA_CLIENT_ID": "emulator", "ZUORA_CLIENT_SECRET": "emulator"}
CANARY = "c4n4ry-s3cr3t-of-the-client"
ENTITY = "11e64eef-a2e5-0c9f-bfbd-00259058c9cc"
SIGNED_OUT = b'{"reasons": [{"code": 90000011, "message": "sign in"}]}'
TOKEN = b'{"access_token": "t0ken", "expires_in": 3600}'

Tenant = Callable[..., Away]


@dataclass(frozen=True)
class Shifted(SystemClock):
    """A clock that is off."""

    by: timedelta = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


def look(project: Project, tenant: str = "real", **more: Any) -> Examination:
    values = {"environ": GOOD, "folder": project.root, "patience": 2.0, **more}
    return examine(DoctorOptions(tenant, **values))


def of(found: Examination, name: str) -> Check:
    (check,) = [one for one in found.checks if one.name == name]
    return check


def wrong(found: Examination) -> list[str]:
    """Give the names of what is wrong."""
    return [check.name for check in found.checks if check.mark is Mark.PROBLEM]


def test_a_healthy_tenant(tenant: Tenant, project: Project) -> None:
    """All is well, the tenant was asked for a token and one question, and nothing was made."""
    away = tenant()
    before = sorted(project.root.rglob("*"))
    found = look(project)
    assert (wrong(found), found.exit_code) == ([], 0)
    assert {check.mark for check in found.checks} == {Mark.OK, Mark.NOTE}
    assert sorted(project.root.rglob("*")) == before
    assert away.billing.exchanges(GENERATE) == []
    assert [one.status for one in away.billing.exchanges(QUERY)] == [200]
    assert len(away.billing.exchanges("/oauth/token")) == 1
    assert away.billing.invoices == []


def test_the_built_in_emulator(project: Project) -> None:
    """It needs no credentials, and its data in the project is neither read nor made."""
    found = look(project, "emulator", environ={})
    assert (wrong(found), found.exit_code) == ([], 0)
    assert not project.state.exists()


def test_after_a_run(project: Project) -> None:
    """The ledger is read, and its last run named."""
    told = project.run(project.spec(1, 2))
    found = look(project, "emulator")
    assert of(found, "ledger").found == f"can be read; 1 run, the last one {told.result.run_id}"
    assert of(found, "lock").found == "free"


@pytest.mark.parametrize("again", [False, True])
def test_a_run_that_began_later_than_the_clock_is_now(again: bool, project: Project) -> None:
    """It is named, though another one was carried out by the clock that was set back."""
    told = project.run(project.spec(1))
    now = told.result.started_at - timedelta(hours=1)
    if again:
        with closing(open_store(project.state / "emulator")) as store:
            store.start_run("20991130T120000Z-7f3a", told.result.plan, now)
    found = look(project, "emulator", clock=Shifted(timedelta(hours=-1)))
    which = "its run" if again else "its last run"
    said = f"{which}, {told.result.run_id}, began later than this machine's clock is now"
    assert of(found, "ledger").found == said


@pytest.mark.parametrize("given", [{}, {"ZUORA_CLIENT_ID": "x"}, {**GOOD, "ZUORA_CLIENT_ID": ""}])
def test_missing_credentials(given: dict[str, str], tenant: Tenant, project: Project) -> None:
    """Each variable that is missing is named, and nobody is asked."""
    away = tenant()
    found = look(project, environ=given)
    assert found.exit_code == 1
    assert set(wrong(found)) == {"credentials"}
    assert of(found, "connection").mark is Mark.SKIPPED
    assert away.billing.exchanges("/oauth/token") == []


def test_a_credentials_file_that_others_can_read(
    tenant: Tenant, project: Project, tmp_path: Path
) -> None:
    """The file and what to do are named."""
    away = tenant()
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    secret.chmod(0o644)
    entry = f"{{base_url: '{away.url}', credentials: {{client_secret_file: {secret}}}}}"
    project.tenants(f"tenants: {{real: {entry}}}")
    found = look(project)
    assert wrong(found) == ["credentials"]
    told = [check.found for check in found.checks if check.mark is Mark.PROBLEM]
    assert "chmod 600" in told[0]
    assert CANARY not in repr(found)


def test_a_wrong_secret(tenant: Tenant, project: Project) -> None:
    """What the tenant says is told with where to look, and the secret is nowhere."""
    tenant()
    found = look(project, environ={**GOOD, "ZUORA_CLIENT_SECRET": CANARY})
    assert (wrong(found), found.exit_code) == (["token"], 1)
    assert "HTTP 401, Invalid client secret" in of(found, "token").found
    assert "ZUORA_CLIENT_SECRET" in of(found, "token").advice
    assert "base_url" in of(found, "token").advice
    assert of(found, "connection").mark is Mark.OK
    assert found_in({"all": repr(found).encode()}, [CANARY]) == []


def entity_at(project: Project, away: Away) -> None:
    project.tenants(f"tenants: {{real: {{base_url: '{away.url}', entity_id: {ENTITY}}}}}")


def test_an_entity_that_the_token_is_not_for(tenant: Tenant, project: Project) -> None:
    """The token names its entities: the question is not even asked."""
    away = tenant(entities=("00000000-0000-4000-8000-000000000001",))
    entity_at(project, away)
    found = look(project)
    assert (wrong(found), found.exit_code) == (["entity"], 1)
    assert ENTITY in of(found, "entity").found
    assert of(found, "token").mark is Mark.OK
    assert away.billing.exchanges(QUERY) == []


def test_an_entity_that_the_tenant_refuses(project: Project) -> None:
    """A token that names none is no proof: the answer to the question is."""
    body = b'{"reasons": [{"code": 90000020, "message": "the entity is not accessible"}]}'
    with answering(reply_bytes(body, "403 Forbidden")) as url:
        project.tenants(f"tenants: {{real: {{base_url: '{url}', entity_id: {ENTITY}}}}}")
        found = look(project)
    assert (wrong(found), found.exit_code) == (["entity"], 1)
    assert "not accessible" in of(found, "entity").found


def test_the_entity_that_is_let_in(tenant: Tenant, project: Project) -> None:
    """Where token and tenant know it, it is named."""
    entity_at(project, tenant(entities=(ENTITY,)))
    assert of(look(project), "entity").found == ENTITY


@pytest.mark.parametrize(("minutes", "word"), [(10, "10 min ahead of"), (-10, "10 min behind")])
def test_a_clock_ten_minutes_off(minutes: int, word: str, tenant: Tenant, project: Project) -> None:
    """In both directions, with what to do."""
    tenant()
    found = look(project, clock=Shifted(timedelta(minutes=minutes)))
    assert (wrong(found), found.exit_code) == (["clock"], 1)
    told = of(found, "clock").found.replace("9 min 59 s", "10 min").replace(" 1 s", "")
    assert told == f"this machine's clock is {word} the server's"


@pytest.mark.parametrize(
    ("ours", "mark", "told"),
    [
        (0.0, Mark.OK, "to the second"),
        (0.9, Mark.OK, "to the second"),
        (-0.1, Mark.OK, "to the second"),
        (31.0, Mark.NOTE, "30 s ahead of"),
        (-30.3, Mark.NOTE, "30 s behind"),
        (61.0, Mark.NOTE, "1 min ahead of"),
        (62.0, Mark.PROBLEM, "1 min 1 s ahead of"),
        (-3700.0, Mark.PROBLEM, "1 h 1 min 40 s behind"),
    ],
)
def test_a_date_says_nothing_within_its_second(ours: float, mark: Mark, told: str) -> None:
    """What the answer took and what its Date leaves open is not counted as off."""
    asked = NOON + timedelta(seconds=ours)
    check = check_clock(NOON, asked, asked + timedelta(seconds=0.2))
    assert check.mark is mark
    assert told in check.found


def test_an_answer_without_a_date(project: Project) -> None:
    """What cannot be compared is said to be so, and nothing else is wrong."""
    with answering(reply_bytes(b'{"size": 0, "done": true}')) as url:
        project.tenants(real=url)
        found = look(project)
    assert of(found, "clock").mark is Mark.SKIPPED
    assert of(found, "limits").mark is Mark.NOTE
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("age", "names", "timeless"), [(10800, ["question"], True), (30, [], True), (0, [], False)]
)
def test_an_answer_that_was_stored_on_the_way_tells_no_time(
    age: int, names: list[str], timeless: bool, project: Project
) -> None:
    """No clock is wrong then, but a run would not believe that answer."""
    given = datetime.now(UTC) - timedelta(seconds=age)
    headers = f"Date: {given:%a, %d %b %Y %H:%M:%S GMT}\r\nAge: {age}"
    with answering(reply_bytes(b'{"size": 0, "done": true}', "200 OK", headers)) as url:
        project.tenants(real=url)
        found = look(project)
    assert wrong(found) == names
    assert (of(found, "clock").mark is Mark.SKIPPED) is timeless
    if names:
        assert found.exit_code == 6
        assert of(found, "question").found == "the answer was stored on the way, 3 h ago"
        assert of(found, "entity").mark is Mark.SKIPPED


def test_a_stored_refusal_of_a_token_says_nothing_of_the_one_that_was_given(
    project: Project,
) -> None:
    """A store has given the answer of another day: credentials and API user are not at fault."""
    refused = reply_bytes(SIGNED_OUT, "401 Unauthorized", "Age: 10800")
    with answering(refused) as url:
        project.tenants(real=url)
        found = look(project)
    assert (wrong(found), found.exit_code) == (["question"], 6)
    assert of(found, "question").found == "the answer was stored on the way, 3 h ago"
    assert of(found, "token").mark is Mark.OK
    assert of(found, "entity").mark is Mark.SKIPPED


def test_nobody_listens(project: Project) -> None:
    """Exit 6: the tenant could not be asked; the rest is looked at all the same."""
    with answering(b"") as url:
        project.tenants(real=url)
    found = look(project)
    assert (wrong(found), found.exit_code) == (["connection"], 6)
    assert of(found, "connection").found.startswith(f"{url.removeprefix('http://')}: no connection")
    assert "base_url" in of(found, "connection").advice
    assert of(found, "ledger").mark is Mark.NOTE


def test_a_certificate_that_nobody_trusts(project: Project) -> None:
    """A host that cannot prove who it is gets no credential."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(served)
    with beside(lambda: RawServer(always(reply_bytes(TOKEN)), served)) as server:
        project.tenants(real=server.url)
        found = look(project)
        assert server.requests == []
    assert (wrong(found), found.exit_code) == (["connection"], 6)
    assert "could not prove who it is" in of(found, "connection").found
    assert "ca_file" in of(found, "connection").advice


THROTTLED = reply_bytes(b'{"reasons": [{"code": 70, "message": "slow"}]}', "429 Too Many Requests")
SIGN_IN = reply_bytes(SIGNED_OUT, "401 Not")


@pytest.mark.parametrize(
    ("answer", "names", "code", "advice"),
    [
        (THROTTLED, ["question"], 6, "try again"),
        (reply_bytes(b"", "503 Not"), ["question"], 6, "try again"),
        (reply_bytes(b"<html>"), ["question"], 6, "REST API"),
        (reply_bytes(b"", "403 Not"), ["question"], 1, "role"),
        (SIGN_IN, ["token"], 1, "locked"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", ["question"], 6, "try again"),
    ],
)
def test_other_answers_to_the_question(
    answer: bytes, names: list[str], code: int, advice: str, project: Project
) -> None:
    """Each kind of answer that is none is one line with what to do."""
    with answering(answer) as url:
        project.tenants(real=url)
        found = look(project)
    assert (wrong(found), found.exit_code) == (names, code)
    assert advice in of(found, names[0]).advice


def test_f22_a_redirected_question(project: Project) -> None:
    """What to check is said, and said once: no answer of this host's API is a redirect."""
    with answering(reply_bytes(b"", "302 Found", "Location: /x")) as url:
        project.tenants(real=url)
        found = look(project)
    assert (wrong(found), found.exit_code) == (["question"], 1)
    told = of(found, "question").line
    assert told.startswith("HTTP_302: HTTP 302 Found: compare base_url in tenants.yaml with")
    assert told.count("base_url") == 1


def test_a_token_endpoint_out_of_order(project: Project) -> None:
    """A passing trouble is no fault of the credentials."""
    with answering(b"", token=reply_bytes(b"", "503 Not")) as url:
        project.tenants(real=url)
        found = look(project)
    assert (wrong(found), found.exit_code) == (["token"], 6)


def test_no_secret_comes_back(project: Project) -> None:
    """What the tenant says back of what it was sent is hidden."""
    said = json.dumps({"message": f"no client with {CANARY}"}).encode()
    with answering(b"", token=reply_bytes(said, "400 Bad Request")) as url:
        project.tenants(real=url)
        found = look(project, environ={**GOOD, "ZUORA_CLIENT_SECRET": CANARY})
    assert wrong(found) == ["token"]
    assert found_in({"all": repr(found).encode()}, [CANARY]) == []


def limits_of(headers: dict[str, str], ceiling: int | None = None) -> Check:
    tenant = builtin_emulator()
    if ceiling:
        tenant = replace(tenant, kind="developer-sandbox", ceilings=Ceilings(concurrency=ceiling))
    return check_limits(tenant, headers)


def test_limits() -> None:
    """What is left is told; nothing left, or a ceiling above the tenant's own, is wrong."""
    slots = {"concurrency-limit-limit": "20", "concurrency-limit-remaining": "19"}
    calls = {"ratelimit-limit": "2500", "ratelimit-remaining": "7", "ratelimit-reset": "30"}
    told = "7 of 2,500 requests left for 30 s; 20 at once, 19 of them free"
    assert limits_of({**slots, **calls}).found == told
    assert limits_of(slots, 10).found.endswith("50,000 a day for a developer-sandbox")
    assert limits_of(slots, 40).advice == "lower ceilings.concurrency in tenants.yaml to 20"
    used = limits_of({**calls, "ratelimit-remaining": "0"})
    assert (used.mark, used.advice[:9]) == (Mark.PROBLEM, "wait 30 s")
    assert limits_of({}).mark is Mark.NOTE


def test_a_ledger_that_cannot_be_read(project: Project) -> None:
    """Noise in its place, and a page that holds nothing, are both told with what to do."""
    told = project.run(project.spec(1))
    path = project.state / told.result.plan.tenant.folder / "ledger.sqlite3"
    content = path.read_bytes()
    with closing(sqlite3.connect(path)) as ledger:
        (page,) = ledger.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'calls_of_item'"
        ).fetchone()
        (size,) = ledger.execute("PRAGMA page_size").fetchone()
    start = (page - 1) * size
    for damaged in (b"x" * 5000, content[:start] + bytes(size) + content[start + size :]):
        path.write_bytes(damaged)
        found = look(project, "emulator")
        assert (wrong(found), found.exit_code) == (["ledger"], 1)
        assert "backup" in of(found, "ledger").advice


def test_a_ledger_of_an_earlier_version(project: Project) -> None:
    """The next run mends it, so that nobody need do anything; nor if it has no run yet."""
    open_store(State.of(project.root, None).tenant_folder(builtin_emulator())).close()
    found = look(project, "emulator")
    assert of(found, "ledger").found == "can be read; no run yet"
    with closing(sqlite3.connect(project.state / "emulator" / "ledger.sqlite3")) as ledger:
        ledger.execute("PRAGMA user_version = 1")
    found = look(project, "emulator")
    assert (wrong(found), of(found, "ledger").mark) == ([], Mark.NOTE)


def test_a_clock_that_was_set_back(project: Project) -> None:
    """A run that began in the future says that the clock is wrong now, or was then."""
    project.run(project.spec(1))
    late = Shifted(timedelta(minutes=-10))
    assert "ledger" in wrong(look(project, "emulator", clock=late))


def test_a_run_that_goes_on(project: Project) -> None:
    """Who holds the lock is told, which is no fault, and the lock is not taken away."""
    folder = project.state / "emulator"
    folder.mkdir(parents=True)
    with locked(folder, "run A, process 1"):
        found = look(project, "emulator")
        with pytest.raises(CannotStart), locked(folder, "run B"):
            pass
    assert of(found, "lock").found == "held by run A, process 1, which is running now"
    assert found.exit_code == 0


def test_a_lock_that_is_none(project: Project) -> None:
    """A link in its place would stop any run."""
    (project.state / "emulator").mkdir(parents=True)
    (project.state / "emulator" / "lock").symlink_to("elsewhere")
    assert wrong(look(project, "emulator")) == ["lock"]


def test_a_folder_that_cannot_be_written(project: Project) -> None:
    """A file in its place, or a place where nobody can write, is named with the way out."""
    project.state.write_text("a file")
    found = look(project, "emulator")
    assert (wrong(found), found.exit_code) == (["state folder"], 1)
    assert "--state-dir" in of(found, "state folder").advice
    if Path("/proc/self").exists():
        assert wrong(look(project, "emulator", state_dir=Path("/proc/zbatch"))) == ["state folder"]


@pytest.mark.parametrize(("module", "call"), [(os, "fsync"), (fcntl, "flock")])
def test_a_folder_that_does_not_keep_or_lock(
    module: object, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing alone is not enough: what is written must last, and a lock must be had."""

    def fails(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module, call, fails)
    first, *_ = check_folder(State(tmp_path), builtin_emulator(), NOON)
    assert (first.name, first.mark) == ("state folder", Mark.PROBLEM)
    assert "No locks available" in first.found


def test_little_room() -> None:
    """A disk that a month end would fill is told in time."""
    assert check_space(Space(2 * 2**30, None)).found == "2.0 GB free"
    assert check_space(Space(ROOM - 1, 10**6)).mark is Mark.PROBLEM
    assert check_space(Space(2000, 10**6)).found == "1 KB free"
    assert check_space(Space(ROOM, 99)).found == "room for 99 more files"


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /data\\040one rw,relatime shared:1 - nfs4 server:/x rw
24 23 0:6 / /data\\040one/local rw - xfs /dev/sdb rw
25 22 0:7 / /over rw - nfs server:/y rw
26 25 0:8 / /over rw - tmpfs none rw
broken
"""


@pytest.mark.parametrize(
    ("folder", "kind", "mark"),
    [
        ("/srv", "ext4", Mark.OK),
        ("/data one/x", "nfs4", Mark.PROBLEM),
        ("/data one/local/x", "xfs", Mark.OK),
        ("/data one more", "ext4", Mark.OK),
        ("/over/x", "tmpfs", Mark.PROBLEM),
    ],
)
def test_kinds_of_file_systems(folder: str, kind: str, mark: Mark, tmp_path: Path) -> None:
    """The mount nearest above the folder counts, the later of two at one place."""
    (tmp_path / "mounts").write_text(MOUNTS)
    assert kind_of_file_system(Path(folder), tmp_path / "mounts") == kind
    assert check_file_system(kind).mark is mark


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    """Where no mounts are told, nothing is made up."""
    assert kind_of_file_system(tmp_path, tmp_path / "none") is None
    assert check_file_system(None).mark is Mark.NOTE
    assert check_file_system("fuse.sshfs").mark is Mark.PROBLEM


@pytest.mark.parametrize("tenant", ["real", "emulator"])
def test_a_tenants_file_with_mistakes(tenant: str, project: Project) -> None:
    """Each mistake is a line with its place; nobody is asked."""
    project.tenants("tenants: {real: {base_url: 'http://elsewhere.example', ca_file: book.csv}}")
    found = look(project, tenant)
    assert found.exit_code == 1
    assert set(wrong(found)) == {"tenants.yaml"}
    lines = [check.found for check in found.checks if check.name == "tenants.yaml"]
    assert len(lines) == 2
    assert all(f"{project.root}/tenants.yaml:3:" in line for line in lines)


def test_a_project_without_a_tenants_file(tmp_path: Path) -> None:
    """The built-in tenant is there all the same."""
    found = examine(DoctorOptions("emulator", {}, tmp_path))
    assert (wrong(found), found.exit_code) == ([], 0)


def test_a_tenant_that_nobody_knows(project: Project, tmp_path: Path) -> None:
    """Exit 2, with the names that there are."""
    project.tenants(real="http://127.0.0.1:1")
    with pytest.raises(Refused, match="known: emulator, real"):
        look(project, "reel")
    with pytest.raises(Refused, match=r"no tenants\.yaml"):
        examine(DoctorOptions("real", {}, tmp_path))


def test_versions() -> None:
    """An SQLite without what the ledger needs is told before it fails."""
    assert check_versions((3, 36, 0)).mark is Mark.PROBLEM
    assert check_versions((3, 37, 0)).mark is Mark.OK


@contextmanager
def answering(answer: bytes, token: bytes | None = None) -> Iterator[str]:
    """Serve a tenant that gives tokens, or says `token`, and answers questions with these bytes."""
    granted = reply_bytes(TOKEN) if token is None else token

    async def script(peer: Any) -> None:
        while True:
            request = await peer.request()
            await peer.say(granted if b"/oauth/token" in request[:40] else answer)
            if b"Content-Length" not in answer:
                return

    served: Script = script
    with beside(lambda: RawServer(served)) as server:
        yield server.url
