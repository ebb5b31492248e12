"""Ways to a second invoice that were found by attack: drafts, groups, revisions, other hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from support.engine import item
from support.world import DAY, HOUR, LIMITS, UNGUARDED, World
from support.world_net import LOST_ON_THE_WAY, Trouble, gateway, late
from zbatch.app.outstanding import Wish
from zbatch.emulator import Drafts, Mishap, Scheduled, Temporary
from zbatch.emulator.book import AccountStatus, BookAccount
from zbatch.emulator.config import Stored
from zbatch.model import Settling
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
ONE = item(1)
EARLY, LATE = item(1, 10), item(1, 20)
PAIR = (item(1), item(2))
REST = 3700.0  # seconds, longer than the default rest
APPENDED = replace(UNGUARDED, drafts=Drafts.APPENDED)


def _bill_unseen(world: World) -> None:
    """Let the next call be executed, and a gateway answer it and its resends until it is burnt."""
    first = world.sent + 1
    world.troubles = {first: gateway(502, arrives=True)}
    world.troubles |= dict.fromkeys(range(first + 1, first + 4), gateway(502))


def test_a_doubtful_group_that_ages_under_its_question_is_not_held_as_never_executed(
    make_world: MakeWorld,
) -> None:
    """A call of two, billed and not yet readable, turns 23 hours old while it is asked about."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    world.limits = replace(LIMITS, objects_per_call=2)
    world.troubles = {1: LOST_ON_THE_WAY}
    world.run(PAIR, die_at="generate answered, unjudged")
    old_at = world.timeline.now + 23 * HOUR
    world.pass_time(22 * HOUR + 58 * 60)
    assert world.run(PAIR, die_at="generate arrived").died
    world.query_troubles = {3: late(20.0)}
    world.pass_time(old_at - world.timeline.now - 10)
    assert world.run(PAIR).outcomes == ["unknown"] * 2
    assert {key.state for one in PAIR for key in world.keys(one)} <= {"live", "burnt"}
    world.run(PAIR)
    world.pass_time(2 * HOUR)
    assert world.run(PAIR).outcomes == ["invoiced"] * 2
    assert [world.billed(one) for one in PAIR] == [1, 1]


def test_a_hand_made_invoice_that_a_later_date_shares_still_holds_its_item_back(
    make_world: MakeWorld,
) -> None:
    """The same spec three times: the draft that the later date is appended to is still there."""
    world = make_world(modes=APPENDED)
    world.bill_by_hand(EARLY)
    for _ in range(3):
        world.pass_time(60)
        assert world.run([EARLY, LATE]).outcomes == ["already_invoiced", "invoiced"]
    assert world.keys(EARLY) == []
    assert world.billed(LATE) == 1


def test_an_invoice_of_unproved_author_that_a_later_date_shares_still_holds_its_item_back(
    make_world: MakeWorld,
) -> None:
    """As above, where the draft is ours and our clock, ten minutes fast, cannot prove it."""
    world = make_world(modes=APPENDED)
    world.host().shift = timedelta(minutes=10)
    assert world.run([EARLY, LATE], die_at="generate executed, unread").died
    world.pass_time(30 * HOUR)
    for _ in range(3):
        run = world.run([EARLY, LATE])
        assert run.outcomes == ["already_invoiced", "invoiced"]
        assert run.codes[0] == "AUTHOR_NOT_PROVED"
        world.pass_time(60)
    assert (world.billed(EARLY), world.billed(LATE)) == (1, 1)


def test_a_hand_made_invoice_that_a_later_date_went_into_first_holds_its_item_back(
    make_world: MakeWorld,
) -> None:
    """The earlier date comes into the spec when the later one has been appended to its draft."""
    world = make_world(modes=APPENDED)
    draft = world.bill_by_hand(EARLY)
    world.pass_time(60)
    assert world.run([LATE]).records[LATE.identity].invoice_id == draft
    world.pass_time(60)
    assert world.run([EARLY, LATE]).outcomes == ["already_invoiced", "invoiced"]
    assert (world.billed(EARLY), world.billed(LATE)) == (0, 1)


