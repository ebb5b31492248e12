"""Run after run: whatever was done, left or changed in between, every item is billed once.

The tenant bills again on every second generate, so that nothing but keys, ledger and questions
protects the customer. `Project.run` holds each run against report, run record and ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from support.accounts import account
from support.mishaps import DROP_AFTER, DROP_BEFORE, UNKNOWN_EXECUTED, UNKNOWN_UNEXECUTED
from support.runs import Away, Billing, Project, Told, away
from zbatch.app.reporting import past_run
from zbatch.app.review.held import Held, held
from zbatch.emulator import (
    Delivery,
    Mishap,
    Modes,
    Scheduled,
    SecondGenerate,
    delete_invoice,
)
from zbatch.errors import Refused
from zbatch.report.digest import digest_of

Start = Callable[..., Away]
ONCE = {"max_attempts": 1}
CANCELLED = "Canceled,due,1,0s"


def embedded(project: Project) -> Billing:
    return Billing(project.state / "emulator")


# Definite failures


def test_a_failed_item_stays_failed_until_it_is_asked_for(project: Project) -> None:
    """Then, with the cause mended, it is invoiced under its next generation."""
    project.book(a2=CANCELLED)
    spec = project.spec(1, 2)
    first = project.run(spec)
    assert (first.code, first.line(2)["outcome"]) == (1, "failed")

    project.book()
    unasked = project.run(spec)
    assert (unasked.code, unasked.result.sent) == (1, 0)
    assert unasked.line(2)["error"] == first.line(2)["error"]

    mended = project.run(spec, retry_failed=True)
    assert (mended.code, mended.result.sent, mended.outcomes) == (0, 1, {"invoiced": 2})
    assert mended.line(2)["attempts"] == 2
    assert mended.line(2)["idempotency_key"] != first.line(2)["idempotency_key"]
    assert mended.line(1)["idempotency_key"] == first.line(1)["idempotency_key"]
    assert [mended.line(2)["invoice_id"]] == embedded(project).of(2)


def test_a_retry_that_fails_again_says_so(project: Project) -> None:
    """Each retry is a generation of its own."""
    project.book(a1=CANCELLED)
    spec = project.spec(1)
    keys = [project.run(spec, retry_failed=True).line(1)["idempotency_key"] for _ in range(3)]
    assert len(set(keys)) == 3
    assert embedded(project).invoices == []


def test_nothing_to_bill_is_tried_again_on_request(project: Project) -> None:
    """`--retry-failed` leaves it alone, `--retry-nothing` sends it once more."""
    project.book(a1="Active,none,1,0s")
    spec = project.spec(1)
    assert project.run(spec).outcomes == {"nothing_to_bill": 1}
    project.book()
    assert project.run(spec, retry_failed=True).result.sent == 0
    told = project.run(spec, retry_nothing=True)
    assert (told.code, told.result.sent, told.outcomes) == (0, 1, {"invoiced": 1})
    assert told.result.nothing_since is None


def test_a_changed_payload_retries_a_definite_failure_by_itself(project: Project) -> None:
    """R13: the corrected invoice date is what the next generation carries."""
    project.book(a1=CANCELLED)
    project.run(project.spec(1))
    project.book()
    corrected = [{"target_date": "2026-11-30", "invoice_date": "2026-12-01"}]
    told = project.run(project.spec(1, dates=corrected))
    assert (told.code, told.result.sent) == (0, 1)
    (invoice,) = embedded(project).invoices
    assert invoice.invoice_date.isoformat() == "2026-12-01"


def test_a_changed_payload_of_what_is_invoiced_is_refused(project: Project) -> None:
    """R13, D19: nothing of the spec is sent, not even what is new in it."""
    project.run(project.spec(1))
    changed = [{"target_date": "2026-11-30", "invoice_date": "2026-12-01"}]
    with pytest.raises(Refused, match="changes the invoice date"):
        project.run(project.spec(1, 2, dates=changed))
    assert len(embedded(project).invoices) == 1


def test_a_failed_date_holds_back_the_later_one_until_it_is_mended(project: Project) -> None:
    """R10: within a run, in later runs, and for another spec of the same account."""
    project.book(a1=CANCELLED)
    early = project.spec(1, name="early", dates=["2026-10-31"])
    both = project.spec(1, 2, dates=["2026-10-31", "2026-11-30"])
    late = project.spec(1, name="late")
    told = project.run(both)
    assert (told.code, told.error(1)) == (1, "EARLIER_DATE_OPEN")
    project.book()
    for spec in (both, late):
        told = project.run(spec)
        assert told.error(1) == "EARLIER_DATE_OPEN"
        assert told.line(1)["outcome"] == "not_attempted"
    assert told.code == 4  # nothing of the spec failed, and the item waits
    assert project.run(early, retry_failed=True).code == 0
    told = project.run(late)
    assert (told.code, told.outcomes) == (0, {"invoiced": 1})
    billed = [one.target_date.isoformat() for one in embedded(project).executions]
    assert [day for day in billed if day != "2026-11-30"] == ["2026-10-31"] * 2
    assert len(billed) == 4


def test_a_failure_does_not_hide_what_waits_for_another_spec(project: Project) -> None:
    """R10: 4 until the other spec is mended, whether anything is sent or not, and then 1."""
    project.book(a1=CANCELLED, a2=CANCELLED)
    early = project.spec(1, name="early", dates=["2026-10-31"])
    late = project.spec(1, 2, 3, name="late")
    assert project.run(early).code == 1
    for calls in (2, 0):
        told = project.run(late)
        assert (told.error(1), told.line(2)["outcome"]) == ("EARLIER_DATE_OPEN", "failed")
        assert (told.code, told.result.sent) == (4, calls)
    retried = project.run(late, retry_failed=True)
    assert (retried.code, retried.result.sent) == (4, 1)
    project.book(a2=CANCELLED)
    assert project.run(early, retry_failed=True).code == 0
    told = project.run(late)
    assert (told.code, told.outcomes) == (1, {"invoiced": 2, "failed": 1})
    project.book()
    assert project.run(late, retry_failed=True).code == 0


def test_a_failed_item_that_another_specs_date_keeps_from_a_retry_says_so(
    project: Project,
) -> None:
    """4 until that date is mended, since no retry helps before; without the flag, 1 as ever."""
    project.book(a1=CANCELLED)
    late = project.spec(1, name="late")
    early = project.spec(1, name="early", dates=["2026-10-31"])
    assert [project.run(spec).code for spec in (late, early)] == [1, 1]
    project.book()
    told = project.run(late, retry_failed=True)
    assert (told.code, told.result.sent, told.outcomes) == (4, 0, {"failed": 1})
    error = told.line(1)["error"]
    assert error["code"] == "INVALID_VALUE"
    assert (
        "(not retried: the account's earlier target date 2026-10-31 is failed" in error["message"]
    )
    assert "early.yaml:" in error["message"]
    assert project.run(late).code == 1
    assert project.run(early, retry_failed=True).code == 0
    assert project.run(late, retry_failed=True).code == 0


@pytest.mark.parametrize("how", ["asked", "changed"])
def test_what_had_nothing_to_bill_and_waits_for_another_spec_is_no_good_end(
    project: Project, how: str
) -> None:
    """It was to be sent again, by the flag or since the spec asks for other charges."""
    project.book(a1="Active,none,1,0s")
    late = project.spec(1, name="late", charges={"usage": False})
    assert project.run(late).outcomes == {"nothing_to_bill": 1}
    project.book(a1=CANCELLED)
    early = project.spec(1, name="early", dates=["2026-10-31"])
    assert project.run(early).code == 1
    assert project.run(late).code == 0
    project.book()
    wish = {"retry_nothing": how == "asked"}
    late = project.spec(1, name="late", charges={"usage": how == "changed"})
    told = project.run(late, **wish)
    assert (told.code, told.result.sent, told.outcomes) == (4, 0, {"nothing_to_bill": 1})
    assert "(not retried: the account's earlier target date" in told.line(1)["error"]["message"]
    assert project.run(early, retry_failed=True).code == 0
    told = project.run(late, **wish)
    assert (told.code, told.outcomes) == (0, {"invoiced": 1})


def test_what_waits_and_was_invoiced_by_hand_since_waits_no_more(project: Project) -> None:
    """It is asked about all the same, and an invoice that is there is a good end."""
    project.book(a1="Active,none,1,0s")
    late = project.spec(1, name="late")
    project.run(late)
    project.book(a1=CANCELLED)
    project.run(project.spec(1, name="early", dates=["2026-10-31"]))
    embedded(project).by_hand(1)
    told = project.run(late, retry_nothing=True)
    assert (told.code, told.outcomes) == (0, {"already_invoiced": 1})


def test_a_retry_that_waits_for_one_that_fails_again_says_so(project: Project) -> None:
    """Of one spec: the earlier date is tried, the later one told as failed and not retried."""
    project.book(a1=CANCELLED)
    late = project.spec(1)
    project.run(late)
    both = project.spec(1, dates=["2026-10-31", "2026-11-30"])
    for told in (project.run(both, retry_failed=True), project.run(both, retry_failed=True)):
        assert (told.code, told.result.sent, told.outcomes) == (1, 1, {"failed": 2})
        message = told.line(1)["error"]["message"]
        assert message.count("(not retried: the account's earlier target date 2026-10-31") == 1


def test_a_date_earlier_than_one_invoiced_is_not_retried(project: Project, tenant: Start) -> None:
    """R10: its charges are in the later invoice; the report says so, and nothing is sent."""
    broken = Mishap(executed=False, code="INVALID_VALUE")
    away = tenant(faults=(Scheduled(broken, at=2),))
    assert project.run(project.spec(1, tenant="real", name="late")).code == 0
    early = project.spec(1, tenant="real", name="early", dates=["2026-10-31"])
    assert project.run(early).outcomes == {"failed": 1}
    told = project.run(early, retry_failed=True)
    assert (told.code, told.result.sent) == (1, 0)
    assert "not retried" in told.line(1, "2026-10-31")["error"]["message"]
    assert len(away.billing.executions) == 1


# What people and other machines do in between


@pytest.mark.parametrize("source", ["BillRun", "API", None])
def test_f75_what_is_billed_by_hand_before_the_first_run_is_not_sent(
    project: Project, tenant: Start, source: str | None
) -> None:
    """F75: whoever made it, the invoice is there; the others are billed."""
    away = tenant()
    mine = away.billing.by_hand(1, source=source)
    told = project.run(project.spec(1, 2, tenant="real"))
    assert (told.code, told.result.sent) == (0, 1)
    assert told.line(1)["outcome"] == "already_invoiced"
    assert told.line(1)["invoice_id"] == mine
    assert told.line(1)["attempts"] == 0
    assert len(away.billing.of(1)) == 1


def test_what_was_there_and_is_gone_is_billed(project: Project, tenant: Start) -> None:
    """What was already invoiced is asked again in every run, and a deleted invoice bills nobody.

    A run that waits looks a second time itself.
    """
    away = tenant()
    theirs = away.billing.by_hand(1)
    spec = project.spec(1, tenant="real", reconcile={"settle": "1s", "wait": "5s"})
    assert project.run(spec).outcomes == {"already_invoiced": 1}
    assert project.run(spec).result.sent == 0
    delete_invoice(away.billing.folder, theirs)
    told = project.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (0, 1, {"invoiced": 1})
    assert away.billing.of(1) == [told.line(1)["invoice_id"]]


def test_what_is_not_shown_any_more_is_told_by_the_run_that_has_missed_it(
    project: Project, tenant: Start
) -> None:
    """It stays as it was, and a run that ends well says that another one may have to bill it."""
    away = tenant()
    theirs = away.billing.by_hand(1)
    spec = project.spec(1, 2, tenant="real")
    assert project.run(spec).result.unseen == ()
    delete_invoice(away.billing.folder, theirs)
    told = project.run(spec)
    assert (told.code, told.outcomes) == (0, {"already_invoiced": 1, "invoiced": 1})
    (missed,) = told.result.unseen
    assert missed.item.identity.account_id == account(1)
    assert missed.error is not None
    assert " UTC zbatch run can tell whether it is gone" in missed.error.message
    past = past_run(told.result.run_id, project.root, None)
    said = digest_of(past.head, past.lines()).verdict
    assert said.startswith("Everything is settled. But 1 item is told as already invoiced whose")


def test_a_plan_tells_what_a_look_has_missed(project: Project, tenant: Start) -> None:
    """A run has something to do: it looks again, and bills what is gone."""
    away = tenant()
    theirs = away.billing.by_hand(1)
    spec = project.spec(1, 2, tenant="real")
    assert not held_by(project, project.run(spec)).work
    delete_invoice(away.billing.folder, theirs)
    found = held_by(project, project.run(spec))
    assert (found.missed, found.to_send, found.work) == (1, 0, True)


def held_by(project: Project, told: Told) -> Held:
    """Read what the ledger holds of a run's plan."""
    plan = told.result.plan
    return held(plan, len(plan.items), project.state / plan.tenant.folder)


