"""Each rule of one item, R1 to R14, held by the real engine over a real ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from support.engine import item
from support.mishaps import UNKNOWN_EXECUTED, UNKNOWN_UNEXECUTED
from support.world import HOUR, UNGUARDED, Job, World
from support.world_net import (
    LOST_ON_THE_WAY,
    NEVER_ANSWERED,
    REPLY_LOST,
    SILENCE,
    UNSENT,
    Trouble,
    gateway,
)
from zbatch.app.outstanding import Wish
from zbatch.emulator import (
    Conflict,
    Drafts,
    EmulatorConfig,
    Mishap,
    Scheduled,
    SecondGenerate,
    SourceField,
)
from zbatch.emulator.book import BookAccount
from zbatch.emulator.catalogue import fault
from zbatch.engine.settings import Acceptance
from zbatch.errors import Refused
from zbatch.model import ExitCode, Item, Settling

MakeWorld = Callable[..., World]
ONE = item(1)
REST = 3700.0  # seconds, longer than the default rest
DEFINITE = Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED")
CLOSED = [Scheduled(DEFINITE, every=1)]


def test_r01_a_new_key_only_after_the_last_one_is_settled(world: World) -> None:
    """A lock row settles the first key, with evidence in the ledger, before a second is minted."""
    world.faults.switch([Scheduled(fault("locked"), at=1)])
    assert world.run([ONE]).outcomes == ["invoiced"]
    first, second = world.keys(ONE)
    assert (first.state, second.state) == ("settled", "settled")
    assert "LOCK_COMPETITION" in first.evidence
    assert world.generates == [first.key, second.key]


def test_r01_doubt_never_mints_a_second_key(world: World) -> None:
    """However often a send is lost, the item has one key until that one is settled."""
    world.troubles = dict.fromkeys(range(1, 6), LOST_ON_THE_WAY)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert [key.sends for key in world.keys(ONE)] == [6]


def test_r02_the_intent_is_durable_before_the_first_byte(world: World) -> None:
    """A process that dies just before its first send has left the intent and its baseline."""
    clean = world.run([item(9)])
    died = world.run([ONE], die_at=clean.edges.index("generate not yet sent") + 1)
    assert died.died
    assert world.generates == [world.keys(item(9))[0].key]
    assert [(key.state, key.sends) for key in world.keys(ONE)] == [("live", 1)]


def test_r02_a_resend_carries_the_same_bytes_under_the_same_key(make_world: MakeWorld) -> None:
    """Sends of one run and of the next are byte for byte the same; the checker compares them."""
    world = make_world(latency=600.0)
    world.limits = replace(world.limits, timeout=0.5)
    world.max_attempts = 1
    assert world.run([ONE]).outcomes == ["unknown"]
    world.limits = replace(world.limits, timeout=150.0)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.generates) > 2
    assert len(world.keys(ONE)) == 1


def test_r03_sends_that_never_left_leave_the_key_clean(world: World) -> None:
    """With proof for every send that nothing left, a 400 is definite."""
    world.troubles = {1: UNSENT, 2: UNSENT, 3: gateway(400)}
    assert world.run([ONE]).outcomes == ["failed"]
    assert world.keys(ONE)[0].state == "settled"


def test_r03_one_send_without_an_answer_makes_the_key_doubtful(world: World) -> None:
    """A single lost send among unsent ones takes all definiteness from a 400."""
    world.troubles = {1: UNSENT, 2: LOST_ON_THE_WAY, 3: gateway(400)}
    run = world.run([ONE])
    assert run.outcomes == ["unknown"]
    assert run.exit_code is ExitCode.UNKNOWN


def test_r03_a_crash_makes_the_key_doubtful(world: World) -> None:
    """An intent without an answer, found by the next run, is doubt: a 400 settles nothing."""
    died = world.run([ONE], die_at=10)
    assert died.edges[-1] == "generate not yet sent"
    world.troubles = {1: gateway(400)}
    assert world.run([ONE]).outcomes == ["unknown"]


def test_r04_rows_settle_a_doubtful_key(world: World) -> None:
    """After a lost reply the replayed rows settle the item with the first send's invoice."""
    world.troubles = {1: REPLY_LOST}
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert [run.records[ONE.identity].invoice_id] == [invoice.id for invoice in world.invoices]


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_r04_a_status_settles_a_clean_key_only(make_world: MakeWorld, status: int) -> None:
    """The same refusal fails a clean item and leaves a doubtful one unknown."""
    clean = make_world()
    clean.troubles = {1: gateway(status)}
    assert clean.run([ONE]).outcomes == ["failed"]
    doubtful = make_world()
    doubtful.troubles = {1: REPLY_LOST, 2: gateway(status)}
    assert doubtful.run([ONE]).outcomes == ["unknown"]


REFUSED_LATER = Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED")