def test_a_revision_of_what_was_billed_by_hand_waits_though_a_later_date_shares_the_invoice(
    make_world: MakeWorld,
) -> None:
    """What only a question has found for revision 1 holds 2 back until it is canceled."""
    world = make_world(modes=APPENDED)
    world.bill_by_hand(EARLY)
    world.pass_time(60)
    assert world.run([EARLY, LATE]).outcomes == ["already_invoiced", "invoiced"]
    second = replace(EARLY, identity=replace(EARLY.identity, revision=2))
    sent = world.sent
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == sent


@pytest.mark.parametrize("temporary", list(Temporary))
def test_an_invoice_that_takes_longer_than_the_rest_is_awaited_under_a_temporary_number(
    make_world: MakeWorld, temporary: Temporary
) -> None:
    """Its answer is lost, and after the rest it is shown as unfinished: it is not billed again."""
    world = make_world(modes=replace(UNGUARDED, generating=2 * HOUR, temporary=temporary))
    _bill_unseen(world)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(REST)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["GENERATING"])
    world.pass_time(REST)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (world.billed(ONE), len(world.keys(ONE))) == (1, 1)


@pytest.mark.parametrize("temporary", list(Temporary))
def test_what_is_being_billed_by_hand_is_not_billed_beside_it(
    make_world: MakeWorld, temporary: Temporary
) -> None:
    """A bill run is at work on the account, under whatever number: the item waits."""
    world = make_world(modes=replace(UNGUARDED, generating=HOUR, temporary=temporary))
    world.bill_by_hand(ONE)
    world.pass_time(60)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["not_attempted"], ["GENERATING"])
    world.pass_time(HOUR)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.sent == 0


def test_a_baseline_of_a_run_that_never_sent_is_taken_anew(make_world: MakeWorld) -> None:
    """A draft made since the first question is known when the call is appended to it."""
    world = make_world(modes=APPENDED)
    assert world.run([LATE], die_at="finish durable, untold").died
    world.pass_time(60)
    assert world.run([EARLY]).outcomes == ["invoiced"]
    world.pass_time(60)
    _bill_unseen(world)
    assert world.run([LATE]).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    assert world.billed(LATE) == 1


def test_a_baseline_is_taken_anew_before_a_failed_item_is_retried(make_world: MakeWorld) -> None:
    """Failed on Monday; a draft of Tuesday is known when Friday's retry is appended to it."""
    world = make_world(modes=APPENDED)
    closed = Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED")
    world.faults.switch([Scheduled(closed, at=1)])
    assert world.run([LATE]).outcomes == ["failed"]
    world.pass_time(DAY)
    world.bill_by_hand(EARLY)
    world.pass_time(3 * DAY)
    _bill_unseen(world)
    assert world.run([LATE], wish=Wish(retry_failed=True)).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    assert world.billed(LATE) == 1


def test_reconcile_without_a_spec_rests_as_long_as_the_run_that_sent(
    make_world: MakeWorld,
) -> None:
    """Invoices are readable after three hours and the spec rests four: so does reconcile."""
    world = make_world(modes=replace(UNGUARDED, read_lag=3 * HOUR))
    world.settling = Settling(settle=4 * HOUR, wait=0.0)
    _bill_unseen(world)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.settling = Settling()
    world.pass_time(REST)
    assert world.reconcile().outcomes == ["unknown"]
    world.pass_time(3 * HOUR)
    assert world.reconcile().outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 1


@pytest.mark.parametrize("hours", [1.0, 30.0])
@pytest.mark.parametrize("other_payload", [False, True])
def test_d15_a_revision_is_not_billed_again_without_the_ledger(
    make_world: MakeWorld, hours: float, other_payload: bool
) -> None:
    """Its own invoice is among those that are found for the lower one, now or much later."""
    world = make_world()
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    world.run([ONE])
    world.pass_time(HOUR)
    assert world.run([second]).outcomes == ["invoiced"]
    world.pass_time(hours * HOUR)
    world.host().lose_ledger()
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    if other_payload:
        second = replace(second, invoice_date=second.invoice_date + timedelta(days=1))
    sent = world.sent
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == sent


def test_a_revision_waits_for_what_a_question_has_found_for_the_lower_one(
    make_world: MakeWorld,
) -> None:
    """Nobody can tell whose it is: the higher one goes once that invoice is gone, not before."""
    world = make_world()
    world.run([ONE])
    world.pass_time(30 * HOUR)
    world.host().lose_ledger()
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    sent = world.sent
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == sent
    world.set_status(world.invoices[0].id, "Canceled")
    assert world.run([second]).outcomes == ["invoiced"]