def test_f148_a_failed_item_that_is_billed_by_hand_is_not_retried(
    project: Project, tenant: Start
) -> None:
    """F148: the question before every send finds it."""
    broken = Mishap(executed=False, code="INVALID_VALUE")
    away = tenant(faults=(Scheduled(broken, at=1),))
    spec = project.spec(1, tenant="real")
    assert project.run(spec).outcomes == {"failed": 1}
    theirs = away.billing.by_hand(1)
    told = project.run(spec, retry_failed=True)
    assert (told.code, told.result.sent) == (0, 0)
    assert (told.line(1)["outcome"], told.line(1)["invoice_id"]) == ("already_invoiced", theirs)
    assert len(away.billing.executions) == 1


def test_what_had_nothing_to_bill_and_was_billed_by_hand_is_found(
    project: Project, tenant: Start
) -> None:
    """It is asked about in every run, without any wish to send it again."""
    project.book(a1="Active,none,1,0s")
    away = tenant(book=project.root / "book.csv")
    spec = project.spec(1, tenant="real")
    assert project.run(spec).outcomes == {"nothing_to_bill": 1}
    theirs = away.billing.by_hand(1)
    told = project.run(spec)
    assert (told.code, told.result.sent, told.line(1)["invoice_id"]) == (0, 0, theirs)
    assert told.outcomes == {"already_invoiced": 1}


