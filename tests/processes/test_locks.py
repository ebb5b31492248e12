"""Several runs of one tenant at once: one lock, one ledger, and readers who disturb nobody."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from support.processes import (
    Client,
    Project,
    Tenant,
    book,
    check_billed_once,
    check_truth,
    intents,
    reading,
    until,
)

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]


def _refused(client: Client) -> bool:
    """Tell whether a run ended because another one holds the lock."""
    return client.wait() == 6 and "another run holds the lock" in client.said


def _holding(project: Project) -> Client:
    """Start a run and wait until it has sent."""
    client = project.start("run", "spec.yaml")
    until(lambda: intents(project), "a call begun")
    return client


def test_f104_of_twenty_starts_at_once_one_runs(serve: Serve, project_at: ProjectAt) -> None:
    """F104, D14: one run bills, nineteen end with exit 6, name the lock and send nothing."""
    served = serve(book=book({0: "5s"}))
    project = project_at(served)
    project.write([0])
    clients = [project.start("run", "spec.yaml") for _ in range(20)]
    assert Counter(client.wait() for client in clients) == {0: 1, 6: 19}
    assert sum(_refused(client) for client in clients) == 19
    assert served.generates == 1
    assert len(served.tokens) == 1
    check_truth(project, served, [0])


def test_f107_the_lock_of_a_killed_run_is_free_at_once(serve: Serve, project_at: ProjectAt) -> None:
    """F107: whoever comes next goes on, and under the same key."""
    served = serve(book=book({0: "1s"}))
    project = project_at(served)
    project.write([0])
    holder = _holding(project)
    holder.kill()
    assert holder.wait() == -signal.SIGKILL
    after = project.run()
    assert after.code in (0, 3)
    assert not _refused(after)
    until(lambda: served.executions, "the call executed")
    check_billed_once(served, [0])


def test_f107_a_stopped_run_still_holds_the_lock(serve: Serve, project_at: ProjectAt) -> None:
    """F107, D17: a suspended process may wake up and send, so nobody takes over."""
    served = serve(book=book({0: "1s"}))
    project = project_at(served)
    project.write([0])
    holder = _holding(project)
    holder.kill(signal.SIGSTOP)
    until(lambda: holder.state == "T", "the run stopped")
    assert _refused(project.run())
    assert served.generates <= 1
    holder.kill(signal.SIGCONT)
    assert holder.wait() == 0
    check_truth(project, served, [0])


def test_f107_deleting_the_lock_file_lets_no_second_run_in(
    serve: Serve, project_at: ProjectAt
) -> None:
    """F107, D14: whoever is told of a lock may delete its file while its run is at work."""
    served = serve(book=book({0: "2s"}))
    project = project_at(served)
    project.write([0])
    holder = _holding(project)
    (project.ledger.parent / "lock").unlink()
    assert _refused(project.run())
    assert _refused(project.run())
    assert holder.wait() == 0
    assert served.generates == 1
    check_truth(project, served, [0])


def test_f105_one_lock_by_whatever_name(
    serve: Serve, project_at: ProjectAt, tmp_path: Path
) -> None:
    """F105: a symlink, another working directory, another spelling of the host: the same ledger."""
    served = serve(book=book({0: "3s", 1: "0s"}))
    project = project_at(served)
    spec = project.write([0])
    project.write([0, 1], "other.yaml", tenant="alias")
    link = tmp_path / "link"
    link.symlink_to(project.folder)
    holder = _holding(project)
    others = [
        project.start("run", str(spec), cwd=tmp_path),
        project.start("run", str(link / "spec.yaml"), cwd=tmp_path),
        project.start("run", "spec.yaml", cwd=link),
        project.start("run", "other.yaml"),
        project.start("run", "spec.yaml", "--tenant", "alias"),
    ]
    assert [_refused(other) for other in others] == [True] * len(others)
    assert holder.wait() == 0
    assert len(project.ledgers) == 1
    assert project.run("other.yaml").code == 0
    check_truth(project, served, [0, 1])


def test_f109_two_specs_that_share_accounts_bill_them_once(
    serve: Serve, project_at: ProjectAt
) -> None:
    """F109: they take turns, and the second sends what the first has not."""
    served = serve(book=book({0: "2s", 1: "0s"}))
    project = project_at(served)
    project.write([0], "first.yaml")
    project.write([0, 1], "second.yaml")
    first = project.start("run", "first.yaml")
    until(lambda: intents(project), "a call begun")
    assert _refused(project.run("second.yaml"))
    assert first.wait() == 0
    assert project.run("second.yaml").code == 0
    assert served.generates == 2
    check_truth(project, served, [0, 1])


def test_f106_another_host_without_the_ledger_bills_nothing_again(
    serve: Serve, project_at: ProjectAt
) -> None:
    """F106, D15: a copied spec with a ledger of its own finds what is there and sends nothing."""
    served = serve()
    here, there = project_at(served, "here"), project_at(served, "there")
    for project in (here, there):
        project.write(range(5))
        assert project.run().code == 0
    assert served.generates == 5
    assert there.outcomes() == {"already_invoiced": 5}
    check_truth(there, served, range(5))


def test_f106_two_hosts_at_once_share_each_answer(serve: Serve, project_at: ProjectAt) -> None:
    """F106: runs of two hosts at the same time share their keys, and bill each account once."""
    served = serve()
    hosts = [project_at(served, name) for name in ("here", "there")]
    for project in hosts:
        project.write(range(20), concurrency=5)
    clients = [project.start("run", "spec.yaml") for project in hosts]
    assert [client.wait() for client in clients] == [0, 0]
    for project in hosts:
        check_truth(project, served, range(20))


def test_f110_a_reader_never_blocks_the_writer(serve: Serve, project_at: ProjectAt) -> None:
    """F110: a program that reads the ledger in one long transaction sees one state of it."""
    served = serve()
    project = project_at(served)
    project.write(range(20))
    assert project.run().code == 0
    project.write(range(40))
    count = "select count(*) from attempt"
    with reading(project.ledger) as ledger:
        ledger.execute("begin")
        before = ledger.execute(count).fetchone()
        assert project.run().code == 0
        assert ledger.execute(count).fetchone() == before == (20,)
        ledger.execute("commit")
        assert ledger.execute(count).fetchone() == (40,)
    check_truth(project, served, range(40))