def test_d15_a_revision_of_a_cancelled_invoice_is_not_billed_again_without_the_ledger(
    make_world: MakeWorld,
) -> None:
    """The one invoice that is found for the lower revision is the higher one's own."""
    world = make_world()
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    world.run([ONE])
    world.set_status(world.invoices[0].id, "Canceled")
    world.pass_time(HOUR)
    assert world.run([second]).outcomes == ["invoiced"]
    world.pass_time(30 * HOUR)
    world.host().lose_ledger()
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    sent = world.sent
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == sent


@pytest.mark.parametrize(
    "book", [BookAccount(charges_due=False), BookAccount(status=AccountStatus.CANCELED)]
)
def test_a_revision_sees_what_others_billed_when_the_lower_one_billed_nothing(
    make_world: MakeWorld, book: BookAccount
) -> None:
    """Billed by hand a minute after revision 1 failed or had nothing to bill: once is enough."""
    world = make_world(book={ONE.identity.account_id: book})
    assert world.run([ONE]).outcomes in (["failed"], ["nothing_to_bill"])
    world.pass_time(60)
    world.bill_by_hand(ONE, source="API")
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == 1


def test_a_revision_sees_a_bill_run_of_the_minute_in_which_the_lower_one_was_invoiced(
    make_world: MakeWorld,
) -> None:
    """The invoice of revision 1 is canceled since a bill run has made another: none is sent."""
    world = make_world()
    assert world.run([ONE]).outcomes == ["invoiced"]
    world.pass_time(60)
    world.bill_by_hand(ONE)
    world.set_status(world.invoices[0].id, "Canceled")
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == 1


def test_a_revision_that_a_restored_ledger_has_forgotten_is_not_billed_again(
    make_world: MakeWorld,
) -> None:
    """Sent a minute after the lower one was: it is taken for none of that one's invoices."""
    world = make_world()
    assert world.run([ONE]).outcomes == ["invoiced"]
    backup = world.host().backup()
    world.set_status(world.invoices[0].id, "Canceled")
    world.pass_time(60)
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    assert world.run([second]).outcomes == ["invoiced"]
    world.pass_time(30 * HOUR)
    world.host().restore(backup)
    sent = world.sent
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == sent


def test_a_revision_of_which_the_lower_one_was_turned_away_first_is_not_billed_again(
    make_world: MakeWorld,
) -> None:
    """The lower one waited two minutes and took a moment: what came later is not its own."""
    world = make_world()
    world.troubles = {1: gateway(429, retry_after="120")}
    assert world.run([ONE]).outcomes == ["invoiced"]
    backup = world.host().backup()
    world.set_status(world.invoices[0].id, "Canceled")
    world.pass_time(30)
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    assert world.run([second]).outcomes == ["invoiced"]
    world.pass_time(30 * HOUR)
    world.host().restore(backup)
    sent = world.sent
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == sent


def test_a_revision_sees_what_the_api_billed_a_minute_after_the_lower_one(
    make_world: MakeWorld,
) -> None:
    """Another tool has billed what was canceled: our call was over by then."""
    world = make_world()
    assert world.run([ONE]).outcomes == ["invoiced"]
    world.set_status(world.invoices[0].id, "Canceled")
    world.pass_time(60)
    world.bill_by_hand(ONE, source="API")
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    assert world.run([second]).outcomes == ["already_invoiced"]
    assert world.sent == 1


@pytest.mark.parametrize("invoices", [1, 3])
def test_a_revision_is_billed_though_the_lower_one_made_several_invoices(
    make_world: MakeWorld, invoices: int
) -> None:
    """A reply names one invoice only; all that revision 1 made are its own, none holds 2 back."""
    account = ONE.identity.account_id
    world = make_world(book={account: BookAccount(invoices=invoices, latency=1.0)})
    assert world.run([ONE]).outcomes == ["invoiced"]
    world.pass_time(600)
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    assert world.run([second]).outcomes == ["invoiced"]
    assert world.run([second]).outcomes == ["invoiced"]
    assert len(world.keys(second)) == 1