def test_f147_a_second_machine_bills_nothing_again(project: Project, tenant: Start) -> None:
    """D14, F147: the one finds what the other did, also when the first one comes back."""
    away = tenant()
    first, second = project.root / "first", project.root / "second"
    assert project.run(project.spec(1, tenant="real"), state_dir=first).result.sent == 1
    spec = project.spec(1, 2, 3, tenant="real")
    told = project.run(spec, state_dir=second)
    assert (told.result.sent, told.outcomes) == (2, {"invoiced": 2, "already_invoiced": 1})
    back = project.run(spec, state_dir=first)
    assert (back.result.sent, back.outcomes) == (0, {"invoiced": 1, "already_invoiced": 2})
    assert len(away.billing.executions) == 3


def test_a_lost_ledger_bills_nothing_again(project: Project, tenant: Start) -> None:
    """D15: what is readable in the tenant is found; what is not yet, the same key protects."""
    away = tenant()
    spec = project.spec(1, 2, tenant="real")
    project.run(spec)
    shutil.rmtree(project.state)
    told = project.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (0, 0, {"already_invoiced": 2})
    assert len(away.billing.executions) == 2


def test_a_lost_ledger_is_made_up_for_by_the_keys(project: Project, tenant: Start) -> None:
    """D15: as long as the server knows the key and its invoice cannot be read yet."""
    modes = Modes(second_generate=SecondGenerate.BILLS_AGAIN, read_lag=3600.0)
    away = tenant(modes=modes)
    spec = project.spec(1, 2, tenant="real")
    first = project.run(spec, read_back=0.0)
    shutil.rmtree(project.state)
    told = project.run(spec, read_back=0.0)
    assert (told.code, told.outcomes) == (0, {"invoiced": 2})
    assert [told.line(n)["invoice_id"] for n in (1, 2)] == [
        first.line(n)["invoice_id"] for n in (1, 2)
    ]
    assert len(away.billing.executions) == 2