@pytest.mark.parametrize(
    "second",
    [None, fault("conflict_rows"), REFUSED_LATER],
    ids=["locked", "locked under 409", "refused"],
)
def test_r04_a_row_other_than_success_settles_no_doubt(
    make_world: MakeWorld, second: Mishap | None
) -> None:
    """The first send is given up at work, and bills; the second, beside it, is turned away."""
    modes = replace(UNGUARDED, conflict=Conflict.UNSEEN, read_lag=60.0)
    world = make_world(modes=modes, latency=100.0)
    world.limits = replace(world.limits, timeout=20.0)
    if second:
        world.faults.switch([Scheduled(second, at=2)])
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (len(world.keys(ONE)), world.billed(ONE)) == (1, 1)


def test_r05_a_young_doubtful_key_is_sent_again_by_a_later_run(world: World) -> None:
    """Up to 23 hours the same key is sent again, and executes what never arrived."""
    world.run([ONE], die_at=10)
    world.pass_time(22 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert [key.sends for key in world.keys(ONE)] == [2]


def test_r06_an_old_doubtful_key_is_never_sent_again(world: World) -> None:
    """Past 23 hours the tenant is asked, the key is settled as void, and a new one bills."""
    world.run([ONE], die_at=10)
    world.pass_time(23 * HOUR + 60)
    assert world.run([ONE]).outcomes == ["invoiced"]
    first, second = world.keys(ONE)
    assert first.sends == 1
    assert "nothing was created" in first.evidence
    assert world.generates == [second.key]


def test_r06_a_burnt_key_rests_before_the_question(world: World) -> None:
    """Within the rest nothing is sent nor asked of a burnt key, and the report says from when."""
    world.faults.switch([Scheduled(UNKNOWN_UNEXECUTED, at=1)])
    run = world.run([ONE])
    assert run.outcomes == ["unknown"]
    error = run.records[ONE.identity].error
    assert error
    assert "from 2026-11-28 13:00:0" in error.message
    world.pass_time(1800)
    assert world.run([ONE]).outcomes == ["unknown"]
    assert len(world.generates) == 1
    world.pass_time(1810)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_r06_a_run_waits_for_the_rest_if_it_may(world: World) -> None:
    """With `reconcile.wait` longer than the rest one run settles its own doubt."""
    world.settling = Settling(settle=600.0, wait=700.0)
    world.faults.switch([Scheduled(UNKNOWN_EXECUTED, at=1)])
    run = world.run([ONE, item(2)])
    assert run.outcomes == ["invoiced", "invoiced"]
    assert len(world.generates) == 2


@pytest.mark.parametrize("behind", [2.0, 30.0])
def test_r07_a_clock_that_went_back_expires_every_doubtful_key(world: World, behind: float) -> None:
    """A wall clock below the ledger's newest time understates every age: the key is not sent again.

    The server's own clock tells when it has rested; only then a new key is minted.
    """
    world.run([ONE], die_at=10)
    world.pass_time(0.5 * HOUR)
    world.host().shift = timedelta(hours=-0.5 - behind)
    assert world.run([ONE]).outcomes == ["unknown"]
    assert world.generates == []
    world.pass_time(HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    first, second = world.keys(ONE)
    assert first.sends == 1
    assert world.generates == [second.key]


@pytest.mark.parametrize("jump", [25.0, -25.0])
def test_r07_a_clock_that_jumps_does_not_cut_the_rest_short(
    make_world: MakeWorld, jump: float
) -> None:
    """F111: a clock that goes ahead after the send, or was behind at it, lets no rest end early.

    The call runs for half an hour, so that asking before the rest is over would show nothing.
    """
    world = make_world(book={ONE.identity.account_id: BookAccount(latency=1800.0)})
    world.host().shift = timedelta(hours=min(jump, 0.0))
    assert world.run([ONE], die_at=11).edges[-1] == "generate arrived"
    world.host().shift = timedelta(hours=max(jump, 0.0))
    world.pass_time(60)
    for _ in range(3):
        world.run([ONE])
        world.reconcile()
    world.pass_time(2 * HOUR)
    world.run([ONE])
    assert len(world.keys(ONE)) == 1
    assert world.billed(ONE) == 1


def test_r08_all_pages_are_read(make_world: MakeWorld) -> None:
    """An invoice on the last of several pages holds its item back."""
    config = EmulatorConfig(Path("unused"), modes=UNGUARDED, page=2)
    world = make_world(config=config)
    items = [item(number) for number in range(1, 8)]
    for one in items:
        world.bill_by_hand(one)
    assert world.run(items).outcomes == ["already_invoiced"] * 7
    assert world.sent == 0


@pytest.mark.parametrize("status", ["Posted", "PendingApproval", "Approved"])
def test_r08_these_statuses_count(world: World, status: str) -> None:
    """An invoice that counts is there, whether or not it is a Draft any more."""
    world.set_status(world.bill_by_hand(ONE), status)
    assert world.run([ONE]).outcomes == ["already_invoiced"]


@pytest.mark.parametrize("status", ["Canceled", "Error"])
def test_r08_these_statuses_never_count(world: World, status: str) -> None:
    """An invoice that was cancelled does not keep an item from being billed."""
    world.set_status(world.bill_by_hand(ONE), status)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_r08_an_unknown_status_leaves_the_item_unknown(world: World) -> None:
    """A status that Zuora may add tomorrow is not guessed at: nothing is sent."""
    world.set_status(world.bill_by_hand(ONE), "Simmering")
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["INVOICE_STATUS"])
    assert world.sent == 0


def test_r08_generating_counts_as_there_and_is_waited_for(make_world: MakeWorld) -> None:
    """An invoice that is still being generated is asked about again, and then it is there."""
    world = make_world(modes=replace(UNGUARDED, generating=90.0))
    world.bill_by_hand(ONE)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.sent == 0


def test_r09a_what_is_there_is_not_sent_and_is_asked_about_in_every_run(world: World) -> None:
    """An invoice beforehand: already invoiced; once it is gone, the item is billed after all.

    Deleted, it is looked for twice; canceled, it is gone at once.
    """
    there = world.bill_by_hand(ONE)
    first = world.run([ONE])
    assert (first.outcomes, world.sent) == (["already_invoiced"], 0)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    world.delete(there)
    unsure = world.run([ONE])
    assert (unsure.outcomes, unsure.codes) == (["already_invoiced"], ["PERHAPS_GONE"])
    world.pass_time(HOUR / 2)
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.pass_time(HOUR / 2)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_r09a_an_old_copy_is_no_proof_that_an_invoice_is_gone(world: World) -> None:
    """A replica that lags does not show it: nothing is sent, and a later look undoes that one."""
    world.bill_by_hand(ONE)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    for _ in range(2):
        world.faults.switch([Scheduled(fault("stale_replica"), every=1, action="query")])
        unsure = world.run([ONE])
        assert (unsure.outcomes, unsure.codes) == (["already_invoiced"], ["PERHAPS_GONE"])
        world.faults.switch()
        world.pass_time(60)
        assert world.run([ONE]).codes == ["ALREADY_THERE"]
    assert (world.sent, len(world.invoices)) == (0, 1)


@pytest.mark.parametrize("jump", [2.0, -2.0])
def test_r09a_a_clock_that_jumps_brings_no_two_looks_together(world: World, jump: float) -> None:
    """A clock that goes ahead after the first look, or was behind at it, ends no rest early."""
    there = world.bill_by_hand(ONE)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    world.faults.switch([Scheduled(fault("stale_replica"), every=1, action="query")])
    world.host().shift = timedelta(hours=min(jump, 0.0))
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.host().shift = timedelta(hours=max(jump, 0.0))
    for _ in range(3):
        world.pass_time(60)
        assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    assert (world.sent, len(world.invoices)) == (0, 1)
    world.faults.switch()
    world.delete(there)
    world.pass_time(HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_r09a_an_item_with_a_history_is_asked_about_before_it_is_sent(world: World) -> None:
    """What failed on Monday and was billed by hand on Tuesday is not sent on Wednesday."""
    world.faults.switch(CLOSED)
    assert world.run([ONE]).outcomes == ["failed"]
    world.faults.switch()
    world.pass_time(24 * HOUR)
    world.bill_by_hand(ONE)
    run = world.run([ONE], wish=Wish(retry_failed=True))
    assert run.outcomes == ["already_invoiced"]
    assert len(world.generates) == 1


def test_r09a_nothing_to_bill_is_asked_about_again(make_world: MakeWorld) -> None:
    """Where somebody billed since, nothing to bill becomes already invoiced."""
    world = make_world(book={ONE.identity.account_id: BookAccount(charges_due=False)})
    assert world.run([ONE]).outcomes == ["nothing_to_bill"]
    assert world.run([ONE]).outcomes == ["nothing_to_bill"]
    world.bill_by_hand(ONE)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert len(world.generates) == 1


@pytest.mark.parametrize("wish", [Wish(), Wish(retry_nothing=True)])
def test_r09a_nothing_to_bill_is_asked_about_behind_a_failed_date(
    make_world: MakeWorld, wish: Wish
) -> None:
    """In the run in which the earlier date fails, and in those after it."""
    early, late, last = item(1, 10), item(1, 20), item(1, 25)
    world = make_world(book={ONE.identity.account_id: BookAccount(charges_due=False)})
    assert world.run([late, last]).outcomes == ["nothing_to_bill"] * 2
    world.faults.switch(CLOSED)
    world.bill_by_hand(late)
    failing = world.run([early, late, last])
    assert failing.outcomes == ["failed", "already_invoiced", "nothing_to_bill"]
    world.bill_by_hand(last)
    after = world.run([early, late, last], wish=wish)
    assert after.outcomes == ["failed", "already_invoiced", "already_invoiced"]
    assert len(world.generates) == 3


def test_r09a_doubt_and_an_invoice_send_nothing(world: World) -> None:
    """A doubtful key with an invoice beside it is handed to the question, not sent again."""
    world.run([ONE], die_at=10)
    world.bill_by_hand(ONE, source="API")
    run = world.run([ONE])
    assert run.outcomes == ["unknown"]
    assert world.keys(ONE)[0].state == "burnt"
    assert world.generates == []


def _doubt(world: World, *, executed: bool) -> None:
    """Leave the item under a burnt key."""
    mishap = UNKNOWN_EXECUTED if executed else UNKNOWN_UNEXECUTED
    world.faults.switch([Scheduled(mishap, at=1)])
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(REST)


def test_r09b_claim(world: World) -> None:
    """One invoice by the API in the time of our sends is ours: invoiced, with its ID."""
    _doubt(world, executed=True)
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert run.records[ONE.identity].invoice_id == world.invoices[0].id
    assert len(world.generates) == 1


def test_r09b_claim_where_the_source_cannot_be_asked_for(make_world: MakeWorld) -> None:
    """A tenant without the Source field is asked without it, and time decides alone."""
    world = make_world(modes=replace(UNGUARDED, source_field=SourceField.ABSENT))
    _doubt(world, executed=True)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_r09b_reconcile_claims_too(world: World) -> None:
    """`zbatch reconcile` settles the same without being able to send."""
    _doubt(world, executed=True)
    run = world.reconcile()
    assert (run.outcomes, run.exit_code) == (["invoiced"], ExitCode.OK)


def test_r09b_a_foreign_author_is_already_invoiced(world: World) -> None:
    """One invoice by a bill run is there, but not proved ours."""
    _doubt(world, executed=False)
    world.bill_by_hand(ONE, source="BillRun")
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["already_invoiced"], ["AUTHOR_NOT_PROVED"])


def test_r09b_an_invoice_made_long_after_is_not_claimed(world: World) -> None:
    """One by the API, but hours after our last send, is somebody else's."""
    _doubt(world, executed=False)
    world.pass_time(5 * HOUR)
    world.bill_by_hand(ONE, source="API")
    assert world.run([ONE]).outcomes == ["already_invoiced"]


def test_r09b_several_stay_unknown_until_a_person_decides(world: World) -> None:
    """Two invoices are named, nothing is sent, and an acceptance settles the item."""
    _doubt(world, executed=True)
    world.bill_by_hand(ONE)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["SEVERAL_INVOICES"])
    error = run.records[ONE.identity].error
    assert error
    assert all(invoice.id in error.message for invoice in world.invoices)
    ours = world.invoices[0].id
    accepted = world.reconcile(accepted={ONE.identity: Acceptance(ONE.identity, ours, "FIN-7")})
    assert accepted.outcomes == ["invoiced"]
    assert world.run([ONE]).exit_code is ExitCode.OK
    assert len(world.generates) == 1