def test_who_waits_since_an_invoice_of_its_call_is_coming_is_not_told_that_it_is_there(
    make_world: MakeWorld,
) -> None:
    """Neither in the run that has seen it nor in the next one, which knows only until when."""
    world = make_world(modes=replace(UNGUARDED, generating=1.5 * HOUR))
    world.limits = replace(LIMITS, objects_per_call=2)
    world.bill_by_hand(PAIR[0])
    for said in ("is still being generated", "was there, or was coming"):
        error = world.run(PAIR).records[PAIR[1].identity].error
        assert error
        assert (error.code, said in error.message) == ("OTHER_HOST", True)
        world.pass_time(5)
    world.pass_time(2 * HOUR)
    assert world.run(PAIR).outcomes == ["already_invoiced", "invoiced"]
    assert (world.sent, world.billed(PAIR[1])) == (1, 1)


def test_the_rest_after_another_member_is_invoiced_is_kept_by_the_ledger(
    make_world: MakeWorld,
) -> None:
    """Another host is sending the same group: a second run, seconds later, still holds back."""
    world = make_world(latency=200.0)
    world.limits = replace(LIMITS, objects_per_call=2)
    assert world.run(PAIR, host="one", die_at="generate arrived").died
    world.bill_by_hand(PAIR[0])
    for _ in range(2):
        run = world.run(PAIR, host="two")
        assert run.outcomes == ["already_invoiced", "not_attempted"]
        assert run.codes[1] == "OTHER_HOST"
        world.pass_time(5)
    assert world.keys(PAIR[1], "two") == []
    world.pass_time(2 * HOUR)
    assert world.run(PAIR, host="two").outcomes == ["already_invoiced"] * 2
    assert (world.sent, world.billed(PAIR[1])) == (1, 1)


def test_an_item_that_no_key_can_settle_fails_after_a_handful_of_keys(
    make_world: MakeWorld,
) -> None:
    """Nothing is due and each generate is cut off with a stored 504: at most six keys, ever."""
    book = {ONE.identity.account_id: BookAccount(charges_due=False, latency=200.0)}
    world = make_world(modes=replace(UNGUARDED, stored=Stored.ALL), book=book)
    for _ in range(12):
        run = world.run([ONE])
        world.pass_time(REST)
        if run.outcomes == ["failed"]:
            break
    assert run.outcomes == ["failed"]
    assert len(world.keys(ONE)) <= 6
    assert world.invoices == []


LIMIT = b'{"success":false,"reasons":[{"code":50000070,"message":"the limit is exceeded"}]}'
LOGIN = b'{"success":false,"reasons":[{"code":90000011,"message":"please sign in first"}]}'


def executed_then_told(body: bytes) -> Trouble:
    """Let a call be executed, and be answered by 200 and a body that denies it."""
    return Trouble(instead=Reply(200, {}, body, 1))


@pytest.mark.parametrize("attempts", [1, 6])
def test_two_429_and_a_limit_under_200_prove_nothing_together(world: World, attempts: int) -> None:
    """The third call was executed: neither a next key nor a failure follows from its answer."""
    world.max_attempts = attempts
    world.troubles = {1: gateway(429), 2: gateway(429), 3: executed_then_told(LIMIT)}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 1


@pytest.mark.parametrize("then", [403, 401])
def test_a_login_told_under_200_proves_nothing(world: World, then: int) -> None:
    """What a gateway says next says nothing of the call that was executed before."""
    world.troubles = {1: executed_then_told(LOGIN), **dict.fromkeys(range(2, 9), gateway(then))}
    assert world.run([ONE]).outcomes == ["unknown"]
    world.troubles = {}
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


def test_a_key_without_a_baseline_is_not_void_beside_a_draft(make_world: MakeWorld) -> None:
    """A ledger of format 1 has none: charges may have gone into a draft that it never saw."""
    world = make_world(modes=APPENDED)
    world.bill_by_hand(EARLY)
    _bill_unseen(world)
    world.run([LATE])
    world.host().disk.execute("UPDATE item SET baseline = NULL")
    world.pass_time(30 * HOUR)
    run = world.run([LATE])
    assert (run.outcomes, run.codes) == (["unknown"], ["DRAFT_CHANGED"])
    assert world.billed(LATE) == 1