# The spec changes


def test_f132_a_spec_that_grows_sends_only_what_is_new(project: Project, tenant: Start) -> None:
    """F132: between runs item by item, in calls of several objects too."""
    away = tenant()
    project.run(project.spec(1, 2, 3, tenant="real", limits={"objects_per_call": 10}))
    told = project.run(project.spec(*range(1, 7), tenant="real", limits={"objects_per_call": 10}))
    assert (told.code, told.header.settled, told.outcomes) == (0, 3, {"invoiced": 6})
    assert len(away.billing.executions) == 6


def test_another_spec_with_the_same_item_finds_it_settled(project: Project, tenant: Start) -> None:
    """The spec's name is not part of what an item is."""
    away = tenant()
    project.run(project.spec(1, tenant="real"))
    told = project.run(project.spec(1, 2, tenant="real", name="copy"))
    assert (told.code, told.result.sent) == (0, 1)
    assert len(away.billing.executions) == 2


def test_a_revision_bills_an_account_again_on_purpose(project: Project, tenant: Start) -> None:
    """The one way to do it: in review, with a reason, and only after the first is settled."""
    away = tenant()
    again = {"id": 1, "revision": 2, "reason": "draft cancelled, FIN-4821"}
    with pytest.raises(Refused, match="revision 1 is not settled in this ledger"):
        project.run(project.spec(again, tenant="real"))
    first = project.run(project.spec(1, tenant="real"))
    told = project.run(project.spec(again, tenant="real"))
    assert (told.code, told.result.sent, told.outcomes) == (0, 1, {"invoiced": 1})
    assert (told.line(1)["revision"], told.line(1)["reason"]) == (2, again["reason"])
    assert away.billing.of(1) == [first.line(1)["invoice_id"], told.line(1)["invoice_id"]]
    assert project.run(project.spec(again, tenant="real")).result.sent == 0
    assert project.run(project.spec(1, tenant="real")).result.sent == 0