def test_r09b_an_id_that_the_tenant_does_not_show_is_not_accepted(world: World) -> None:
    """A person's slip of the pen does not make an invoice."""
    _doubt(world, executed=False)
    run = world.reconcile(accepted={ONE.identity: Acceptance(ONE.identity, "f" * 32, "typo")})
    assert (run.outcomes, run.codes) == (["unknown"], ["NOT_SHOWN"])


def test_r09b_a_changed_draft_stays_unknown(make_world: MakeWorld) -> None:
    """No new invoice, but a draft of the baseline was raised: it may hold the charges."""
    world = make_world(modes=replace(UNGUARDED, drafts=Drafts.APPENDED))
    world.bill_by_hand(item(1, 10), source="API")
    _doubt(world, executed=True)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    assert world.billed(ONE) == 1


def test_r09b_generating_is_not_concluded_upon(make_world: MakeWorld) -> None:
    """Our own invoice still Generating after the rest: wait, and claim it later."""
    world = make_world(modes=replace(UNGUARDED, generating=3 * HOUR))
    _doubt(world, executed=True)
    assert world.run([ONE]).codes == ["GENERATING"]
    world.pass_time(3 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_r09b_an_unknown_status_is_not_concluded_upon(world: World) -> None:
    """Nothing is claimed and nothing renewed beside a status nobody knows."""
    _doubt(world, executed=True)
    world.set_status(world.invoices[0].id, "Simmering")
    assert world.run([ONE]).codes == ["INVOICE_STATUS"]
    assert len(world.generates) == 1


def test_r09b_nothing_there_renews_by_run_alone(world: World) -> None:
    """None beyond the baseline: reconcile settles the key, and only a run mints the next."""
    _doubt(world, executed=False)
    assert world.reconcile().codes == ["NOT_CREATED"]
    assert len(world.generates) == 1
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 2


def test_r09a_an_invoice_that_another_item_is_credited_with_is_still_there(
    make_world: MakeWorld,
) -> None:
    """Two dates in one draft: the first, already invoiced by it, is not sent once it is shared."""
    world = make_world(modes=replace(UNGUARDED, drafts=Drafts.APPENDED))
    early, late = item(1, 10), item(1, 20)
    draft = world.bill_by_hand(early)
    assert world.run([early]).outcomes == ["already_invoiced"]
    late_run = world.run([early, late])
    assert late_run.outcomes == ["already_invoiced", "invoiced"]
    assert late_run.records[late.identity].invoice_id == draft
    assert world.run([early, late]).outcomes == ["already_invoiced", "invoiced"]
    assert world.billed(early) == 0


def test_r10_a_failed_earlier_date_holds_back_the_later_one_of_another_spec(world: World) -> None:
    """The ledger knows the earlier date, though this spec does not."""
    world.faults.switch(CLOSED)
    assert world.run([item(1, 10)]).outcomes == ["failed"]
    world.faults.switch()
    run = world.run([item(1, 20)])
    assert (run.outcomes, run.codes) == (["not_attempted"], ["EARLIER_DATE_OPEN"])
    assert len(world.generates) == 1


def test_r10_a_doubtful_earlier_date_holds_back_the_later_one_of_another_spec(
    world: World,
) -> None:
    """As above, with the earlier date in doubt."""
    world.troubles = dict.fromkeys(range(1, 7), LOST_ON_THE_WAY)
    assert world.run([item(1, 10)]).outcomes == ["unknown"]
    assert world.run([item(1, 20)]).codes == ["EARLIER_DATE_OPEN"]
    assert world.generates == []


def test_r10_a_later_date_in_doubt_holds_back_the_earlier_one_of_another_spec(
    make_world: MakeWorld,
) -> None:
    """While the later call is executed the earlier one waits, and goes once that is settled."""
    world = make_world(latency=100.0)
    early, late = item(1, 10), item(1, 20)
    assert world.run([late], die_at="generate arrived").died
    world.pass_time(5)
    run = world.run([early])
    assert (run.outcomes, run.codes) == (["not_attempted"], ["LATER_DATE_OPEN"])
    assert run.exit_code is ExitCode.UNKNOWN
    assert world.sent == 1
    world.pass_time(2 * HOUR)
    assert world.run([late]).outcomes == ["invoiced"]


def test_r10_a_later_date_that_stays_in_doubt_holds_back_the_earlier_one_of_its_run(
    make_world: MakeWorld,
) -> None:
    """It is settled first, and where it cannot be the account has no second call beside it."""
    world = make_world(latency=200.0)
    early, late, last = (item(1, day) for day in (10, 20, 28))
    assert world.run([late], die_at="generate not yet sent").died
    world.pass_time(60)
    world.troubles = {2: gateway(403)}
    run = world.run([early, late, last])
    assert run.outcomes == ["not_attempted", "unknown", "not_attempted"]
    assert (run.codes[0], run.codes[2]) == ("LATER_DATE_OPEN", "EARLIER_DATE_OPEN")
    world.pass_time(2 * HOUR)
    assert world.run([late, last]).outcomes == ["invoiced", "invoiced"]


def test_r10_an_invoice_found_gone_behind_another_spec_is_not_hidden_by_a_failure(
    world: World,
) -> None:
    """The item is open again within the run, and waits for a date that this spec does not list."""
    late, other = item(1, 20), item(2, 20)
    world.set_status(_failed_beside_a_hand_made_invoice(world), "Canceled")
    world.faults.switch(CLOSED)
    for _ in range(2):
        run = world.run([late, other])
        assert (run.outcomes, run.codes[0]) == (["not_attempted", "failed"], "EARLIER_DATE_OPEN")
        assert run.exit_code is ExitCode.STOPPED
    both = world.run([item(1, 10), late, other])
    assert both.outcomes == ["failed", "not_attempted", "failed"]
    assert both.exit_code is ExitCode.FAILURES


@pytest.mark.parametrize("how", ["reopened", "failed"])
def test_r10_a_lower_revision_waits_for_a_higher_one_and_is_never_sent_after_it(
    make_world: MakeWorld, how: str
) -> None:
    """The higher one was executed and cannot be read yet: a second invoice would be of the same."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    by_hand = world.bill_by_hand(ONE) if how == "reopened" else ""
    world.troubles = {} if by_hand else {1: gateway(403)}
    world.pass_time(700)
    assert world.run([ONE]).outcomes == ["already_invoiced" if by_hand else "failed"]
    if by_hand:
        world.set_status(by_hand, "Canceled")
    assert world.run([second], die_at="generate executed, unread").died
    world.pass_time(60)
    retry = Wish(retry_failed=True)
    told = ["OTHER_REVISION_OPEN" if by_hand else "HTTP_403"]
    sent = world.sent
    assert world.run([ONE], wish=retry).codes == told
    assert world.sent == sent
    assert world.run([second]).outcomes == ["invoiced"]
    sent = world.sent
    assert world.run([ONE], wish=retry).codes == told
    assert world.sent == sent
    assert len([one for one in world.invoices if one.status != "Canceled"]) == 1
    world.faults.switch(CLOSED)
    beside = world.run([ONE, item(2)])
    assert beside.outcomes == ["not_attempted" if by_hand else "failed", "failed"]
    assert beside.exit_code is (ExitCode.STOPPED if by_hand else ExitCode.FAILURES)


def test_r10_a_failed_date_is_not_retried_once_a_later_one_is_invoiced(world: World) -> None:
    """The later invoice has billed its charges: the retry is declined, with the reason."""
    world.run([item(1, 20)])
    world.faults.switch(CLOSED)
    early = item(1, 10)
    assert world.run([early]).outcomes == ["failed"]
    world.faults.switch()
    run = world.run([early], wish=Wish(retry_failed=True))
    assert run.outcomes == ["failed"]
    error = run.records[early.identity].error
    assert error
    assert "not retried" in error.message


def test_r10_a_failed_date_is_retried_for_charges_that_no_later_one_has_billed(
    make_world: MakeWorld,
) -> None:
    """The later invoice left usage out, so the dates after wait for the retry, which bills it."""
    world = make_world()
    early, late, last = (item(1, day) for day in (10, 20, 28))
    late = replace(late, charges=replace(late.charges, usage=False))
    assert world.run([late]).outcomes == ["invoiced"]
    world.faults.switch(CLOSED)
    assert world.run([early]).outcomes == ["failed"]
    world.faults.switch()
    assert world.run([last]).codes == ["EARLIER_DATE_OPEN"]
    # played without the checker, which knows no charges and finds this date out of its order
    retried = world.play(Job(world.plan([early]), wish=Wish(retry_failed=True)))
    assert retried[0].outcomes == ["invoiced"]
    assert world.billed(early) == 1


def _failed_beside_a_hand_made_invoice(world: World) -> str:
    """Let the 10th fail while a colleague's invoice stands for the 20th; give its ID."""
    by_hand = world.bill_by_hand(item(1, 20))
    assert world.run([item(1, 20)]).outcomes == ["already_invoiced"]
    world.faults.switch(CLOSED)
    assert world.run([item(1, 10)]).outcomes == ["failed"]
    world.faults.switch()
    world.pass_time(24 * HOUR)
    return by_hand


def test_r10_a_later_invoice_by_hand_that_is_gone_keeps_no_failed_date_unbilled(
    world: World,
) -> None:
    """What only somebody else invoiced proves nothing today: the failed date may be retried."""
    world.delete(_failed_beside_a_hand_made_invoice(world))
    assert world.run([item(1, 10)], wish=Wish(retry_failed=True)).outcomes == ["invoiced"]


def test_r10_a_later_invoice_by_hand_that_is_gone_waits_behind_the_failed_date(
    world: World,
) -> None:
    """It is found gone, its item is open again, and all go on by date once the first is retried."""
    dates = [item(1, day) for day in (10, 20, 28)]
    world.delete(_failed_beside_a_hand_made_invoice(world))
    assert world.run(dates).outcomes == ["failed", "already_invoiced", "not_attempted"]
    world.pass_time(HOUR)
    for _ in range(2):
        waiting = world.run(dates)
        assert waiting.outcomes == ["failed", "not_attempted", "not_attempted"]
        assert waiting.codes[1:] == ["EARLIER_DATE_OPEN"] * 2
        for one in dates[1:]:
            error = waiting.records[one.identity].error
            assert error
            assert "2026-11-10" in error.message
    assert len(world.generates) == 1
    assert world.run(dates, wish=Wish(retry_failed=True)).outcomes == ["invoiced"] * 3
    assert [world.billed(one) for one in dates] == [1, 1, 1]


def test_r10_a_failed_date_is_open_until_its_retry_finds_it_billed_by_hand(
    make_world: MakeWorld,
) -> None:
    """The dates after it wait for its retry, which Zuora answers with nothing to bill."""
    guarded = replace(UNGUARDED, second_generate=SecondGenerate.NOTHING_TO_BILL)
    world = make_world(modes=guarded)
    _failed_beside_a_hand_made_invoice(world)
    assert world.run([item(1, 28)]).codes == ["EARLIER_DATE_OPEN"]
    assert world.run([item(1, 10)], wish=Wish(retry_failed=True)).outcomes == ["nothing_to_bill"]
    assert world.run([item(1, 28)]).outcomes == ["invoiced"]


@pytest.mark.parametrize("status", [301, 307, 308])
def test_r11_what_was_redirected_is_sent_again_by_a_run_alone(world: World, status: int) -> None:
    """One layer sends: a redirect leaves the key to the next run, which bills once."""
    world.troubles = {1: gateway(status)}
    world.run([ONE])
    assert (world.sent, world.billed(ONE)) == (1, 0)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (world.sent, len(world.keys(ONE)), world.billed(ONE)) == (2, 1, 1)


def _groups_of(world: World, objects: int) -> World:
    world.limits = replace(world.limits, objects_per_call=objects)
    return world


def _never_left_together(world: World, *calls: tuple[Item, ...]) -> None:
    """Let calls of several items be minted and never leave."""
    _groups_of(world, 2)
    world.troubles = dict.fromkeys(range(1, 200), UNSENT)
    for items in calls:
        world.run(items)
    world.troubles = {}
    assert world.generates == []


@pytest.mark.parametrize("trouble", [gateway(403), gateway(502, arrives=True)], ids=["403", "502"])
def test_r10_a_call_of_several_that_never_left_waits_for_an_earlier_date(
    world: World, trouble: Trouble
) -> None:
    """The item behind a date that failed or is in doubt waits; the other one goes on alone."""
    early, late, other = item(1, 10), item(1, 20), item(2, 20)
    _never_left_together(world, (late, other))
    world.troubles = dict.fromkeys(range(world.sent + 1, world.sent + 5), trouble)
    assert world.run([early]).outcomes in (["failed"], ["unknown"])
    world.troubles = {}
    run = world.run([late, other])
    assert run.outcomes == ["not_attempted", "invoiced"]
    assert run.codes[0] == "EARLIER_DATE_OPEN"
    assert world.billed(late) == 0


def test_r10_calls_of_several_that_never_left_go_by_date_and_wait_not_for_each_other(
    world: World,
) -> None:
    """Two specs name two accounts crosswise: each date in its turn, and all are billed."""
    dates = [(item(n, 10), item(n, 20)) for n in (1, 2)]
    (a1, a2), (b1, b2) = dates
    _never_left_together(world, (a2, b1), (a1, b2))
    run = world.run([a1, a2, b1, b2])
    assert run.outcomes == ["invoiced"] * 4
    for early, late in dates:
        account = early.identity.account_id
        billed = [one.target_date for one in world.executions if one.account_id == account]
        assert billed == [early.identity.target_date, late.identity.target_date]


def test_r12_partial_success_in_one_200(world: World) -> None:
    """Rows are taken each for its own item; those to repeat go alone under their next keys."""
    _groups_of(world, 5)
    items = [item(number) for number in range(1, 6)]
    lock = Mishap(executed=False, code="LOCK_COMPETITION", rows=(1, 3))
    world.faults.switch([Scheduled(lock, at=1)])
    assert world.run(items).outcomes == ["invoiced"] * 5
    assert [world.billed(one) for one in items] == [1] * 5
    assert [len(world.keys(one)) for one in items] == [1, 2, 1, 2, 1]
    assert len(set(world.generates)) == 3


def test_r12_a_lost_answer_to_fifty_objects(make_world: MakeWorld) -> None:
    """The call is sent again byte for byte, never split, and its rows are replayed."""
    world = _groups_of(make_world(latency=0.02), 50)
    world.troubles = {1: REPLY_LOST}
    items = [item(number) for number in range(1, 51)]
    assert world.run(items).outcomes == ["invoiced"] * 50
    assert len(set(world.generates)) == 1


def test_r12_a_burnt_call_of_many_is_settled_item_by_item(make_world: MakeWorld) -> None:
    """Half of a call was billed, the answer never came: each item is asked about, then alone."""
    world = _groups_of(make_world(latency=0.02), 6)
    items = [item(number) for number in range(1, 7)]
    half = Mishap(executed=False, code="TEMPORARY_ERROR", rows=(0, 2, 4))
    world.faults.switch([Scheduled(half, at=1)])
    world.troubles = {1: REPLY_LOST}
    died = world.run(items, die_at=12)
    assert died.died
    assert sum(world.billed(one) for one in items) in (0, 3)
    world.pass_time(25 * HOUR)
    assert world.run(items).outcomes == ["invoiced"] * 6
    assert [world.billed(one) for one in items] == [1] * 6


def test_r12_a_member_already_invoiced_lets_the_others_rest_then_go_alone(world: World) -> None:
    """Somebody else may be sending the same call: wait, ask again, then one object a call."""
    _groups_of(world, 3)
    items = [item(number) for number in range(1, 4)]
    world.bill_by_hand(items[1])
    run = world.run(items)
    assert run.outcomes == ["not_attempted", "already_invoiced", "not_attempted"]
    assert world.sent == 0
    world.pass_time(REST)
    assert world.run(items).outcomes == ["invoiced", "already_invoiced", "invoiced"]
    assert len(set(world.generates)) == 2


@pytest.mark.parametrize("jump", [0.0, 25.0])
def test_r12_a_doubtful_call_that_must_rest_stays_whole_and_in_doubt(
    make_world: MakeWorld, jump: float
) -> None:
    """A call of three is in doubt; told to rest, none of its items is settled as never executed.

    Its first send is 23 hours old, or its clock says so, and its last one is still running.
    """
    world = _groups_of(make_world(latency=600.0), 3)
    items = [item(number) for number in range(1, 4)]
    world.run(items, die_at=10)
    world.pass_time(0.0 if jump else 22.9 * HOUR)
    world.troubles = dict.fromkeys((1, 2), SILENCE)
    world.max_attempts = 1
    assert world.run(items).outcomes == ["unknown"] * 3
    world.host().shift = timedelta(hours=jump)
    world.pass_time(0.15 * HOUR)
    assert world.run(items).outcomes == ["unknown"] * 3
    assert {key.state for one in items for key in world.keys(one)} <= {"live", "burnt"}
    world.host().shift = timedelta()
    world.pass_time(2 * HOUR)
    world.run(items)
    world.pass_time(2 * HOUR)
    assert world.run(items).outcomes == ["invoiced"] * 3
    assert [world.billed(one) for one in items] == [1] * 3


def test_r12_groups_are_cut_from_the_plan_not_from_what_is_left(world: World) -> None:
    """After the first group is done the second is cut as before, so its key is the same."""
    _groups_of(world, 2)
    items = [item(number) for number in range(1, 5)]
    plan = world.plan(items)
    world.run(plan)
    assert [len(set(group)) for group in plan.groups] == [2, 2]
    assert len({world.keys(one)[0].key for one in items}) == 2


@pytest.mark.parametrize("executed", [False, True])
def test_r12_a_call_is_not_sent_again_for_an_account_that_has_left_the_spec(
    world: World, executed: bool
) -> None:
    """A call of two is in doubt and one of them is taken out: it is billed by nobody any more.

    What the first send has billed, the question finds; the other account's doubt is named.
    """
    _groups_of(world, 2)
    kept, gone = item(1), item(2)
    world.troubles = {1: REPLY_LOST if executed else SILENCE}
    died = world.run([kept, gone], die_at="generate not yet sent" if not executed else 12)
    assert died.died
    at_once = world.run([kept])
    assert (at_once.outcomes, at_once.codes) == (["unknown"], ["CALL_NOT_LISTED"])
    assert [stray.item.identity for stray in at_once.strays] == [gone.identity]
    assert at_once.exit_code is ExitCode.UNKNOWN
    before = world.billed(gone)
    world.pass_time(REST)
    settled = world.run([kept])
    assert settled.outcomes == ["invoiced"]
    assert [stray.item.identity for stray in settled.strays] == [gone.identity]
    assert (world.billed(kept), world.billed(gone)) == (1, before)
    last = world.reconcile()
    assert (len(last.records), last.strays) == (1, ())
    assert world.billed(gone) == before
    assert world.run([kept]).exit_code is ExitCode.OK


def test_r12_a_call_in_doubt_is_sent_again_by_a_spec_that_lists_all_of_it(world: World) -> None:
    """What another spec could only ask about stays live: the same bytes, the same key."""
    _groups_of(world, 2)
    assert world.run([item(1), item(2)], die_at="generate not yet sent").died
    assert world.run([item(1)]).outcomes == ["unknown"]
    assert world.run([item(1), item(2)]).outcomes == ["invoiced", "invoiced"]
    assert len(set(world.generates)) == 1


def test_r12_a_call_that_never_left_goes_on_at_once_without_what_left_the_spec(
    world: World,
) -> None:
    """Nothing can have been executed: the next key carries what is listed, without a rest."""
    _groups_of(world, 2)
    world.troubles = dict.fromkeys(range(1, 500), UNSENT)
    assert world.run([item(1), item(2)]).outcomes == ["not_attempted"] * 2
    world.troubles = {}
    run = world.run([item(1)])
    assert (run.outcomes, run.strays) == (["invoiced"], ())
    assert (world.billed(item(1)), world.billed(item(2))) == (1, 0)


def _other_date() -> date:
    return date(2026, 12, 1)


def test_r13_a_changed_payload_is_refused_for_what_is_invoiced(world: World) -> None:
    """Another invoice date would be a second invoice: refused before anything is sent."""
    world.run([ONE])
    with pytest.raises(Refused, match="invoice date or charges"):
        world.run([replace(ONE, invoice_date=_other_date())])


def test_r13_a_changed_payload_is_refused_for_what_is_in_doubt(world: World) -> None:
    """So it is while a key is doubtful."""
    world.run([ONE], die_at=10)
    with pytest.raises(Refused, match="in doubt"):
        world.run([replace(ONE, invoice_date=_other_date())])


def test_r13_a_definite_failure_takes_the_new_payload_under_the_next_key(world: World) -> None:
    """The failed item is sent with the new invoice date, in generation 1."""
    world.faults.switch(CLOSED)
    world.run([ONE])
    world.faults.switch()
    assert world.run([replace(ONE, invoice_date=_other_date())]).outcomes == ["invoiced"]
    assert world.invoices[0].invoice_date == _other_date()
    assert len(world.keys(ONE)) == 2


@pytest.mark.parametrize("before", ["failed", "never left", "locked"])
def test_r13_what_is_found_invoiced_is_held_with_the_payload_it_was_asked_for(
    world: World, before: str
) -> None:
    """The run of an edited spec that finds an invoice can be repeated: nothing changed since."""
    if before == "never left":
        world.troubles = dict.fromkeys(range(1, 20), UNSENT)
    world.faults.switch([Scheduled(fault("locked"), every=1)] if before == "locked" else CLOSED)
    world.run([ONE])
    world.bill_by_hand(ONE)
    edited = replace(ONE, invoice_date=_other_date())
    assert world.run([edited]).outcomes == ["already_invoiced"]
    assert world.run([edited]).outcomes == ["already_invoiced"]
    with pytest.raises(Refused, match=r"already_invoiced; .* before, 2026-11-30 now"):
        world.run([ONE])
    assert world.billed(ONE) == 0


def test_r14_doubt_that_the_spec_no_longer_lists_is_named(world: World) -> None:
    """A run of another spec bills its own, names the stray, and ends with exit 3."""
    world.troubles = dict.fromkeys(range(1, 7), NEVER_ANSWERED)
    world.run([ONE])
    run = world.run([item(2)])
    assert run.outcomes == ["invoiced"]
    assert [stray.item.identity for stray in run.strays] == [ONE.identity]
    assert run.exit_code is ExitCode.UNKNOWN


def test_r14_reconcile_without_a_spec_settles_all(world: World) -> None:
    """Two specs' doubt in one ledger is settled by one reconciliation."""
    world.faults.switch([Scheduled(UNKNOWN_EXECUTED, every=1)])
    world.run([ONE])
    world.run([item(2)])
    world.pass_time(REST)
    run = world.reconcile()
    assert (run.outcomes, run.exit_code) == (["invoiced", "invoiced"], ExitCode.OK)