# Doubt


@pytest.mark.parametrize(("lost", "sends"), [(DROP_AFTER, 0), (DROP_BEFORE, 1)])
def test_a_run_settles_what_an_earlier_one_left_in_doubt(
    project: Project, tenant: Start, lost: Mishap, sends: int
) -> None:
    """It asks before it sends: what is there stays, what is not is sent under its key."""
    away = tenant(faults=(Scheduled(lost, at=1),))
    spec = project.spec(1, tenant="real", retry=ONCE)
    first = project.run(spec)
    assert (first.code, first.outcomes) == (3, {"unknown": 1})
    project.let_pass(first.result, away.billing, hours=2)
    told = project.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (0, sends, {"invoiced": 1})
    assert away.billing.of(1) == [told.line(1)["invoice_id"]]
    assert len({one.key for one in away.billing.exchanges()}) == 1


def test_doubt_that_has_not_rested_says_from_when_it_can_be_settled(
    project: Project, tenant: Start
) -> None:
    """R6: an invoice is there, but whose it is can be told only once the key has rested."""
    away = tenant(faults=(Scheduled(DROP_AFTER, at=1),))
    spec = project.spec(1, 2, tenant="real", retry=ONCE)
    first = project.run(spec)
    assert first.outcomes == {"unknown": 1, "invoiced": 1}
    told = project.run(spec)
    assert (told.code, told.result.sent) == (3, 0)
    assert "zbatch reconcile" in told.line(1)["error"]["message"]
    assert len(away.billing.of(1)) == 1


@pytest.mark.parametrize("hours", [2.0, 72.0])
def test_a_row_that_does_not_say_what_it_did_burns_the_key(
    project: Project, tenant: Start, hours: float
) -> None:
    """UNKNOWN_ERROR after an execution: exit 3, nothing more is sent, the next run claims it."""
    away = tenant(faults=(Scheduled(UNKNOWN_EXECUTED, at=1),))
    spec = project.spec(1, 2, tenant="real")
    first = project.run(spec)
    assert (first.code, first.outcomes) == (3, {"unknown": 1, "invoiced": 1})
    (doubt,) = first.result.unknown
    assert doubt.item.identity.account_id in (account(1), account(2))
    number = 1 if doubt.item.identity.account_id == account(1) else 2
    project.let_pass(first.result, away.billing, hours)
    told = project.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (0, 0, {"invoiced": 2})
    assert away.billing.of(number) == [told.line(number)["invoice_id"]]


def test_a_run_may_wait_for_the_rest(project: Project, tenant: Start) -> None:
    """R6: where the rest ends within `reconcile.wait` the same run settles it."""
    away = tenant(faults=(Scheduled(UNKNOWN_EXECUTED, at=1),))
    told = project.run(project.spec(1, tenant="real", reconcile={"settle": "1s", "wait": "5s"}))
    assert (told.code, told.result.sent, told.outcomes) == (0, 1, {"invoiced": 1})
    assert away.billing.of(1) == [told.line(1)["invoice_id"]]


def test_an_invoice_made_outside_the_time_of_our_sends_is_not_claimed(
    project: Project, tenant: Start
) -> None:
    """R9b: exactly one is there, its author is not proved, and the item is not sent again."""
    away = tenant(faults=(Scheduled(UNKNOWN_UNEXECUTED, at=1),))
    spec = project.spec(1, tenant="real")
    first = project.run(spec)
    assert first.code == 3
    project.let_pass(first.result, away.billing, hours=2)
    theirs = away.billing.by_hand(1)
    told = project.run(spec)
    assert (told.code, told.result.sent, told.error(1)) == (0, 0, "AUTHOR_NOT_PROVED")
    assert (told.line(1)["outcome"], told.line(1)["invoice_id"]) == ("already_invoiced", theirs)


def test_what_created_nothing_is_renewed(project: Project, tenant: Start) -> None:
    """R9b: the question shows that, the ledger keeps it, and the next generation is sent."""
    away = tenant(faults=(Scheduled(UNKNOWN_UNEXECUTED, at=1),))
    spec = project.spec(1, tenant="real")
    first = project.run(spec)
    assert (first.code, away.billing.invoices) == (3, [])
    project.let_pass(first.result, away.billing, hours=2)
    told = project.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (0, 1, {"invoiced": 1})
    assert told.line(1)["attempts"] == 2
    assert len(away.billing.executions) == 1


def test_a_third_row_that_does_not_say_what_it_did_is_a_failure(
    project: Project, tenant: Start
) -> None:
    """Renewed twice, then `failed`, since each time nothing was there."""
    away = tenant(faults=(Scheduled(UNKNOWN_UNEXECUTED, every=1),))
    spec = project.spec(1, tenant="real")
    codes = []
    for _ in range(4):
        told = project.run(spec)
        codes.append(told.code)
        project.let_pass(told.result, away.billing, hours=2)
    assert codes == [3, 3, 3, 1]
    assert told.outcomes == {"failed": 1}
    assert len({one.key for one in away.billing.exchanges()}) == 3


def test_a_doubtful_group_is_settled_member_by_member(project: Project, tenant: Start) -> None:
    """R12: past its life each member of a lost call is asked about, and those left go alone."""
    away = tenant(faults=(Scheduled(Mishap(executed=False, delivery=Delivery.RESET), at=1),))
    spec = project.spec(*range(1, 6), tenant="real", retry=ONCE, limits={"objects_per_call": 5})
    first = project.run(spec)
    assert (first.code, first.outcomes) == (3, {"unknown": 5})
    project.let_pass(first.result, away.billing, hours=72)
    theirs = away.billing.by_hand(2)
    told = project.run(spec)
    assert (told.code, told.result.sent) == (0, 4)
    assert told.outcomes == {"invoiced": 4, "already_invoiced": 1}
    assert told.line(2)["invoice_id"] == theirs
    assert all(len(away.billing.of(number)) == 1 for number in range(1, 6))


def test_doubt_that_left_the_spec_is_named(project: Project, tenant: Start) -> None:
    """R14: every run ends with 3 until it is settled, though its own items are fine."""
    away = tenant(faults=(Scheduled(DROP_AFTER, at=1),))
    first = project.run(project.spec(1, tenant="real", retry=ONCE))
    assert first.code == 3
    told = project.run(project.spec(2, tenant="real"))
    assert (told.code, told.outcomes) == (3, {"invoiced": 1})
    (stray,) = told.result.strays
    assert stray.item.identity.account_id == account(1)
    at = told.result.strays_settle_at
    assert at is not None
    assert 3500 < (at - told.result.started_at).total_seconds() < 3900
    assert stray.error is not None
    assert f"from {at:%Y-%m-%d %H:%M:%S} UTC" in stray.error.message
    assert told.result.settles_at is None
    other = project.run(project.spec(2, tenant="real", name="other"))
    assert (other.code, other.result.sent) == (3, 0)
    project.let_pass(first.result, away.billing, hours=2)
    settled = project.reconcile()
    assert (settled.code, settled.outcomes) == (0, {"invoiced": 1})
    assert project.run(project.spec(2, tenant="real")).code == 0


def test_a_failure_that_a_later_invoice_has_made_up_for_holds_back_nothing(
    project: Project, tenant: Start
) -> None:
    """R10: it is never retried, so a still later date that waited for it would wait for ever."""
    broken = Mishap(executed=False, code="INVALID_VALUE")
    away = tenant(faults=(Scheduled(broken, at=2),))
    project.run(project.spec(1, tenant="real", name="november"))
    october = project.spec(1, tenant="real", name="october", dates=["2026-10-31"])
    assert project.run(october).outcomes == {"failed": 1}
    december = project.spec(1, tenant="real", name="december", dates=["2026-12-31"])
    told = project.run(december)
    assert (told.code, told.outcomes) == (0, {"invoiced": 1})
    assert len(away.billing.executions) == 2


@pytest.mark.parametrize("failed", [True, False])
def test_a_lower_revision_does_not_bill_again_what_a_higher_one_has(
    project: Project, tenant: Start, failed: bool
) -> None:
    """Whatever is asked to be tried again, and later dates do not wait for it."""
    project.book(a1=CANCELLED if failed else "Active,none,1,0s")
    book = project.root / "book.csv"
    again = {"id": 1, "revision": 2, "reason": "mended, FIN-4821"}
    with away(project.root / "tenant", book=book) as before:
        port = int(before.url.rpartition(":")[2])
        project.tenants(real=before.url)
        first = project.run(project.spec(1, tenant="real"))
        assert first.outcomes == {"failed" if failed else "nothing_to_bill": 1}
    project.book()
    with away(project.root / "tenant", book=book, port=port) as after:
        assert project.run(project.spec(again, tenant="real")).outcomes == {"invoiced": 1}
        told = project.run(project.spec(1, tenant="real"), retry_failed=True, retry_nothing=True)
        assert told.result.sent == 0
        assert len(after.billing.executions) == 1
        later = project.spec(1, tenant="real", name="later", dates=["2026-12-31"])
        assert project.run(later).outcomes == {"invoiced": 1}
